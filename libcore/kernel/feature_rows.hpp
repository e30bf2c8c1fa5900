// SPDX-License-Identifier: Apache-2.0
// Features as columns in memory, with entities and layouts as small numbers: what a reader of feature rows works on.
#pragma once

#include <cstdint>
#include <cstring>
#include <deque>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "wire/frame.hpp"
#include "wire/status.hpp"

namespace twinpipe {

/// Entities by name, numbered from 0 in the order in which they came.
class EntityTable {
 public:
  static constexpr std::uint32_t kNone = 0xFFFFFFFFU;
  /// `limit`: greatest number of entities.
  explicit EntityTable(std::uint32_t limit) : limit_(limit) {}

  /// The number of a name; a new name gets the next. kNone: there is no room for it.
  std::uint32_t find_or_add(std::string_view name);
  std::string_view name(std::uint32_t entity) const { return names_[entity]; }
  /// name() of this number will be asked for soon.
  void prefetch(std::uint32_t entity) const { __builtin_prefetch(&names_[entity]); }
  std::uint32_t size() const { return static_cast<std::uint32_t>(names_.size()); }
  std::uint32_t limit() const { return limit_; }

 private:
  std::uint32_t limit_;
  std::deque<std::string> texts_;  // never moved: the views below point into them
  std::vector<std::string_view> names_;
  std::unordered_map<std::string_view, std::uint32_t> numbers_;
};

/// Which columns rows have. A frame's completeness is its last column, under that name.
struct FeatureLayout {
  std::vector<std::string> names;
  std::vector<std::uint32_t> feature;  // of each column, in FeatureLayouts::features(); kNone: nobody asked for it
  std::string digest;                  // of the definition
};

/// The layouts of all feature rows, and the features that occur in them, each numbered from 0 in the order in which they came.
class FeatureLayouts {
 public:
  static constexpr std::uint32_t kNone = 0xFFFFFFFFU;
  FeatureLayouts() = default;
  /// Only these features, in this order.
  explicit FeatureLayouts(std::vector<std::string> only) : features_(std::move(only)), fixed_(!features_.empty()) {}

  /// `names`: those of the columns; valid during the call. Errors (bad_data): two columns of one name.
  Result<std::uint32_t> find(std::span<const std::string_view> names, std::string_view digest);
  const FeatureLayout& layout(std::uint32_t number) const { return layouts_[number]; }
  std::size_t size() const { return layouts_.size(); }
  const std::vector<std::string>& features() const { return features_; }

 private:
  std::deque<FeatureLayout> layouts_;
  std::vector<std::string> features_;
  bool fixed_ = false;
  std::map<std::string, std::uint32_t> numbers_;  // by names and digest
  std::string key_;
};

/// A packed column of fixed width as it lies in the frame, where nothing is aligned.
template <class T>
class PackedView {
 public:
  PackedView() = default;
  explicit PackedView(std::string_view bytes) : bytes_(bytes) {}
  T operator[](std::size_t row) const {
    T value;
    std::memcpy(&value, bytes_.data() + row * sizeof(T), sizeof(T));
    return value;
  }
  std::size_t size() const { return bytes_.size() / sizeof(T); }
  bool empty() const { return bytes_.empty(); }
  std::string_view bytes() const { return bytes_; }

 private:
  std::string_view bytes_;
};

/// One frame of feature rows: parallel columns of rows() entries. Lives as long as the frame's bytes, and until the decoder's
/// next call.
struct FeatureRows {
  std::span<const std::uint32_t> entity;  // EntityTable numbers
  PackedView<Nanos> as_of, known_at;
  PackedView<Nanos> label_time;             // optional
  std::span<const std::uint32_t> revision;  // optional: all 0
  std::uint32_t layout = 0;
  std::span<const PackedView<double>> column;  // those of the layout

  std::size_t rows() const { return entity.size(); }
  std::uint32_t revision_at(std::size_t row) const { return revision.empty() ? 0 : revision[row]; }
};

/// Decodes payloads of Features frames without copying their columns.
class FeaturesDecoder {
 public:
  FeaturesDecoder(EntityTable& entities, FeatureLayouts& layouts) : entities_(&entities), layouts_(&layouts) {}

  /// Errors (bad_data): not a Features message, no as_of or no known_at, columns of unequal length, two columns of one name, a
  /// name that is not UTF-8, too many entities. A frame without rows has a layout all the same.
  Result<FeatureRows> decode(std::string_view payload);
  /// For input whose rows need not have been known: a frame without known_at is taken.
  void set_known_at_optional() { known_at_optional_ = true; }
  /// All rows are of entity 0, as many as there are times: for who looks at times alone.
  void set_without_entities() { without_entities_ = true; }

 private:
  struct Column {
    std::string_view name, values;
  };
  enum class Shape { usual, unusual, bad };

  Shape parse(std::string_view payload);
  bool parse_column(std::string_view message, Column& column) const;
  Status number_entities();
  std::uint32_t number(std::string_view name);
  Result<FeatureRows> rows();

  EntityTable* entities_;
  FeatureLayouts* layouts_;
  bool known_at_optional_ = false, without_entities_ = false;
  std::string normal_;  // an unusual payload, written anew
  std::vector<std::string_view> names_;
  std::vector<std::uint32_t> entity_, revision_;
  std::string_view as_of_, known_at_, label_time_, completeness_, digest_;
  bool has_revision_ = false;
  std::vector<Column> columns_;
  std::vector<std::string_view> column_names_;
  std::vector<PackedView<double>> views_;
  // Rows of a log come entity after entity, again and again in the same order. So the next name is first compared with the one
  // that came behind the last at its first time: in the long run no name is hashed, and memory is read straight on.
  struct Seen {
    std::uint32_t entity, size;
    std::size_t at;  // in seen_text_
  };
  std::vector<Seen> seen_;            // in the order in which this decoder met them
  std::string seen_text_;             // their names
  std::vector<std::uint32_t> place_;  // in seen_, by entity
  std::size_t next_ = 0;              // in seen_
};

}  // namespace twinpipe
