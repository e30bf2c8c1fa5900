// SPDX-License-Identifier: Apache-2.0
// Labels of a point-in-time join: an entity, a time and whatever else their row says, from CSV, JSON lines or frames.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/csv_record.hpp"
#include "kernel/feature_rows.hpp"
#include "kernel/text_values.hpp"

namespace twinpipe {

/// One value of a label's row, as it was written.
struct LabelCell {
  enum class Kind : std::uint8_t {
    null,
    csv,      // a field without quotes
    text,     // a string
    literal,  // JSON: a number, true, false, an array or an object
    real,     // of a frame
    time,     // of a frame: the label's
  };
  Kind kind = Kind::null;
  std::string_view text;
  double real = 0;
};

/// Which columns labels have, and which of them are the entity and the time.
struct LabelLayout {
  std::vector<std::string> names;
  std::size_t entity = 0, time = 0;
};

struct Label {
  std::uint64_t number = 0;  // of its row, from 1
  std::uint32_t entity = 0;
  Nanos time = 0;
  std::uint32_t layout = 0;
  std::vector<LabelCell> cells;  // as many as the layout has names; they point into what the label was read from
};

/// Layouts of labels, numbered from 0.
class LabelLayouts {
 public:
  /// Errors (bad_data): no column for the entity or the time, two columns of one name.
  Result<std::uint32_t> find(std::span<const std::string_view> names);
  const LabelLayout& operator[](std::uint32_t number) const { return layouts_[number]; }
  std::size_t size() const { return layouts_.size(); }

  std::string entity_name = "entity", time_name = "time";

 private:
  std::vector<LabelLayout> layouts_;
  std::uint32_t last_ = 0;
};

/// A label in bytes, for sorting.
void encode_label(const Label& label, std::string& bytes);
/// Takes it off the front; the cells point into `bytes`.
void decode_label(std::string_view& bytes, Label& label);

/// Makes labels of lines of text.
class LabelParser {
 public:
  LabelParser(EntityTable& entities, LabelLayouts& layouts) : entities_(&entities), layouts_(&layouts) {}
  virtual ~LabelParser() = default;
  LabelParser(const LabelParser&) = delete;
  LabelParser& operator=(const LabelParser&) = delete;

  /// Bytes that must be readable behind a line.
  static constexpr std::size_t kPadding = 64;

  /// True when the line is, or completes, a label's row; its cells live until the next call. Errors: bad_data.
  virtual Result<bool> take(std::string_view line, Label& label) = 0;
  /// The text is over. Errors: bad_data.
  virtual Status end() = 0;

 protected:
  Status set(std::string_view entity, std::string_view time, Label& label);
  Status set_entity(std::string_view entity, Label& label);

  EntityTable* entities_;
  LabelLayouts* layouts_;
  TimeParser times_;
  std::uint64_t rows_ = 0;
};

class CsvLabels final : public LabelParser {
 public:
  using LabelParser::LabelParser;
  Result<bool> take(std::string_view line, Label& label) override;
  Status end() override;

 private:
  CsvRecord record_;
  bool has_header_ = false;
  std::uint32_t layout_ = 0;
};

/// A line a JSON object.
class JsonLabels final : public LabelParser {
 public:
  JsonLabels(EntityTable& entities, LabelLayouts& layouts);
  ~JsonLabels() override;
  Result<bool> take(std::string_view line, Label& label) override;
  Status end() override { return {}; }

 private:
  struct Parser;  // keeps simdjson out of this header
  std::unique_ptr<Parser> parser_;
};

/// Features frames: the time is label_time, where rows have it, or as_of; the columns are the label's.
class FrameLabels {
 public:
  FrameLabels(EntityTable& entities, LabelLayouts& layouts)
      : entities_(&entities), layouts_(&layouts), decoder_(entities, names_) {
    decoder_.set_known_at_optional();
  }
  /// Its labels come from next(). Errors: bad_data.
  Status take(std::string_view payload);
  bool next(Label& label);

 private:
  EntityTable* entities_;
  LabelLayouts* layouts_;
  FeatureLayouts names_;
  FeaturesDecoder decoder_;
  std::vector<std::uint32_t> numbers_;  // of label layouts, by the rows' layout
  FeatureRows frame_;
  std::size_t at_ = 0;
  std::uint64_t rows_ = 0;
};

}  // namespace twinpipe
