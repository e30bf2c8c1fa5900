// SPDX-License-Identifier: Apache-2.0
// Kafka records for consumers without protobuf.
#include "kernel/json_records.hpp"

#include <fmt/format.h>

#include "wire/scanner.hpp"

namespace twinpipe {

JsonRecords::Objects::Objects(const SeriesTable& table, RecordSink& sink, std::size_t max_value)
    : Form(table),
      sink_(&sink),
      max_value_(max_value),
      message_(table, JsonStyle::canonical),
      reading_(table, JsonStyle::canonical) {}

Status JsonRecords::Objects::on_readings(const Columns& columns, Rows rows, const FrameView&, Output&) {
  for (const std::uint32_t row : rows) {
    object_.clear();
    if (Status status = reading_.append(columns, row, object_); !status.ok()) return status;
    if (Status status = put(columns.time[row], columns.time[row]); !status.ok()) return status;
  }
  return {};
}

Status JsonRecords::Objects::on_frame(const v1::Frame& frame, bool, const FrameView& view, Output&) {
  if (view.kind == FrameKind::open) return {};
  if (view.kind == FrameKind::series) return declare(frame, view);
  object_.clear();
  if (Status status = message_.append_frame(frame, view, object_); !status.ok()) return status;
  return put(record_.earliest, record_.latest);
}

/// A sensor a record: a value declares those that it uses, and so not always the same ones together.
Status JsonRecords::Objects::declare(const v1::Frame& frame, const FrameView& view) {
  declared_.resize(table().size());
  v1::Frame one = frame;
  for (const v1::Sensor& sensor : frame.series().sensor()) {
    one.mutable_series()->clear_sensor();
    *one.mutable_series()->add_sensor() = sensor;
    object_.clear();
    if (Status status = message_.append_frame(one, view, object_); !status.ok()) return status;
    std::string& last = declared_[table().slots()[sensor.alias()]];
    if (last == object_) continue;
    last = object_;
    if (Status status = put(0, 0); !status.ok()) return status;
  }
  return {};
}

Status JsonRecords::Objects::put(Nanos earliest, Nanos latest) {
  if (object_.size() > max_value_)
    return Status::error(Code::bad_data, fmt::format("{}: as JSON it takes {} bytes, and --max-value is {}",
                                                     object_.substr(0, 100), object_.size(), max_value_));
  KafkaRecord record = record_;
  record.value = object_;
  record.earliest = earliest;
  record.latest = latest;
  return sink_->put(record);
}

JsonRecords::JsonRecords(RecordSink& sink, std::size_t max_value, std::uint32_t max_series)
    : table_(max_series), objects_(table_, sink, max_value), everything_(table_, {}), driver_(objects_, everything_, table_) {}

Status JsonRecords::put(const KafkaRecord& record) {
  if (record.tombstone) return objects_.forward(record);
  objects_.begin(record);
  Status status = for_each_frame(record.value, [this](const FrameView& frame) { return driver_.take(frame, nothing_); });
  // The place is one inside the value: the reader of the input knows the right one.
  status.frame.reset();
  status.offset.reset();
  return status;
}

}  // namespace twinpipe
