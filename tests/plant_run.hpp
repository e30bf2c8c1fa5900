// SPDX-License-Identifier: Apache-2.0
// A run of the simulated plant, read back: what each series said, and whether the stream keeps its own laws.
#pragma once

#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "drive.hpp"
#include "kernel/plant.hpp"
#include "kernel/plant_simple.hpp"

namespace twinpipe::testing {

/// A reading or a waveform; a waveform's time is that of its first sample.
struct Said {
  Nanos time = 0;
  std::string value;  // as text; of a waveform all samples
  double number = 0;
  bool historical = false;
  bool at_birth = false;  // it has the time of its session's birth
  bool operator==(const Said& other) const = default;
  auto key() const { return std::tie(time, value); }
};

struct PlantRun {
  std::string bytes;
  std::map<std::string, std::vector<Said>> series;  // by name, in order of time
  std::vector<v1::Lifecycle> lifecycle;
  std::map<std::string, std::vector<v1::Watermark>> watermarks;  // by node
  std::vector<std::string> broken_laws;

  const std::vector<Said>& of(const std::string& name) const {
    const auto at = series.find(name);
    REQUIRE(at != series.end());
    return at->second;
  }
};

/// Reads a stream frame by frame and watches its laws.
class PlantReader {
 public:
  explicit PlantReader(PlantRun& run) : run_(run) {}

  void read() {
    const Status status = for_each_frame(run_.bytes, [this](const FrameView& frame) { return take(frame); });
    if (!status.ok()) run_.broken_laws.push_back(status.message);
    for (auto& [name, said] : run_.series)
      std::stable_sort(said.begin(), said.end(), [](const Said& a, const Said& b) { return a.time < b.time; });
  }

 private:
  Status take(const FrameView& view) {
    if (Status status = guard_.observe(view); !status.ok()) return status;
    v1::Stream one;
    one.ParseFromArray(view.bytes.data(), static_cast<int>(view.bytes.size()));
    const v1::Frame& frame = one.frame(0);
    switch (view.kind) {
      case FrameKind::series: return table_.declare(frame.series(), declared_);
      case FrameKind::readings: return take_readings(view);
      case FrameKind::waveform: take_waveform(frame.waveform()); return {};
      case FrameKind::lifecycle:
        run_.lifecycle.push_back(frame.lifecycle());
        if (frame.lifecycle().online()) watermark_.erase({frame.lifecycle().node(), v1::LANE_LIVE});
        return {};
      case FrameKind::watermark: take_watermark(frame.watermark()); return {};
      default: return {};
    }
  }
  Status take_readings(const FrameView& view) {
    const Result<Columns> columns = decoder_.decode(view.payload, table_);
    if (!columns.ok()) return columns.status();
    for (std::size_t row = 0; row < columns->rows(); ++row) {
      Said said;
      said.time = columns->time[row];
      said.historical = columns->historical;
      switch (columns->type) {
        case v1::VALUE_TYPE_INT64: said.number = static_cast<double>(columns->ints[row]); break;
        case v1::VALUE_TYPE_UINT64: said.number = static_cast<double>(columns->uints[row]); break;
        case v1::VALUE_TYPE_BOOL: said.number = columns->bools[row]; break;
        case v1::VALUE_TYPE_STRING: said.value = columns->texts[row]; break;
        default: said.number = columns->doubles[row]; break;
      }
      if (said.value.empty()) said.value = fmt::format("{}", said.number);
      if (table_.series(columns->slot[row]).sensor.type() != columns->type) broke("type", columns->slot[row], said.time);
      add(columns->slot[row], std::move(said));
    }
    return {};
  }
  void take_waveform(const v1::Waveform& waveform) {
    Said said;
    said.time = waveform.time();
    said.historical = waveform.historical();
    for (const float sample : waveform.float_sample()) {
      said.value += fmt::format("{} ", sample);
      said.number = std::max(said.number, static_cast<double>(std::fabs(sample)));
    }
    add(table_.slots().at(waveform.series()), std::move(said));
  }
  void add(std::uint32_t slot, Said said) {
    const Asset& asset = table_.asset_of(slot);
    const auto lane = said.historical ? v1::LANE_HISTORICAL : v1::LANE_LIVE;
    const auto mark = watermark_.find({table_.node_name(asset.node), lane});
    if (mark != watermark_.end() && said.time < mark->second) broke("watermark", slot, said.time);
    if (said.time % kMillisecond != 0) broke("milliseconds", slot, said.time);
    said.at_birth = !said.historical && said.time == asset.session.birth();
    run_.series[table_.name(slot)].push_back(std::move(said));
  }
  void take_watermark(const v1::Watermark& watermark) {
    run_.watermarks[watermark.node()].push_back(watermark);
    watermark_[{watermark.node(), watermark.lane()}] = watermark.time();
  }
  void broke(const char* law, std::uint32_t slot, Nanos time) {
    run_.broken_laws.push_back(fmt::format("{}: {} at {}", law, table_.name(slot), time));
  }

  PlantRun& run_;
  SeriesTable table_;
  SegmentGuard guard_;
  ReadingsDecoder decoder_;
  std::vector<Declared> declared_;
  std::map<std::pair<std::string, v1::Lane>, Nanos> watermark_;
};

inline PlantRun read_plant(std::unique_ptr<PlantSource> plant) {
  PlantRun run;
  Output out;
  out.open("test 0");
  plant->begin(out);
  const auto empty = [&] {
    run.bytes += out.pending();
    out.clear();
  };
  empty();
  while (plant->advance(out)) empty();
  out.close(true);
  empty();
  PlantReader(run).read();
  return run;
}

inline PlantRun run_plant(const PlantOptions& options) {
  auto plant = make_plant(options);
  if (!plant.ok()) FAIL(plant.status().message);
  PlantRun run = read_plant(std::move(*plant));
  CHECK(run.broken_laws == std::vector<std::string>{});
  return run;
}

}  // namespace twinpipe::testing
