// SPDX-License-Identifier: Apache-2.0
// Readings as CSV.
#include "kernel/frame_csv.hpp"

#include <utility>

#include "kernel/frame_json.hpp"

namespace twinpipe {
namespace {

void append_csv_value(const Columns& columns, std::size_t row, std::string& text) {
  switch (columns.type) {
    case v1::VALUE_TYPE_STRING: append_csv_field(columns.texts[row], text); return;
    case v1::VALUE_TYPE_BYTES:
      if (columns.texts[row].empty()) text += "\"\"";
      append_base64(columns.texts[row], text);
      return;
    case v1::VALUE_TYPE_DOUBLE: append_number(columns.doubles[row], text); return;
    default: append_json_value(columns, row, text); return;
  }
}

}  // namespace

void CsvForm::begin(Output& out) {
  if (!std::exchange(begun_, true)) out.text() += kCsvHeader;
}

Status CsvForm::on_readings(const Columns& columns, Rows rows, const FrameView&, Output& out) {
  begin(out);
  names_.resize(table().size());
  units_.resize(table().size());
  std::string& text = out.text();
  const std::string_view type = value_type_name(columns.type);
  for (const std::uint32_t row : rows) {
    const std::uint32_t slot = columns.slot[row];
    if (names_[slot].empty()) append_csv_field(table().name(slot), names_[slot]);
    if (units_[slot].empty()) {
      const v1::Sensor& sensor = table().series(slot).sensor;
      const std::string& unit = sensor.unit().empty() ? sensor.declared_unit() : sensor.unit();
      units_[slot].assign(1, ',');
      if (!unit.empty()) append_csv_field(unit, units_[slot]);
    }
    text += names_[slot];
    text += ',';
    time_.append(columns.time[row], text);
    text += ',';
    const std::uint32_t quality = columns.quality_at(row);
    if (!is_null(quality) || !is_zero(columns, row)) append_csv_value(columns, row, text);
    text += ',';
    if (quality != kGood) append_number(std::uint64_t{quality}, text);
    text += units_[slot];
    text += ',';
    text += type;
    text += '\n';
  }
  return {};
}

Status CsvForm::on_frame(const v1::Frame&, bool, const FrameView& view, Output&) {
  if (view.kind == FrameKind::series) units_.clear();
  return {};
}

Status CsvForm::finish(Ending, Output& out) {
  begin(out);
  return {};
}

}  // namespace twinpipe
