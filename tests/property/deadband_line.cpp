// SPDX-License-Identifier: Apache-2.0
// Laws of what the deadband leaves for a straight line: swinging door ≤ E, previous value ≤ 2δ, both ≤ E + 2δ, at every
// reading that came; a subsequence in order; heartbeat; changes pass; whatever the grouping, a stop, or another lane.
#include <fmt/format.h>

#include <algorithm>

#include "kernel/swinging_door.hpp"
#include "property/deadband_laws.hpp"

using namespace twinpipe;
using namespace twinpipe::deadband_laws;

namespace {

/// Readings of three series that a line can follow: levels, ramps and steps with noise; `clean`: numbers of one quality;
/// `longest`: half of the longest step in time.
std::vector<Reading> some_signal(bool clean = false, Nanos longest = 86'400 * kSecond) {
  struct Source {
    double value = 0, slope = 0;
  };
  std::array<Source, kSeries> sources;
  const double scale = *rc::gen::element(1.0, 1.0, 1e-300, 1e300, 0.1, 1e9);
  const double noise = *rc::gen::element(0.0, 0.25, 1.0);
  const Nanos tick = *rc::gen::element<Nanos>(Nanos{kSecond}, Nanos{1}, kSecond / 3, longest);
  std::vector<Reading> readings;
  Nanos time = *rc::gen::element<Nanos>(Nanos{0}, 1'767'225'600 * kSecond, Nanos{-5});
  for (int i = 0, n = *rc::gen::inRange(0, 150); i < n; ++i) {
    time += *rc::gen::inRange(0, 3) * tick;
    const auto alias = *rc::gen::inRange<std::uint32_t>(0, kSeries);
    Source& source = sources[alias];
    const int event = *rc::gen::inRange(0, 20);
    if (event == 0) source.slope = *rc::gen::inRange(-8, 9) * 0.25;
    if (event == 1) source.value += *rc::gen::inRange(-40, 41) * 0.25;
    source.value += source.slope;
    double value = (source.value + noise * *rc::gen::inRange(-4, 5) * 0.25) * scale;
    if (!clean && event == 2) value = *rc::gen::element(std::nan(""), HUGE_VAL, -HUGE_VAL);
    readings.push_back({alias, time, value, !clean && event == 3 ? 0 : kGood});
  }
  return readings;
}

/// The bound that suits a signal: a part of its greatest step.
double some_bound(const std::vector<Reading>& in) {
  double size = 0;
  for (const Reading& r : in)
    if (std::isfinite(r.value)) size = std::max(size, std::fabs(r.value));
  return size * *rc::gen::element(0.0, 1e-16, 1e-3, 0.02, 0.1, 0.5);
}

std::string number(double value) { return fmt::format("{}", value); }

std::vector<Reading> of_series(const std::vector<Reading>& all, std::uint32_t alias) {
  std::vector<Reading> some;
  std::ranges::copy_if(all, std::back_inserter(some), [&](const Reading& r) { return r.alias == alias; });
  return some;
}

bool is_subsequence(const std::vector<Reading>& part, const std::vector<Reading>& whole) {
  auto next = part.begin();
  for (const Reading& reading : whole)
    if (next != part.end() && *next == reading) ++next;
  return next == part.end();
}

bool same_value(const Reading& a, const Reading& b) {
  return a.quality == b.quality && (a.value == b.value || (std::isnan(a.value) && std::isnan(b.value)));
}

/// How far off a reader of `out`, one series, is at the time of `reading`, a number: on the straight line, or at best when
/// readings of that time were sent.
double error_at(const std::vector<Reading>& out, const Reading& reading) {
  double least = HUGE_VAL;
  const Reading* before = nullptr;
  for (const Reading& o : out) {
    if (o.time == reading.time && o.quality == reading.quality) least = std::min(least, std::fabs(o.value - reading.value));
    if (o.time > reading.time) {
      if (before == nullptr || before->time == reading.time || before->quality != reading.quality) return least;
      return std::fabs(on_line(before->time, before->value, o.time, o.value, reading.time) - reading.value);
    }
    before = &o;
  }
  return least;
}

/// Whether an infinity or not-a-number was sent, or is what a reader held when it came.
bool is_held(const std::vector<Reading>& out, const Reading& reading) {
  const Reading* before = nullptr;
  for (const Reading& o : out) {
    if (o.time == reading.time && same_value(o, reading)) return true;
    if (o.time < reading.time) before = &o;
  }
  return before != nullptr && same_value(*before, reading);
}

/// The law, for every series: all errors ≤ bound, exactly when `rounding` is 0; and the output is part of the input.
void check_law(const std::vector<Reading>& in, const std::vector<Reading>& out, double bound, double rounding) {
  for (std::uint32_t alias = 0; alias < kSeries; ++alias) {
    const auto one_in = of_series(in, alias), one_out = of_series(out, alias);
    RC_ASSERT(is_subsequence(one_out, one_in));
    for (const Reading& reading : one_in) {
      if (std::isfinite(reading.value)) {
        RC_ASSERT(error_at(one_out, reading) <= bound + rounding * (std::fabs(reading.value) + bound));
      } else {
        RC_ASSERT(is_held(one_out, reading));
      }
    }
  }
}

// Exception reporting compares without room for the rounding of the line that a reader draws later; the door has it.
constexpr double kLineRounding = 0x1p-48;

std::string door_rule(double bound) { return R"("swinging_door":)" + number(bound); }

}  // namespace

TEST_CASE("swinging door: the straight line is within the bound at every reading, exactly") {
  CHECK(rc::check([] {
    const auto in = some_signal();
    const double bound = some_bound(in);
    const auto out = readings_of(run(policy_of(door_rule(bound) + R"(,"heartbeat":"40s")"), stream_of(in, 7)));
    check_law(in, out, bound, 0);
  }));
}

TEST_CASE("swinging door: integers keep the bound in exact arithmetic") {
  CHECK(rc::check([] {
    const auto base =
        *rc::gen::element<std::int64_t>(std::int64_t{0}, std::int64_t{1} << 53, std::numeric_limits<std::int64_t>::max() - 50);
    const int bound = *rc::gen::inRange(0, 6);
    testing::StreamWriter writer;
    writer.series("n", "a", {"x"}, 0, 1, v1::VALUE_TYPE_INT64);
    ReadingsBuilder rows(v1::VALUE_TYPE_INT64);
    std::vector<std::pair<Nanos, std::int64_t>> in;
    for (int i = 0, n = *rc::gen::inRange(1, 80); i < n; ++i) {
      in.emplace_back(i * kSecond, base + std::clamp(*rc::gen::inRange(-6, 7) + i / 4, -50, 50));
      rows.add(0, in.back().first, in.back().second);
    }
    writer.out().readings(rows.columns());
    std::vector<std::pair<Nanos, std::int64_t>> out;
    for (const v1::Frame& frame : testing::frames_of(run(policy_of(door_rule(bound)), writer.take()), FrameKind::readings))
      for (int i = 0; i < frame.readings().time_size(); ++i)
        out.emplace_back(frame.readings().time(i), frame.readings().int_value(i));
    for (const auto& [time, value] : in) {
      const auto next = std::ranges::lower_bound(out, time, {}, [](const auto& o) { return o.first; });
      RC_ASSERT(next != out.end());
      if (next->first == time) continue;
      const auto before = std::prev(next);
      const __int128 run = next->first - before->first;
      const __int128 off = static_cast<__int128>(next->second - before->second) * (time - before->first) -
                           static_cast<__int128>(value - before->second) * run;
      RC_ASSERT((off < 0 ? -off : off) <= bound * run);
    }
  }));
}

TEST_CASE("swinging door: what lies on a line leaves its ends, what is level leaves two") {
  const auto kept = [](double bound, auto&& value) {
    std::vector<Reading> in;
    for (int i = 0; i <= 1000; ++i) in.push_back({0, i * kSecond, value(i), kGood});
    return readings_of(run(policy_of(door_rule(bound)), stream_of(in, 64))).size();
  };
  CHECK(kept(0.001, [](int i) { return 20 + 0.3 * i; }) == 2);
  CHECK(kept(0.51, [](int i) { return 20 + 0.3 * i + (i % 2) * 0.5; }) == 2);
  CHECK(kept(0, [](int) { return 20.1; }) == 2);
  CHECK(kept(1, [](int i) { return i % 2 * 1.0; }) == 2);
  CHECK(kept(0.5, [](int i) { return i < 500 ? 0.0 : 10.0; }) == 4);
}

TEST_CASE("previous value: the straight line is within twice the bound") {
  CHECK(rc::check([] {
    const auto in = some_signal();
    const double bound = some_bound(in);
    const auto out =
        readings_of(run(policy_of(fmt::format(R"("absolute":{},"previous":true,"heartbeat":"40s")", bound)), stream_of(in, 7)));
    check_law(in, out, 2 * bound, kLineRounding);
  }));
}

TEST_CASE("the door behind exception reporting: within its bound and twice the other") {
  CHECK(rc::check([] {
    const auto in = some_signal();
    const double exception = some_bound(in), door = some_bound(in);
    const auto out = readings_of(
        run(policy_of(fmt::format(R"("absolute":{},"swinging_door":{},"heartbeat":"40s")", exception, door)), stream_of(in, 7)));
    check_law(in, out, door + 2 * exception, kLineRounding);
  }));
}

TEST_CASE("shortest interval: the door keeps it, and its bound outside the blackout") {
  CHECK(rc::check([] {
    const auto in = some_signal(true, 600 * kSecond);  // behind a leap two readings pass, however close
    const double bound = some_bound(in);
    const Nanos shortest = 3 * kSecond;
    const auto out = readings_of(run(policy_of(door_rule(bound) + R"(,"shortest":"3s")"), stream_of(in, 7)));
    for (std::uint32_t alias = 0; alias < kSeries; ++alias) {
      const auto one_in = of_series(in, alias), one_out = of_series(out, alias);
      RC_ASSERT(is_subsequence(one_out, one_in));
      for (std::size_t i = 2; i < one_out.size(); ++i)  // the last one leaves with the end of the input
        RC_ASSERT(one_out[i - 1].time - one_out[i - 2].time >= shortest);
      for (const Reading& reading : one_in) {
        Nanos sent = kBeginning;
        for (const Reading& o : one_out)
          if (o.time <= reading.time) sent = o.time;
        if (saturating_sub(reading.time, sent) >= shortest) RC_ASSERT(error_at(one_out, reading) <= bound);
      }
    }
  }));
}

TEST_CASE("heartbeat: no longer silence while readings or ticks come") {
  CHECK(rc::check([] {
    const std::string rule = *rc::gen::element<std::string>(R"("swinging_door":1000)", R"("absolute":1000,"previous":true)",
                                                            R"("absolute":0.5,"swinging_door":1000)");
    const Policy policy = policy_of(rule + R"(,"heartbeat":"5s")");
    const auto in = some_readings();
    testing::StreamWriter writer;
    writer.series("n", "a", {"x", "y", "z"}, 0);
    for (const Reading& r : in) {
      ReadingsBuilder row;
      row.add(r.alias, r.time, r.value, r.quality);
      writer.out().readings(row.columns());
      writer.watermark("n", r.time);
    }
    SeriesTable table;
    Deadband stage(table, policy);
    Driver driver(stage, table, "test 0");
    Output out;
    std::array<Nanos, kSeries> sent{}, seen{};
    std::array<bool, kSeries> numbers{};
    sent.fill(kBeginning);
    seen.fill(kBeginning);
    auto next = in.begin();
    const auto look = [&](const FrameView& frame) -> Status {
      if (Status status = driver.take(frame, out); !status.ok()) return status;
      for (const Reading& reading : readings_of(out.pending())) sent[reading.alias] = reading.time;
      out.clear();
      const bool tick = frame.kind == FrameKind::watermark;
      if (frame.kind == FrameKind::readings) seen[next->alias] = next->time, numbers[next->alias] = std::isfinite(next->value);
      for (std::uint32_t alias = 0; alias < kSeries; ++alias) {
        if (seen[alias] == kBeginning) continue;
        RC_ASSERT(sent[alias] > seen[alias] - 5 * kSecond);
        // A tick releases what the door holds; what exception reporting left out, and a repeated infinity, say nothing new.
        if (tick && rule.find("absolute") == rule.npos && numbers[alias])
          RC_ASSERT(sent[alias] > next->time - 5 * kSecond || sent[alias] == seen[alias]);
      }
      if (tick) ++next;
      return {};
    };
    RC_ASSERT(testing::for_each_frame(writer.take(), look).ok());
  }));
}

TEST_CASE("changes of quality and to or from numbers pass, behind all that was held back") {
  CHECK(rc::check([] {
    const Policy policy = policy_of(R"("swinging_door":1000,"heartbeat":"1h","shortest":"1s")");
    const auto in = some_readings();
    const auto out = readings_of(run(policy, stream_of(in, 7)));
    for (std::uint32_t alias = 0; alias < kSeries; ++alias) {
      const auto one_in = of_series(in, alias), one_out = of_series(out, alias);
      for (std::size_t i = 1; i < one_in.size(); ++i) {
        const Reading &a = one_in[i - 1], &b = one_in[i];
        if (a.quality == b.quality && (std::isfinite(a.value) == std::isfinite(b.value))) continue;
        RC_ASSERT(std::ranges::find(one_out, b) != one_out.end());
        if (std::isfinite(a.value)) RC_ASSERT(std::ranges::find(one_out, a) != one_out.end());
      }
    }
  }));
}

TEST_CASE("lines do not depend on grouping or on a stop between two readings") {
  CHECK(rc::check([] {
    const auto in = some_signal();
    const std::string bound = number(some_bound(in));
    const std::string rule = *rc::gen::element<std::string>(
        R"("swinging_door":)" + bound, R"("absolute":)" + bound + R"(,"previous":true)",
        R"("absolute":)" + bound + R"(,"swinging_door":)" + bound, R"("swinging_door":)" + bound + R"(,"shortest":"2s")");
    const Policy policy = policy_of(rule + R"(,"heartbeat":"9s")");
    const auto whole = readings_of(run(policy, stream_of(in, 7)));
    RC_ASSERT(readings_of(run(policy, stream_of(in, *rc::gen::inRange<std::size_t>(1, 50)))) == whole);
    const auto two = run_in_two(policy, in, *rc::gen::inRange<std::size_t>(0, in.size() + 1));
    for (std::uint32_t alias = 0; alias < kSeries; ++alias) RC_ASSERT(of_series(two, alias) == of_series(whole, alias));
  }));
}

TEST_CASE("history and live readings know nothing of each other") {
  CHECK(rc::check([] {
    const Policy policy = policy_of(R"("absolute":0.25,"swinging_door":0.5,"heartbeat":"9s")");
    const std::array<std::vector<Reading>, 2> in{some_signal(), some_signal()};
    testing::StreamWriter writer;
    writer.series("n", "a", {"x", "y", "z"}, 0);
    for (std::array<std::size_t, 2> next{}; next[0] < in[0].size() || next[1] < in[1].size();) {
      std::size_t lane = *rc::gen::inRange<std::size_t>(0, 2);
      if (next[lane] == in[lane].size()) lane = 1 - lane;
      const Reading& r = in[lane][next[lane]++];
      ReadingsBuilder row;
      row.set_historical(lane == 1);
      row.add(r.alias, r.time, r.value, r.quality);
      writer.out().readings(row.columns());
    }
    std::array<std::vector<Reading>, 2> out;
    for (const v1::Frame& frame : testing::frames_of(run(policy, writer.take()), FrameKind::readings)) {
      const v1::Readings& r = frame.readings();
      for (int i = 0; i < r.series_size(); ++i)
        out[r.historical() ? 1 : 0].push_back(
            {r.series(i), r.time(i), r.double_value(i), r.quality_size() == 0 ? kGood : r.quality(i)});
    }
    for (const std::size_t lane : {0, 1})
      for (std::uint32_t alias = 0; alias < kSeries; ++alias)
        RC_ASSERT(of_series(out[lane], alias) == of_series(readings_of(run(policy, stream_of(in[lane], 7))), alias));
  }));
}

namespace {

/// Writes what a test says and reads back what came out, in order: "0@5=1.5" for alias, seconds and value, other frames by
/// kind.
class Scene {
 public:
  testing::StreamWriter writer;
  void reading(std::uint32_t alias, int second, double value, bool pinned = false) {
    ReadingsBuilder row;
    row.set_pinned(pinned);
    row.add(alias, second * kSecond, value);
    writer.out().readings(row.columns());
  }
  std::string run(const std::string& rule, std::vector<std::string>* notices = nullptr) {
    const Policy policy = policy_of(rule);
    SeriesTable table;
    Deadband stage(table, policy);
    Output out;
    REQUIRE(testing::drive(writer.take(), stage, table, out).ok());
    if (notices != nullptr) *notices = stage.take_notices();
    std::string said;
    (void)testing::for_each_frame(out.pending(), [&](const FrameView& view) -> Status {
      v1::Stream one;
      one.ParseFromArray(view.bytes.data(), static_cast<int>(view.bytes.size()));
      const v1::Frame& frame = one.frame(0);
      if (view.kind == FrameKind::series) said += "series ";
      if (view.kind == FrameKind::lifecycle) said += "lifecycle ";
      if (view.kind == FrameKind::open && !said.empty()) said += "open ";
      for (int i = 0; i < frame.readings().series_size(); ++i)
        said += fmt::format("{}@{}={} ", frame.readings().series(i), frame.readings().time(i) / kSecond,
                            frame.readings().double_value(i));
      return {};
    });
    return said;
  }
};

}  // namespace

TEST_CASE("what the door holds leaves before a birth, under the declaration that it came under") {
  Scene scene;
  scene.writer.series("n", "a", {"x"}, 0, 1);
  for (int i = 0; i < 3; ++i) scene.reading(0, i, 1);
  scene.writer.series("n", "a", {"x"}, 0, 2);
  scene.reading(0, 3, 1);
  CHECK(scene.run(R"("swinging_door":1)") == "series 0@0=1 0@2=1 series 0@3=1 ");
}

TEST_CASE("after an Open the door goes on; a birth then lets go of what it holds behind the new declaration") {
  for (const bool born : {false, true}) {
    Scene scene;
    scene.writer.series("n", "a", {"x"}, 0, 1);
    for (int i = 0; i < 3; ++i) scene.reading(0, i, 1);
    scene.writer.out().close(true);
    scene.writer.out().open("test 1");
    scene.writer.series("n", "b", {"y"}, 0, 1);
    scene.writer.series("n", "a", {"x"}, 1, born ? 2 : 1);
    scene.reading(1, 3, 1);
    scene.reading(1, 4, 1);
    CHECK(scene.run(R"("swinging_door":1)") ==
          (born ? "series 0@0=1 open series series 1@2=1 1@3=1 1@4=1 " : "series 0@0=1 open series series 1@4=1 "));
  }
}

TEST_CASE("a series that the last segment does not name is declared for what the door holds of it") {
  Scene scene;
  scene.writer.series("n", "a", {"x"}, 0, 1);
  for (int i = 0; i < 3; ++i) scene.reading(0, i, 1);
  scene.writer.out().close(true);
  scene.writer.out().open("test 1");
  scene.writer.series("n", "b", {"y"}, 0, 1);
  CHECK(scene.run(R"("swinging_door":1)") == "series 0@0=1 open series series 1@2=1 ");
}

TEST_CASE("several such series are declared in the order in which they first came, whichever held something back first") {
  Scene scene;
  scene.writer.series("n", "a", {"x", "y"}, 0, 1);
  for (int i = 0; i < 3; ++i) {
    scene.reading(1, i, 20);
    scene.reading(0, i, 10);
  }
  scene.writer.out().close(true);
  scene.writer.out().open("test 1");
  scene.writer.series("n", "b", {"z"}, 0, 1);
  CHECK(scene.run(R"("swinging_door":1)") == "series 1@0=20 0@0=10 open series series series 1@2=10 2@2=20 ");
}

TEST_CASE("after an Open with another type there is nothing to send a held reading under: said, and counted") {
  Scene scene;
  scene.writer.series("n", "a", {"x"}, 0, 1);
  for (int i = 0; i < 3; ++i) scene.reading(0, i, 1);
  scene.writer.out().close(true);
  scene.writer.out().open("test 1");
  scene.writer.series("n", "a", {"x"}, 0, 1, v1::VALUE_TYPE_INT64);
  std::vector<std::string> notices;
  CHECK(scene.run(R"("swinging_door":1)", &notices) == "series 0@0=1 open series ");
  REQUIRE(notices.size() == 1);
  CHECK(notices[0].find("s/l/a/x") == 0);
}

TEST_CASE("a pinned reading passes behind what is held and begins a line; a late one changes nothing") {
  Scene scene;
  scene.writer.series("n", "a", {"x"}, 0);
  for (int i = 0; i < 4; ++i) scene.reading(0, i, i);
  scene.reading(0, 4, 4, true);
  for (int i = 5; i < 8; ++i) scene.reading(0, i, i);
  scene.reading(0, 2, 50, true);
  scene.reading(0, 6, 60);
  scene.reading(0, 8, 8);
  CHECK(scene.run(R"("swinging_door":0.5)") == "series 0@0=0 0@3=3 0@4=4 0@2=50 0@6=60 0@8=8 ");
}

TEST_CASE("what is held back leaves before the death of its node, and before nobody else's") {
  Scene scene;
  scene.writer.series("n", "a", {"x"}, 0);
  scene.writer.series("m", "b", {"y"}, 1);
  for (int i = 0; i < 3; ++i) scene.reading(0, i, 1), scene.reading(1, i, 2);
  scene.writer.lifecycle("n", false, v1::Lifecycle::REASON_WILL, 1, 3 * kSecond);
  CHECK(scene.run(R"("absolute":0.5,"swinging_door":1,"heartbeat":"60s")") == "series series 0@0=1 1@0=2 0@2=1 lifecycle 1@2=2 ");
}

TEST_CASE("what is held back follows its asset to another node") {
  const std::string door = R"("swinging_door":1,"heartbeat":"5s")", waits = R"("absolute":0.5,"shortest":"5s")";
  for (const std::string& rule : {door, waits}) {
    INFO(rule);
    const double change = rule == waits ? 9 : 1;
    const auto move = [&](Scene& scene) {
      scene.writer.series("n", "a", {"x", "y"}, 0);
      for (const std::uint32_t alias : {0, 1}) scene.reading(alias, 0, 1), scene.reading(alias, 1, change);
      scene.writer.series("m", "a", {"x"}, 0);  // the whole asset is m's now, also what this does not name
      for (const std::uint32_t alias : {0, 1}) scene.reading(alias, 2, change);
    };
    const std::string sent = "series 0@0=1 1@0=1 series ", leave = fmt::format("0@2={0} 1@2={0} ", change);
    const auto die = [](Scene& scene, const char* node) {
      scene.writer.lifecycle(node, false, v1::Lifecycle::REASON_WILL, 1, 3 * kSecond);
    };
    Scene ticked, died, returned;
    move(ticked);
    ticked.writer.watermark("m", 5 * kSecond);
    ticked.reading(0, 4, 1);
    CHECK(ticked.run(rule) == sent + leave + "0@4=1 ");
    move(died);
    die(died, "n"), die(died, "m");
    CHECK(died.run(rule) == sent + "lifecycle " + leave + "lifecycle ");
    move(returned);
    returned.writer.series("n", "a", {"x", "y"}, 0);
    die(returned, "m"), die(returned, "n");
    CHECK(returned.run(rule) == sent + "series lifecycle " + leave + "lifecycle ");
  }
}
