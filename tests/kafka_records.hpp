// SPDX-License-Identifier: Apache-2.0
// Kafka in memory for tests: partitions filled by KafkaValues, and read back by LogFrames in the order of their timestamps.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "drive.hpp"
#include "kernel/kafka_values.hpp"
#include "kernel/log_frames.hpp"

namespace twinpipe::testing {

struct Stored {
  std::uint32_t topic = 0;
  std::int32_t partition = 0;
  std::string key, value;
  Nanos earliest = 0, latest = 0;
  std::int64_t stamp = 0;  // milliseconds
};

/// All records in the order in which they were put.
class Log final : public RecordSink {
 public:
  /// `clock` gives the writer's time at each record, in milliseconds.
  explicit Log(std::function<std::int64_t()> clock = [] { return std::int64_t{1}; }) : clock_(std::move(clock)) {}
  Status put(const KafkaRecord& record) override {
    records.push_back(Stored{record.topic, record.partition, std::string(record.key), std::string(record.value), record.earliest,
                             record.latest, stamps_.stamp(record, clock_())});
    return {};
  }
  std::vector<Stored> records;

 private:
  std::function<std::int64_t()> clock_;
  RecordStamps stamps_;
};

inline Status write_log(std::string_view stream, const Routes& routes, std::int32_t partitions, ValueLimits limits, Log& log) {
  SeriesTable table;
  KafkaValues values(table, routes, std::vector<std::int32_t>(routes.topics().size(), partitions), limits, "test 0", log);
  Output out;
  return drive(stream, values, table, out);
}

/// As ksub reads: the least timestamp first, then the partition's number.
inline Status read_log(const Log& log, std::int32_t partitions, Output& out) {
  std::map<std::uint32_t, std::vector<const Stored*>> queues;
  for (const Stored& record : log.records)
    queues[record.topic * static_cast<std::uint32_t>(partitions) + static_cast<std::uint32_t>(record.partition)].push_back(
        &record);
  std::uint32_t places = 0;
  for (const auto& [place, queue] : queues) places = std::max(places, place + 1);
  LogFrames frames(places, SeriesTable::kDefaultLimit, kDefaultFrameLimit);
  std::map<std::uint32_t, std::size_t> at;
  for (;;) {
    const std::pair<const std::uint32_t, std::vector<const Stored*>>* least = nullptr;
    for (const auto& queue : queues)
      if (at[queue.first] < queue.second.size() &&
          (least == nullptr || queue.second[at[queue.first]]->stamp < least->second[at[least->first]]->stamp))
        least = &queue;
    if (least == nullptr) break;
    const Stored& record = *least->second[at[least->first]++];
    if (Status status = frames.take(least->first, record.stamp * kMillisecond, record.value, out); !status.ok()) return status;
  }
  frames.settle(out);
  frames.flush(out);
  return {};
}

/// One reading, as far as results may depend on it.
struct Reading {
  std::string series;
  Nanos time = 0;
  std::string value;
  std::uint32_t quality = kGood;
  std::uint64_t seq = 0;
  bool historical = false;
  bool operator==(const Reading&) const = default;
  auto operator<=>(const Reading&) const = default;
};

/// Readings and waveform samples of a stream in its order, and all other frames but Open, Close, Series and Arrival between them.
struct Event {
  FrameKind kind = FrameKind::readings;
  Reading reading;
  std::string node;     // whose reading, or whom the frame is about
  std::string payload;  // of other frames
};

inline std::vector<Event> events_of(std::string_view stream) {
  SeriesTable table;
  ReadingsDecoder decoder;
  std::vector<Event> events;
  std::vector<Declared> declared;
  const Status status = for_each_frame(stream, [&](const FrameView& frame) -> Status {
    if (frame.kind == FrameKind::open) table.open_segment();
    if (frame.kind == FrameKind::series) {
      v1::Series series;
      series.ParseFromArray(frame.payload.data(), static_cast<int>(frame.payload.size()));
      return table.declare(series, declared);
    }
    const auto of_series = [&](std::uint32_t slot) {
      Event event;
      event.reading.series = table.name(slot);
      event.node = table.node_name(table.node_of(slot));
      return event;
    };
    if (frame.kind == FrameKind::readings) {
      const Result<Columns> columns = decoder.decode(frame.payload, table);
      if (!columns.ok()) return columns.status();
      for (std::size_t i = 0; i < columns->rows(); ++i) {
        Event event = of_series(columns->slot[i]);
        ReadingsBuilder one(columns->type);
        one.add_row(*columns, i, 0);
        event.reading.time = columns->time[i];
        event.reading.quality = columns->quality_at(i);
        event.reading.seq = columns->seq.empty() ? 0 : columns->seq[i];
        event.reading.historical = columns->historical;
        Columns value = one.columns();
        value.quality = {};
        value.seq = {};
        value.index = {};
        encode_columns(value, event.reading.value);
        events.push_back(std::move(event));
      }
    } else if (frame.kind == FrameKind::waveform) {
      v1::Waveform waveform;
      waveform.ParseFromArray(frame.payload.data(), static_cast<int>(frame.payload.size()));
      for (int i = 0; i < waveform.float_sample_size(); ++i) {
        Event event = of_series(table.slots()[waveform.series()]);
        event.reading.time = waveform.time() + std::llround(i * waveform.sample_period() * 1e9);
        event.reading.value = std::to_string(waveform.float_sample(i));
        event.reading.seq = waveform.seq();
        events.push_back(std::move(event));
      }
    } else if (frame.kind != FrameKind::open && frame.kind != FrameKind::close && frame.kind != FrameKind::arrival) {
      Event event;
      event.kind = frame.kind;
      event.payload = frame.payload;
      v1::Lifecycle lifecycle;
      v1::Gap gap;
      v1::Watermark watermark;
      const auto parse = [&](auto& message) {
        message.ParseFromArray(frame.payload.data(), static_cast<int>(frame.payload.size()));
        return message.node();
      };
      if (frame.kind == FrameKind::lifecycle) event.node = parse(lifecycle);
      if (frame.kind == FrameKind::gap) event.node = parse(gap);
      if (frame.kind == FrameKind::watermark) event.node = parse(watermark);
      events.push_back(std::move(event));
    }
    return {};
  });
  if (!status.ok()) throw std::runtime_error(status.message);
  return events;
}

}  // namespace twinpipe::testing
