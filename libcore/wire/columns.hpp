// SPDX-License-Identifier: Apache-2.0
// Readings as columns in memory: what kernels work on. Decoded from, and encoded to, the payload of a Readings frame.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "wire/frame.hpp"
#include "wire/series_table.hpp"
#include "wire/status.hpp"

namespace twinpipe {

/// Which value column a frame has; the names are those of v1::ValueType.
using ValueType = v1::ValueType;
constexpr bool is_text(ValueType type) { return type == v1::VALUE_TYPE_STRING || type == v1::VALUE_TYPE_BYTES; }

/// Quality that an absent column stands for.
inline constexpr std::uint32_t kGood = v1::QUALITY_GOOD;
/// The Sparkplug code without our flags.
constexpr std::uint32_t quality_code(std::uint32_t quality) { return quality & 0xFFFFU; }
constexpr bool is_null(std::uint32_t quality) { return (quality & v1::QUALITY_NULL) != 0; }
constexpr bool is_good(std::uint32_t quality) { return quality_code(quality) == kGood && !is_null(quality); }

/// One frame of readings: parallel columns of rows() entries, borrowed from a decoder or a builder.
/// Exactly the value column that `type` names is set. Optional columns are empty when absent.
struct Columns {
  std::span<const std::uint32_t> alias;
  std::span<const std::uint32_t> slot;  // SeriesTable slots; empty in columns that a builder made
  std::span<const Nanos> time;
  ValueType type = v1::VALUE_TYPE_DOUBLE;
  std::span<const double> doubles;
  std::span<const std::int64_t> ints;
  std::span<const std::uint64_t> uints;
  std::span<const std::uint8_t> bools;
  std::span<const std::string_view> texts;  // strings and bytes
  std::span<const std::uint32_t> quality;   // optional
  std::span<const std::uint64_t> seq;       // optional
  std::span<const std::uint32_t> index;     // optional
  bool historical = false;
  bool pinned = false;

  std::size_t rows() const { return alias.size(); }
  std::uint32_t quality_at(std::size_t row) const { return quality.empty() ? kGood : quality[row]; }
};

/// Decodes payloads of Readings frames. The columns it returns live until its next call.
class ReadingsDecoder {
 public:
  /// Errors (bad_data): not a Readings message, columns of unequal length, no or several value columns, an alias that
  /// `table` does not know in this segment. Whether a value's type is its series' is the reader's business: it holds the
  /// series' state in its hands anyway.
  Result<Columns> decode(std::string_view payload, const SeriesTable& table) {
    return decode(payload, table.slots(), table.aliases_are_slots());
  }
  /// The same with the aliases' meanings given: alias → slot; `identity`: every alias is its slot.
  Result<Columns> decode(std::string_view payload, std::span<const std::uint32_t> slots, bool identity);

 private:
  bool parse_packed(std::string_view payload);
  bool parse_any(std::string_view payload);
  Status check(std::span<const std::uint32_t> slots, bool identity);

  std::vector<std::uint32_t> alias_, slot_, quality_, index_;
  std::vector<Nanos> time_;
  std::vector<double> doubles_;
  std::vector<std::int64_t> ints_;
  std::vector<std::uint64_t> uints_, seq_;
  std::vector<std::uint8_t> bools_;
  std::vector<std::string> owned_texts_;
  std::vector<std::string_view> texts_;
  bool strings_ = false, bytes_ = false, historical_ = false, pinned_ = false;
};

/// The rows [from, to), borrowed as `columns` are.
Columns rows_of(const Columns& columns, std::size_t from, std::size_t to);

/// Rows in a Readings payload, read off the lengths of its columns without decoding it.
std::uint64_t count_rows(std::string_view payload);

/// Appends one whole Readings frame (tag byte and length included) with the rows of `columns` that `rows` selects, in
/// that order. Nothing is written for an empty selection.
void encode_rows(const Columns& columns, std::span<const std::uint32_t> rows, std::string& out);
/// All rows.
void encode_columns(const Columns& columns, std::string& out);

/// Collects rows one at a time: for sources and for tests; filters select rows instead.
class ReadingsBuilder {
 public:
  explicit ReadingsBuilder(ValueType type = v1::VALUE_TYPE_DOUBLE) : type_(type) {}

  ValueType type() const { return type_; }
  std::size_t rows() const { return alias_.size(); }
  bool empty() const { return alias_.empty(); }
  void set_historical(bool historical) { historical_ = historical; }
  void set_pinned(bool pinned) { pinned_ = pinned; }

  /// `value` has the column's own type: double, int64, uint64, bool, or a string that is copied.
  void add(std::uint32_t alias, Nanos time, double value, std::uint32_t quality = kGood);
  void add(std::uint32_t alias, Nanos time, std::int64_t value, std::uint32_t quality = kGood);
  void add(std::uint32_t alias, Nanos time, std::uint64_t value, std::uint32_t quality = kGood);
  void add(std::uint32_t alias, Nanos time, bool value, std::uint32_t quality = kGood);
  void add(std::uint32_t alias, Nanos time, std::string_view value, std::uint32_t quality = kGood);
  void add(std::uint32_t alias, Nanos time, const char* value, std::uint32_t quality = kGood) {
    add(alias, time, std::string_view(value), quality);
  }
  /// Copies one row of `columns`, of the same type, under another alias.
  void add_row(const Columns& columns, std::size_t row, std::uint32_t alias);
  /// Where the last row came from: message number in its session, index in the message.
  void set_origin(std::uint64_t seq, std::uint32_t index);

  /// The rows so far; valid until the next add or clear.
  Columns columns();
  void clear();

 private:
  void row(std::uint32_t alias, Nanos time, std::uint32_t quality);

  ValueType type_;
  bool historical_ = false, pinned_ = false, any_quality_ = false;
  std::vector<std::uint32_t> alias_, quality_, index_;
  std::vector<Nanos> time_;
  std::vector<double> doubles_;
  std::vector<std::int64_t> ints_;
  std::vector<std::uint64_t> uints_, seq_;
  std::vector<std::uint8_t> bools_;
  std::vector<std::string> owned_texts_;
  std::vector<std::string_view> texts_;
};

}  // namespace twinpipe
