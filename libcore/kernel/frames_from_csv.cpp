// SPDX-License-Identifier: Apache-2.0
// CSV made into readings.
#include "kernel/frames_from_csv.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>

#include "kernel/form.hpp"

namespace twinpipe {
namespace {

constexpr std::size_t kAbsent = static_cast<std::size_t>(-1);
constexpr std::array<std::string_view, 6> kNames{"series", "time", "value", "quality", "unit", "type"};

Status bad(std::string message) { return Status::error(Code::bad_data, std::move(message)); }

template <class T>
bool parse_whole(std::string_view text, T& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size();
}

bool parse_double(std::string_view text, double& value) { return parse_whole(text, value) || parse_nonfinite(text, value); }

ValueType looks_like(std::string_view text, bool quoted) {
  double number = 0;
  if (quoted) return v1::VALUE_TYPE_STRING;
  if (text == "true" || text == "false") return v1::VALUE_TYPE_BOOL;
  return text.empty() || parse_double(text, number) ? v1::VALUE_TYPE_DOUBLE : v1::VALUE_TYPE_STRING;
}

}  // namespace

FramesFromCsv::FramesFromCsv(std::string producer, std::size_t rows, ValueType type)
    : writer_(std::move(producer), rows), type_(type) {}

const CsvRecord::Cell& FramesFromCsv::cell(Column column) const {
  static const CsvRecord::Cell kNothing;
  return place_[column] == kAbsent ? kNothing : record_.cells()[place_[column]];
}

Status FramesFromCsv::read_header() {
  place_.assign(kColumns, kAbsent);
  for (std::size_t i = 0; i < record_.cells().size(); ++i) {
    const std::string_view name = record_.cells()[i].text;
    std::size_t column = 0;
    while (column < kColumns && kNames[column] != name) ++column;
    if (column == kColumns)
      return bad(fmt::format("no column is called '{}': the header names series, time, value, quality, unit, type", name));
    if (place_[column] != kAbsent) return bad(fmt::format("two columns are called '{}'", name));
    place_[column] = i;
  }
  for (const Column column : {kSeries, kTime, kValue})
    if (place_[column] == kAbsent) return bad(fmt::format("the header has no column '{}'", kNames[column]));
  width_ = record_.cells().size();
  has_header_ = true;
  return {};
}

Status FramesFromCsv::take(std::string_view line, Output& out) {
  if (record_.take(line) != CsvRecord::Taken::whole) return {};
  Status status = has_header_ ? read_row(out) : read_header();
  if (status.ok()) writer_.begin(out);
  return status;
}

Status FramesFromCsv::end(Output& out) {
  if (record_.is_open()) {
    flush(out);
    return bad("the text ends inside quotes");
  }
  if (!has_header_) return bad("no header: the first line names the columns, series,time,value");
  writer_.end(out);
  return {};
}

Status FramesFromCsv::read_row(Output& out) {
  const std::size_t cells = record_.cells().size();
  if (cells != width_)
    return bad(cells == 0 ? "text behind a closing quote" : fmt::format("{} fields, the header has {}", cells, width_));
  FrameWriter::Row row;
  Result<Nanos> time = time_.parse(cell(kTime).text);
  if (!time.ok()) return bad("time: " + time.status().message);
  row.time = *time;
  const CsvRecord::Cell& value = cell(kValue);
  const bool null = value.text.empty() && !value.quoted;
  row.quality = null ? kGood | v1::QUALITY_NULL : kGood;
  if (const std::string_view quality = cell(kQuality).text; !quality.empty() && !parse_whole(quality, row.quality))
    return bad(fmt::format("quality: '{}' is not a natural number", quality));

  ValueType type = type_;
  if (const std::string_view name = cell(kType).text; !name.empty()) {
    type = value_type_named(name);
    if (type == v1::VALUE_TYPE_UNSPECIFIED)
      return bad(fmt::format("type: '{}' is not double, bool, int64, uint64, string or bytes", name));
  }
  const ValueType first = type == v1::VALUE_TYPE_UNSPECIFIED ? looks_like(value.text, value.quoted) : type;
  Result<std::uint32_t> slot = writer_.find(cell(kSeries).text, first, cell(kUnit).text, out);
  if (!slot.ok()) return slot.status();
  row.type = type == v1::VALUE_TYPE_UNSPECIFIED ? writer_.sensor(*slot).type() : type;
  row.alias = writer_.alias(*slot);
  return add_value(row, value, out);
}

Status FramesFromCsv::add_value(const FrameWriter::Row& row, const CsvRecord::Cell& value, Output& out) {
  const bool null = value.text.empty() && !value.quoted;
  double number = 0;
  std::int64_t integer = 0;
  std::uint64_t natural = 0;
  std::string bytes;
  bool fine = true;
  switch (row.type) {
    case v1::VALUE_TYPE_DOUBLE: fine = null || parse_double(value.text, number); break;
    case v1::VALUE_TYPE_INT64: fine = null || parse_whole(value.text, integer); break;
    case v1::VALUE_TYPE_UINT64: fine = null || parse_whole(value.text, natural); break;
    case v1::VALUE_TYPE_BOOL: fine = null || value.text == "true" || value.text == "false"; break;
    case v1::VALUE_TYPE_BYTES: fine = decode_base64(value.text, bytes); break;
    default: fine = is_utf8(value.text); break;
  }
  if (!fine) return bad(fmt::format("value: '{}' is not a {} (--type)", value.text, value_type_name(row.type)));
  ReadingsBuilder& rows = writer_.rows_for(row, out);
  switch (row.type) {
    case v1::VALUE_TYPE_DOUBLE: rows.add(row.alias, row.time, number, row.quality); break;
    case v1::VALUE_TYPE_INT64: rows.add(row.alias, row.time, integer, row.quality); break;
    case v1::VALUE_TYPE_UINT64: rows.add(row.alias, row.time, natural, row.quality); break;
    case v1::VALUE_TYPE_BOOL: rows.add(row.alias, row.time, value.text == "true", row.quality); break;
    case v1::VALUE_TYPE_BYTES: rows.add(row.alias, row.time, std::string_view(bytes), row.quality); break;
    default: rows.add(row.alias, row.time, value.text, row.quality); break;
  }
  writer_.added(row, out);
  return {};
}

}  // namespace twinpipe
