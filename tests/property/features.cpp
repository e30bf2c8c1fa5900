// SPDX-License-Identifier: Apache-2.0
// The laws of features: what naive sums over all readings say, whatever the grouping and, within the lateness, the order of
// arrival; the same bits from any beginning that covers the windows; no drift; stop and resume anywhere.
#include "kernel/features.hpp"

#include <rapidcheck.h>

#include <catch2/catch.hpp>
#include <cmath>

#include "feature_run.hpp"
#include "kernel/sliding_panes.hpp"

using namespace twinpipe;
using namespace twinpipe::testing;

namespace {

constexpr Nanos kStep = 4 * kSecond, kDelay = 2 * kSecond;
constexpr double kNothing = std::numeric_limits<double>::quiet_NaN();
const std::string kSettings = R"("step":"4s","lateness":"12s")";
const std::string kRules = R"(
  {"match":"+/+/+/x","feature":"mean","function":"mean","window":"20s"},
  {"match":"+/+/+/x","feature":"mean_short","function":"mean","window":"4s"},
  {"match":"+/+/+/x","feature":"min","function":"min","window":"20s"},
  {"match":"+/+/+/x","feature":"max","function":"max","window":"36s"},
  {"match":"+/+/+/x","feature":"std","function":"std","window":"20s"},
  {"match":"+/+/+/x","feature":"rms","function":"rms","window":"20s"},
  {"match":"+/+/+/x","feature":"slope","function":"slope","window":"36s"},
  {"match":"+/+/+/x","feature":"rate","function":"rate","window":"20s"},
  {"match":"+/+/+/x","feature":"first","function":"first","window":"20s"},
  {"match":"+/+/+/x","feature":"last","function":"last","window":"20s"},
  {"match":"+/+/+/x","feature":"count","function":"count","window":"20s"},
  {"match":"+/+/+/x","feature":"held","function":"mean","window":"20s","weighting":"step","heartbeat":"6s"},
  {"match":"+/+/+/x","feature":"held_slope","function":"slope","window":"20s","weighting":"step","heartbeat":"6s"},
  {"match":"+/+/+/x","feature":"line","function":"mean","window":"20s","weighting":"linear"},
  {"match":"+/+/+/x","feature":"stale","function":"stale_share","window":"20s","slo":"3s"},
  {"match":"+/+/+/x","feature":"together","function":"correlation","with":"y","window":"36s"},
  {"match":"+/+/+/state","feature":"starts","function":"transitions","window":"20s","values":["RUN"]},
  {"match":"+/+/+/state","feature":"running","function":"share","window":"20s","values":["RUN"]},
  {"match":"+/+/+/x","feature":"age","function":"since_birth"})";

/// In order of time on a grid, no two of a series at one time, some of bad quality.
std::vector<FeatureEvent> some_events(Nanos length = 120 * kSecond) {
  std::vector<FeatureEvent> events;
  for (std::uint32_t alias = 0; alias < 4; ++alias) {
    const double offset = *rc::gen::element(0.0, 100.0, -1e6);
    for (Nanos time = 5 * kSecond; time < length;) {
      time += *rc::gen::inRange(1, 24) * kSecond / 4;
      double value = alias == 2 ? *rc::gen::inRange(0, 2) : offset + *rc::gen::inRange(-400, 400) * 0.1;
      if (*rc::gen::inRange(0, 15) == 0) value = kNothing;
      events.push_back({alias, time, time, value});
    }
  }
  std::ranges::stable_sort(events, {}, &FeatureEvent::time);
  return events;
}

std::vector<FeatureEvent> delayed(std::vector<FeatureEvent> events, Nanos most) {
  for (FeatureEvent& event : events) event.arrives = event.time + *rc::gen::inRange<Nanos>(0, most + 1);
  return events;
}

struct Sample {
  long double t, w, v;     // seconds, weight, value
  long double length = 0;  // seconds, around t
};

/// Sums as a textbook has them, over all that lies in a window.
class Naive {
 public:
  explicit Naive(std::vector<Sample> samples) : samples_(std::move(samples)) {
    for (const Sample& s : samples_) w_ += s.w, t_ += s.w * s.t, v_ += s.w * s.v;
    t_ /= w_, v_ /= w_;
  }
  double mean() const { return samples_.empty() ? kNothing : static_cast<double>(v_); }
  double std() const {
    long double sum = 0;
    for (const Sample& s : samples_) sum += s.w * (s.v - v_) * (s.v - v_);
    return samples_.empty() ? kNothing : static_cast<double>(std::sqrt(sum / w_));
  }
  double slope() const {
    long double tt = 0, tv = 0;
    for (const Sample& s : samples_)
      tt += s.w * ((s.t - t_) * (s.t - t_) + s.length * s.length / 12), tv += s.w * (s.t - t_) * (s.v - v_);
    return tt > 0 ? static_cast<double>(tv / tt * 3600) : kNothing;
  }
  double weight() const { return static_cast<double>(w_); }

 private:
  std::vector<Sample> samples_;
  long double w_ = 0, t_ = 0, v_ = 0;
};

long double at(Nanos time) { return static_cast<long double>(time) / 1e9L; }

bool close_to(double got, double want, double scale, double share = 1e-9) {
  if (std::isnan(want)) return std::isnan(got);
  return std::fabs(got - want) <= share * std::max({std::fabs(want), scale, 1e-9});
}

std::vector<FeatureEvent> of_series(const std::vector<FeatureEvent>& events, std::uint32_t alias) {
  std::vector<FeatureEvent> of;
  for (const FeatureEvent& e : events)
    if (e.alias == alias) of.push_back(e);
  return of;
}

/// Quarter seconds in [from, to), each with the value that holds there: no newer than `hold`.
std::vector<Sample> held(const std::vector<FeatureEvent>& series, Nanos from, Nanos to, Nanos hold) {
  std::vector<Sample> samples;
  for (Nanos time = from; time < to; time += kSecond / 4) {
    const FeatureEvent* last = nullptr;
    for (const FeatureEvent& e : series)
      if (e.time <= time) last = &e;
    if (last == nullptr || std::isnan(last->value) || time - last->time >= hold) continue;
    samples.push_back({at(time) + 0.125L, 0.25L, last->value, 0.25L});
  }
  return samples;
}

/// What one row has to say.
void check_row(const std::vector<FeatureEvent>& events, const std::string& entity, Nanos as_of, const FeatureRow& row) {
  const bool a = entity == "s.l.a";
  const std::vector<FeatureEvent> x = of_series(events, a ? 0 : 3);
  const auto counted = [&](Nanos window) {
    std::vector<Sample> samples;
    for (const FeatureEvent& e : x)
      if (e.time >= as_of - window && e.time < as_of && !std::isnan(e.value)) samples.push_back({at(e.time), 1, e.value});
    return samples;
  };
  const auto value = [&](const char* name) { return row.value.at(name); };
  const auto samples = counted(20 * kSecond), longer = counted(36 * kSecond);
  const Naive mid(samples), longest(longer);
  double scale = 0;
  for (const Sample& s : longer) scale = std::max(scale, static_cast<double>(std::fabs(s.v)));
  const auto bounds =
      std::minmax_element(samples.begin(), samples.end(), [](const Sample& p, const Sample& q) { return p.v < q.v; });
  const auto greatest = std::ranges::max_element(longer, {}, &Sample::v);
  RC_ASSERT(close_to(value("mean"), mid.mean(), scale, 1e-13));
  RC_ASSERT(close_to(value("mean_short"), Naive(counted(kStep)).mean(), scale, 1e-13));
  RC_ASSERT(close_to(value("min"), samples.empty() ? kNothing : static_cast<double>(bounds.first->v), 0, 0));
  RC_ASSERT(close_to(value("max"), longer.empty() ? kNothing : static_cast<double>(greatest->v), 0, 0));
  RC_ASSERT(close_to(value("std"), mid.std(), 100));
  RC_ASSERT(close_to(value("rms"), samples.empty() ? kNothing : std::hypot(mid.mean(), mid.std()), scale));
  RC_ASSERT(close_to(value("slope"), longest.slope(), 3600));
  RC_ASSERT(close_to(value("first"), samples.empty() ? kNothing : static_cast<double>(samples.front().v), 0, 0));
  RC_ASSERT(close_to(value("last"), samples.empty() ? kNothing : static_cast<double>(samples.back().v), 0, 0));
  const double rate =
      samples.size() < 2
          ? kNothing
          : static_cast<double>((samples.back().v - samples.front().v) / (samples.back().t - samples.front().t) * 3600);
  RC_ASSERT(close_to(value("rate"), rate, 3600));
  const bool said = !x.empty() && x.front().time < as_of;
  RC_ASSERT(close_to(value("count"), said ? static_cast<double>(samples.size()) : kNothing, 0, 0));
  // Heartbeat and half of it.
  const Naive curve(held(x, as_of - 20 * kSecond, as_of, 9 * kSecond));
  RC_ASSERT(close_to(value("held"), curve.mean(), scale));
  if (curve.weight() > 0.25)
    RC_ASSERT(std::fabs(value("held_slope") - curve.slope()) <= 0.02 * (std::fabs(curve.slope()) + 3600 * 40));
  if (said) {
    const Nanos from = std::max(as_of - 20 * kSecond, x.front().time);
    const double fresh = Naive(held(x, from, as_of, 3 * kSecond)).weight();
    RC_ASSERT(close_to(value("stale"), 1 - fresh / static_cast<double>(at(as_of - from)), 1));
  }
  RC_ASSERT(close_to(value("age"), static_cast<double>(at(as_of - 1)) / 3600, 0));
  if (!a) return;
  const std::vector<FeatureEvent> state = of_series(events, 2);
  double starts = 0, before = kNothing;
  for (const FeatureEvent& e : state) {
    if (std::isnan(e.value)) continue;
    starts += e.time >= as_of - 20 * kSecond && e.time < as_of && before == 0 && e.value == 1;
    before = e.value;
  }
  if (!state.empty() && state.front().time < as_of) RC_ASSERT(value("starts") == starts);
  RC_ASSERT(close_to(value("running"), Naive(held(state, as_of - 20 * kSecond, as_of, kForever)).mean(), 1));
  // Both series, where both hold.
  const Nanos from = as_of - 36 * kSecond;
  const auto y = of_series(events, 1);
  std::vector<std::pair<long double, long double>> pairs;
  for (Nanos time = from; time < as_of; time += kSecond / 4) {
    const auto p = held(x, time, time + 1, kForever), q = held(y, time, time + 1, kForever);
    if (!p.empty() && !q.empty()) pairs.emplace_back(p[0].v, q[0].v);
  }
  long double mp = 0, mq = 0, pp = 0, qq = 0, pq = 0;
  for (const auto& [p, q] : pairs) mp += p, mq += q;
  mp /= static_cast<long double>(pairs.size()), mq /= static_cast<long double>(pairs.size());
  for (const auto& [p, q] : pairs) pp += (p - mp) * (p - mp), qq += (q - mq) * (q - mq), pq += (p - mp) * (q - mq);
  if (pp > 1e-6 && qq > 1e-6) RC_ASSERT(close_to(value("together"), static_cast<double>(pq / std::sqrt(pp * qq)), 1));
}

}  // namespace

TEST_CASE("features: rows say what naive sums over all readings say") {
  CHECK(rc::check([] {
    const auto events = some_events();
    const FeatureRun run(kSettings, kRules);
    const Nanos end = 140 * kSecond;
    const FeatureTable rows = rows_of(run.run(stream_of(events, kDelay, end, 5)));
    for (const auto& [key, row] : rows) check_row(events, key.first, key.second, row);
    // Every step from the first reading on has its row.
    for (const auto& [entity, alias] : {std::pair("s.l.a", 0U), std::pair("s.l.b", 3U)}) {
      Nanos first = kForever;
      for (const FeatureEvent& e : events)
        if (e.alias == alias || (alias == 0 && e.alias < 3)) first = std::min(first, e.time);
      for (Nanos as_of = (first / kStep + 1) * kStep; as_of <= end; as_of += kStep) RC_ASSERT(rows.contains({entity, as_of}));
    }
  }));
}

TEST_CASE("features: rows do not depend on how readings are grouped into frames") {
  CHECK(rc::check([] {
    const auto events = delayed(some_events(), 20 * kSecond);
    const FeatureRun run(kSettings, kRules);
    const auto rows = [&](std::size_t columns) {
      std::string all;
      for (const v1::Frame& frame : frames_of(run.run(stream_of(events, kDelay, 140 * kSecond, columns)), FrameKind::features))
        all += frame.SerializeAsString();
      return all;
    };
    RC_ASSERT(rows(1) == rows(*rc::gen::inRange<std::size_t>(2, 50)));
  }));
}

TEST_CASE("features: what comes late within the lateness leaves the rows that it would have left in time, bit for bit") {
  CHECK(rc::check([] {
    const auto events = some_events();
    const FeatureRun run(kSettings, kRules);
    const Nanos end = 160 * kSecond;
    const FeatureTable in_time = rows_of(run.run(stream_of(events, kDelay, end, 5)));
    const FeatureTable late = rows_of(run.run(stream_of(delayed(events, kDelay + 12 * kSecond), kDelay, end, 5)));
    for (const auto& [key, row] : in_time) {
      if (!late.contains(key)) continue;  // a first row cannot come before the first reading
      FeatureRow got = late.at(key), want = row;
      // A line leads to the next point, which a row that is corrected already knows.
      got.value.erase("line"), want.value.erase("line");
      got.completeness = want.completeness;
      RC_ASSERT(got.same(want));
    }
  }));
}

TEST_CASE("features: a row is the same wherever the stream begins, when its windows are covered") {
  CHECK(rc::check([] {
    const auto events = some_events(240 * kSecond);
    const FeatureRun run(kSettings, kRules);
    const Nanos end = 260 * kSecond, begin = *rc::gen::inRange<Nanos>(10, 100) * kSecond;
    std::vector<FeatureEvent> rest;
    for (const FeatureEvent& e : events)
      if (e.time >= begin) rest.push_back(e);
    const FeatureTable all = rows_of(run.run(stream_of(events, kDelay, end, 5))),
                       some = rows_of(run.run(stream_of(rest, kDelay, end, 5)));
    // The longest window, and what holds into it: two readings are at most 6 s apart, bad ones between them.
    for (const auto& [key, row] : some)
      if (key.second >= begin + 100 * kSecond) RC_ASSERT(row.same(all.at(key)));
  }));
}

TEST_CASE("features: stop and resume at any frame equals an uninterrupted run") {
  CHECK(rc::check([] {
    const std::string stream = stream_of(delayed(some_events(), 16 * kSecond), kDelay, 140 * kSecond, 5);
    const FeatureRun run(kSettings, kRules);
    std::vector<std::string> frames;
    (void)for_each_frame(stream, [&](const FrameView& frame) -> Status {
      frames.emplace_back(frame.bytes);
      return {};
    });
    constexpr std::size_t kHead = 4;  // Open and declarations
    const auto cut = *rc::gen::inRange(kHead, frames.size());
    SeriesTable table, second_table;
    const auto first = run.stage(table), second = run.stage(second_table);
    Output out, second_out;
    Driver driver(*first, table, "test 0"), second_driver(*second, second_table, "test 0");
    const auto feed = [](Driver& to, Output& into, const std::string& bytes) {
      return for_each_frame(
          bytes, [&](const FrameView& frame) { return frame.kind == FrameKind::close ? Status{} : to.take(frame, into); });
    };
    for (std::size_t i = 0; i < cut; ++i) RC_ASSERT(feed(driver, out, frames[i]).ok());
    const std::string saved = first->save();
    RC_ASSERT(second_table.restore(table.save()).ok());
    RC_ASSERT(second->load(saved).ok());
    RC_ASSERT(second->save() == saved);
    for (std::size_t i = 0; i < kHead; ++i) RC_ASSERT(feed(second_driver, second_out, frames[i]).ok());
    for (std::size_t i = cut; i < frames.size(); ++i) {
      RC_ASSERT(feed(driver, out, frames[i]).ok());
      RC_ASSERT(feed(second_driver, second_out, frames[i]).ok());
    }
    RC_ASSERT(first->finish(out).ok());
    RC_ASSERT(second->finish(second_out).ok());
    const auto all = frames_of(out.pending(), FrameKind::features), rest = frames_of(second_out.pending(), FrameKind::features);
    RC_ASSERT(all.size() >= rest.size());
    for (std::size_t i = 0; i < rest.size(); ++i)
      RC_ASSERT(all[all.size() - rest.size() + i].SerializeAsString() == rest[i].SerializeAsString());
  }));
}

namespace {

/// Sums of integers, to see which panes a sum is made of.
struct Ids {
  std::vector<std::int64_t> panes;
  bool empty() const { return panes.empty(); }
  void merge(const Ids& other, double) { panes.insert(panes.end(), other.panes.begin(), other.panes.end()); }
};

}  // namespace

TEST_CASE("features: a sum over panes holds each of them once, in order, whatever was left out or replaced") {
  CHECK(rc::check([] {
    const auto room = *rc::gen::inRange<std::int64_t>(1, 70);
    SlidingPanes<Ids> panes(room, 1);
    std::map<std::int64_t, std::int64_t> want;
    std::int64_t newest = *rc::gen::inRange<std::int64_t>(0, 1000);
    for (int i = 0, n = *rc::gen::inRange(1, 300); i < n; ++i) {
      newest += *rc::gen::inRange(0, 20) == 0 ? *rc::gen::inRange<std::int64_t>(1, 2 * room + 2) : 1;
      panes.add(newest, Ids{{newest}});
      want[newest] = newest;
      if (const std::int64_t old = newest - *rc::gen::inRange<std::int64_t>(0, room); want.contains(old) && panes.has(old)) {
        want[old] = want[old] % 1000 + 1000 * i;
        panes.replace(old, Ids{{want[old]}});
      }
      const std::int64_t from = newest + 1 - *rc::gen::inRange<std::int64_t>(1, room + 1);
      std::vector<std::int64_t> sum;
      for (auto at = want.lower_bound(from); at != want.end(); ++at) sum.push_back(at->second);
      RC_ASSERT(panes.over(from, newest + 1).panes == sum);
    }
  }));
}

TEST_CASE("features: nothing drifts over a hundred thousand steps") {
  // Values near a million that vary by a thousandth: a running sum that is added to and subtracted from loses them.
  const FeatureRun run(R"("step":"1s")", R"({"match":"+/+/+/x","feature":"mean","function":"mean","window":"60s"},
    {"match":"+/+/+/x","feature":"std","function":"std","window":"60s"},
    {"match":"+/+/+/x","feature":"slope","function":"slope","window":"1h"})");
  constexpr int kSteps = 100'000;
  std::uint64_t random = 20261123;
  std::vector<FeatureEvent> events;
  for (int i = 0; i < kSteps; ++i) {
    random = random * 6364136223846793005ULL + 1442695040888963407ULL;
    events.push_back({0, i * kSecond + 1, i * kSecond + 1, 1e6 + static_cast<double>(random >> 40) * 1e-10});
  }
  const FeatureTable rows = rows_of(run.run(stream_of(events, 0, kSteps * kSecond, 512)));
  double worst_std = 0, worst_slope = 0;
  for (int end = kSteps - 5; end <= kSteps; ++end) {
    const auto of = [&](int window) {
      std::vector<Sample> samples;
      for (int i = end - window; i < end; ++i)
        samples.push_back({at(events[static_cast<std::size_t>(i)].time - events[static_cast<std::size_t>(end - window)].time), 1,
                           events[static_cast<std::size_t>(i)].value});
      return Naive(std::move(samples));
    };
    const FeatureRow& row = rows.at({"s.l.a", end * kSecond});
    CHECK(std::fabs(row.value.at("mean") - of(60).mean()) <= 1e-9);
    worst_std = std::max(worst_std, std::fabs(row.value.at("std") / of(60).std() - 1));
    worst_slope = std::max(worst_slope, std::fabs(row.value.at("slope") - of(3600).slope()) / 0.001);
  }
  CHECK(worst_std <= 1e-9);
  CHECK(worst_slope <= 1e-9);
}
