// SPDX-License-Identifier: Apache-2.0
// What the laws of the deadband are told in: readings in, readings out.
#pragma once

#include <rapidcheck.h>

#include <array>
#include <catch2/catch.hpp>
#include <cmath>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "drive.hpp"
#include "kernel/deadband.hpp"

namespace twinpipe::deadband_laws {

using testing::StreamWriter;

struct Reading {
  std::uint32_t alias;
  Nanos time;
  double value;
  std::uint32_t quality;
  bool operator==(const Reading& other) const {
    return alias == other.alias && time == other.time && quality == other.quality &&
           (value == other.value || (std::isnan(value) && std::isnan(other.value)));
  }
};
inline std::ostream& operator<<(std::ostream& to, const Reading& r) {
  return to << "{" << r.alias << " at " << r.time << ": " << r.value << (r.quality == kGood ? "" : " bad") << "}";
}

inline Policy policy_of(const std::string& rule) {
  Result<Policy> policy =
      Policy::parse(R"({"name":"p","version":"1","owner":"o","deadband":[{"match":"+/+/+/+",)" + rule + "}]}");
  REQUIRE(policy.ok());
  return *policy;
}

inline constexpr std::uint32_t kSeries = 3;

/// In-order readings of three series; values on a grid that makes hits on the bound common.
inline std::vector<Reading> some_readings() {
  std::vector<Reading> readings;
  Nanos time = 0;
  for (int i = 0, n = *rc::gen::inRange(0, 120); i < n; ++i) {
    time += *rc::gen::inRange(0, 3) * kSecond;
    const int kind = *rc::gen::inRange(0, 12);
    const double value = kind == 0 ? std::nan("") : kind == 1 ? HUGE_VAL : *rc::gen::inRange(-20, 21) * 0.25;
    readings.push_back({*rc::gen::inRange<std::uint32_t>(0, kSeries), time, value, *rc::gen::inRange(0, 15) == 0 ? 0 : kGood});
  }
  return readings;
}

inline std::string stream_of(const std::vector<Reading>& readings, std::size_t columns) {
  StreamWriter writer;
  writer.series("n", "a", {"x", "y", "z"}, 0);
  ReadingsBuilder builder;
  for (const Reading& r : readings) {
    builder.add(r.alias, r.time, r.value, r.quality);
    if (builder.rows() < columns) continue;
    writer.out().readings(builder.columns());
    builder.clear();
  }
  writer.out().readings(builder.columns());
  return writer.take();
}

inline std::vector<Reading> readings_of(std::string_view stream) {
  std::vector<Reading> readings;
  for (const v1::Frame& frame : testing::frames_of(stream, FrameKind::readings)) {
    const v1::Readings& r = frame.readings();
    for (int i = 0; i < r.series_size(); ++i)
      readings.push_back({r.series(i), r.time(i), r.double_value(i), r.quality_size() == 0 ? kGood : r.quality(i)});
  }
  return readings;
}

inline std::string run(const Policy& policy, const std::string& stream) {
  SeriesTable table;
  Deadband stage(table, policy);
  Output out;
  const Status status = testing::drive(stream, stage, table, out);
  RC_ASSERT(status.ok());
  return std::string(out.pending());
}

/// The same with a stop before reading `cut`, and a second process that resumes from what the first one saved.
inline std::vector<Reading> run_in_two(const Policy& policy, const std::vector<Reading>& in, std::size_t cut) {
  const auto middle = in.begin() + static_cast<std::ptrdiff_t>(cut);
  SeriesTable table, second_table;
  Deadband first(table, policy), second(second_table, policy);
  Output out, second_out;
  Driver driver(first, table, "test 0"), second_driver(second, second_table, "test 0");
  const auto feed = [](Driver& to, Output& into, const std::vector<Reading>& readings) {
    RC_ASSERT(testing::for_each_frame(stream_of(readings, 1), [&](const FrameView& frame) { return to.take(frame, into); }).ok());
  };
  feed(driver, out, {in.begin(), middle});
  RC_ASSERT(second_table.restore(table.save()).ok());
  RC_ASSERT(second.load(first.save()).ok());
  feed(second_driver, second_out, {middle, in.end()});
  RC_ASSERT(second_driver.end(false, second_out).ok());
  auto got = readings_of(out.pending());
  for (const Reading& reading : readings_of(second_out.pending())) got.push_back(reading);
  return got;
}

}  // namespace twinpipe::deadband_laws
