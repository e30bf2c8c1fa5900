// SPDX-License-Identifier: Apache-2.0
// The twin fold's laws: order and duplicates do not matter, sessions and not clocks decide, staleness comes with the tick,
// and a checkpoint loses nothing.
#include "kernel/twin_fold.hpp"

#include <rapidcheck.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <set>

#include "drive.hpp"

using namespace twinpipe;
using testing::StreamWriter;

namespace {

struct Reading {
  std::uint32_t alias;
  Nanos time;
  double value;
  std::uint64_t seq;
};

Policy freshness(const std::string& rules) {
  Result<Policy> policy = Policy::parse(R"({"name":"p","version":"1","owner":"o","freshness":[)" + rules + "]}");
  REQUIRE(policy.ok());
  return *policy;
}

std::vector<Reading> some_readings(std::uint32_t series) {
  std::vector<Reading> readings;
  for (int i = 0, n = *rc::gen::inRange(0, 60); i < n; ++i)
    readings.push_back({*rc::gen::inRange<std::uint32_t>(0, series), *rc::gen::inRange(0, 40) * kSecond,
                        *rc::gen::inRange(0, 5) * 1.5, static_cast<std::uint64_t>(i)});
  return readings;
}

void write(StreamWriter& writer, const std::vector<Reading>& readings, std::size_t columns, bool historical = false) {
  ReadingsBuilder rows;
  rows.set_historical(historical);
  for (const Reading& r : readings) {
    rows.add(r.alias, r.time, r.value);
    rows.set_origin(r.seq, 0);
    if (rows.rows() < columns) continue;
    writer.out().readings(rows.columns());
    rows.clear();
  }
  writer.out().readings(rows.columns());
}

struct Folded {
  std::vector<v1::Twin> twins;
  std::string out;
};

Folded fold(const std::string& stream, const Policy& policy, TwinOptions options = {}) {
  SeriesTable table;
  TwinFold stage(table, policy, options);
  Output out;
  REQUIRE(testing::drive(stream, stage, table, out).ok());
  Folded folded;
  stage.snapshot([&](const v1::Twin& twin) { folded.twins.push_back(twin); });
  folded.out = out.pending();
  return folded;
}

std::string text(const std::vector<v1::Twin>& twins) {
  std::string all;
  for (const v1::Twin& twin : twins) all += twin.SerializeAsString() + "\n";
  return all;
}

const v1::TwinMetric& metric(const v1::Twin& twin, int i = 0) { return twin.metric(i); }

}  // namespace

TEST_CASE("twin: the same for any permutation, duplication and grouping") {
  CHECK(rc::check([] {
    const Policy policy = freshness(R"({"match":"+/+/+/x","slo":"10s"})");
    const auto readings = some_readings(3);
    auto shuffled = readings;
    for (std::size_t i = shuffled.size(); i > 1; --i) std::swap(shuffled[i - 1], shuffled[*rc::gen::inRange<std::size_t>(0, i)]);
    for (int i = 0, n = shuffled.empty() ? 0 : *rc::gen::inRange(0, 5); i < n; ++i)
      shuffled.push_back(shuffled[*rc::gen::inRange<std::size_t>(0, shuffled.size())]);
    const auto stream = [](const std::vector<Reading>& rows, std::size_t columns) {
      StreamWriter writer;
      writer.series("n", "a", {"x", "y"}, 0);
      writer.series("n", "b", {"x"}, 2);
      write(writer, rows, columns);
      writer.watermark("n", 45 * kSecond);
      return writer.take();
    };
    const auto columns = *rc::gen::inRange<std::size_t>(1, 20);
    RC_ASSERT(text(fold(stream(readings, 8), policy).twins) == text(fold(stream(shuffled, columns), policy).twins));
  }));
}

TEST_CASE("twin: equals an oracle of a few lines") {
  CHECK(rc::check([] {
    const auto readings = some_readings(3);
    StreamWriter writer;
    writer.series("n", "a", {"x", "y", "z"}, 0);
    write(writer, readings, 8);
    const Folded folded = fold(writer.take(), Policy{});
    for (std::uint32_t alias = 0; alias < 3; ++alias) {
      const Reading* best = nullptr;
      for (const Reading& r : readings)
        if (r.alias == alias && (best == nullptr || r.time > best->time || (r.time == best->time && r.seq > best->seq)))
          best = &r;
      const v1::TwinMetric& got = metric(folded.twins.at(0), static_cast<int>(alias));
      RC_ASSERT((best != nullptr) == got.has_value());
      if (best != nullptr) RC_ASSERT(got.value().double_value() == best->value && got.time() == best->time);
    }
  }));
}

TEST_CASE("twin: snapshot and tail equal the full fold, frames included") {
  CHECK(rc::check([] {
    const Policy policy = freshness(R"({"match":"+/+/+/x","slo":"5s"})");
    const auto readings = some_readings(2);
    const auto cut = *rc::gen::inRange<std::size_t>(0, readings.size() + 1);
    const auto part = [&](std::size_t from, std::size_t to, bool tick) {
      StreamWriter writer;
      writer.series("n", "a", {"x", "y"}, 0);
      for (std::size_t i = from; i < to; ++i) {
        write(writer, {readings[i]}, 1);
        if (tick && i % 3 == 0) writer.watermark("n", static_cast<Nanos>(i) * kSecond);
      }
      return writer.take();
    };
    SeriesTable table, second_table;
    TwinFold first(table, policy, {}), second(second_table, policy, {});
    Output out, second_out;
    Driver driver(first, table, "test 0"), second_driver(second, second_table, "test 0");
    const auto feed = [](Driver& to, Output& into, const std::string& stream) {
      return testing::for_each_frame(stream, [&](const FrameView& frame) { return to.take(frame, into); });
    };
    RC_ASSERT(feed(driver, out, part(0, cut, true)).ok());
    RC_ASSERT(second_table.restore(table.save()).ok());
    RC_ASSERT(second.load(first.save()).ok());
    RC_ASSERT(feed(second_driver, second_out, part(cut, readings.size(), true)).ok());
    RC_ASSERT(second_driver.end(false, second_out).ok());
    const Folded whole = fold(part(0, readings.size(), true), policy);
    std::vector<v1::Twin> resumed;
    second.snapshot([&](const v1::Twin& twin) { resumed.push_back(twin); });
    RC_ASSERT(text(resumed) == text(whole.twins));
    auto frames = testing::frames_of(out.pending(), FrameKind::twin);
    for (const auto& frame : testing::frames_of(second_out.pending(), FrameKind::twin)) frames.push_back(frame);
    const auto expected = testing::frames_of(whole.out, FrameKind::twin);
    RC_ASSERT(frames.size() == expected.size());
    for (std::size_t i = 0; i < frames.size(); ++i) RC_ASSERT(frames[i].SerializeAsString() == expected[i].SerializeAsString());
  }));
}

TEST_CASE("twin: stale within one tick of the SLO, and an on-change sensor is as fresh as its node") {
  const Policy policy = freshness(R"({"match":"+/+/+/x","slo":"10s"},{"match":"+/+/+/y","reports":"on-change"})");
  StreamWriter writer;
  writer.series("n", "a", {"x", "y", "z"}, 0);
  write(writer, {{0, 0, 1, 1}, {1, 0, 1, 2}}, 2);
  for (int second = 1; second <= 12; ++second) writer.watermark("n", second * kSecond);
  const Folded folded = fold(writer.take(), policy, {TwinChanges::state, 0});
  const auto twins = testing::frames_of(folded.out, FrameKind::twin);
  REQUIRE(twins.size() == 2);  // at the first tick, and when x went stale
  CHECK(metric(twins[0].twin(), 0).freshness() == v1::FRESHNESS_FRESH);
  CHECK(metric(twins[1].twin(), 0).freshness() == v1::FRESHNESS_STALE);
  CHECK(twins[1].twin().as_of() == 11 * kSecond);
  CHECK(metric(twins[1].twin(), 1).freshness() == v1::FRESHNESS_FRESH);
  CHECK(metric(twins[1].twin(), 2).freshness() == v1::FRESHNESS_NEVER);
}

TEST_CASE("twin: its policy stands behind the Open, and a freshness rule that expires is told at the tick that ends it") {
  const Policy policy = freshness(R"({"match":"+/+/+/x","slo":"1h","expires":"1970-01-01T00:00:05Z","reason":"works"},
                                     {"match":"+/+/+/x","slo":"2s"})");
  StreamWriter writer;
  writer.series("n", "a", {"x"}, 0);
  write(writer, {{0, 0, 1, 1}}, 1);
  for (int second = 1; second <= 6; ++second) writer.watermark("n", second * kSecond);
  const Folded folded = fold(writer.take(), policy, {TwinChanges::state, 0});
  const auto applied = testing::frames_of(folded.out, FrameKind::applied);
  REQUIRE(applied.size() == 2);
  CHECK(applied[0].applied().tool() == "twin-fold");
  CHECK(applied[0].applied().digest() == policy.digest());
  CHECK_FALSE(applied[0].applied().rule(0).expired());
  CHECK(applied[1].applied().rule(0).expired());
  const auto twins = testing::frames_of(folded.out, FrameKind::twin);
  REQUIRE(twins.size() == 2);
  CHECK(metric(twins[1].twin(), 0).freshness() == v1::FRESHNESS_STALE);
  CHECK(twins[1].twin().as_of() == 5 * kSecond);
  CHECK(testing::frames_of(fold(StreamWriter().take(), Policy{}).out, FrameKind::applied).empty());
}

TEST_CASE("twin: a clock ten minutes ahead does not revive a dead node, a step back is right at once") {
  constexpr Nanos kMinute = 60 * kSecond;
  StreamWriter writer;
  writer.series("n", "a", {"x"}, 0, 1);
  write(writer, {{0, 30 * kMinute, 1, 1}}, 1);
  writer.lifecycle("n", false, v1::Lifecycle::REASON_WILL, 1, 20 * kMinute);
  write(writer, {{0, 40 * kMinute, 2, 2}}, 1);  // its own last reading, from the future
  SECTION("dead stays dead") {
    const Folded folded = fold(writer.take(), Policy{});
    CHECK(metric(folded.twins[0]).freshness() == v1::FRESHNESS_DEAD);
    CHECK_FALSE(folded.twins[0].online());
    CHECK(folded.twins[0].reason() == v1::Lifecycle::REASON_WILL);
  }
  SECTION("the next birth is ten minutes earlier by its clock") {
    writer.lifecycle("n", true, v1::Lifecycle::REASON_BIRTH, 2, 21 * kMinute);
    writer.series("n", "a", {"x"}, 0, 2);
    write(writer, {{0, 21 * kMinute, 3, 1}}, 1);
    // The will of the session before arrives late: the birth stands.
    writer.lifecycle("n", false, v1::Lifecycle::REASON_WILL, 1, 22 * kMinute);
    const Folded folded = fold(writer.take(), Policy{});
    CHECK(metric(folded.twins[0]).value().double_value() == 3);
    CHECK(metric(folded.twins[0]).freshness() == v1::FRESHNESS_FRESH);
    CHECK(folded.twins[0].as_of() == 40 * kMinute);  // never goes back
  }
}

TEST_CASE("twin: deaths are told at once, blind is not dead, a historical reading moves nothing back") {
  StreamWriter writer;
  writer.series("n", "a", {"x"}, 0, 1);
  write(writer, {{0, 10 * kSecond, 1, 1}}, 1);
  write(writer, {{0, 5 * kSecond, 9, 2}}, 1, true);
  SECTION("blind and back") {
    writer.lifecycle("n", false, v1::Lifecycle::REASON_HOST_LINK_LOST, 0, 11 * kSecond);
    writer.lifecycle("n", true, v1::Lifecycle::REASON_HOST_LINK_RESTORED, 0, 12 * kSecond);
    const Folded folded = fold(writer.take(), Policy{});
    const auto twins = testing::frames_of(folded.out, FrameKind::twin);
    REQUIRE(twins.size() == 2);
    CHECK(metric(twins[0].twin()).freshness() == v1::FRESHNESS_BLIND);
    CHECK(metric(twins[1].twin()).freshness() == v1::FRESHNESS_FRESH);
    CHECK(metric(twins[1].twin()).value().double_value() == 1);
  }
  SECTION("one device") {
    v1::Frame death;
    death.mutable_lifecycle()->set_node("n");
    death.mutable_lifecycle()->set_site("s");
    death.mutable_lifecycle()->set_line("l");
    death.mutable_lifecycle()->set_asset("a");
    death.mutable_lifecycle()->set_reason(v1::Lifecycle::REASON_DEATH);
    death.mutable_lifecycle()->mutable_session()->set_birth(1);
    writer.out().frame(death);
    const Folded folded = fold(writer.take(), Policy{});
    CHECK(metric(folded.twins[0]).freshness() == v1::FRESHNESS_DEAD);
  }
}

TEST_CASE(
    "twin: history never moves a value back, as_of never goes back, and behind a backlog the twin is that without the outage") {
  CHECK(rc::check([] {
    const Policy policy = freshness(R"({"match":"+/+/+/x","slo":"10s"})");
    auto readings = some_readings(3);
    // A source says one value at a time.
    std::set<std::pair<std::uint32_t, Nanos>> said;
    std::erase_if(readings, [&](const Reading& r) { return !said.insert({r.alias, r.time}).second; });
    std::ranges::stable_sort(readings, {}, &Reading::time);
    const Nanos from = *rc::gen::inRange(0, 40) * kSecond, to = from + *rc::gen::inRange(0, 20) * kSecond;
    const auto missed = [&](const Reading& r) { return r.time >= from && r.time < to; };
    const auto stream = [&](bool outage) {
      StreamWriter writer;
      const auto declare = [&](Nanos birth) {
        writer.series("n", "a", {"x", "y"}, 0, birth);
        writer.series("n", "b", {"x"}, 2, birth);
      };
      declare(1);
      std::vector<Reading> stored;
      std::map<std::uint32_t, Reading> current;
      bool away = false;
      const auto return_again = [&] {
        writer.lifecycle("n", true, v1::Lifecycle::REASON_BIRTH, 2, to);
        declare(2);
        for (const auto& [alias, reading] : current) write(writer, {reading}, 1);  // a birth has the current values
        for (std::size_t i = stored.size(); i > 1; --i) std::swap(stored[i - 1], stored[*rc::gen::inRange<std::size_t>(0, i)]);
        away = false;
      };
      for (const Reading& r : readings) {
        if (outage && missed(r)) {
          if (!away) writer.lifecycle("n", false, v1::Lifecycle::REASON_WILL, 1, from);
          away = true;
          stored.push_back(r);
          current[r.alias] = r;
          continue;
        }
        if (away) return_again();
        write(writer, {r}, 1);
        current[r.alias] = r;
        if (r.seq % 3 == 0) writer.watermark("n", r.time);
        while (!stored.empty() && *rc::gen::arbitrary<bool>()) {
          write(writer, {stored.back()}, 1, true);
          stored.pop_back();
        }
      }
      if (away) return_again();
      write(writer, stored, 3, true);
      writer.watermark("n", 45 * kSecond);
      return writer.take();
    };
    const Folded with = fold(stream(true), policy), without = fold(stream(false), policy);
    RC_ASSERT(with.twins.size() == without.twins.size());
    for (std::size_t i = 0; i < with.twins.size(); ++i) {
      RC_ASSERT(with.twins[i].as_of() == without.twins[i].as_of());
      for (int m = 0; m < with.twins[i].metric_size(); ++m) {
        const v1::TwinMetric &a = with.twins[i].metric(m), &b = without.twins[i].metric(m);
        RC_ASSERT(a.SerializeAsString() == b.SerializeAsString());
      }
    }
    std::map<std::string, v1::Twin> last;
    for (const v1::Frame& frame : testing::frames_of(with.out, FrameKind::twin)) {
      const v1::Twin& now = frame.twin();
      const auto before = last.find(now.asset());
      if (before != last.end()) {  // not within RC_ASSERT, whose || looks at both sides
        for (int m = 0; m < now.metric_size(); ++m) RC_ASSERT(now.metric(m).time() >= before->second.metric(m).time());
        RC_ASSERT(now.as_of() >= before->second.as_of());
      }
      last[now.asset()] = now;
    }
  }));
}

TEST_CASE("twin: one plant's backlog changes no other plant's result, and its own equals the one without the outage") {
  const Policy policy = freshness(R"({"match":"+/+/+/x","slo":"10s"})");
  constexpr Nanos kHour = 3600 * kSecond;
  const auto plant = [](StreamWriter& writer, const char* node, std::uint32_t alias, int from, int to) {
    for (int hour = from; hour < to; ++hour) {
      write(writer, {{alias, hour * kHour, hour * 1.0, static_cast<std::uint64_t>(hour)}}, 1);
      writer.watermark(node, hour * kHour);
    }
  };
  const auto run = [&](bool outage) {
    StreamWriter writer;
    writer.series("n1", "a", {"x"}, 0);
    writer.series("n2", "b", {"x"}, 1);
    plant(writer, "n1", 0, 0, 2);
    if (!outage) plant(writer, "n1", 0, 2, 6);
    plant(writer, "n2", 1, 0, 6);
    if (outage) plant(writer, "n1", 0, 2, 6);  // four hours late, its ticks with it
    return text(fold(writer.take(), policy).twins);
  };
  CHECK(run(true) == run(false));
}
