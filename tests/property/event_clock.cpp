// SPDX-License-Identifier: Apache-2.0
// The time that readings tell, and its law in every filter: one reading ten years ahead changes nothing about any other.
#include "kernel/event_clock.hpp"

#include <rapidcheck.h>

#include <algorithm>
#include <catch2/catch.hpp>

#include "drive.hpp"
#include "kernel/deadband.hpp"
#include "kernel/exc_pass.hpp"
#include "kernel/fft_bands.hpp"
#include "kernel/winagg.hpp"

using namespace twinpipe;
using testing::StreamWriter;
using Sight = EventClock::Sight;

namespace {

constexpr Nanos kDay = 24 * 3600 * kSecond, kYear = 365 * kDay;
constexpr Nanos kStart = 1'750'000'000 * kSecond;
constexpr Nanos kStray = kStart + 10 * kYear;
constexpr std::uint32_t kSeries = 3;

struct Reading {
  std::uint32_t alias = 0;
  Nanos time = 0;
  double value = 0;
};

/// Live readings of one node, now and then a little late, each series at least once in the beginning.
std::vector<Reading> some_readings() {
  std::vector<Reading> readings;
  Nanos time = kStart;
  for (std::uint32_t alias = 0; alias < kSeries; ++alias) readings.push_back({alias, time, 0});
  for (int i = 0, n = *rc::gen::inRange(2, 100); i < n; ++i) {
    time += *rc::gen::inRange(0, 3) * kSecond;
    const Nanos late = *rc::gen::inRange(0, 5) == 0 ? 2 * kSecond : 0;
    readings.push_back({*rc::gen::inRange<std::uint32_t>(0, kSeries), time - late, *rc::gen::inRange(-4, 9) * 0.5});
  }
  return readings;
}

std::vector<Reading> with_stray(std::vector<Reading> readings) {
  const auto at = *rc::gen::inRange<std::size_t>(kSeries, readings.size() + 1);
  const Reading stray{*rc::gen::inRange<std::uint32_t>(0, kSeries), kStray, *rc::gen::inRange(-4, 9) * 0.5};
  readings.insert(readings.begin() + static_cast<std::ptrdiff_t>(at), stray);
  return readings;
}

std::string stream_of(const std::vector<Reading>& readings, std::size_t columns) {
  StreamWriter writer;
  writer.series("n", "a", {"x", "y", "z"}, 0);
  ReadingsBuilder rows;
  for (const Reading& reading : readings) {
    rows.add(reading.alias, reading.time, reading.value);
    if (rows.rows() < columns) continue;
    writer.out().readings(rows.columns());
    rows.clear();
  }
  writer.out().readings(rows.columns());
  return writer.take();
}

/// Readings, rows of aggregates, exceptions and what was said of policies, a line each, but for those of the stray.
std::vector<std::string> facts_of(std::string_view stream) {
  std::vector<std::string> facts;
  const auto add = [&facts](auto... numbers) {
    std::string line;
    ((line += std::to_string(numbers) + " "), ...);
    facts.push_back(line);
  };
  (void)testing::for_each_frame(stream, [&](const FrameView& view) -> Status {
    v1::Stream one;
    one.ParseFromArray(view.bytes.data(), static_cast<int>(view.bytes.size()));
    const v1::Frame& frame = one.frame(0);
    const v1::Readings& r = frame.readings();
    for (int i = 0; i < r.series_size(); ++i)
      if (r.time(i) != kStray) add(0, r.series(i), r.time(i), r.double_value(i), r.pinned());
    const v1::Aggregates& a = frame.aggregates();
    for (int i = 0; i < a.series_size(); ++i)
      if (a.end(i) < kStray) add(1, a.series(i), a.start(i), a.end(i), a.revision(i), a.count(i), a.mean(i), a.cut(i));
    const v1::Exception& e = frame.exception();
    if (frame.has_exception() && e.time() != kStray) add(2, e.series(), e.time(), e.from(), e.until(), e.phase(), e.lost_until());
    if (frame.has_applied()) facts.push_back(frame.applied().ShortDebugString());
    return {};
  });
  return facts;
}

/// A rule for a year in front of one for good.
Policy policy_of(const std::string& section, const std::string& temporary, const std::string& standing) {
  Result<Policy> policy = Policy::parse(R"({"name":"p","version":"1","owner":"o",")" + section +
                                        R"(":[{"match":"+/+/+/+","expires":"2026-06-01T00:00:00Z","reason":"r",)" + temporary +
                                        R"(},{"match":"+/+/+/+",)" + standing + "}]}");
  REQUIRE(policy.ok());
  return *policy;
}

std::vector<std::string> run(Stage& stage, SeriesTable& table, const std::string& stream) {
  Output out;
  const Status status = testing::drive(stream, stage, table, out);
  RC_ASSERT(status.message.empty());
  return facts_of(out.pending());
}

/// Runs a stage of its own over each of the two streams; a frame a reading, as raw that is pinned goes to the front of its frame.
template <class Make>
void check_law(Make make) {
  const auto readings = some_readings();
  const auto outcome = [&](const std::vector<Reading>& in) {
    SeriesTable table;
    const auto stage = make(table);
    return run(*stage, table, stream_of(in, 1));
  };
  RC_ASSERT(outcome(with_stray(readings)) == outcome(readings));
}

}  // namespace

TEST_CASE("a leap counts when a second reading makes it too, and as far as both have come") {
  struct Step {
    Nanos time;
    Sight sight;
    Nanos newest;
  };
  const auto check = [](const std::vector<Step>& steps) {
    EventClock clock;
    for (const Step& step : steps) {
      INFO(step.time);
      CHECK(clock.doubts(step.time) == (step.sight == Sight::leap));
      CHECK(clock.take(step.time) == step.sight);
      CHECK(clock.newest() == step.newest);
    }
  };
  const Nanos far = 10 * kYear;
  check({{0, Sight::in_order, 0}, {kDay, Sight::in_order, kDay}, {5, Sight::late, kDay}, {kDay, Sight::in_order, kDay}});
  check({{0, Sight::in_order, 0}, {far, Sight::leap, 0}, {1, Sight::in_order, 1}, {far, Sight::leap, 1}});
  check({{0, Sight::in_order, 0}, {far, Sight::leap, 0}, {far + 1, Sight::anew, far + 1}, {1, Sight::late, far + 1}});
  check({{0, Sight::in_order, 0}, {far, Sight::leap, 0}, {far - 1, Sight::anew, far - 1}, {far, Sight::in_order, far}});
  // Two leaps of unequal length: as far as the shorter one.
  check({{0, Sight::in_order, 0}, {far, Sight::leap, 0}, {3 * kDay, Sight::anew, 3 * kDay}, {4, Sight::late, 3 * kDay}});
  // Readings that are always more than a day apart: the clock is one behind.
  check({{0, Sight::in_order, 0},
         {2 * kDay, Sight::leap, 0},
         {4 * kDay, Sight::leap, 2 * kDay},
         {6 * kDay, Sight::leap, 4 * kDay}});
  // What is late, or stands still, speaks for neither.
  check({{5, Sight::in_order, 5}, {far, Sight::leap, 5}, {1, Sight::late, 5}, {5, Sight::in_order, 5}, {far, Sight::anew, far}});
  // The first one is a mistake.
  check({{far, Sight::in_order, far}, {0, Sight::anew, 0}, {1, Sight::in_order, 1}, {far, Sight::leap, 1}});
}

TEST_CASE("one time among others, more than a day ahead, changes nothing about any other") {
  CHECK(rc::check([] {
    EventClock with, without;
    Nanos time = kStart, greatest = kStart;
    const int stray_at = *rc::gen::inRange(1, 40);
    for (int i = 0; i < 40; ++i) {
      time += *rc::gen::inRange<Nanos>(0, kDay);
      greatest = std::max(greatest, time);
      if (i == stray_at) {
        RC_ASSERT(with.take(greatest + kDay + *rc::gen::inRange<Nanos>(1, kYear)) == Sight::leap);
      }
      RC_ASSERT(with.take(time) == without.take(time));
      RC_ASSERT(with.newest() == without.newest());
    }
  }));
}

TEST_CASE("deadband: a reading ten years ahead changes nothing about any other") {
  const Policy policy = policy_of("deadband", R"("absolute":2,"heartbeat":"9s")", R"("absolute":0)");
  CHECK(rc::check([&] { check_law([&](SeriesTable& table) { return std::make_unique<Deadband>(table, policy); }); }));
}

TEST_CASE("winagg: a reading ten years ahead changes no window but its own") {
  const Policy policy = policy_of("winagg", R"("window":"10s","lateness":"3s")", R"("window":"4s")");
  CHECK(rc::check(
      [&] { check_law([&](SeriesTable& table) { return std::make_unique<WinAgg>(table, policy, WinAggOptions{}); }); }));
}

TEST_CASE("exc-pass: a reading ten years ahead opens no window but its own, and closes none") {
  const Policy policy = policy_of("exc-pass", R"("above":3,"on_delay":"2s","pre":"3s","post":"4s","passes":"?")",
                                  R"("below":-1,"pre":"3s","post":"4s")");
  Result<ExceptionRules> delayed = ExceptionRules::make(policy);
  const Policy at_once = policy_of("exc-pass", R"("above":2,"hysteresis":1,"pre":"3s","post":"4s")", R"("below":-1)");
  Result<ExceptionRules> direct = ExceptionRules::make(at_once);
  REQUIRE((delayed.ok() && direct.ok()));
  for (const bool gate : {false, true})
    for (const ExceptionRules& rules : {*delayed, *direct})
      CHECK(rc::check(
          [&] { check_law([&](SeriesTable& table) { return std::make_unique<ExcPass>(table, rules, ExcPassOptions{gate}); }); }));
}

TEST_CASE("fft-bands: a waveform ten years ahead ends no window and no temporary rule") {
  const Policy policy = policy_of("fft-bands", R"("segment":8,"window":"4s","bands":{"all":[0,5]})", R"("segment":10)");
  const auto spectra = [&](bool stray) {
    StreamWriter writer;
    writer.series("n", "a", {"x"}, 0, 1, v1::VALUE_TYPE_WAVEFORM);
    for (int i = 0; i < 12; ++i)
      for (const bool late : {false, true}) {
        if (late && !(stray && i == 5)) continue;
        v1::Frame frame;
        frame.mutable_waveform()->set_time(late ? kStray : kStart + i * kSecond);
        frame.mutable_waveform()->set_sample_period(0.1);
        for (int sample = 0; sample < 10; ++sample)
          frame.mutable_waveform()->add_float_sample(static_cast<float>(i * sample % 7));
        writer.out().frame(frame);
      }
    auto rules = FftBands::rules_of(policy);
    REQUIRE(rules.ok());
    SeriesTable table;
    FftBands stage(table, policy, *rules, {});
    Output out;
    REQUIRE(testing::drive(writer.take(), stage, table, out).ok());
    std::vector<std::string> rows;
    for (const v1::Frame& frame : testing::frames_of(out.pending(), FrameKind::spectra))
      for (int i = 0; i < frame.spectra().series_size(); ++i)
        if (frame.spectra().start(i) < kStray)
          rows.push_back(std::to_string(frame.spectra().start(i)) + " " + std::to_string(frame.spectra().segments(i)) + " " +
                         std::to_string(frame.spectra().cut(i)) + " " + std::to_string(frame.spectra().total(i)));
    CHECK(testing::frames_of(out.pending(), FrameKind::applied).size() == 1);
    return rows;
  };
  const auto rows = spectra(false);
  CHECK(rows.size() == 3);
  CHECK(spectra(true) == rows);
}

TEST_CASE("a clock that is ten years ahead for good is followed, and temporary rules end") {
  const Policy policy = policy_of("deadband", R"("absolute":2)", R"("absolute":0)");
  std::vector<Reading> in;
  for (int i = 0; i < 5; ++i) in.push_back({0, kStart + i * kSecond, 1});
  for (int i = 0; i < 5; ++i) in.push_back({0, kStart + 5 * kYear + i * kSecond, i * 1.0});
  SeriesTable table;
  Deadband stage(table, policy);
  const auto facts = run(stage, table, stream_of(in, 4));
  CHECK(std::ranges::count_if(facts, [](const std::string& fact) { return fact.starts_with("0 "); }) == 6);
  CHECK(std::ranges::count_if(facts, [](const std::string& fact) { return fact.find("expired: true") != std::string::npos; }) ==
        1);
}
