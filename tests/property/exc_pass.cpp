// SPDX-License-Identifier: Apache-2.0
// exc-pass's laws: with the gate out = exactly the windows, complete from the pre-trigger on and without a duplicate; memory
// is bounded and what that costs is said; the same however the input was grouped and wherever it was stopped.
#include "kernel/exc_pass.hpp"

#include <rapidcheck.h>

#include <catch2/catch.hpp>
#include <cmath>
#include <map>

#include "drive.hpp"

using namespace twinpipe;
using testing::StreamWriter;

namespace {

constexpr Nanos kPre = 3 * kSecond, kPost = 4 * kSecond;
constexpr double kAbove = 5, kHysteresis = 1;

/// A reading of series 0 (judged), 1 (passed with it) or 2 (neither); or, with alias kTick, a watermark.
struct Event {
  std::uint32_t alias;
  Nanos time;
  double value;
};
constexpr std::uint32_t kTick = 9;

struct Row {
  std::uint32_t alias;
  Nanos time;
  double value;
  bool pinned;
  auto key() const { return std::tuple(alias, time, std::isnan(value) ? 1e9 : value, pinned); }
  bool operator==(const Row& other) const { return key() == other.key(); }
  bool operator<(const Row& other) const { return key() < other.key(); }
};

struct Fixture {
  Policy policy;
  ExceptionRules rules;
};

Fixture make(const std::string& more) {
  static std::vector<std::unique_ptr<Policy>> kept;  // rules point into their policy
  Result<Policy> policy = Policy::parse(R"({"name":"p","version":"1","owner":"o","exc-pass":[{"match":"+/+/+/v-x","above":5,)"
                                        R"("hysteresis":1,"pre":"3s","post":"4s","passes":"v-*")" +
                                        more + "}]}");
  REQUIRE(policy.ok());
  kept.push_back(std::make_unique<Policy>(std::move(*policy)));
  Result<ExceptionRules> rules = ExceptionRules::make(*kept.back());
  REQUIRE(rules.ok());
  return {*kept.back(), *rules};
}

/// `jitter`: how far a reading may lie behind the newest, in seconds.
std::vector<Event> some_events(int jitter) {
  std::vector<Event> events;
  Nanos time = 100 * kSecond;
  for (int i = 0, n = *rc::gen::inRange(0, 150); i < n; ++i) {
    time += *rc::gen::inRange(0, 3) * kSecond;
    if (*rc::gen::inRange(0, 10) == 0) {
      events.push_back({kTick, time - jitter * kSecond, 0});
      continue;
    }
    const int kind = *rc::gen::inRange(0, 40);
    const double value = kind == 0 ? std::nan("") : kind == 1 ? HUGE_VAL : *rc::gen::inRange(-4, 8) * 1.0;
    events.push_back({*rc::gen::inRange<std::uint32_t>(0, 3), time - *rc::gen::inRange(0, jitter + 1) * kSecond, value});
  }
  return events;
}

void write(StreamWriter& writer, ReadingsBuilder& rows) {
  writer.out().readings(rows.columns());
  rows.clear();
}

std::string stream_of(const std::vector<Event>& events, std::size_t columns) {
  StreamWriter writer;
  writer.series("n", "a", {"v-x", "v-y", "z"}, 0);
  ReadingsBuilder rows;
  for (const Event& event : events) {
    if (event.alias != kTick) rows.add(event.alias, event.time, event.value);
    if (event.alias == kTick || rows.rows() == columns) write(writer, rows);
    if (event.alias == kTick) writer.watermark("n", event.time);
  }
  write(writer, rows);
  return writer.take();
}

using Windows = std::map<Nanos, Nanos>;  // from, until: both inclusive

bool inside(const Windows& windows, Nanos time) {
  for (const auto& [from, until] : windows)
    if (time >= from && time <= until) return true;
  return false;
}

/// The oracle: a span around every reading at which the condition holds.
Windows expected_windows(const std::vector<Event>& events, Nanos on_delay) {
  Windows windows;
  const auto add = [&](Nanos from, Nanos until) { windows[from] = std::max(until, windows[from]); };
  Nanos newest = kBeginning;
  std::optional<Nanos> began;
  bool raised = false;
  for (const Event& event : events) {
    if (event.alias != 0 || !std::isfinite(event.value)) {
      if (event.alias == 0) newest = std::max(newest, event.time);
      continue;
    }
    if (event.time < newest) {
      if (event.value > kAbove && on_delay == 0) add(event.time - kPre, event.time + kPost);
      continue;
    }
    newest = event.time;
    if (!(event.value > (began ? kAbove - kHysteresis : kAbove))) {
      began.reset();
      raised = false;
      continue;
    }
    if (!began) began = event.time;
    if (!raised && event.time - *began < on_delay) continue;
    add((raised ? event.time : *began) - kPre, event.time + kPost);
    raised = true;
  }
  return windows;
}

struct Got {
  std::vector<Row> rows;
  std::vector<v1::Exception> exceptions;
  bool announced = true;  // every pinned row stood behind an Exception whose span held it
};

Got read(std::string_view stream) {
  Got result;
  std::map<Nanos, Nanos> spans;
  (void)testing::for_each_frame(stream, [&](const FrameView& view) -> Status {
    v1::Stream one;
    one.ParseFromArray(view.bytes.data(), static_cast<int>(view.bytes.size()));
    const v1::Frame& frame = one.frame(0);
    if (frame.has_exception()) {
      const v1::Exception& exception = frame.exception();
      result.exceptions.push_back(exception);
      if (exception.phase() != v1::Exception::PHASE_BUDGET_SPENT)
        spans[exception.from()] = std::max(spans[exception.from()], exception.until());
    }
    const v1::Readings& r = frame.readings();
    for (int i = 0; i < r.series_size(); ++i) {
      result.rows.push_back({r.series(i), r.time(i), r.double_value(i), r.pinned()});
      if (r.pinned() && !inside(spans, r.time(i))) result.announced = false;
    }
    return {};
  });
  return result;
}

std::string run(const Fixture& fixture, const std::string& stream, ExcPassOptions options) {
  SeriesTable table;
  ExcPass stage(table, fixture.rules, options);
  Output out;
  RC_ASSERT(testing::drive(stream, stage, table, out).ok());
  return std::string(out.pending());
}

ExcPassOptions gate() { return {true, std::size_t{1} << 20, 1000 * kSecond}; }

std::vector<Row> sorted(std::vector<Row> rows) {
  std::sort(rows.begin(), rows.end());
  return rows;
}

}  // namespace

TEST_CASE("gate: out is the rows of the windows, pinned, each once, and all other series") {
  CHECK(rc::check([] {
    const Nanos delay = *rc::gen::inRange(0, 4) * kSecond;
    const auto events = some_events(*rc::gen::inRange(0, 6));
    const Windows windows = expected_windows(events, delay);
    std::vector<Row> wanted;
    for (const Event& event : events)
      if (event.alias == 2 || (event.alias < 2 && inside(windows, event.time)))
        wanted.push_back({event.alias, event.time, event.value, event.alias < 2});
    const Fixture fixture = make(R"(,"on_delay":")" + std::to_string(delay / kSecond) + "s\"");
    const Got got = read(run(fixture, stream_of(events, *rc::gen::inRange<std::size_t>(1, 40)), gate()));
    RC_ASSERT(sorted(got.rows) == sorted(wanted));
    RC_ASSERT(got.announced);
    for (const v1::Exception& exception : got.exceptions) RC_ASSERT(exception.lost_until() == 0);
    // Each window is closed, and says the same span as the oracle at its end.
    int open = 0;
    for (const v1::Exception& exception : got.exceptions)
      open += exception.phase() == v1::Exception::PHASE_OPEN ? 1 : exception.phase() == v1::Exception::PHASE_CLOSE ? -1 : 0;
    RC_ASSERT(open == 0);
  }));
}

TEST_CASE("gate: per series the order of an ordered input is kept") {
  CHECK(rc::check([] {
    const auto events = some_events(0);
    std::map<std::uint32_t, Nanos> newest;
    for (const Row& row : read(run(make(""), stream_of(events, 7), gate())).rows) {
      RC_ASSERT(!newest.contains(row.alias) || newest[row.alias] <= row.time);
      newest[row.alias] = row.time;
    }
  }));
}

TEST_CASE("without the gate every row passes once, and pinned exactly when its window is open by then") {
  CHECK(rc::check([] {
    const auto events = some_events(*rc::gen::inRange(0, 6));
    const Got got = read(run(make(""), stream_of(events, 1), {false, 0, 1000 * kSecond}));
    std::vector<Row> in, out = got.rows;
    for (const Event& event : events)
      if (event.alias != kTick) in.push_back({event.alias, event.time, event.value, false});
    for (Row& row : out) row.pinned = false;
    RC_ASSERT(out == in);  // a row a frame: not even the order differs
    RC_ASSERT(got.announced);
    const Windows windows = expected_windows(events, 0);
    for (std::size_t i = 0; i < in.size(); ++i) {
      const std::vector<Event> known = [&] {
        std::vector<Event> some;
        std::size_t rows = 0;
        for (const Event& event : events) {
          some.push_back(event);
          if (event.alias != kTick && rows++ == i) break;
        }
        return some;
      }();
      const bool due = in[i].alias < 2 && inside(expected_windows(known, 0), in[i].time);
      RC_ASSERT(got.rows[i].pinned == due);
    }
  }));
}

TEST_CASE("the same rows and exceptions however readings were grouped into frames") {
  CHECK(rc::check([] {
    const auto events = some_events(*rc::gen::inRange(0, 6));
    const bool gated = *rc::gen::arbitrary<bool>();
    const Fixture fixture = make(R"(,"budget":200)");
    const ExcPassOptions options{gated, 8000, 20 * kSecond};
    const Got one = read(run(fixture, stream_of(events, 1), options));
    const Got other = read(run(fixture, stream_of(events, *rc::gen::inRange<std::size_t>(2, 60)), options));
    RC_ASSERT(sorted(one.rows) == sorted(other.rows));
    RC_ASSERT(one.exceptions.size() == other.exceptions.size());
    for (std::size_t i = 0; i < one.exceptions.size(); ++i)
      RC_ASSERT(one.exceptions[i].SerializeAsString() == other.exceptions[i].SerializeAsString());
  }));
}

TEST_CASE("memory is bounded, and what the bound or the reach cost is said") {
  CHECK(rc::check([] {
    const auto events = some_events(*rc::gen::inRange(0, 6));
    const Fixture fixture = make("");
    const ExcPassOptions options{true, *rc::gen::inRange<std::size_t>(0, 6000), *rc::gen::inRange(0, 20) * kSecond};
    SeriesTable table;
    ExcPass stage(table, fixture.rules, options);
    Output out;
    Driver driver(stage, table, "test 0");
    const std::string stream = stream_of(events, 5);
    RC_ASSERT(testing::for_each_frame(stream, [&](const FrameView& frame) {
                const Status status = driver.take(frame, out);
                for (const Counter& counter : stage.counters())
                  if (counter.name == "ring_bytes") RC_ASSERT(counter.value <= options.ring);
                return status;
              }).ok());
    RC_ASSERT(driver.end(false, out).ok());
    const Got got = read(out.pending());
    const std::vector<Row> rows = sorted(got.rows);
    const Windows windows = expected_windows(events, 0);
    Nanos lost = kBeginning;
    for (const v1::Exception& exception : got.exceptions)
      if (exception.lost_until() != 0) lost = std::max(lost, exception.lost_until());
    for (const Event& event : events) {
      const Row row{event.alias, event.time, event.value, true};
      if (event.alias >= 2 || !inside(windows, event.time) || std::binary_search(rows.begin(), rows.end(), row)) continue;
      // Missing: its window said so when it opened; or it came later than the reach behind the window's end.
      bool forgotten = false;
      for (const Event& tick : events) forgotten = forgotten || tick.time > event.time + options.reach;
      RC_ASSERT(event.time <= lost || forgotten);
    }
  }));
}

TEST_CASE("stopped and resumed at any frame, with a full ring and open windows, equals an uninterrupted run") {
  CHECK(rc::check([] {
    const auto events = some_events(*rc::gen::inRange(0, 6));
    const Fixture fixture = make(R"(,"on_delay":"1s","budget":400)");
    const ExcPassOptions options{*rc::gen::arbitrary<bool>(), *rc::gen::element<std::size_t>(4000, 1 << 20), 30 * kSecond};
    const auto columns = *rc::gen::inRange<std::size_t>(1, 9);
    const auto stop = events.begin() + *rc::gen::inRange<std::ptrdiff_t>(0, static_cast<std::ptrdiff_t>(events.size()) + 1);
    SeriesTable table, second_table;
    ExcPass first(table, fixture.rules, options), second(second_table, fixture.rules, options);
    Output out;
    Driver driver(first, table, "test 0"), second_driver(second, second_table, "test 0");
    const auto feed = [&](Driver& to, const std::vector<Event>& some) {
      return testing::for_each_frame(stream_of(some, columns), [&](const FrameView& frame) { return to.take(frame, out); });
    };
    RC_ASSERT(feed(driver, {events.begin(), stop}).ok());
    const std::string state = first.save();
    RC_ASSERT(second_table.restore(table.save()).ok());
    RC_ASSERT(second.load(state).ok());
    RC_ASSERT(second.save() == state);
    RC_ASSERT(feed(second_driver, {stop, events.end()}).ok());
    RC_ASSERT(second_driver.end(false, out).ok());
    const Got got = read(out.pending()), whole = read(run(fixture, stream_of(events, columns), options));
    RC_ASSERT(sorted(got.rows) == sorted(whole.rows));
    RC_ASSERT(got.exceptions.size() == whole.exceptions.size());
    for (std::size_t i = 0; i < got.exceptions.size(); ++i)
      RC_ASSERT(got.exceptions[i].SerializeAsString() == whole.exceptions[i].SerializeAsString());
  }));
}
