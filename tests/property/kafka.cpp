// SPDX-License-Identifier: Apache-2.0
// Laws of the Kafka spine: frames → records → frames, over any stream.
#include <rapidcheck.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <stdexcept>

#include "kafka_records.hpp"
#include "kernel/murmur2.hpp"
#include "wire/names.hpp"

using namespace twinpipe;
using namespace twinpipe::testing;

namespace {

void check(const std::string& name, const std::function<void()>& law) {
  INFO(name);
  CHECK(rc::check(name, law));
}

const char* const kSensors[] = {"vibration-1", "temp-1", "state", "alarm", "speed"};
constexpr ValueType kTypes[] = {v1::VALUE_TYPE_DOUBLE, v1::VALUE_TYPE_DOUBLE, v1::VALUE_TYPE_INT64, v1::VALUE_TYPE_STRING,
                                v1::VALUE_TYPE_BOOL};
constexpr std::uint32_t kPerAsset = 5, kAssets = 6, kNodes = 2;

/// A stream of a small plant: everything that a source may write, in any order.
class AnyStream {
 public:
  AnyStream() { out_.open("test 0"); }

  void declare(std::uint32_t asset, Nanos birth) {
    v1::Frame frame;
    v1::Series& series = *frame.mutable_series();
    series.set_site("plant-1");
    series.set_line("line-1");
    series.set_asset("asset-" + std::to_string(asset));
    series.set_node(node_name(asset % kNodes));
    series.mutable_session()->set_birth(birth);
    if (asset >= first_alias_.size()) first_alias_.resize(asset + 1, kNone);
    if (first_alias_[asset] == kNone) {
      first_alias_[asset] = next_alias_;
      next_alias_ += kPerAsset;
    }
    for (std::uint32_t i = 0; i < kPerAsset; ++i) {
      v1::Sensor& sensor = *series.add_sensor();
      sensor.set_alias(first_alias_[asset] + i);
      sensor.set_name(kSensors[i]);
      sensor.set_type(kTypes[i]);
    }
    out_.frame(frame);
  }
  void lifecycle(std::uint32_t node, bool online, Nanos birth, std::int64_t device = -1) {
    v1::Frame frame;
    v1::Lifecycle& lifecycle = *frame.mutable_lifecycle();
    lifecycle.set_node(node_name(node));
    if (device >= 0) {
      lifecycle.set_site("plant-1");
      lifecycle.set_line("line-1");
      lifecycle.set_asset("asset-" + std::to_string(device));
    }
    lifecycle.set_online(online);
    lifecycle.mutable_session()->set_birth(birth);
    lifecycle.set_time(++time_);
    out_.frame(frame);
  }
  void watermark(std::uint32_t node) {
    v1::Frame frame;
    frame.mutable_watermark()->set_node(node_name(node));
    frame.mutable_watermark()->set_time(++time_);
    frame.mutable_watermark()->set_clock(time_ * kSecond);
    out_.frame(frame);
  }
  /// Of a node that has series: others' go to the dead letters, in no order with what follows.
  void gap(std::uint32_t node) {
    bool known = false;
    for (std::uint32_t asset = node; asset < first_alias_.size(); asset += kNodes) known = known || first_alias_[asset] != kNone;
    if (!known) return;
    v1::Frame frame;
    frame.mutable_gap()->set_node(node_name(node));
    frame.mutable_gap()->set_messages(++time_);
    out_.frame(frame);
  }
  /// Readings of one kind of sensor over some assets.
  void readings(std::uint32_t sensor, const std::vector<std::uint32_t>& assets, bool historical, bool quality, bool seq) {
    ReadingsBuilder builder(kTypes[sensor]);
    builder.set_historical(historical);
    for (const std::uint32_t asset : assets) {
      if (asset >= first_alias_.size() || first_alias_[asset] == kNone) continue;
      const std::uint32_t alias = first_alias_[asset] + sensor;
      const std::uint32_t how = quality && time_ % 3 == 0 ? std::uint32_t{v1::QUALITY_BAD} : kGood;
      ++time_;
      if (kTypes[sensor] == v1::VALUE_TYPE_DOUBLE) builder.add(alias, time_, static_cast<double>(time_) / 7, how);
      else if (kTypes[sensor] == v1::VALUE_TYPE_INT64) builder.add(alias, time_, std::int64_t{time_}, how);
      else if (kTypes[sensor] == v1::VALUE_TYPE_BOOL) builder.add(alias, time_, time_ % 2 == 0, how);
      else builder.add(alias, time_, std::string(static_cast<std::size_t>(time_ % 40), 'x'), how);
      if (seq) builder.set_origin(static_cast<std::uint64_t>(time_), asset);
    }
    if (!builder.empty()) out_.readings(builder.columns());
  }
  void waveform(std::uint32_t asset, int samples) {
    if (asset >= first_alias_.size() || first_alias_[asset] == kNone) return;
    v1::Frame frame;
    frame.mutable_waveform()->set_series(first_alias_[asset]);
    frame.mutable_waveform()->set_time(time_ += kSecond);
    // Whole nanoseconds: times of samples then do not depend on where it is cut.
    frame.mutable_waveform()->set_sample_period(1.0 / 8000);
    for (int i = 0; i < samples; ++i) frame.mutable_waveform()->add_float_sample(static_cast<float>(i));
    out_.frame(frame);
  }
  std::string take() {
    out_.close(true);
    return std::string(out_.pending());
  }

  static std::string node_name(std::uint32_t node) { return "edge-" + std::to_string(node); }

 private:
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};
  Output out_;
  Nanos time_ = 0;
  std::uint32_t next_alias_ = 0;
  std::vector<std::uint32_t> first_alias_;
};

std::string any_stream() {
  AnyStream stream;
  const int steps = *rc::gen::inRange(0, 60);
  Nanos births[kNodes] = {1, 1};
  for (int step = 0; step < steps; ++step) {
    const auto asset = *rc::gen::inRange<std::uint32_t>(0, kAssets);
    const auto node = *rc::gen::inRange<std::uint32_t>(0, kNodes);
    switch (*rc::gen::inRange(0, 12)) {
      case 0:
      case 1: stream.declare(asset, births[asset % kNodes]); break;
      case 2: stream.lifecycle(node, false, births[node]); break;
      case 3: stream.lifecycle(node, true, ++births[node]); break;
      case 4: stream.lifecycle(asset % kNodes, *rc::gen::arbitrary<bool>(), births[asset % kNodes], asset); break;
      case 5: stream.watermark(node); break;
      case 6: stream.gap(node); break;
      case 7: stream.waveform(asset, *rc::gen::inRange(0, 900)); break;
      default:
        stream.readings(*rc::gen::inRange<std::uint32_t>(0, kPerAsset),
                        *rc::gen::container<std::vector<std::uint32_t>>(rc::gen::inRange<std::uint32_t>(0, kAssets)),
                        *rc::gen::arbitrary<bool>(), *rc::gen::arbitrary<bool>(), *rc::gen::arbitrary<bool>());
    }
  }
  return stream.take();
}

ValueLimits any_limits() {
  ValueLimits limits;
  limits.batch = *rc::gen::inRange<std::uint32_t>(1, 40);
  limits.max_value = *rc::gen::element<std::size_t>(1024, 2048, 100'000);
  limits.linger = *rc::gen::element<Nanos>(0, 3 * kSecond);
  limits.buffer = *rc::gen::element<std::size_t>(500, 1 << 20);
  return limits;
}

Routes the_routes() { return *Routes::parse(Routes::defaults(), "dead"); }

std::vector<Reading> readings_of(const std::vector<Event>& events) {
  std::vector<Reading> readings;
  for (const Event& event : events)
    if (event.kind == FrameKind::readings) readings.push_back(event.reading);
  return readings;
}

}  // namespace

TEST_CASE("kbridge: every reading is in exactly one record, in the order of its key and topic, under the size limit") {
  check("records of a key hold its readings in order", [] {
    const std::string stream = any_stream();
    const ValueLimits limits = any_limits();
    const Routes routes = the_routes();
    Log log;
    const Status status = write_log(stream, routes, 3, limits, log);
    RC_ASSERT(status.ok());
    std::map<std::pair<std::uint32_t, std::string>, std::vector<Reading>> expected, got;
    for (const Reading& reading : readings_of(events_of(stream))) {
      const auto levels = *split_series_name(reading.series);
      expected[{routes.topic_of(levels[0], levels[1], levels[2], levels[3]), asset_key(levels[0], levels[1], levels[2])}]
          .push_back(reading);
    }
    for (const Stored& record : log.records) {
      RC_ASSERT(record.value.size() <= limits.max_value);
      v1::Stream parsed;
      RC_ASSERT(parsed.ParseFromString(record.value));
      RC_ASSERT(parsed.frame(0).has_open());
      RC_ASSERT(!parsed.frame(0).open().sealed());
      const std::vector<Reading> readings = readings_of(events_of(record.value));
      if (record.key.empty()) {
        RC_ASSERT(readings.empty());
        continue;
      }
      RC_ASSERT(record.partition == partition_of_key(record.key, 3));
      std::vector<Reading>& all = got[{record.topic, record.key}];
      all.insert(all.end(), readings.begin(), readings.end());
    }
    std::erase_if(got, [](const auto& entry) { return entry.second.empty(); });
    RC_ASSERT(got == expected);
  });
}

TEST_CASE("kbridge: the same frames give the same values, however the readings were spread over reads") {
  check("deterministic", [] {
    const std::string stream = any_stream();
    const ValueLimits limits = any_limits();
    Log one, two([n = std::int64_t{0}]() mutable { return n += 3; });
    RC_ASSERT(write_log(stream, the_routes(), 2, limits, one).ok());
    RC_ASSERT(write_log(stream, the_routes(), 2, limits, two).ok());
    RC_ASSERT(one.records.size() == two.records.size());
    for (std::size_t i = 0; i < one.records.size(); ++i) RC_ASSERT(one.records[i].value == two.records[i].value);
  });
}

TEST_CASE("kbridge and ksub: what comes back is what went in") {
  check("frames → partitions → frames", [] {
    const std::string stream = any_stream();
    const ValueLimits limits = any_limits();
    const std::int32_t partitions = *rc::gen::inRange(1, 4);
    // A clock that stands still is the hardest: all timestamps but those of barriers are alike.
    std::int64_t now = 1000;
    const auto step = *rc::gen::element<std::int64_t>(0, 1);
    Log log([&] { return now += step; });
    RC_ASSERT(write_log(stream, the_routes(), partitions, limits, log).ok());
    Output out;
    out.open("test 0");
    RC_ASSERT(read_log(log, partitions, out).ok());
    out.close(true);
    const std::vector<Event> before = events_of(stream), after = events_of(out.pending());

    // Each series has all its readings, in order.
    std::map<std::string, std::vector<Reading>> sent, got;
    for (const Reading& reading : readings_of(before)) sent[reading.series].push_back(reading);
    for (const Reading& reading : readings_of(after)) got[reading.series].push_back(reading);
    RC_ASSERT(sent == got);

    // Lifecycle and Gap frames of nodes with series come once each, in order. Copies of what a node said before it had series are
    // its last state alone, so only what came after its first declaration is compared. Every reading stands on the same side of
    // each of them as it did in the input.
    for (std::uint32_t node = 0; node < kNodes; ++node) {
      const std::string name = AnyStream::node_name(node);
      const auto walk = [&name](const std::vector<Event>& events) {
        std::vector<std::vector<Reading>> epochs(1);
        std::vector<std::string> marks;
        for (const Event& event : events) {
          if (event.node != name) continue;
          v1::Lifecycle lifecycle;
          if (event.kind == FrameKind::lifecycle) lifecycle.ParseFromString(event.payload);
          if (event.kind == FrameKind::readings) epochs.back().push_back(event.reading);
          if (event.kind == FrameKind::gap || (event.kind == FrameKind::lifecycle && lifecycle.asset().empty())) {
            // Before the first reading nothing can be on the wrong side.
            if (epochs.size() == 1 && epochs[0].empty()) continue;
            marks.push_back(event.payload);
            epochs.emplace_back();
          }
        }
        for (auto& epoch : epochs) std::ranges::sort(epoch);
        return std::pair{marks, epochs};
      };
      RC_ASSERT(walk(before) == walk(after));
    }
  });
}
