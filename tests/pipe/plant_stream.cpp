// SPDX-License-Identifier: Apache-2.0
// plant_stream: a stream with everything that the Kafka tools carry, without a clock: sessions, four classes of sensors of all
// types, waveforms, dead letters, ticks, a death and a new birth, Positions.
//
// plant_stream ASSETS ROUNDS [ROWS [POSITION [FROM]]]: assets on one node for every ten; rounds of one second; ROWS readings a
// frame; a Position every POSITION rounds; FROM, one of these Positions as text, goes on behind it.
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string>

#include "cli/cursor.hpp"
#include "io/fd.hpp"
#include "wire/output.hpp"

using namespace twinpipe;

namespace {

constexpr Nanos kStart = 1'700'000'000 * kSecond;
constexpr std::uint32_t kSensors = 6;  // vibration-1, vibration-2, temp-1, state, alarm, speed

struct Plant {
  std::uint32_t assets = 0, nodes = 0;
  std::uint64_t rows = 512;
  Output out;

  static std::string node_name(std::uint32_t node) { return "plant-1/edge-" + std::to_string(node); }
  std::uint32_t node_of(std::uint32_t asset) const { return asset % nodes; }

  void flush() {
    if (!write_all(STDOUT_FILENO, out.pending()).ok()) std::exit(1);
    out.clear();
  }

  void lifecycle(std::uint32_t node, bool online, Nanos birth, Nanos time) {
    v1::Frame frame;
    v1::Lifecycle& lifecycle = *frame.mutable_lifecycle();
    lifecycle.set_node(node_name(node));
    lifecycle.set_online(online);
    lifecycle.set_reason(online ? v1::Lifecycle::REASON_BIRTH : v1::Lifecycle::REASON_WILL);
    lifecycle.mutable_session()->set_birth(birth);
    lifecycle.set_time(time);
    out.frame(frame);
  }

  void declare(std::uint32_t asset, Nanos birth) {
    static const char* const kNames[kSensors] = {"vibration-1", "vibration-2", "temp-1", "state", "alarm", "speed"};
    static const ValueType kTypes[kSensors] = {v1::VALUE_TYPE_DOUBLE, v1::VALUE_TYPE_WAVEFORM, v1::VALUE_TYPE_DOUBLE,
                                               v1::VALUE_TYPE_INT64,  v1::VALUE_TYPE_STRING,   v1::VALUE_TYPE_DOUBLE};
    v1::Frame frame;
    v1::Series& series = *frame.mutable_series();
    series.set_site("plant-1");
    series.set_line("line-" + std::to_string(asset % 4));
    series.set_asset("asset-" + std::to_string(asset));
    series.set_node(node_name(node_of(asset)));
    series.mutable_session()->set_birth(birth);
    for (std::uint32_t i = 0; i < kSensors; ++i) {
      v1::Sensor& sensor = *series.add_sensor();
      sensor.set_alias(asset * kSensors + i);
      sensor.set_name(kNames[i]);
      sensor.set_type(kTypes[i]);
      sensor.set_declared_unit("mm/s");
      sensor.set_low(0);
      sensor.set_high(100);
    }
    out.frame(frame);
  }

  void readings(std::uint32_t sensor, Nanos time, std::uint64_t round, ValueType type) {
    ReadingsBuilder builder(type);
    const auto full = [&] {
      if (!builder.empty()) out.readings(builder.columns());
      builder.clear();
    };
    for (std::uint32_t asset = 0; asset < assets; ++asset) {
      const std::uint32_t alias = asset * kSensors + sensor;
      const double value = static_cast<double>((asset * 7919 + round * 104729) % 10007) / 100;
      const std::uint32_t quality = (asset + round) % 50 == 0 ? std::uint32_t{v1::QUALITY_BAD} : kGood;
      if (type == v1::VALUE_TYPE_DOUBLE) builder.add(alias, time + asset, value, quality);
      else if (type == v1::VALUE_TYPE_INT64) builder.add(alias, time + asset, static_cast<std::int64_t>(value), quality);
      else builder.add(alias, time + asset, "alarm " + std::to_string(round));
      if (sensor == 0) builder.set_origin(round, asset % 10);
      if (builder.rows() == rows) full();
    }
    full();
  }

  void waveform(std::uint32_t asset, Nanos time) {
    v1::Frame frame;
    v1::Waveform& waveform = *frame.mutable_waveform();
    waveform.set_series(asset * kSensors + 1);
    waveform.set_time(time);
    waveform.set_sample_period(1.0 / 25600);
    for (int i = 0; i < 2048; ++i)
      waveform.add_float_sample(static_cast<float>((i * 37 + static_cast<int>(asset)) % 1000) / 500.0F);
    out.frame(frame);
  }

  void tick(Nanos time) {
    for (std::uint32_t node = 0; node < nodes; ++node) {
      v1::Frame frame;
      frame.mutable_watermark()->set_node(node_name(node));
      frame.mutable_watermark()->set_time(time - kSecond);
      frame.mutable_watermark()->set_clock(time);
      out.frame(frame);
    }
  }
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return 64;
  Plant plant;
  plant.assets = static_cast<std::uint32_t>(std::strtoul(argv[1], nullptr, 10));
  plant.nodes = (plant.assets + 9) / 10;
  const std::uint64_t rounds = std::strtoull(argv[2], nullptr, 10);
  const std::uint64_t positions = argc > 4 ? std::strtoull(argv[4], nullptr, 10) : 10;
  if (argc > 3) plant.rows = std::strtoull(argv[3], nullptr, 10);
  widen_pipe(STDOUT_FILENO);
  plant.out.open("plant_stream 0");
  std::uint64_t first = 0;
  if (argc > 5 && *argv[5] != '\0') {
    const Result<v1::Position> from = cli::parse_position(argv[5]);
    if (!from.ok()) return 64;
    first = from->number();
    v1::Frame frame;
    *frame.mutable_resume()->mutable_position() = *from;
    plant.out.frame(frame);
  }
  // Node 0 dies and is born again; early, so that a stream of more rounds begins like one of fewer.
  const std::uint64_t death = std::min<std::uint64_t>(rounds / 2, 10);
  const Nanos reborn = kStart + static_cast<Nanos>(death) * kSecond + 2;
  const auto birth_of = [&](std::uint32_t node) { return node == 0 && first > death ? reborn : kStart; };
  for (std::uint32_t node = 0; node < plant.nodes; ++node) plant.lifecycle(node, true, birth_of(node), birth_of(node));
  for (std::uint32_t asset = 0; asset < plant.assets; ++asset) plant.declare(asset, birth_of(plant.node_of(asset)));
  for (std::uint64_t round = first; round < rounds; ++round) {
    const Nanos time = kStart + static_cast<Nanos>(round) * kSecond;
    plant.readings(0, time, round, v1::VALUE_TYPE_DOUBLE);
    plant.readings(2, time, round, v1::VALUE_TYPE_DOUBLE);
    plant.readings(5, time, round, v1::VALUE_TYPE_DOUBLE);
    if (round % 4 == 0) plant.readings(3, time, round, v1::VALUE_TYPE_INT64);
    if (round % 8 == 0) plant.readings(4, time, round, v1::VALUE_TYPE_STRING);
    if (plant.assets > 0) plant.waveform(static_cast<std::uint32_t>(round) % plant.assets, time);
    if (round == death && plant.nodes > 0) {
      plant.lifecycle(0, false, kStart, time + 1);
      plant.lifecycle(0, true, reborn, reborn);
      for (std::uint32_t asset = 0; asset < plant.assets; asset += plant.nodes) plant.declare(asset, reborn);
    }
    plant.tick(time + kSecond);
    v1::Frame frame;
    frame.mutable_position()->set_source("plant_stream");
    frame.mutable_position()->set_number(round + 1);
    if (round % positions == positions - 1) plant.out.frame(frame);
    plant.flush();
  }
  plant.out.close(true);
  plant.flush();
}
