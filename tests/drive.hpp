// SPDX-License-Identifier: Apache-2.0
// A stage under test: builds frames in memory, drives them through it, and reads what came out.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "kernel/driver.hpp"
#include "wire/scanner.hpp"

namespace twinpipe::testing {

/// Writes a stream of one segment.
class StreamWriter {
 public:
  StreamWriter() { out_.open("test 0"); }
  Output& out() { return out_; }

  void series(const std::string& node, const std::string& asset, const std::vector<std::string>& sensors,
              std::uint32_t first_alias, Nanos birth = 1, ValueType type = v1::VALUE_TYPE_DOUBLE) {
    v1::Frame frame;
    v1::Series& series = *frame.mutable_series();
    series.set_site("s");
    series.set_line("l");
    series.set_asset(asset);
    series.set_node(node);
    series.mutable_session()->set_birth(birth);
    for (const std::string& name : sensors) {
      v1::Sensor& sensor = *series.add_sensor();
      sensor.set_alias(first_alias++);
      sensor.set_name(name);
      sensor.set_type(type);
      sensor.set_low(0);
      sensor.set_high(200);
    }
    out_.frame(frame);
  }
  void watermark(const std::string& node, Nanos time) {
    v1::Frame frame;
    frame.mutable_watermark()->set_node(node);
    frame.mutable_watermark()->set_time(time);
    out_.frame(frame);
  }
  void lifecycle(const std::string& node, bool online, v1::Lifecycle::Reason reason, Nanos birth, Nanos time) {
    v1::Frame frame;
    v1::Lifecycle& lifecycle = *frame.mutable_lifecycle();
    lifecycle.set_node(node);
    lifecycle.set_online(online);
    lifecycle.set_reason(reason);
    if (birth != 0) lifecycle.mutable_session()->set_birth(birth);
    lifecycle.set_time(time);
    out_.frame(frame);
  }
  std::string take(bool final = true) {
    out_.close(final);
    return std::string(out_.pending());
  }

 private:
  Output out_;
};

using twinpipe::for_each_frame;

/// Runs a whole stream through a stage; what came out stays in `out`.
inline Status drive(std::string_view stream, Stage& stage, SeriesTable& table, Output& out) {
  Driver driver(stage, table, "test 0");
  const Status status = for_each_frame(stream, [&](const FrameView& frame) { return driver.take(frame, out); });
  return status.ok() ? driver.end(false, out) : status;
}

/// Calls `each` with the columns of every Readings frame, and the table as it is there.
inline Status for_each_readings(std::string_view stream,
                                const std::function<void(const SeriesTable& table, const Columns& columns)>& each) {
  SeriesTable table;
  ReadingsDecoder decoder;
  std::vector<Declared> declared;
  return for_each_frame(stream, [&](const FrameView& view) -> Status {
    if (view.kind == FrameKind::open) table.open_segment();
    if (view.kind == FrameKind::series) {
      v1::Series series;
      series.ParseFromArray(view.payload.data(), static_cast<int>(view.payload.size()));
      return table.declare(series, declared);
    }
    if (view.kind != FrameKind::readings) return {};
    const Result<Columns> columns = decoder.decode(view.payload, table);
    if (!columns.ok()) return columns.status();
    each(table, *columns);
    return {};
  });
}

/// All frames of one kind, decoded.
inline std::vector<v1::Frame> frames_of(std::string_view stream, FrameKind kind) {
  std::vector<v1::Frame> frames;
  (void)for_each_frame(stream, [&](const FrameView& view) -> Status {
    if (view.kind != kind) return {};
    v1::Stream one;
    one.ParseFromArray(view.bytes.data(), static_cast<int>(view.bytes.size()));
    frames.push_back(one.frame(0));
    return {};
  });
  return frames;
}

}  // namespace twinpipe::testing
