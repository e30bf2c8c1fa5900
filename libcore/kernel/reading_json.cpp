// SPDX-License-Identifier: Apache-2.0
// Readings as JSON lines, a row each: by far the most lines there are, so they are put together by hand.
#include <bit>

#include "kernel/frame_json.hpp"

namespace twinpipe {
bool is_zero(const Columns& columns, std::size_t row) {
  switch (columns.type) {
    case v1::VALUE_TYPE_INT64: return columns.ints[row] == 0;
    case v1::VALUE_TYPE_UINT64: return columns.uints[row] == 0;
    case v1::VALUE_TYPE_BOOL: return columns.bools[row] == 0;
    case v1::VALUE_TYPE_STRING:
    case v1::VALUE_TYPE_BYTES: return columns.texts[row].empty();
    default: return std::bit_cast<std::uint64_t>(columns.doubles[row]) == 0;  // and not -0
  }
}

void append_json_value(const Columns& columns, std::size_t row, std::string& text) {
  switch (columns.type) {
    case v1::VALUE_TYPE_INT64: append_number(columns.ints[row], text); return;
    case v1::VALUE_TYPE_UINT64: append_number(columns.uints[row], text); return;
    case v1::VALUE_TYPE_BOOL: text += columns.bools[row] != 0 ? "true" : "false"; return;
    case v1::VALUE_TYPE_STRING: append_json_string(columns.texts[row], text); return;
    case v1::VALUE_TYPE_BYTES:
      text += '"';
      append_base64(columns.texts[row], text);
      text += '"';
      return;
    default: append_json_float(columns.doubles[row], text); return;
  }
}

const std::string& ReadingJson::prefix(std::uint32_t slot) {
  if (prefixes_.size() <= slot) prefixes_.resize(table_->size());
  std::string& prefix = prefixes_[slot];
  if (prefix.empty()) {
    prefix = "{\"frame\":\"reading\",\"series\":";
    append_json_string(table_->name(slot), prefix);
    prefix += ",\"time\":\"";
  }
  return prefix;
}

Status ReadingJson::append(const Columns& columns, std::size_t row, std::string& text) {
  const std::uint32_t slot = columns.slot[row];
  if (columns.type == v1::VALUE_TYPE_STRING && !is_utf8(columns.texts[row])) return not_utf8();
  text += prefix(slot);
  time_.append(columns.time[row], text);
  text += "\",\"value\":";
  const std::uint32_t quality = columns.quality_at(row);
  if (is_null(quality) && is_zero(columns, row)) text += "null";
  else append_json_value(columns, row, text);
  if (quality != kGood) {
    text += ",\"quality\":";
    append_number(std::uint64_t{quality}, text);
  }
  // The type of the column, where the declaration says another one.
  if (style_ == JsonStyle::canonical || columns.type != table_->series(slot).sensor.type()) {
    text += ",\"type\":";
    append_json_string(value_type_name(columns.type), text);
  }
  if (!columns.seq.empty() || !columns.index.empty()) {
    text += ",\"seq\":";
    append_number(columns.seq.empty() ? std::uint64_t{0} : columns.seq[row], text);
    text += ",\"index\":";
    append_number(columns.index.empty() ? std::uint64_t{0} : std::uint64_t{columns.index[row]}, text);
  }
  if (columns.historical) text += ",\"historical\":true";
  if (columns.pinned) text += ",\"pinned\":true";
  text += '}';
  return {};
}

}  // namespace twinpipe
