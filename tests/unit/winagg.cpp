// SPDX-License-Identifier: Apache-2.0
// Windowed aggregates by example: what is excluded, cut short, corrected, refused.
#include "kernel/winagg.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "drive.hpp"

using namespace twinpipe;
using testing::StreamWriter;

namespace {

Policy policy_of(const std::string& rules) {
  Result<Policy> policy = Policy::parse(R"({"name":"p","version":"1","owner":"o","winagg":[)" + rules + "]}");
  REQUIRE(policy.ok());
  return *policy;
}
Policy everything(const std::string& parameters) { return policy_of(R"({"match":"+/+/+/+",)" + parameters + "}"); }

struct Ran {
  Status status;
  std::string out;
  std::vector<v1::Aggregates> rows;
  std::vector<Counter> counters;

  std::uint64_t counter(std::string_view name) const {
    for (const Counter& c : counters)
      if (c.name == name) return c.value;
    return ~std::uint64_t{0};
  }
};

Ran run(const Policy& policy, const std::string& stream, WinAggOptions options = {}, Output* late = nullptr) {
  REQUIRE(WinAgg::check(policy).ok());
  SeriesTable table;
  WinAgg stage(table, policy, options, late);
  Output out;
  Ran ran;
  ran.status = testing::drive(stream, stage, table, out);
  ran.out = out.pending();
  for (const v1::Frame& frame : testing::frames_of(ran.out, FrameKind::aggregates)) ran.rows.push_back(frame.aggregates());
  ran.counters = stage.counters();
  return ran;
}

template <class Value>
void readings(StreamWriter& writer, const std::vector<std::pair<Nanos, Value>>& rows, ValueType type = v1::VALUE_TYPE_DOUBLE,
              bool historical = false, std::uint32_t alias = 0) {
  ReadingsBuilder builder(type);
  builder.set_historical(historical);
  for (const auto& [second, value] : rows) builder.add(alias, second * kSecond, value);
  writer.out().readings(builder.columns());
}

StreamWriter stream(ValueType type = v1::VALUE_TYPE_DOUBLE) {
  StreamWriter writer;
  writer.series("n", "a", {"x"}, 0, 1, type);
  return writer;
}

using Doubles = std::vector<std::pair<Nanos, double>>;
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

void waveform(StreamWriter& writer, Nanos time, double period, const std::vector<float>& samples, bool pinned = false) {
  v1::Frame frame;
  frame.mutable_waveform()->set_time(time);
  frame.mutable_waveform()->set_sample_period(period);
  frame.mutable_waveform()->set_pinned(pinned);
  frame.mutable_waveform()->mutable_float_sample()->Assign(samples.begin(), samples.end());
  writer.out().frame(frame);
}

}  // namespace

TEST_CASE("the statistics of a window") {
  StreamWriter writer = stream();
  readings(writer, Doubles{{0, 1}, {1, 2}, {2, 3}, {3, -4}, {10, 7}});
  const Ran ran = run(everything(R"("window":"10s","period":"2s")"), writer.take());
  REQUIRE(ran.status.ok());
  REQUIRE(ran.rows.size() == 2);  // the first on the reading at 10 s, the second at the end
  const v1::Aggregates& row = ran.rows[0];
  REQUIRE(row.series_size() == 1);
  CHECK(row.start(0) == 0);
  CHECK(row.end(0) == 10 * kSecond);
  CHECK(row.count(0) == 4);
  CHECK(row.coverage(0) == 0.8);
  CHECK(row.min(0) == -4);
  CHECK(row.max(0) == 3);
  CHECK(row.mean(0) == 0.5);
  CHECK(row.rms(0) == Approx(std::sqrt(30.0 / 4)).epsilon(1e-15));
  CHECK(row.peak(0) == 4);
  CHECK(row.crest(0) == Approx(4 / std::sqrt(7.5)).epsilon(1e-15));
  CHECK(row.std(0) == Approx(std::sqrt(7.25)).epsilon(1e-15));
  CHECK(row.kurtosis(0) == Approx((0.0625 + 5.0625 + 39.0625 + 410.0625) / 4 / (7.25 * 7.25)).epsilon(1e-14));
  CHECK(row.first(0) == 1);
  CHECK(row.last(0) == -4);
  CHECK(row.last_time(0) == 3 * kSecond);
  CHECK(row.weight(0) == 4);
  CHECK(row.weighting() == v1::WEIGHTING_COUNT);
  CHECK_FALSE(row.historical());
  CHECK(row.policy_digest().size() == 64);
  CHECK(testing::frames_of(ran.out, FrameKind::readings).empty());  // used up
  CHECK(testing::frames_of(ran.out, FrameKind::applied).size() == 1);
}

TEST_CASE("what is no good is left out, counted, and missing from the coverage") {
  StreamWriter writer = stream();
  ReadingsBuilder rows;
  rows.add(0, 0, 5.0);
  rows.add(0, 1, kNan);
  rows.add(0, 2, std::numeric_limits<double>::infinity());
  rows.add(0, 3, 9.0, v1::QUALITY_BAD);
  rows.add(0, 4, 0.0, kGood | v1::QUALITY_NULL);
  writer.out().readings(rows.columns());
  readings(writer, Doubles{{10, kNan}});
  const Ran ran = run(everything(R"("window":"10s")"), writer.take());
  REQUIRE(ran.rows.size() == 2);
  CHECK(ran.rows[0].count(0) == 1);
  CHECK(ran.rows[0].mean(0) == 5);
  CHECK(ran.rows[0].coverage(0) == 0.2);
  CHECK(ran.rows[1].count(0) == 0);
  CHECK(ran.rows[1].coverage(0) == 0);
  CHECK(std::isnan(ran.rows[1].mean(0)));
  CHECK(std::isnan(ran.rows[1].rms(0)));
  CHECK(ran.counter("excluded") == 5);
  CHECK(ran.counter("aggregated") == 1);
}

TEST_CASE("integers and booleans are numbers; texts go on") {
  StreamWriter integers = stream(v1::VALUE_TYPE_INT64);
  readings(integers, std::vector<std::pair<Nanos, std::int64_t>>{{0, 2}, {1, 4}}, v1::VALUE_TYPE_INT64);
  CHECK(run(everything(R"("window":"10s")"), integers.take()).rows.at(0).mean(0) == 3);
  StreamWriter bools = stream(v1::VALUE_TYPE_BOOL);
  readings(bools, std::vector<std::pair<Nanos, bool>>{{0, true}, {1, false}, {2, true}, {3, true}}, v1::VALUE_TYPE_BOOL);
  CHECK(run(everything(R"("window":"10s")"), bools.take()).rows.at(0).mean(0) == 0.75);
  StreamWriter texts = stream(v1::VALUE_TYPE_STRING);
  readings(texts, std::vector<std::pair<Nanos, const char*>>{{0, "on"}, {1, "off"}}, v1::VALUE_TYPE_STRING);
  const Ran ran = run(everything(R"("window":"10s")"), texts.take());
  CHECK(ran.rows.empty());
  CHECK(ran.counter("not_numeric") == 2);
  CHECK(testing::frames_of(ran.out, FrameKind::readings).size() == 1);
}

TEST_CASE("raw goes on with --keep, where it is pinned, and where no rule matches") {
  StreamWriter writer;
  writer.series("n", "a", {"x", "y"}, 0);
  readings(writer, Doubles{{0, 1}});
  readings(writer, Doubles{{0, 2}}, v1::VALUE_TYPE_DOUBLE, false, 1);
  ReadingsBuilder pinned;
  pinned.set_pinned(true);
  pinned.add(0, kSecond, 3.0);
  writer.out().readings(pinned.columns());
  waveform(writer, 2 * kSecond, 0.1, {1, 2}, true);
  waveform(writer, 3 * kSecond, 0.1, {1, 2});
  const std::string in = writer.take();
  const Policy policy = policy_of(R"({"match":"+/+/+/x","window":"10s"})");
  const auto forwarded = [&](bool keep) {
    WinAggOptions options;
    options.keep = keep;
    const Ran ran = run(policy, in, options);
    CHECK(ran.rows.at(0).count(0) == 6);
    return std::pair(testing::frames_of(ran.out, FrameKind::readings).size(),
                     testing::frames_of(ran.out, FrameKind::waveform).size());
  };
  CHECK(forwarded(false) == std::pair<std::size_t, std::size_t>(2, 1));
  CHECK(forwarded(true) == std::pair<std::size_t, std::size_t>(3, 2));
}

TEST_CASE("the same reading twice counts once; another value of the same time counts too, the later index last") {
  StreamWriter writer = stream();
  ReadingsBuilder rows;
  for (const std::uint32_t index : {2U, 1U}) {
    rows.add(0, kSecond, index == 2 ? 20.0 : 10.0);
    rows.set_origin(5, index);
    rows.add(0, kSecond, index == 2 ? 20.0 : 10.0);
    rows.set_origin(5, index);
  }
  writer.out().readings(rows.columns());
  const Ran ran = run(everything(R"("window":"10s")"), writer.take());
  CHECK(ran.rows.at(0).count(0) == 2);
  CHECK(ran.rows.at(0).first(0) == 10);
  CHECK(ran.rows.at(0).last(0) == 20);
  CHECK(ran.counter("duplicates") == 2);
  CHECK(ran.counter("aggregated") == 2);
}

TEST_CASE("each sample of a waveform is in the window of its own time, and coverage follows the sample period") {
  StreamWriter writer = stream(v1::VALUE_TYPE_WAVEFORM);
  std::vector<float> samples(100);
  for (std::size_t i = 0; i < samples.size(); ++i) samples[i] = static_cast<float>(i);
  waveform(writer, 95 * kSecond / 10, 0.01, samples);                         // half a second on both sides of 10 s
  waveform(writer, 105 * kSecond / 10, 0.02, std::vector<float>(100, 1.0F));  // another rate
  samples[3] = std::numeric_limits<float>::quiet_NaN();
  waveform(writer, 30 * kSecond, 0.01, samples);
  const Ran ran = run(everything(R"("window":"10s")"), writer.take());
  REQUIRE(ran.rows.size() == 3);
  CHECK(ran.rows[0].count(0) == 50);
  CHECK(ran.rows[0].max(0) == 49);
  CHECK(ran.rows[0].coverage(0) == Approx(0.05));
  CHECK(ran.rows[0].last_time(0) == 999 * kSecond / 100);
  CHECK(ran.rows[1].count(0) == 150);
  CHECK(ran.rows[1].coverage(0) == Approx(0.25));
  CHECK(ran.rows[1].first(0) == 50);
  CHECK(ran.rows[1].last(0) == 1);
  CHECK(ran.rows[2].count(0) == 99);
  CHECK(ran.rows[2].coverage(0) == Approx(0.099));
  CHECK(ran.counter("samples") == 299);
  CHECK(ran.counter("samples_excluded") == 1);
}

TEST_CASE("a waveform without a sensible sample period is left out, and passes") {
  for (const double period : {0.0, -0.1, kNan, std::numeric_limits<double>::infinity(), 1e12}) {
    StreamWriter writer = stream(v1::VALUE_TYPE_WAVEFORM);
    waveform(writer, 0, period, {1, 2});
    const Ran ran = run(everything(R"("window":"10s")"), writer.take());
    CHECK(ran.status.ok());
    CHECK(ran.rows.empty());
    CHECK(ran.counter("samples_excluded") == 2);
    CHECK(testing::frames_of(ran.out, FrameKind::waveform).size() == 1);
  }
}

TEST_CASE("waveforms are counted, whatever a deadband does to readings") {
  for (const char* weighting : {"auto", "step", "linear"}) {
    StreamWriter writer = stream(v1::VALUE_TYPE_WAVEFORM);
    v1::Frame applied;
    applied.mutable_applied()->set_tool("deadband");
    v1::AppliedRule& rule = *applied.mutable_applied()->add_rule();
    rule.set_pattern("+/+/+/+");
    rule.set_interpolation(v1::WEIGHTING_STEP);
    writer.out().frame(applied);
    waveform(writer, 0, 0.5, {1, 2, 3, 4});
    const Ran ran = run(everything(std::string(R"("window":"10s","weighting":")") + weighting + '"'), writer.take());
    REQUIRE(ran.rows.size() == 1);
    CHECK(ran.rows[0].weighting() == v1::WEIGHTING_COUNT);
    CHECK(ran.rows[0].count(0) == 4);
    CHECK(ran.rows[0].mean(0) == 2.5);
  }
}

TEST_CASE("a series that moves to another node goes by that node's time") {
  StreamWriter writer = stream();
  readings(writer, Doubles{{0, 1}});
  writer.series("m", "a", {"x"}, 0, 1, v1::VALUE_TYPE_DOUBLE);
  for (Nanos second = 1; second < 100; ++second) readings(writer, Doubles{{second, 1}});
  WinAggOptions options;
  options.max_open = 4;
  const Ran ran = run(everything(R"("window":"1s")"), writer.take(), options);
  CHECK(ran.status.ok());
  CHECK(ran.counter("aggregated") == 100);
}

TEST_CASE("sums that leave the range of a double leave the mean in it, and say that the spread is not known") {
  StreamWriter writer = stream();
  readings(writer, Doubles{{0, 1e308}, {1, 1e308}, {2, 1e308}, {10, 1e308}, {11, -1e308}});
  const Ran ran = run(everything(R"("window":"10s")"), writer.take());
  REQUIRE(ran.rows.size() == 2);
  CHECK(ran.rows[0].mean(0) == 1e308);
  CHECK(ran.rows[0].rms(0) == 1e308);
  CHECK(ran.rows[1].mean(0) == 0);
  CHECK(std::isnan(ran.rows[1].std(0)));
}

TEST_CASE("late readings correct a row within the lateness, and are put aside behind it") {
  StreamWriter writer = stream();
  writer.watermark("n", 0);
  readings(writer, Doubles{{1, 1}});
  writer.watermark("n", 12 * kSecond);
  readings(writer, Doubles{{2, 3}, {3, 5}});
  writer.watermark("n", 13 * kSecond);
  writer.watermark("n", 14 * kSecond);
  writer.watermark("n", 15 * kSecond);
  readings(writer, Doubles{{4, 100}});
  Output late;
  const Ran ran = run(everything(R"("window":"10s","lateness":"5s")"), writer.take(), {}, &late);
  REQUIRE(ran.rows.size() == 2);
  CHECK(ran.rows[0].revision(0) == 0);
  CHECK(ran.rows[0].mean(0) == 1);
  CHECK(ran.rows[1].revision(0) == 1);
  CHECK(ran.rows[1].mean(0) == 3);
  CHECK_FALSE(ran.rows[1].delta(0));
  CHECK(ran.counter("late") == 1);
  const auto aside = testing::frames_of(late.pending(), FrameKind::readings);
  REQUIRE(aside.size() == 1);
  CHECK(aside[0].readings().double_value(0) == 100);
  const auto declared = testing::frames_of(late.pending(), FrameKind::series);
  REQUIRE(declared.size() == 1);
  CHECK(declared[0].series().sensor(0).name() == "x");
}

TEST_CASE("history of a window that was sent is a delta, of one that was not its row") {
  StreamWriter writer = stream();
  readings(writer, Doubles{{1, 1}, {31, 1}});
  readings(writer, Doubles{{2, 5}, {12, 7}, {32, 9}}, v1::VALUE_TYPE_DOUBLE, true);
  const Ran ran = run(everything(R"("window":"10s")"), writer.take());
  std::vector<std::string> rows;
  for (const v1::Aggregates& a : ran.rows)
    for (int i = 0; i < a.series_size(); ++i)
      rows.push_back(std::to_string(a.start(i) / kSecond) + " revision " + std::to_string(a.revision(i)) +
                     (a.delta(i) ? " delta" : "") + (a.historical() ? " historical" : "") + " mean " +
                     std::to_string(static_cast<int>(a.mean(i))));
  CHECK(rows == std::vector<std::string>{"0 revision 0 mean 1", "0 revision 1 delta historical mean 5",
                                         "10 revision 0 historical mean 7", "30 revision 0 mean 1",
                                         "30 revision 1 delta historical mean 9"});
}

TEST_CASE("weighted by time, a delta holds the time alone that its window's row does not") {
  const auto weights = [](const std::string& weighting, const Doubles& history) {
    StreamWriter writer = stream();
    readings(writer, Doubles{{0, 10}, {4, 20}, {16, 30}, {20, 30}, {40, 0}});
    readings(writer, history, v1::VALUE_TYPE_DOUBLE, true);
    const Ran ran =
        run(everything(R"("window":"20s","heartbeat":"4s","period":"1s","weighting":")" + weighting + '"'), writer.take());
    std::vector<std::tuple<Nanos, bool, std::uint64_t, double, double>> rows;
    for (const v1::Aggregates& a : ran.rows)
      for (int i = 0; i < a.series_size(); ++i)
        if (a.start(i) == 0)
          rows.push_back({a.revision(i), a.delta(i), a.count(i), a.weight(i), a.weight(i) > 0 ? a.mean(i) : -1});
    return rows;
  };
  using Weights = decltype(weights("", {}));
  // 10 for 4 s, 20 for 5 s and 30 for 4 s were sent. Of what holds from 8 s to 13 s and from 14 s on, 4 + 2 s were not.
  CHECK(weights("step", {{8, 1}, {14, 7}}) == Weights{{0, false, 3, 13, 20}, {1, true, 2, 6, (4 * 1 + 1 * 0 + 2 * 7) / 6.0}});
  // All of its time was covered: it is counted, and weighs nothing.
  CHECK(weights("step", {{1, 1}}) == Weights{{0, false, 3, 13, 20}, {1, true, 1, 0, -1}});
  // Lines of 4 s each were sent. From 20 at 4 s to 10 at 9 s, to 8 at 12 s, to 30 at 16 s: nothing of it was.
  CHECK(weights("linear", {{1, 1}, {9, 10}, {12, 8}, {18, 0}}) ==
        Weights{{0, false, 3, 8, 22.5}, {1, true, 4, 12, (5 * 15 + 3 * 9 + 4 * 19) / 12.0}});
}

TEST_CASE("a death, a gap and a restart mark the windows that they cut short") {
  const Policy policy = everything(R"("window":"10s")");
  const auto gap = [](Nanos from, Nanos to) {
    v1::Frame frame;
    frame.mutable_gap()->set_node("n");
    frame.mutable_gap()->set_from(from);
    frame.mutable_gap()->set_to(to);
    return frame;
  };
  const auto cuts = [&](const std::string& in) {
    std::vector<std::pair<Nanos, std::uint32_t>> found;
    for (const v1::Aggregates& a : run(policy, in).rows)
      for (int i = 0; i < a.series_size(); ++i) found.push_back({a.start(i) / kSecond, a.cut(i)});
    return found;
  };
  using Cuts = std::vector<std::pair<Nanos, std::uint32_t>>;

  StreamWriter death = stream();
  readings(death, Doubles{{1, 1}, {11, 2}});
  death.lifecycle("n", false, v1::Lifecycle::REASON_WILL, 1, 99 * kSecond);
  const auto before_news = run(policy, death.take()).out;
  StreamWriter again = stream();
  readings(again, Doubles{{1, 1}, {11, 2}});
  again.lifecycle("n", false, v1::Lifecycle::REASON_WILL, 1, 99 * kSecond);
  readings(again, Doubles{{15, 3}, {25, 4}});
  CHECK(cuts(again.take()) == Cuts{{0, 0}, {10, v1::CUT_DEATH}, {10, v1::CUT_DEATH}, {20, 0}});

  StreamWriter known = stream();
  readings(known, Doubles{{1, 1}, {11, 2}, {21, 3}, {31, 3}});
  known.out().frame(gap(34 * kSecond, 36 * kSecond));
  readings(known, Doubles{{41, 4}});
  CHECK(cuts(known.take()) == Cuts{{0, 0}, {10, 0}, {20, 0}, {30, v1::CUT_GAP}, {40, 0}});

  StreamWriter unknown = stream();
  readings(unknown, Doubles{{1, 1}, {11, 2}});
  unknown.out().frame(gap(0, 0));
  readings(unknown, Doubles{{21, 4}});
  CHECK(cuts(unknown.take()) == Cuts{{0, 0}, {10, v1::CUT_GAP}, {20, 0}});

  StreamWriter resumed;
  v1::Frame resume;
  resume.mutable_resume()->mutable_position()->set_source("s");
  resumed.out().frame(resume);
  resumed.series("n", "a", {"x"}, 0);
  readings(resumed, Doubles{{5, 1}, {11, 2}});
  CHECK(cuts(resumed.take()) == Cuts{{0, v1::CUT_RESTART}, {10, 0}});
}

TEST_CASE("a device's death closes its own windows and no other's") {
  StreamWriter writer;
  writer.series("n", "a", {"x"}, 0);
  writer.series("n", "b", {"x"}, 1);
  readings(writer, Doubles{{1, 1}});
  readings(writer, Doubles{{1, 2}}, v1::VALUE_TYPE_DOUBLE, false, 1);
  v1::Frame frame;
  v1::Lifecycle& death = *frame.mutable_lifecycle();
  death.set_node("n");
  death.set_site("s");
  death.set_line("l");
  death.set_asset("b");
  death.set_reason(v1::Lifecycle::REASON_DEATH);
  writer.out().frame(frame);
  readings(writer, Doubles{{3, 1}});
  const Ran ran = run(everything(R"("window":"10s")"), writer.take());
  REQUIRE(ran.rows.size() == 2);
  CHECK(ran.rows[0].series(0) == 1);
  CHECK(ran.rows[0].cut(0) == v1::CUT_DEATH);
  CHECK(ran.rows[1].series(0) == 0);
  CHECK(ran.rows[1].cut(0) == v1::CUT_NONE);
  CHECK(ran.rows[1].count(0) == 2);
}

TEST_CASE("weighting follows what the deadband upstream says, and its heartbeat bounds what is covered") {
  const auto applied = [](v1::Weighting interpolation, Nanos heartbeat) {
    v1::Frame frame;
    frame.mutable_applied()->set_tool("deadband");
    v1::AppliedRule& rule = *frame.mutable_applied()->add_rule();
    rule.set_pattern("+/+/+/x");
    rule.set_interpolation(interpolation);
    rule.set_heartbeat(heartbeat);
    return frame;
  };
  StreamWriter step;
  step.out().frame(applied(v1::WEIGHTING_STEP, 4 * kSecond));
  step.series("n", "a", {"x"}, 0);
  readings(step, Doubles{{0, 10}, {1, 20}, {12, 30}, {20, 0}});
  const Ran ran = run(everything(R"("window":"10s","period":"1s")"), step.take());
  REQUIRE(ran.rows.size() >= 2);
  CHECK(ran.rows[0].weighting() == v1::WEIGHTING_STEP);
  CHECK(ran.rows[0].weight(0) == 6);  // one second of 10, five of 20: four of the heartbeat, one of the period
  CHECK(ran.rows[0].mean(0) == Approx((10 + 5 * 20) / 6.0));
  CHECK(ran.rows[0].coverage(0) == Approx(0.6));
  CHECK(ran.rows[0].count(0) == 2);
  CHECK(ran.rows[0].last_time(0) == 6 * kSecond);

  StreamWriter linear;
  linear.out().frame(applied(v1::WEIGHTING_LINEAR, 60 * kSecond));
  linear.series("n", "a", {"x"}, 0);
  readings(linear, Doubles{{0, 0}, {20, 20}});
  const Ran lines = run(everything(R"("window":"10s","lateness":"60s")"), linear.take());
  REQUIRE(lines.rows.size() == 2);
  CHECK(lines.rows[0].series_size() == 2);
  CHECK(lines.rows[0].mean(0) == Approx(5));
  CHECK(lines.rows[0].mean(1) == Approx(15));
  CHECK(lines.rows[0].count(1) == 0);
  CHECK(lines.rows[0].first(1) == Approx(10));
}

TEST_CASE("a gap and a bad reading end what was held") {
  StreamWriter writer = stream();
  ReadingsBuilder rows;
  rows.add(0, 0, 10.0);
  rows.add(0, 4 * kSecond, 0.0, v1::QUALITY_BAD);
  rows.add(0, 20 * kSecond, 5.0);
  writer.out().readings(rows.columns());
  v1::Frame gap;
  gap.mutable_gap()->set_node("n");
  gap.mutable_gap()->set_from(23 * kSecond);
  gap.mutable_gap()->set_to(24 * kSecond);
  writer.out().frame(gap);
  writer.watermark("n", 60 * kSecond);
  const Ran ran = run(everything(R"("window":"10s","weighting":"step")"), writer.take());
  std::vector<std::tuple<Nanos, double, std::uint32_t>> weights;
  for (const v1::Aggregates& a : ran.rows)
    for (int i = 0; i < a.series_size(); ++i) weights.push_back({a.start(i) / kSecond, a.weight(i), a.cut(i)});
  CHECK(weights == std::vector<std::tuple<Nanos, double, std::uint32_t>>{{0, 4.0, 0U}, {20, 3.0, v1::CUT_GAP}});
}

TEST_CASE("a clock that is set back adds to windows that are gone") {
  StreamWriter writer;
  writer.series("n", "a", {"x"}, 0, 1);
  readings(writer, Doubles{{1, 1}, {2, 1}, {100, 1}});
  writer.series("n", "a", {"x"}, 0, 2);  // another birth
  readings(writer, Doubles{{3, 4}, {50, 9}});
  const Ran ran = run(everything(R"("window":"10s")"), writer.take());
  std::vector<std::tuple<Nanos, double, bool, std::uint32_t>> rows;
  for (const v1::Aggregates& a : ran.rows)
    for (int i = 0; i < a.series_size(); ++i) rows.push_back({a.start(i) / kSecond, a.mean(i), a.delta(i), a.revision(i)});
  CHECK(rows == std::vector<std::tuple<Nanos, double, bool, std::uint32_t>>{
                    {0, 1, false, 0}, {0, 4, true, 1}, {50, 9, false, 0}, {100, 1, false, 0}});
}

TEST_CASE("a temporary rule ends at its event time, and the windows that it shaped are marked") {
  const Policy policy = policy_of(
      R"({"match":"+/+/+/+","window":"20s","expires":"25000000000","reason":"test"},{"match":"+/+/+/+","window":"10s"})");
  StreamWriter writer = stream();
  readings(writer, Doubles{{1, 1}, {21, 2}, {26, 3}, {31, 4}});
  const Ran ran = run(policy, writer.take());
  std::vector<std::tuple<Nanos, Nanos, std::uint32_t>> rows;
  for (const v1::Aggregates& a : ran.rows)
    for (int i = 0; i < a.series_size(); ++i) rows.push_back({a.start(i) / kSecond, a.end(i) / kSecond, a.cut(i)});
  CHECK(rows == std::vector<std::tuple<Nanos, Nanos, std::uint32_t>>{
                    {0, 20, 0U}, {20, 40, v1::CUT_RESTART}, {20, 30, v1::CUT_RESTART}, {30, 40, 0U}});
  CHECK(testing::frames_of(ran.out, FrameKind::applied).size() == 2);
}

namespace {

void declare(StreamWriter& writer, const char* unit) {
  v1::Frame frame;
  v1::Series& series = *frame.mutable_series();
  series.set_site("s");
  series.set_line("l");
  series.set_asset("a");
  series.set_node("n");
  series.add_sensor()->set_name("x");
  series.mutable_sensor(0)->set_type(v1::VALUE_TYPE_DOUBLE);
  series.mutable_sensor(0)->set_declared_unit(unit);
  writer.out().frame(frame);
}

}  // namespace

TEST_CASE("history in another unit adds to no row of the unit before: it replaces it, and says so") {
  for (const char* weighting : {"count", "step"}) {
    StreamWriter writer;
    declare(writer, "degC");
    readings(writer, Doubles{{1, 20}, {2, 22}, {31, 21}});
    readings(writer, Doubles{{3, 21}}, v1::VALUE_TYPE_DOUBLE, true);
    declare(writer, "degF");
    readings(writer, Doubles{{32, 70}});
    readings(writer, Doubles{{4, 71}, {15, 72}}, v1::VALUE_TYPE_DOUBLE, true);
    declare(writer, "degF");  // nothing new
    const Ran ran =
        run(everything(R"("window":"10s","heartbeat":"2s","weighting":")" + std::string(weighting) + '"'), writer.take());
    std::vector<std::tuple<Nanos, std::uint32_t, bool, std::uint64_t, std::uint32_t>> rows;
    for (const v1::Aggregates& a : ran.rows)
      for (int i = 0; i < a.series_size(); ++i)
        if (a.start(i) < 20 * kSecond) rows.push_back({a.start(i) / kSecond, a.revision(i), a.delta(i), a.count(i), a.cut(i)});
    CHECK(rows == std::vector<std::tuple<Nanos, std::uint32_t, bool, std::uint64_t, std::uint32_t>>{
                      {0, 0U, false, 2, 0U}, {0, 1U, true, 1, 0U}, {0, 2U, false, 1, v1::CUT_RESTART}, {10, 0U, false, 1, 0U}});
  }
}

TEST_CASE("another unit begins anew: nothing is mixed") {
  StreamWriter writer;
  declare(writer, "degC");
  readings(writer, Doubles{{1, 20}, {2, 22}});
  declare(writer, "degF");
  readings(writer, Doubles{{3, 70}, {14, 71}});
  const Ran ran = run(everything(R"("window":"10s")"), writer.take());
  REQUIRE(ran.rows.size() == 3);
  CHECK(ran.rows[0].mean(0) == 21);
  CHECK(ran.rows[0].cut(0) == v1::CUT_RESTART);
  CHECK(ran.rows[1].mean(0) == 70);
  CHECK(ran.rows[1].cut(0) == v1::CUT_RESTART);
  CHECK(ran.rows[1].revision(0) == 1);
  CHECK(ran.rows[2].cut(0) == v1::CUT_NONE);
  // The old unit's row stands before the new declaration.
  const std::size_t row = ran.out.find(testing::frames_of(ran.out, FrameKind::aggregates)[0].SerializeAsString());
  CHECK(row < ran.out.find("degF"));
}

TEST_CASE("rows of a segment that no longer declares the series wait for the declaration, or declare it at the end") {
  StreamWriter first = stream();
  readings(first, Doubles{{1, 1}, {12, 2}});
  StreamWriter second;
  second.series("n", "b", {"y"}, 0);
  readings(second, Doubles{{25, 3}});
  const std::string both = first.take() + second.take();
  const Ran ran = run(everything(R"("window":"10s")"), both);
  REQUIRE(ran.status.ok());
  std::size_t rows = 0;
  for (const v1::Aggregates& a : ran.rows) rows += static_cast<std::size_t>(a.series_size());
  CHECK(rows == 3);
  // Whatever is written can be read: aliases are declared where they are used.
  SeriesTable table;
  WinAggOptions options;
  const Policy none = policy_of("");
  WinAgg stage(table, none, options);
  Output out;
  CHECK(testing::drive(ran.out, stage, table, out).ok());
}

TEST_CASE("bounds are errors with the option's name") {
  StreamWriter writer = stream();
  writer.watermark("n", 0);
  Doubles many;
  for (Nanos second = 0; second < 100; ++second) many.push_back({second, 1.0});
  readings(writer, many);
  const std::string in = writer.take();
  WinAggOptions few;
  few.max_open = 50;
  const Ran open = run(everything(R"("window":"1s")"), in, few);
  CHECK(open.status.code == Code::bad_data);
  CHECK(open.status.message.find("--max-open") != std::string::npos);
  WinAggOptions small;
  small.memory = 1000;
  const Ran held = run(everything(R"("window":"1h")"), in, small);
  CHECK(held.status.code == Code::bad_data);
  CHECK(held.status.message.find("--memory") != std::string::npos);
}

TEST_CASE("times of no world are late, not a crash") {
  StreamWriter writer = stream();
  ReadingsBuilder rows;
  rows.add(0, kBeginning, 1.0);
  rows.add(0, kForever, 1.0);
  rows.add(0, -5, 1.0);
  rows.add(0, kSecond, 1.0);
  writer.out().readings(rows.columns());
  writer.watermark("n", kForever);
  const Ran ran = run(everything(R"("window":"10s","weighting":"step")"), writer.take());
  REQUIRE(ran.status.ok());
  CHECK(ran.counter("late") == 2);
  CHECK(ran.rows.at(0).start(0) == -10 * kSecond);
}

TEST_CASE("a policy whose windows make no sense is refused with the rule's name") {
  const auto said = [](const std::string& rule) { return WinAgg::check(policy_of(rule)).message; };
  CHECK(said(R"({"match":"+/+/+/+"})") == "policy: winagg 'winagg[0]': 'window' is missing");
  CHECK(said(R"({"match":"+/+/+/+","name":"r","window":"0"})") == "policy: winagg 'r': a window of length zero");
  CHECK(said(R"({"match":"+/+/+/+","name":"r","window":"1m","slide":"0"})") == "policy: winagg 'r': a slide of length zero");
  CHECK(said(R"({"match":"+/+/+/+","name":"r","window":"1m","slide":"7s"})") ==
        "policy: winagg 'r': the slide, 7s, does not divide the window, 1m");
  CHECK(said(R"({"match":"+/+/+/+","name":"r","window":"1d","slide":"1ms"})") ==
        "policy: winagg 'r': more than 10000 slides in a window");
  CHECK(WinAgg::check(policy_of(R"({"match":"+/+/+/+","window":"1m","slide":"20s","weighting":"linear"})")).ok());
}
