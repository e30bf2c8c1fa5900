// SPDX-License-Identifier: Apache-2.0
// An edge kernel under test: frames in, decoded Sparkplug messages out, with a connection that is always there.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "drive.hpp"
#include "kernel/sparkplug_edge.hpp"

namespace twinpipe::testing {

struct Heard {
  std::string topic;
  sparkplug::Payload payload;
  std::string bytes;
  int qos = 0;
};

class EdgeRig {
 public:
  static constexpr Nanos kNow = 2'000'000'000 * kSecond;  // far from the times of readings

  explicit EdgeRig(sparkplug::EdgeOptions options = {})
      : edge_(std::make_unique<sparkplug::SparkplugEdge>(table_, std::move(options))), driver_(*edge_, table_, "test 0") {
    v1::Frame open;
    open.mutable_open()->set_schema(1);
    open.mutable_open()->set_producer("test");
    (void)feed(open);
  }

  sparkplug::SparkplugEdge& edge() { return *edge_; }
  std::uint8_t bdseq = 0;
  Nanos now = kNow;

  Status feed(const v1::Frame& frame) {
    std::string bytes;
    append_frame(frame, bytes);
    return feed_bytes(bytes);
  }
  Status feed(ReadingsBuilder& rows) {
    std::string bytes;
    encode_columns(rows.columns(), bytes);
    return feed_bytes(bytes);
  }
  Status declare(const std::string& line, const std::string& asset, const std::vector<v1::Sensor>& sensors) {
    v1::Frame frame;
    v1::Series& series = *frame.mutable_series();
    series.set_site("G");
    series.set_line(line);
    series.set_asset(asset);
    series.set_node("G/" + line);
    for (const v1::Sensor& sensor : sensors) *series.add_sensor() = sensor;
    return feed(frame);
  }
  template <class Value>
  Status value(std::uint32_t alias, Nanos milliseconds, Value value, std::uint32_t quality = kGood, bool historical = false) {
    ReadingsBuilder rows(type_of(value));
    rows.set_historical(historical);
    rows.add(alias, milliseconds * kMillisecond, value, quality);
    return feed(rows);
  }
  Status offline(const std::string& line, const std::string& asset) {
    v1::Frame frame;
    v1::Lifecycle& lifecycle = *frame.mutable_lifecycle();
    lifecycle.set_node("G/" + line);
    lifecycle.set_site("G");
    lifecycle.set_line(line);
    lifecycle.set_asset(asset);
    lifecycle.set_reason(v1::Lifecycle::REASON_DEATH);
    return feed(frame);
  }

  /// Takes all work; opens sessions as they are needed.
  std::vector<Heard> heard() {
    using Needs = sparkplug::SparkplugEdge::Needs;
    std::vector<sparkplug::EdgeMessage> out;
    for (sparkplug::SparkplugEdge::Work work; edge_->next(work);) {
      if (work.needs == Needs::session && !edge_->node(work.node).is_open()) edge_->node(work.node).open(bdseq++, now, out);
      edge_->take(now, out);
    }
    return decode(out);
  }
  static std::vector<Heard> decode(const std::vector<sparkplug::EdgeMessage>& messages) {
    std::vector<Heard> all;
    for (const sparkplug::EdgeMessage& message : messages) {
      Heard& heard = all.emplace_back();
      heard.topic = message.topic;
      heard.bytes = message.payload;
      heard.qos = message.qos;
      if (message.topic.starts_with("spBv1.0/")) heard.payload.ParseFromString(message.payload);
    }
    return all;
  }
  std::vector<Heard> rebirth(std::uint32_t node = 0) {
    std::vector<sparkplug::EdgeMessage> out;
    edge_->node(node).rebirth(now, out);
    return decode(out);
  }

 private:
  static ValueType type_of(double) { return v1::VALUE_TYPE_DOUBLE; }
  static ValueType type_of(bool) { return v1::VALUE_TYPE_BOOL; }
  static ValueType type_of(std::int64_t) { return v1::VALUE_TYPE_INT64; }
  static ValueType type_of(std::uint64_t) { return v1::VALUE_TYPE_UINT64; }
  static ValueType type_of(const char*) { return v1::VALUE_TYPE_STRING; }
  static ValueType type_of(std::string_view) { return v1::VALUE_TYPE_BYTES; }

  Status feed_bytes(const std::string& bytes) {
    return for_each_frame(bytes, [this](const FrameView& frame) { return driver_.take(frame, out_); });
  }

  SeriesTable table_;
  std::unique_ptr<sparkplug::SparkplugEdge> edge_;
  Driver driver_;
  Output out_;
};

inline v1::Sensor sensor(std::uint32_t alias, const std::string& name, ValueType type = v1::VALUE_TYPE_DOUBLE,
                         std::uint32_t datatype = 0) {
  v1::Sensor out;
  out.set_alias(alias);
  out.set_name(name);
  out.set_type(type);
  out.set_datatype(datatype);
  return out;
}

/// A property of a metric; nullptr when it has none of that name.
inline const sparkplug::PropertyValue* property(const sparkplug::Metric& metric, const std::string& name) {
  for (int i = 0; i < metric.properties().keys_size(); ++i)
    if (metric.properties().keys(i) == name) return &metric.properties().values(i);
  return nullptr;
}

}  // namespace twinpipe::testing
