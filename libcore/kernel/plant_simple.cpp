// SPDX-License-Identifier: Apache-2.0
// The plant that measures other tools. Columns are spans over arrays by slot, so a reading is walked, stamped and copied
// into its frame, and nothing else.
#include "kernel/plant_simple.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "kernel/plant_random.hpp"

namespace twinpipe {
namespace {

constexpr std::size_t kSlice = std::size_t{256} << 10;
constexpr double kStep = 0.125;  // a power of two, so that sums are exact
constexpr double kRange = 125;

class SimplePlant final : public PlantSource {
 public:
  SimplePlant(const PlantOptions& options, std::uint32_t sensors);
  void begin(Output& out) override;
  bool advance(Output& out) override;
  Nanos now() const override { return now_; }

 private:
  void walk(std::size_t from, std::size_t until);
  void ticks(Output& out) const;
  std::size_t slots() const { return values_.size(); }
  /// Time of a slot's reading in round 0, after the birth: never before its neighbour's, never at the birth.
  Nanos phase(std::size_t slot) const;

  PlantOptions options_;
  std::uint32_t sensors_;
  RandomStream random_;
  Nanos now_, end_;
  std::uint64_t round_ = 0;
  std::size_t next_ = 0;  // slot that is read next
  std::vector<std::uint32_t> alias_;
  std::vector<Nanos> time_;
  std::vector<double> values_;
};

SimplePlant::SimplePlant(const PlantOptions& options, std::uint32_t sensors)
    : options_(options),
      sensors_(sensors),
      random_(options.seed, "simple"),
      now_(options.start),
      end_(options.duration == 0 ? std::numeric_limits<Nanos>::max() : options.start + options.duration) {
  const std::size_t count = std::size_t{options.assets} * sensors;
  for (std::size_t slot = 0; slot < count; ++slot) {
    alias_.push_back(static_cast<std::uint32_t>(slot));
    values_.push_back(kStep * static_cast<double>(random_.bits(slot) % 1001));
  }
  for (std::size_t slot = 0; slot < count; ++slot) time_.push_back(options.start + phase(slot));
}

Nanos SimplePlant::phase(std::size_t slot) const {
  const auto part =
      static_cast<Nanos>(static_cast<double>(options_.period) * static_cast<double>(slot) / static_cast<double>(slots()));
  return std::max(kMillisecond, part / kMillisecond * kMillisecond);
}

void SimplePlant::begin(Output& out) {
  for (std::uint32_t asset = 0; asset < options_.assets; ++asset) {
    v1::Frame frame;
    v1::Series& series = *frame.mutable_series();
    series = plant_asset(options_, asset, options_.start, 0);
    if (asset == 0 || plant_node_of(options_, asset) != plant_node_of(options_, asset - 1))
      out.frame(plant_lifecycle(series, true, true, v1::Lifecycle::REASON_BIRTH, options_.start));
    for (std::uint32_t i = 0; i < sensors_; ++i) {
      v1::Sensor& sensor = *series.add_sensor();
      sensor.set_alias(asset * sensors_ + i);
      sensor.set_name(fmt::format("{}-{:02}", i % 2 == 0 ? "temp" : "vibration", i + 1));
      sensor.set_type(v1::VALUE_TYPE_DOUBLE);
      sensor.set_datatype(10);
      sensor.set_declared_unit(i % 2 == 0 ? "degC" : "g");
      sensor.set_low(0);
      sensor.set_high(kRange);
    }
    out.frame(frame);
    out.frame(plant_lifecycle(series, false, true, v1::Lifecycle::REASON_BIRTH, options_.start));
  }
  const std::vector<Nanos> birth(slots(), options_.start);
  for (std::size_t from = 0; from < slots(); from += options_.columns) {
    const std::size_t rows = std::min<std::size_t>(options_.columns, slots() - from);
    Columns columns;
    columns.alias = std::span(alias_).subspan(from, rows);
    columns.time = std::span(birth).subspan(from, rows);
    columns.doubles = std::span(values_).subspan(from, rows);
    out.readings(columns);
  }
}

/// Eight slots share the 64 bits of a draw. A draw belongs to a round and to eight neighbours, whatever the frames.
void SimplePlant::walk(std::size_t from, std::size_t until) {
  for (std::size_t slot = from; slot < until;) {
    const std::size_t group = slot / 8;
    std::uint64_t bits = random_.bits((round_ + 1) << 32 | group) >> (8 * (slot % 8));
    const std::size_t stop = std::min(until, 8 * (group + 1));
    for (; slot < stop; ++slot, bits >>= 8) {
      const int step = static_cast<int>(bits & 1) - static_cast<int>(bits >> 1 & 1);
      values_[slot] = std::clamp(values_[slot] + kStep * step, 0.0, kRange);
    }
  }
}

bool SimplePlant::advance(Output& out) {
  const Nanos tick_end = options_.tick < end_ - now_ ? now_ + options_.tick : end_;
  if (now_ >= end_) return false;
  while (out.pending().size() < kSlice) {
    const std::size_t most = std::min(slots(), next_ + options_.columns);
    // Times rise with the slot: the rows that are due are the front of those left.
    const auto due = std::lower_bound(time_.begin() + static_cast<std::ptrdiff_t>(next_),
                                      time_.begin() + static_cast<std::ptrdiff_t>(most), tick_end);
    const auto until = static_cast<std::size_t>(due - time_.begin());
    if (until == next_) {
      ticks(out);
      now_ = tick_end;
      return now_ < end_;
    }
    walk(next_, until);
    Columns columns;
    columns.alias = std::span(alias_).subspan(next_, until - next_);
    columns.time = std::span(time_).subspan(next_, until - next_);
    columns.doubles = std::span(values_).subspan(next_, until - next_);
    out.readings(columns);
    for (std::size_t slot = next_; slot < until; ++slot) time_[slot] += options_.period;
    next_ = until;
    if (next_ < slots()) continue;
    next_ = 0;
    ++round_;
  }
  return true;
}

void SimplePlant::ticks(Output& out) const {
  const Nanos at = options_.tick < end_ - now_ ? now_ + options_.tick : end_;
  for (std::uint32_t asset = 0; asset < options_.assets; ++asset) {
    if (asset > 0 && plant_node_of(options_, asset) == plant_node_of(options_, asset - 1)) continue;
    v1::Frame frame;
    v1::Watermark& watermark = *frame.mutable_watermark();
    watermark.set_node(plant_asset(options_, asset, 0, 0).node());
    watermark.set_time(at);
    watermark.set_clock(at);
    out.frame(frame);
  }
}

}  // namespace

Result<std::unique_ptr<PlantSource>> make_simple_plant(const PlantOptions& options, std::uint32_t sensors) {
  if (Status status = check_plant(options); !status.ok()) return status;
  if (!options.faults.empty()) return Status::error(Code::usage, "--simple knows no faults");
  if (sensors == 0 || std::uint64_t{sensors} * options.assets > std::numeric_limits<std::uint32_t>::max())
    return Status::error(Code::usage, "--sensors: between 1 and 4,294,967,295 series in all can be");
  return std::unique_ptr<PlantSource>(std::make_unique<SimplePlant>(options, sensors));
}

}  // namespace twinpipe
