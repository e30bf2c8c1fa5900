// SPDX-License-Identifier: Apache-2.0
// Where parsers of text put what they read.
#include "kernel/frames_from_text.hpp"

#include <fmt/format.h>

#include "kernel/text_values.hpp"
#include "wire/fields.hpp"
#include "wire/names.hpp"
#include "wire/scanner.hpp"

namespace twinpipe {

FrameWriter::FrameWriter(std::string producer, std::size_t rows) : producer_(std::move(producer)), most_rows_(rows) {
  for (const ValueType type : {v1::VALUE_TYPE_DOUBLE, v1::VALUE_TYPE_BOOL, v1::VALUE_TYPE_INT64, v1::VALUE_TYPE_UINT64,
                               v1::VALUE_TYPE_STRING, v1::VALUE_TYPE_BYTES})
    builders_.emplace(type, ReadingsBuilder(type));
}

void FrameWriter::open(const v1::Open& open, Output& out) {
  flush_rows(out);
  if (implicit_) out.close(true);
  out.open(open.producer(), open.sealed());
  table_.open_segment();
  last_name_.clear();
  inside_ = true;
  implicit_ = false;
}

void FrameWriter::begin(Output& out) {
  if (inside_) return;
  v1::Open frame;
  frame.set_producer(producer_);
  frame.set_sealed(true);
  open(frame, out);
  implicit_ = true;
}

void FrameWriter::close(bool final, Output& out) {
  begin(out);
  flush_rows(out);
  out.close(final);
  inside_ = implicit_ = false;
}

void FrameWriter::end(Output& out) {
  flush_rows(out);
  if (implicit_) out.close(true);
  inside_ = implicit_ = false;
}

void FrameWriter::frame(const v1::Frame& frame, Output& out) {
  begin(out);
  flush_rows(out);
  if (!frame.has_readings()) return out.frame(frame);
  std::string bytes;  // counted as rows, so not as just any frame
  append_frame(frame, bytes);
  Scanner scanner(bytes.size());
  FrameView view;
  if (scanner.next(bytes, view) == Scanner::Outcome::whole) out.forward(view);
}

void FrameWriter::unknown(std::string_view body, Output& out) {
  begin(out);
  flush_rows(out);
  std::string bytes(1 + varint_size(body.size()), kFrameTag);
  put_varint(bytes.data() + 1, body.size());
  bytes += body;
  FrameView view;
  view.bytes = bytes;
  out.forward(view);
}

Status FrameWriter::series(v1::Series series, const std::vector<bool>& assign, Output& out) {
  begin(out);
  flush_rows(out);
  auto next = static_cast<std::uint32_t>(aliases());
  for (int i = 0; i < series.sensor_size(); ++i) {
    v1::Sensor& sensor = *series.mutable_sensor(i);
    if (assign[static_cast<std::size_t>(i)]) {
      const auto slot = known(series_name(series.site(), series.line(), series.asset(), sensor.name()));
      sensor.set_alias(slot ? alias(*slot) : next);
    }
    if (sensor.alias() == next) ++next;
  }
  if (Status status = table_.declare(series, declared_); !status.ok()) return status;
  for (const Declared& declared : declared_)
    if (declared.is_new) slots_[table_.name(declared.slot)] = declared.slot;
  v1::Frame frame;
  *frame.mutable_series() = series;
  out.frame(frame);
  series.clear_sensor();
  std::array<std::string, 3> asset{series.site(), series.line(), series.asset()};
  assets_[std::move(asset)] = std::move(series);
  return {};
}

std::optional<std::uint32_t> FrameWriter::known(std::string_view name) {
  if (!last_name_.empty() && name == last_name_) return last_slot_;
  const auto at = slots_.find(name);
  if (at == slots_.end() || !table_.alias_of(at->second)) return std::nullopt;
  last_name_ = name;
  last_slot_ = at->second;
  return last_slot_;
}

/// What the asset is known to be, or what a plain topic of that name would be: its node is its line.
v1::Series FrameWriter::declaration_for(const std::array<std::string, 4>& levels, ValueType type, std::string_view unit) const {
  v1::Series series;
  if (const auto at = assets_.find({levels[0], levels[1], levels[2]}); at != assets_.end()) {
    series = at->second;
  } else {
    series.set_site(levels[0]);
    series.set_line(levels[1]);
    series.set_asset(levels[2]);
    series.set_node(levels[0] + "/" + levels[1]);
  }
  v1::Sensor& sensor = *series.add_sensor();
  sensor.set_name(levels[3]);
  sensor.set_type(type);
  sensor.set_unit(std::string(unit));
  return series;
}

Result<std::uint32_t> FrameWriter::find(std::string_view name, ValueType type, std::string_view unit, Output& out) {
  if (const auto slot = known(name)) return *slot;
  if (!is_utf8(name) || !is_utf8(unit)) return Status::error(Code::bad_data, "a series' name or unit is not UTF-8");
  const auto levels = split_series_name(name);
  if (!levels) return Status::error(Code::bad_data, fmt::format("'{}' has not the four levels site/line/asset/sensor", name));
  // The name may be spelled with other escapes than ours.
  const std::string spelled = series_name((*levels)[0], (*levels)[1], (*levels)[2], (*levels)[3]);
  if (const auto slot = known(spelled)) return *slot;
  if (Status status = series(declaration_for(*levels, type, unit), {true}, out); !status.ok()) return status;
  return declared_.at(0).slot;
}

bool FrameWriter::fits(const Row& row) const {
  return rows_ != nullptr && row.type == group_.type && row.has_origin == group_.has_origin &&
         row.historical == group_.historical && row.pinned == group_.pinned;
}

ReadingsBuilder& FrameWriter::rows_for(const Row& row, Output& out) {
  if (!fits(row)) {
    begin(out);
    flush_rows(out);
    group_ = row;
    rows_ = &builders_.at(row.type);
    rows_->set_historical(row.historical);
    rows_->set_pinned(row.pinned);
  }
  return *rows_;
}

void FrameWriter::added(const Row& row, Output& out) {
  if (row.has_origin) rows_->set_origin(row.seq, row.index);
  if (rows_->rows() >= most_rows_) flush_rows(out);
}

void FrameWriter::flush_rows(Output& out) {
  if (rows_ == nullptr) return;
  out.readings(rows_->columns());
  rows_->clear();
  rows_ = nullptr;
}

}  // namespace twinpipe
