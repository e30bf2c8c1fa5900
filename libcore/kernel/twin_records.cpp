// SPDX-License-Identifier: Apache-2.0
// Twin frames in, records of a compacted Kafka topic out.
#include "kernel/twin_records.hpp"

#include <fmt/format.h>

#include "kernel/murmur2.hpp"
#include "wire/names.hpp"
#include "wire/output.hpp"

namespace twinpipe {

TwinRecords::TwinRecords(const SeriesTable& table, std::int32_t partitions, std::size_t max_value, std::string_view producer,
                         RecordSink& sink)
    : Stage(table), partitions_(partitions), max_value_(max_value), sink_(&sink) {
  Output out;
  out.open(producer, false);
  open_ = out.pending();
}

Status TwinRecords::on_frame(const v1::Frame& frame, const FrameView& view, Output&) {
  if (view.kind != FrameKind::twin) return {};
  const v1::Twin& twin = frame.twin();
  const std::string key = asset_key(twin.site(), twin.line(), twin.asset());
  KafkaRecord record;
  record.partition = partition_of_key(key, partitions_);
  record.key = key;
  record.earliest = record.latest = twin.as_of();
  record.node = 0;  // each record is complete, so only the order of one key counts
  record.tombstone = twin.retired();
  ++(twin.retired() ? tombstones_ : records_);
  if (record.tombstone) return sink_->put(record);
  value_ = open_;
  value_ += view.bytes;
  if (value_.size() > max_value_)
    return Status::error(Code::bad_data, fmt::format("the twin of {} does not fit in a value: {} bytes, and --max-value is {}",
                                                     key, value_.size(), max_value_));
  record.value = value_;
  return sink_->put(record);
}

std::vector<Counter> TwinRecords::counters() const { return {{"records", records_}, {"tombstones", tombstones_}}; }

}  // namespace twinpipe
