// SPDX-License-Identifier: Apache-2.0
// The laws of windowed aggregates: each reading in exactly one tumbling window, the same rows whatever the order of arrival
// and the grouping, corrections and deltas that add up to the truth, and no node that makes another one late.
#include "kernel/winagg.hpp"

#include <rapidcheck.h>

#include <catch2/catch.hpp>
#include <cmath>
#include <map>
#include <set>

#include "drive.hpp"

using namespace twinpipe;
using testing::StreamWriter;

namespace {

struct Reading {
  std::uint32_t alias = 0;
  Nanos time = 0;
  double value = 0;
  bool historical = false;
  std::uint64_t seq = 0;  // 0: the stream has no message number here
};

Policy policy_of(const std::string& rule) {
  Result<Policy> policy = Policy::parse(R"({"name":"p","version":"1","owner":"o","winagg":[{"match":"+/+/+/+",)" + rule + "}]}");
  REQUIRE(policy.ok());
  REQUIRE(WinAgg::check(*policy).ok());
  return *policy;
}

struct Row {
  Moments moments;  // as merging needs them
  double coverage = 0;
  std::uint32_t revision = 0, cut = 0;
  bool delta = false;
};
using Key = std::pair<std::uint32_t, Nanos>;  // series, start
using Rows = std::map<Key, Row>;

/// What a reader of the rows knows at the end: a row replaces the one before, a delta adds to it.
Rows fold(std::string_view stream) {
  Rows rows;
  for (const v1::Frame& frame : testing::frames_of(stream, FrameKind::aggregates)) {
    const v1::Aggregates& a = frame.aggregates();
    for (int i = 0; i < a.series_size(); ++i) {
      Row row{{a.count(i), a.weight(i), a.mean(i), a.m2(i), a.m3(i), a.m4(i), a.min(i), a.max(i), a.first(i), a.last(i),
               a.first_time(i), a.last_time(i)},
              a.coverage(i),
              a.revision(i),
              a.cut(i),
              a.delta(i)};
      const auto [at, is_new] = rows.try_emplace({a.series(i), a.start(i)}, row);
      if (is_new) {
        RC_ASSERT(row.revision == 0 && !row.delta);
        continue;
      }
      RC_ASSERT(row.revision > at->second.revision);
      if (row.delta) {
        at->second.moments.merge(row.moments);
        at->second.revision = row.revision;
      } else {
        at->second = row;
      }
    }
  }
  return rows;
}

/// All rows as they are, one after another.
std::string aggregates_of(std::string_view stream) {
  std::map<std::tuple<std::uint32_t, Nanos, std::uint32_t>, std::string> rows;
  for (v1::Frame frame : testing::frames_of(stream, FrameKind::aggregates)) {
    const v1::Aggregates& a = frame.aggregates();
    for (int i = 0; i < a.series_size(); ++i) {
      std::string& text = rows[{a.series(i), a.start(i), a.revision(i)}];
      for (const double number : {a.coverage(i), a.min(i), a.max(i), a.mean(i), a.rms(i), a.std(i), a.kurtosis(i), a.first(i),
                                  a.last(i), a.weight(i), a.m2(i), a.m3(i), a.m4(i)})
        text.append(reinterpret_cast<const char*>(&number), sizeof number);
      text += std::to_string(a.count(i)) + " " + std::to_string(a.first_time(i)) + " " + std::to_string(a.last_time(i)) + " " +
              std::to_string(a.end(i)) + (a.delta(i) ? "d" : "") + std::to_string(a.cut(i)) + (a.historical() ? "h" : "");
    }
  }
  std::string all;
  for (const auto& [key, text] : rows)
    all +=
        std::to_string(std::get<0>(key)) + " " + std::to_string(std::get<1>(key)) + " " + std::to_string(std::get<2>(key)) + text;
  return all;
}

std::string run(const Policy& policy, const std::string& stream, std::vector<Counter>* counters = nullptr, Output* late = nullptr,
                WinAggOptions options = {}) {
  SeriesTable table;
  WinAgg stage(table, policy, options, late);
  Output out;
  const Status status = testing::drive(stream, stage, table, out);
  INFO(status.message);
  RC_ASSERT(status.ok());
  if (counters != nullptr) *counters = stage.counters();
  return std::string(out.pending());
}

std::uint64_t counter(const std::vector<Counter>& counters, std::string_view name) {
  for (const Counter& c : counters)
    if (c.name == name) return c.value;
  FAIL("no counter " << name);
  return 0;
}

/// In order of time, on a grid of a quarter of a second; each value once a time.
std::vector<Reading> some_readings(std::uint32_t series = 2, int most = 200) {
  std::vector<Reading> readings;
  std::vector<Nanos> time(series, 0);
  for (int i = 0, n = *rc::gen::inRange(0, most); i < n; ++i) {
    const auto alias = *rc::gen::inRange<std::uint32_t>(0, series);
    time[alias] += *rc::gen::inRange(1, 12) * kSecond / 4;
    readings.push_back({alias, time[alias], *rc::gen::inRange(-400, 400) * 0.1});
  }
  std::ranges::stable_sort(readings, {}, &Reading::time);
  return readings;
}

/// Message numbers that grow, from some reading on, as where a source with numbers takes over from one without; or nowhere.
void number_some(std::vector<Reading>& readings) {
  const auto first = *rc::gen::inRange<std::size_t>(0, 2 * readings.size() + 1);
  for (std::size_t i = first; i < readings.size(); ++i) readings[i].seq = i + 1;
}

/// Each reading up to `most` later in the order of arrival than its time says.
std::vector<Reading> shuffled(const std::vector<Reading>& readings, Nanos most) {
  std::vector<std::pair<Nanos, Reading>> arriving;
  for (const Reading& reading : readings) arriving.push_back({reading.time + *rc::gen::inRange<Nanos>(0, most + 1), reading});
  std::ranges::stable_sort(arriving, {}, [](const auto& a) { return a.first; });
  std::vector<Reading> out;
  for (const auto& [at, reading] : arriving) out.push_back(reading);
  return out;
}

void write(StreamWriter& writer, const std::vector<Reading>& readings, std::size_t columns) {
  ReadingsBuilder builder;
  bool historical = false;
  const auto flush = [&] {
    builder.set_historical(historical);
    writer.out().readings(builder.columns());
    builder.clear();
  };
  for (const Reading& r : readings) {
    if (builder.rows() >= columns || r.historical != historical) flush();
    historical = r.historical;
    builder.add(r.alias, r.time, r.value);
    if (r.seq != 0) builder.set_origin(r.seq, 0);
  }
  flush();
}

std::string stream_of(const std::vector<Reading>& readings, std::size_t columns = 7) {
  StreamWriter writer;
  writer.series("n", "a", {"x", "y"}, 0);
  write(writer, readings, columns);
  return writer.take();
}

/// The naive oracle: the readings of each window, in order of time.
std::map<Key, std::vector<double>> windows_of(const std::vector<Reading>& readings, Nanos window, Nanos slide) {
  std::vector<Reading> sorted = readings;
  std::ranges::stable_sort(sorted, {}, &Reading::time);
  std::map<Key, std::vector<double>> windows;
  for (const Reading& r : sorted)
    for (Nanos start = r.time / slide * slide; start > r.time - window; start -= slide)
      windows[{r.alias, start}].push_back(r.value);
  return windows;
}

void same(const Rows& rows, const std::map<Key, std::vector<double>>& windows) {
  RC_ASSERT(rows.size() == windows.size());
  for (const auto& [key, values] : windows) {
    RC_ASSERT(rows.contains(key));
    const Moments& got = rows.at(key).moments;
    const Moments want = moments_of(std::span<const double>(values));
    const double size = want.rms() + 1e-9, n = want.weight;
    RC_ASSERT(got.count == values.size());
    RC_ASSERT(got.min == want.min);
    RC_ASSERT(got.max == want.max);
    RC_ASSERT(got.first == values.front());
    RC_ASSERT(got.last == values.back());
    RC_ASSERT(std::fabs(got.mean - want.mean) <= 1e-12 * size);
    RC_ASSERT(std::fabs(got.m2 - want.m2) <= 1e-12 * n * size * size);
    RC_ASSERT(std::fabs(got.m4 - want.m4) <= 1e-12 * n * std::pow(size, 4));
  }
}

}  // namespace

TEST_CASE("winagg: each reading is in exactly one tumbling window, and the rows are those of the definition") {
  CHECK(rc::check([] {
    const auto readings = some_readings();
    std::vector<Counter> counters;
    const Rows rows = fold(run(policy_of(R"("window":"10s")"), stream_of(readings), &counters));
    same(rows, windows_of(readings, 10 * kSecond, 10 * kSecond));
    RC_ASSERT(counter(counters, "aggregated") == readings.size());
    std::uint64_t sum = 0;
    for (const auto& [key, row] : rows) sum += row.moments.count;
    RC_ASSERT(sum == readings.size());
  }));
}

TEST_CASE("winagg: sliding windows hold what they should") {
  CHECK(rc::check([] {
    const auto readings = some_readings();
    const auto slides = *rc::gen::inRange<Nanos>(1, 7);
    const Rows rows =
        fold(run(policy_of(R"("window":")" + std::to_string(2 * slides) + R"(s","slide":"2s")"), stream_of(readings)));
    same(rows, windows_of(readings, 2 * slides * kSecond, 2 * kSecond));
  }));
}

TEST_CASE("winagg: under ticks, any order of arrival gives the same bytes") {
  CHECK(rc::check([] {
    // More than one block of readings a window, so that what is taken out of them early is tested, too.
    const Policy policy = policy_of(R"("window":"40s","slide":"20s","lateness":"5s")");
    const auto readings = some_readings(1, 400);
    const Nanos end = readings.empty() ? 0 : readings.back().time;
    const auto ticked = [&](const std::vector<Reading>& arriving, std::size_t columns) {
      StreamWriter writer;
      writer.series("n", "a", {"x", "y"}, 0);
      writer.watermark("n", 0);
      // A tick says that all before it came up to five seconds ago.
      std::vector<Reading> batch;
      Nanos tick = 0;
      for (const Reading& r : arriving) {
        if (r.time > tick + 8 * kSecond) {
          write(writer, batch, columns);
          batch.clear();
          tick += (r.time - tick - 5 * kSecond) / kSecond * kSecond;
          writer.watermark("n", tick);
        }
        batch.push_back(r);
      }
      write(writer, batch, columns);
      writer.watermark("n", end + 100 * kSecond);
      return aggregates_of(run(policy, writer.take()));
    };
    // Reversed within groups between the same ticks: the ticks themselves stay where they were.
    std::vector<Reading> arriving;
    for (std::size_t at = 0, to = 0; at < readings.size(); at = to) {
      Nanos newest = readings[at].time;
      for (to = at; to < readings.size() && readings[to].time <= newest + 2 * kSecond; ++to) {
      }
      for (std::size_t i = to; i-- > at;) arriving.push_back(readings[i]);
    }
    const auto fixed_ticks = [&](const std::vector<Reading>& order, std::size_t columns) {
      StreamWriter writer;
      writer.series("n", "a", {"x", "y"}, 0);
      writer.watermark("n", 0);
      std::size_t at = 0;
      for (Nanos tick = 0; tick < end + 10 * kSecond; tick += 3 * kSecond) {
        std::vector<Reading> batch;
        // Readings of this tick and of the next are mixed: the later half comes early.
        for (; at < order.size() && readings[at].time <= tick + 4 * kSecond; ++at) batch.push_back(order[at]);
        write(writer, batch, columns);
        writer.watermark("n", tick);
      }
      return aggregates_of(run(policy, writer.take()));
    };
    RC_ASSERT(ticked(readings, 7) == ticked(readings, 1));
    RC_ASSERT(fixed_ticks(arriving, 5) == fixed_ticks(arriving, 50));
    RC_ASSERT(ticked(shuffled(readings, 0), 3) == ticked(readings, 3));
    // The whole stream between two ticks, in any order.
    const auto between = [&](const std::vector<Reading>& order) {
      StreamWriter writer;
      writer.series("n", "a", {"x", "y"}, 0);
      writer.watermark("n", 0);
      write(writer, order, 7);
      writer.watermark("n", end + 100 * kSecond);
      return aggregates_of(run(policy, writer.take()));
    };
    RC_ASSERT(between(shuffled(readings, 1000 * kSecond)) == between(readings));
    RC_ASSERT(between(readings) == ticked(readings, 7));
  }));
}

TEST_CASE("winagg: of readings of one time those with greater message numbers are later ones, whatever came first") {
  CHECK(rc::check([] {
    const Policy policy = policy_of(R"("window":"80s","slide":"40s","lateness":"5s")");  // two blocks a pane, and more
    std::vector<Reading> readings = some_readings(1, 400);
    number_some(readings);
    for (std::size_t i = 1; i < readings.size(); ++i)
      if (readings[i - 1].seq != 0 && *rc::gen::inRange(0, 3) == 0) readings[i].time = readings[i - 1].time;
    std::ranges::stable_sort(readings, {}, &Reading::time);
    // With ticks all readings wait for each other; without them blocks of the oldest are taken out meanwhile.
    const auto rows_of = [&policy](const std::vector<Reading>& arriving, bool ticks) {
      StreamWriter writer;
      writer.series("n", "a", {"x"}, 0);
      if (ticks) writer.watermark("n", 0);
      write(writer, arriving, 7);
      if (ticks) writer.watermark("n", 10'000 * kSecond);
      return run(policy, writer.take());
    };
    std::map<Nanos, Reading> last;  // by the window's start
    for (const Reading& r : readings)
      for (const Nanos start : {r.time / (40 * kSecond) * 40 * kSecond, (r.time / (40 * kSecond) - 1) * 40 * kSecond})
        if (Reading& to = last[start]; std::pair(to.time, to.seq) <= std::pair(r.time, r.seq)) to = r;
    std::vector<Reading> turned = readings;
    std::ranges::stable_sort(turned, {}, [](const Reading& r) { return std::pair(r.time, ~r.seq); });
    const std::string in_order = rows_of(readings, true);
    for (const Rows& rows : {fold(in_order), fold(rows_of(readings, false)), fold(rows_of(turned, false))}) {
      RC_ASSERT(rows.size() == last.size());
      for (const auto& [key, row] : rows) RC_ASSERT(row.moments.last == last.at(key.second).value);
    }
    RC_ASSERT(aggregates_of(rows_of(shuffled(readings, 1000 * kSecond), true)) == aggregates_of(in_order));
    // Numbers say nothing more where no two readings have one time.
    for (Reading& r : readings) r.time = (&r - readings.data()) * kSecond;
    const std::string numbered = aggregates_of(rows_of(readings, false));
    for (Reading& r : readings) r.seq = 0;
    RC_ASSERT(aggregates_of(rows_of(readings, false)) == numbered);
  }));
}

TEST_CASE("winagg: without ticks the rows depend on the order of readings alone, never on their grouping") {
  CHECK(rc::check([] {
    const Policy policy = policy_of(R"("window":"10s","slide":"5s","lateness":"4s")");
    const auto arriving = shuffled(some_readings(), 8 * kSecond);
    const auto columns = *rc::gen::inRange<std::size_t>(1, 60);
    RC_ASSERT(aggregates_of(run(policy, stream_of(arriving, columns))) == aggregates_of(run(policy, stream_of(arriving, 1))));
  }));
}

TEST_CASE("winagg: late readings within the lateness correct their windows; the others are counted and kept aside") {
  CHECK(rc::check([] {
    const Policy policy = policy_of(R"("window":"10s","lateness":"6s")");
    const auto arriving = shuffled(some_readings(), 20 * kSecond);
    // What is too late, by the definition: its window's end lies further than the lateness behind the newest event time.
    std::vector<Reading> accepted;
    std::size_t late = 0;
    Nanos newest = kBeginning;
    for (const Reading& r : arriving) {
      if (newest != kBeginning && r.time / (10 * kSecond) * 10 * kSecond + 16 * kSecond <= newest) ++late;
      else accepted.push_back(r);
      newest = std::max(newest, r.time);
    }
    std::vector<Counter> counters;
    Output side;
    const Rows rows = fold(run(policy, stream_of(arriving), &counters, &side));
    same(rows, windows_of(accepted, 10 * kSecond, 10 * kSecond));
    RC_ASSERT(counter(counters, "late") == late);
    RC_ASSERT(counter(counters, "aggregated") + late == arriving.size());
    std::size_t aside = 0;
    for (const v1::Frame& frame : testing::frames_of(side.pending(), FrameKind::readings))
      aside += static_cast<std::size_t>(frame.readings().series_size());
    RC_ASSERT(aside == late);
  }));
}

TEST_CASE("winagg: history fills its windows; live and historical rows add up to the whole") {
  CHECK(rc::check([] {
    const Nanos slide = *rc::gen::element<Nanos>(10, 5) * kSecond;
    const Policy policy =
        policy_of(slide == 5 * kSecond ? R"("window":"10s","slide":"5s","lateness":"3s")" : R"("window":"10s","lateness":"3s")");
    const auto readings = some_readings();
    const Nanos end = readings.empty() ? 0 : readings.back().time;
    // A span of them was not seen live, and comes in a second lane at any time later.
    const Nanos from = *rc::gen::inRange<Nanos>(0, end + 1), to = *rc::gen::inRange<Nanos>(from, end + 1);
    const Nanos released = *rc::gen::inRange<Nanos>(to, end + 1);
    std::vector<Reading> history, order;
    for (Reading r : readings)
      if (r.time >= from && r.time < to) r.historical = true, history.push_back(r);
    bool done = false;
    for (const Reading& r : readings) {
      if (r.time >= released && !done) order.insert(order.end(), history.begin(), history.end()), done = true;
      if (r.time < from || r.time >= to) order.push_back(r);
    }
    if (!done) order.insert(order.end(), history.begin(), history.end());
    std::vector<Counter> counters;
    const Rows rows = fold(run(policy, stream_of(order), &counters));
    same(rows, windows_of(readings, 10 * kSecond, slide));
    RC_ASSERT(counter(counters, "late") == 0U);
  }));
}

TEST_CASE(
    "winagg: history is whole in whatever order it comes, device after device or the newest first, and nothing of it is late") {
  CHECK(rc::check([] {
    const Nanos slide = *rc::gen::element<Nanos>(10, 5) * kSecond;
    const Policy policy =
        policy_of(slide == 5 * kSecond ? R"("window":"10s","slide":"5s","lateness":"3s")" : R"("window":"10s","lateness":"3s")");
    const auto readings = some_readings();
    // An outage of a span of them; what was stored comes in any order, ticks of both lanes in between.
    const Nanos end = readings.empty() ? 0 : readings.back().time;
    const Nanos from = *rc::gen::inRange<Nanos>(0, end + 1), to = *rc::gen::inRange<Nanos>(from, end + 1);
    std::vector<Reading> stored, live;
    for (const Reading& r : readings) (r.time >= from && r.time < to ? stored : live).push_back(r);
    for (std::size_t i = stored.size(); i > 1; --i) std::swap(stored[i - 1], stored[*rc::gen::inRange<std::size_t>(0, i)]);
    StreamWriter writer;
    writer.series("n", "a", {"x", "y"}, 0);
    const auto say = [&](Reading r, bool historical) {
      r.historical = historical;
      write(writer, {r}, 1);
    };
    const bool ticks = *rc::gen::arbitrary<bool>();
    Nanos seen = 0, newest = 0;
    std::size_t next = 0;
    const auto send_stored = [&] {
      newest = std::max(newest, stored[next].time);
      say(stored[next++], true);
      if (!ticks || *rc::gen::inRange(0, 3) > 0) return;
      v1::Frame tick;
      tick.mutable_watermark()->set_node("n");
      tick.mutable_watermark()->set_lane(v1::LANE_HISTORICAL);
      tick.mutable_watermark()->set_time(newest);
      writer.out().frame(tick);
    };
    for (const Reading& r : live) {
      say(r, false);
      seen = r.time;
      if (ticks && *rc::gen::inRange(0, 3) == 0) writer.watermark("n", seen);
      while (r.time >= to && next < stored.size() && *rc::gen::inRange(0, 2) == 0) send_stored();
    }
    while (next < stored.size()) send_stored();
    std::vector<Counter> counters;
    WinAggOptions options;
    options.max_open = ticks ? 1024 : 12;  // history makes room where the live lane is past it
    if (!ticks && end - to < 20 * kSecond) options.max_open = 1024;
    const Rows rows = fold(run(policy, writer.take(), &counters, nullptr, options));
    same(rows, windows_of(readings, 10 * kSecond, slide));
    RC_ASSERT(counter(counters, "late") == 0U);
  }));
}

TEST_CASE("winagg: what a birth repeats counts once, in the same session and in the next, however long ago it was") {
  CHECK(rc::check([] {
    const Policy policy = policy_of(R"("window":"10s","lateness":"3s")");
    const auto readings = some_readings();
    const auto births = *rc::gen::container<std::set<std::size_t>>(rc::gen::inRange<std::size_t>(0, 200));
    const bool ticks = *rc::gen::arbitrary<bool>();
    StreamWriter writer;
    writer.series("n", "a", {"x", "y"}, 0, 1);
    std::map<std::uint32_t, Reading> last;
    Nanos session = 1;
    for (std::size_t i = 0; i < readings.size(); ++i) {
      if (births.contains(i)) {
        if (*rc::gen::arbitrary<bool>()) ++session;
        writer.lifecycle("n", true, v1::Lifecycle::REASON_BIRTH, session, readings[i].time);
        writer.series("n", "a", {"x", "y"}, 0, session);
        for (const auto& [alias, reading] : last) write(writer, {reading}, 1);
      }
      write(writer, {readings[i]}, 1);
      last[readings[i].alias] = readings[i];
      if (ticks && i % 4 == 3) writer.watermark("n", readings[i].time);
    }
    std::vector<Counter> counters;
    const Rows rows = fold(run(policy, writer.take(), &counters));
    same(rows, windows_of(readings, 10 * kSecond, 10 * kSecond));
    RC_ASSERT(counter(counters, "late") == 0U);
    RC_ASSERT(counter(counters, "aggregated") == readings.size());
  }));
}

TEST_CASE("winagg: what a birth tells and the backlog behind it brings again counts once") {
  CHECK(rc::check([] {
    const Policy policy = policy_of(R"("window":"10s","lateness":"3s")");
    const auto readings = some_readings();
    const auto from = *rc::gen::inRange<std::size_t>(0, readings.size() + 1);
    const auto to = *rc::gen::inRange<std::size_t>(from, readings.size() + 1);
    const bool ticks = *rc::gen::arbitrary<bool>();
    StreamWriter writer;
    writer.series("n", "a", {"x", "y"}, 0, 1);
    std::map<std::uint32_t, Reading> last;
    for (std::size_t i = 0; i <= readings.size(); ++i) {
      if (i == to) {
        writer.series("n", "a", {"x", "y"}, 0, *rc::gen::element<Nanos>(1, 2));
        for (const auto& [alias, reading] : last) write(writer, {reading}, 1);
        if (ticks && to > 0) writer.watermark("n", readings[to - 1].time);
        for (std::size_t k = from; k < to; ++k) {
          Reading stored = readings[k];
          stored.historical = true;
          write(writer, {stored}, 1);
        }
      }
      if (i == readings.size()) break;
      if (i < from || i >= to) write(writer, {readings[i]}, 1);
      last[readings[i].alias] = readings[i];
    }
    same(fold(run(policy, writer.take())), windows_of(readings, 10 * kSecond, 10 * kSecond));
  }));
}

TEST_CASE(
    "winagg: a birth amid a backlog repeats what came as history, or tells what comes as history long after: counted once") {
  CHECK(rc::check([] {
    const Policy policy = policy_of(R"("window":"10s","lateness":"3s")");
    const auto readings = some_readings();
    const auto from = *rc::gen::inRange<std::size_t>(0, readings.size() + 1);
    const auto to = *rc::gen::inRange<std::size_t>(from, readings.size() + 1);
    const bool ticks = *rc::gen::arbitrary<bool>(), slow = *rc::gen::arbitrary<bool>();
    StreamWriter writer;
    Nanos session = 1;
    std::map<std::uint32_t, Reading> last;
    const auto birth = [&] {
      if (*rc::gen::arbitrary<bool>()) writer.lifecycle("n", true, v1::Lifecycle::REASON_BIRTH, ++session, 0);
      writer.series("n", "a", {"x", "y"}, 0, session);
      for (auto [alias, reading] : last) reading.historical = false, write(writer, {reading}, 1);
    };
    const auto say = [&](Reading reading, bool historical) {
      reading.historical = historical;
      write(writer, {reading}, 1);
      if (ticks && !historical) writer.watermark("n", reading.time);
    };
    writer.series("n", "a", {"x", "y"}, 0, session);
    std::size_t stored = from;
    for (std::size_t i = 0; i < readings.size(); ++i) {
      if (i < from || i >= to) say(readings[i], false);
      if (i < from || i >= to || slow) last[readings[i].alias] = readings[i];
      if (i + 1 == to && slow) birth();  // tells the newest ones that were stored
      // At once, as the node sends them again, or while it goes on.
      while (i + 1 >= to && stored < to && (!slow || *rc::gen::inRange(0, 3) == 0)) {
        say(readings[stored], true);
        if (!slow) last[readings[stored].alias] = readings[stored];
        if (!slow && *rc::gen::inRange(0, 4) == 0) birth();
        ++stored;
      }
    }
    for (; stored < to; ++stored) say(readings[stored], true);
    same(fold(run(policy, writer.take())), windows_of(readings, 10 * kSecond, 10 * kSecond));
  }));
}

namespace {

constexpr Nanos kQuarter = kSecond / 4;

/// Some readings come as history: from `released` on as they happen, those before it all at once.
std::vector<Reading> with_history(std::vector<Reading> readings, Nanos released) {
  std::vector<Reading> arriving, stored;
  bool historical = false;
  for (Reading r : readings) {
    if (*rc::gen::inRange(0, 6) == 0) historical = !historical;
    r.historical = historical;
    if (r.time >= released) arriving.insert(arriving.end(), stored.begin(), stored.end()), stored.clear();
    (historical && r.time < released ? stored : arriving).push_back(r);
  }
  arriving.insert(arriving.end(), stored.begin(), stored.end());
  return arriving;
}

/// Both lanes far behind the others, so that what is open leaves before the end of the input.
void go_on(std::vector<Reading>& arriving, Nanos time) {
  for (const bool historical : {false, true}) arriving.push_back({0, time + historical * kSecond, 1, historical});
}

/// The naive oracle: a piece of a curve each quarter of a second, its values at both ends.
using Pieces = std::map<Nanos, std::pair<double, double>>;

/// A step, what was seen live before what is history.
Pieces step_of(std::vector<Reading> readings, Nanos hold) {
  std::ranges::sort(readings, {}, &Reading::time);
  const auto last = [&](bool live_alone, Nanos at) {
    const Reading* found = nullptr;
    Nanos newest = kBeginning;
    for (const Reading& r : readings) {
      if (live_alone && r.historical) continue;
      newest = r.time;
      if (r.time <= at) found = &r;
    }
    return found != nullptr && found->historical != live_alone && at - found->time < hold && at < newest ? found : nullptr;
  };
  Pieces pieces;
  for (const Reading& r : readings)  // nothing is held for longer
    for (Nanos at = r.time; at < r.time + hold; at += kQuarter)
      if (!pieces.contains(at))
        for (const bool live_alone : {true, false})
          if (const Reading* held = last(live_alone, at)) pieces.try_emplace(at, held->value, held->value);
  return pieces;
}

/// Straight lines; history takes no part where a live line passes.
Pieces lines_of(std::vector<Reading> readings, Nanos hold) {
  std::ranges::sort(readings, {}, &Reading::time);
  std::vector<Reading> live, all;
  std::ranges::copy_if(readings, std::back_inserter(live), [](const Reading& r) { return !r.historical; });
  std::ranges::copy_if(readings, std::back_inserter(all), [&](const Reading& r) {
    for (std::size_t i = 1; i < live.size() && r.historical; ++i)
      if (live[i].time - live[i - 1].time <= hold && live[i - 1].time < r.time && r.time < live[i].time) return false;
    return true;
  });
  Pieces pieces;
  for (std::size_t i = 1; i < all.size(); ++i) {
    const Reading &a = all[i - 1], &b = all[i];
    const auto value = [&](Nanos time) {
      return a.value + (b.value - a.value) * static_cast<double>(time - a.time) / static_cast<double>(b.time - a.time);
    };
    for (Nanos at = a.time; at < b.time && b.time - a.time <= hold; at += kQuarter)
      pieces[at] = {value(at), value(at + kQuarter)};
  }
  return pieces;
}

}  // namespace

TEST_CASE("winagg: weighted by time, history fills what live rows left, and all rows of a window add up to one curve") {
  CHECK(rc::check([] {
    const bool linear = *rc::gen::arbitrary<bool>();
    const Nanos slide = *rc::gen::element<Nanos>(8, 4) * kSecond, heartbeat = *rc::gen::inRange<Nanos>(1, 12);
    // A line waits for its other end as long as the lateness.
    const Nanos lateness = linear ? 60 : *rc::gen::inRange<Nanos>(0, 10);
    const Policy policy = policy_of(R"("window":"8s","period":"1s","slide":")" + std::to_string(slide / kSecond) +
                                    R"(s","lateness":")" + std::to_string(lateness) + R"(s","heartbeat":")" +
                                    std::to_string(heartbeat) + R"(s","weighting":")" + (linear ? "linear" : "step") + '"');
    const auto readings = some_readings(1, static_cast<int>(CoveredTime::kMost));
    const Nanos end = readings.empty() ? 0 : readings.back().time;
    auto arriving = with_history(readings, *rc::gen::inRange<Nanos>(0, end + 2));
    if (*rc::gen::arbitrary<bool>()) go_on(arriving, (end / kSecond + 200) * kSecond);
    std::vector<Counter> counters;
    const Rows rows = fold(run(policy, stream_of(arriving), &counters));
    RC_ASSERT(counter(counters, "late") == 0U);
    const Nanos hold = (heartbeat + 1) * kSecond;
    std::map<Nanos, std::vector<Stretch>> windows;
    for (const auto& [at, piece] : linear ? lines_of(arriving, hold) : step_of(arriving, hold))
      for (Nanos start = at / slide * slide; start > at - 8 * kSecond; start -= slide)
        windows[start].push_back({at, at + kQuarter, piece.first, piece.second});
    const auto counts = windows_of(arriving, 8 * kSecond, slide);
    for (const auto& [key, values] : counts) RC_ASSERT(rows.contains(key) && rows.at(key).moments.count == values.size());
    for (const auto& [start, pieces] : windows) {
      RC_ASSERT(rows.contains({0, start}));
      const Moments &got = rows.at({0, start}).moments, want = moments_of(std::span<const Stretch>(pieces));
      RC_ASSERT(got.weight == want.weight);
      RC_ASSERT(std::fabs(got.mean - want.mean) <= 1e-9);
      RC_ASSERT(std::fabs(got.m2 - want.m2) <= 1e-7);
      RC_ASSERT(std::fabs(got.min - want.min) <= 1e-9);
      RC_ASSERT(std::fabs(got.max - want.max) <= 1e-9);
      RC_ASSERT(std::fabs(got.first - want.first) <= 1e-9);
      RC_ASSERT(std::fabs(got.last - want.last) <= 1e-9);
    }
    for (const auto& [key, row] : rows) RC_ASSERT(row.moments.weight == 0 || windows.contains(key.second));
  }));
}

TEST_CASE("winagg: history that is the whole of an outage gives the rows that there would have been without the outage") {
  CHECK(rc::check([] {
    const Policy policy = policy_of(R"("window":"10s","lateness":"60s","weighting":"linear","heartbeat":"12s","period":"1s")");
    const auto readings = some_readings(1, 100);
    const Nanos end = readings.empty() ? 0 : readings.back().time;
    // Longer than a line bridges: the live rows hold nothing of it.
    const Nanos from = *rc::gen::inRange<Nanos>(0, end + 1), to = from + *rc::gen::inRange<Nanos>(17, 60) * kSecond;
    std::vector<Reading> arriving, stored;
    for (Reading r : readings) {
      r.historical = r.time >= from && r.time < to;
      (r.historical ? stored : arriving).push_back(r);
    }
    arriving.insert(arriving.end(), stored.begin(), stored.end());
    const Rows got = fold(run(policy, stream_of(arriving))), want = fold(run(policy, stream_of(readings)));
    for (const auto& [key, row] : want) {
      RC_ASSERT(got.contains(key));
      const Moments &a = got.at(key).moments, &b = row.moments;
      RC_ASSERT(a.count == b.count);
      RC_ASSERT(a.weight == b.weight);
      RC_ASSERT(a.empty() == b.empty());
      if (b.empty()) continue;
      RC_ASSERT(std::fabs(a.mean - b.mean) <= 1e-10);
      RC_ASSERT(std::fabs(a.m2 - b.m2) <= 1e-8);
    }
    RC_ASSERT(got.size() == want.size());
  }));
}

TEST_CASE("winagg: no time is weighed twice, whatever comes late, live or as history, and from whichever session") {
  CHECK(rc::check([] {
    const Policy policy = policy_of(
        *rc::gen::element<std::string>(R"("window":"8s","slide":"4s","lateness":"3s","weighting":"step","heartbeat":"6s")",
                                       R"("window":"8s","lateness":"5s","weighting":"step")",
                                       R"("window":"8s","slide":"4s","lateness":"5s","weighting":"linear")"));
    StreamWriter writer;
    for (Nanos birth = 1; birth < 4; ++birth) {  // each one's clock begins anew
      writer.series("n", "a", {"x", "y"}, 0, birth);
      auto arriving = shuffled(some_readings(2, 60), 10 * kSecond);
      for (Reading& r : arriving) r.historical = *rc::gen::inRange(0, 3) == 0;
      write(writer, arriving, 5);
    }
    for (const auto& [key, row] : fold(run(policy, writer.take()))) RC_ASSERT(row.moments.weight <= 8 + 1e-9);
  }));
}

TEST_CASE("winagg: stop and resume at any frame equals an uninterrupted run") {
  CHECK(rc::check([] {
    const Policy policy = policy_of(
        *rc::gen::element<std::string>(R"("window":"10s","slide":"5s","lateness":"4s")", R"("window":"60s","lateness":"4s")",
                                       R"("window":"10s","lateness":"4s","weighting":"step","heartbeat":"8s")",
                                       R"("window":"10s","lateness":"20s","weighting":"linear")"));
    auto arriving = shuffled(some_readings(2, 400), 8 * kSecond);
    for (Reading& r : arriving) r.historical = *rc::gen::inRange(0, 10) == 0;
    number_some(arriving);
    const std::string stream = stream_of(arriving, 3);
    // With and without ticks, which come in the middle.
    const bool ticks = *rc::gen::arbitrary<bool>();
    std::vector<std::string> frames;
    (void)testing::for_each_frame(stream, [&](const FrameView& frame) -> Status {
      frames.emplace_back(frame.bytes);
      if (!ticks || frames.size() % 10 != 5) return {};
      v1::Frame tick;
      tick.mutable_watermark()->set_node("n");
      tick.mutable_watermark()->set_time(static_cast<Nanos>(frames.size()) * kSecond);
      append_frame(tick, frames.emplace_back());
      return {};
    });
    const auto cut = *rc::gen::inRange<std::size_t>(2, frames.size());

    SeriesTable table, second_table;
    WinAgg first(table, policy, {}), second(second_table, policy, {});
    Output out, second_out;
    Driver driver(first, table, "test 0");
    const auto feed = [](Driver& to, Output& into, const std::string& bytes) {
      return testing::for_each_frame(
          bytes, [&](const FrameView& frame) { return frame.kind == FrameKind::close ? Status{} : to.take(frame, into); });
    };
    for (std::size_t i = 0; i < cut; ++i) RC_ASSERT(feed(driver, out, frames[i]).ok());
    const std::string saved = first.save();
    RC_ASSERT(second_table.restore(table.save()).ok());
    RC_ASSERT(second.load(saved).ok());
    RC_ASSERT(second.save() == saved);
    Driver second_driver(second, second_table, "test 0");
    RC_ASSERT(feed(second_driver, second_out, frames[0]).ok());
    RC_ASSERT(feed(second_driver, second_out, frames[1]).ok());
    for (std::size_t i = cut; i < frames.size(); ++i) {
      RC_ASSERT(feed(driver, out, frames[i]).ok());
      RC_ASSERT(feed(second_driver, second_out, frames[i]).ok());
    }
    RC_ASSERT(first.finish(out).ok());
    RC_ASSERT(second.finish(second_out).ok());
    // The rows of the second run are the last ones of the first.
    const auto all = testing::frames_of(out.pending(), FrameKind::aggregates),
               rest = testing::frames_of(second_out.pending(), FrameKind::aggregates);
    RC_ASSERT(all.size() >= rest.size());
    for (std::size_t i = 0; i < rest.size(); ++i)
      RC_ASSERT(all[all.size() - rest.size() + i].SerializeAsString() == rest[i].SerializeAsString());
  }));
}

TEST_CASE("winagg: a step is weighed by the time that it holds") {
  CHECK(rc::check([] {
    const auto readings = some_readings(1, 60);
    const auto heartbeat = *rc::gen::inRange<Nanos>(0, 12);
    const Policy policy = policy_of(R"("window":"8s","slide":"4s","weighting":"step","period":"1s","heartbeat":")" +
                                    std::to_string(heartbeat) + "s\"");
    const Rows rows = fold(run(policy, stream_of(readings)));
    // Second by quarter second: the last value that is not older than heartbeat and period.
    const Nanos end = readings.empty() ? 0 : readings.back().time, hold = heartbeat == 0 ? kForever : (heartbeat + 1) * kSecond;
    std::map<Key, std::vector<double>> windows;
    std::size_t next = 0;
    for (Nanos at = 0; at < end; at += kQuarter) {
      while (next < readings.size() && readings[next].time <= at) ++next;
      if (next == 0 || at - readings[next - 1].time >= hold) continue;
      for (Nanos start = at / (4 * kSecond) * 4 * kSecond; start > at - 8 * kSecond; start -= 4 * kSecond)
        windows[{0, start}].push_back(readings[next - 1].value);
    }
    for (const auto& [key, values] : windows) {
      RC_ASSERT(rows.contains(key));
      const Row& row = rows.at(key);
      const Moments want = moments_of(std::span<const double>(values));
      RC_ASSERT(row.moments.weight == static_cast<double>(values.size()) / 4);
      RC_ASSERT(row.coverage == row.moments.weight / 8);
      RC_ASSERT(std::fabs(row.moments.mean - want.mean) <= 1e-10);
      RC_ASSERT(std::fabs(row.moments.m2 - want.m2 / 4) <= 1e-8);
      RC_ASSERT(row.moments.min == want.min);
      RC_ASSERT(row.moments.first == values.front());
      RC_ASSERT(row.moments.last == values.back());
    }
    for (const auto& [key, row] : rows) RC_ASSERT(row.moments.weight == 0 || windows.contains(key));
  }));
}

TEST_CASE("winagg: late readings change a curve before and behind them") {
  CHECK(rc::check([] {
    const auto readings = some_readings(1, 60);
    const Policy policy =
        policy_of(*rc::gen::element<std::string>(R"("window":"8s","slide":"4s","lateness":"1h","weighting":"step")",
                                                 R"("window":"8s","lateness":"1h","weighting":"linear")"));
    const Rows late = fold(run(policy, stream_of(shuffled(readings, 30 * kSecond)))),
               in_order = fold(run(policy, stream_of(readings)));
    for (const auto& [key, row] : in_order) {
      RC_ASSERT(late.contains(key));
      const Moments &a = late.at(key).moments, &b = row.moments;
      RC_ASSERT(a.weight == b.weight);
      RC_ASSERT(a.count == b.count);
      RC_ASSERT(a.m4 == b.m4);
      RC_ASSERT(a.mean == b.mean || (a.empty() && b.empty()));
    }
  }));
}

TEST_CASE("winagg: a line is weighed by the time that it takes") {
  CHECK(rc::check([] {
    const auto readings = some_readings(1, 60);
    const Rows rows = fold(run(policy_of(R"("window":"10s","lateness":"1h","weighting":"linear")"), stream_of(readings)));
    // Quarter second by quarter second: the trapezium is exact for a line.
    std::map<Key, std::pair<double, double>> sums;
    for (std::size_t i = 1; i < readings.size(); ++i)
      for (Nanos at = readings[i - 1].time; at < readings[i].time; at += kSecond / 4) {
        const auto value = [&](Nanos time) {
          const double share =
              static_cast<double>(time - readings[i - 1].time) / static_cast<double>(readings[i].time - readings[i - 1].time);
          return readings[i - 1].value + share * (readings[i].value - readings[i - 1].value);
        };
        auto& [area, weight] = sums[{0, at / (10 * kSecond) * 10 * kSecond}];
        area += (value(at) + value(at + kSecond / 4)) / 8;
        weight += 0.25;
      }
    for (const auto& [key, sum] : sums) {
      RC_ASSERT(rows.contains(key));
      RC_ASSERT(std::fabs(rows.at(key).moments.weight - sum.second) < 1e-9);
      RC_ASSERT(std::fabs(rows.at(key).moments.mean - sum.first / sum.second) < 1e-9);
    }
  }));
}

TEST_CASE("winagg: one plant's four-hour backlog makes nothing late elsewhere, and is itself whole") {
  const Policy policy = policy_of(R"("window":"1m","lateness":"10s")");
  constexpr Nanos kHour = 3600 * kSecond;
  const auto stream = [&](bool cut_off) {
    StreamWriter writer;
    writer.series("plant-a", "a", {"x"}, 0);
    writer.series("plant-b", "b", {"x"}, 1);
    const auto minute_of = [&](std::uint32_t alias, Nanos minute) {
      ReadingsBuilder rows;
      for (Nanos at = 0; at < 60 * kSecond; at += 10 * kSecond)
        rows.add(alias, minute + at, std::sin(static_cast<double>(minute + at) / 1e11) + alias);
      writer.out().readings(rows.columns());
      writer.watermark(alias == 0 ? "plant-a" : "plant-b", minute + 55 * kSecond);
    };
    // Plant A's link is gone for four of six hours; what it stored comes at once afterwards, its ticks with it.
    std::vector<Nanos> stored;
    for (Nanos minute = 0; minute < 6 * kHour; minute += 60 * kSecond) {
      const bool gone = cut_off && minute >= kHour && minute < 5 * kHour;
      if (gone) stored.push_back(minute);
      else {
        for (const Nanos old : std::exchange(stored, {})) minute_of(0, old);
        minute_of(0, minute);
      }
      minute_of(1, minute);
    }
    return writer.take();
  };
  std::vector<Counter> counters;
  const std::string with = run(policy, stream(true), &counters), without = run(policy, stream(false));
  CHECK(counter(counters, "late") == 0);
  CHECK(counter(counters, "corrections") == 0);
  CHECK(aggregates_of(with) == aggregates_of(without));
  CHECK(fold(with).size() == 2U * 360U);
}
