// SPDX-License-Identifier: Apache-2.0
// rolling_log ASSETS SECONDS: readings for rolling features, in the working directory: readings.tp for us, and readings.bin
// (packed rows of asset, second and value) for peers. A reading an asset and second, a tick of the one node each ten seconds.
#include <cmath>
#include <cstdlib>
#include <string>

#include "io/fd.hpp"
#include "kernel/bytes_of.hpp"
#include "wire/output.hpp"

using namespace twinpipe;

namespace {

constexpr Nanos kStart = 1'767'225'600 * kSecond;
constexpr std::uint32_t kTick = 10, kRows = 512;

double value_of(std::uint32_t asset, std::uint32_t second) {
  const double noise = static_cast<double>((std::uint64_t{second} * 7919 + asset * 104'729) % 1009) / 1009;
  return 60 + 5 * std::sin(second / 900.0 + asset) + noise;
}

void declare(std::uint32_t assets, Output& out) {
  for (std::uint32_t asset = 0; asset < assets; ++asset) {
    v1::Frame frame;
    v1::Series& series = *frame.mutable_series();
    series.set_site("plant-1");
    series.set_line("line-1");
    series.set_asset(std::to_string(asset));
    series.set_node("node");
    v1::Sensor& sensor = *series.add_sensor();
    sensor.set_alias(asset);
    sensor.set_name("temp");
    sensor.set_type(v1::VALUE_TYPE_DOUBLE);
    out.frame(frame);
  }
}

void tick(std::uint32_t second, Output& out) {
  v1::Frame arrival, watermark;
  const Nanos time = kStart + second * kSecond;
  arrival.mutable_arrival()->set_time(time + kSecond);
  watermark.mutable_watermark()->set_node("node");
  watermark.mutable_watermark()->set_time(time);
  out.frame(arrival);
  out.frame(watermark);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 64;
  const auto number = [&](int at) { return static_cast<std::uint32_t>(std::strtoul(argv[at], nullptr, 10)); };
  const std::uint32_t assets = number(1), seconds = number(2);
  Fd frames = std::move(*create_new("readings.tp")), columns = std::move(*create_new("readings.bin"));
  Output out;
  ReadingsBuilder rows;
  std::string packed;
  out.open("rolling_log");
  declare(assets, out);
  const auto flush = [&] {
    out.readings(rows.columns());
    rows.clear();
  };
  for (std::uint32_t second = 0; second < seconds; ++second) {
    for (std::uint32_t asset = 0; asset < assets; ++asset) {
      const double value = value_of(asset, second);
      rows.add(asset, kStart + second * kSecond, value);
      append_bytes_of(asset, packed);
      append_bytes_of(second, packed);
      append_bytes_of(value, packed);
      if (rows.rows() == kRows) flush();
    }
    if ((second + 1) % kTick != 0) continue;
    flush();
    tick(second + 1, out);
    if (!write_all(frames.get(), out.pending()).ok() || !write_all(columns.get(), packed).ok()) return 74;
    out.clear();
    packed.clear();
  }
  flush();
  out.close(true);
  return write_all(frames.get(), out.pending()).ok() && write_all(columns.get(), packed).ok() ? 0 : 74;
}
