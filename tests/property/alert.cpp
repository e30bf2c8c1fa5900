// SPDX-License-Identifier: Apache-2.0
// Laws of alert: what is told of a subject alternates and is told once, the past is quiet, and neither grouping nor a restart
// changes a message.
#include <rapidcheck.h>

#include <algorithm>
#include <map>
#include <set>

#include "alert_run.hpp"

using namespace twinpipe;
using testing::StreamWriter;
using testing::Told;

namespace {

constexpr std::uint32_t kSeries = 6;  // two nodes, three assets, two sensors each
const std::array<std::string, 2> kNodes{"n0", "n1"};
const std::array<std::string, 3> kAssets{"a0", "a1", "a2"};
std::string node_of_asset(std::size_t asset) { return kNodes[asset / 2]; }

struct Event {
  enum class Kind { reading, tick, arrival, life, link, exception, reject, twin } kind;
  std::uint32_t series;
  Nanos time, clock;
  bool on;
  std::uint32_t more;  // what else is random
};

void declare(StreamWriter& writer) {
  for (std::size_t asset = 0; asset < kAssets.size(); ++asset)
    writer.series(node_of_asset(asset), kAssets[asset], {"x", "y"}, static_cast<std::uint32_t>(2 * asset), 1,
                  v1::VALUE_TYPE_BOOL);
}

void write(StreamWriter& writer, const Event& event) {
  const std::uint32_t asset = event.series / 2;
  const std::string node = node_of_asset(asset);
  v1::Frame frame;
  switch (event.kind) {
    case Event::Kind::reading: {
      ReadingsBuilder row(v1::VALUE_TYPE_BOOL);
      row.set_historical(event.more == 0);
      row.add(event.series, event.time, event.on, event.more == 1 ? v1::QUALITY_BAD : kGood);
      writer.out().readings(row.columns());
      return;
    }
    case Event::Kind::tick:
      frame.mutable_watermark()->set_node(node);
      frame.mutable_watermark()->set_time(event.time);
      frame.mutable_watermark()->set_clock(event.clock);
      break;
    case Event::Kind::arrival: frame.mutable_arrival()->set_time(event.clock); break;
    case Event::Kind::life:
      writer.lifecycle(node, event.on, event.on ? v1::Lifecycle::REASON_BIRTH : v1::Lifecycle::REASON_WILL, 1 + event.more % 3,
                       event.time);
      return;
    case Event::Kind::link:
      writer.lifecycle(node, event.on, event.on ? v1::Lifecycle::REASON_HOST_LINK_RESTORED : v1::Lifecycle::REASON_HOST_LINK_LOST,
                       0, event.time);
      return;
    case Event::Kind::exception: {
      v1::Exception& exception = *frame.mutable_exception();
      exception.set_rule(event.more % 2 == 0 ? "hot" : "loud");
      exception.set_series(event.series);
      exception.set_time(event.time);
      exception.set_phase(event.on ? v1::Exception::PHASE_OPEN : v1::Exception::PHASE_CLOSE);
      break;
    }
    case Event::Kind::reject: {
      v1::Reject& reject = *frame.mutable_reject();
      v1::Series& series = *reject.mutable_series();
      series.set_site("s");
      series.set_line("l");
      series.set_asset(kAssets[asset]);
      series.set_node(node);
      series.add_sensor()->set_name(event.series % 2 == 0 ? "x" : "y");
      reject.mutable_reading()->add_series(0);
      reject.mutable_reading()->add_time(event.time);
      break;
    }
    case Event::Kind::twin: {
      v1::Twin& twin = *frame.mutable_twin();
      twin.set_site("s");
      twin.set_line("l");
      twin.set_asset(kAssets[asset]);
      twin.set_node(node);
      twin.set_online(event.on);
      twin.set_reason(event.more % 2 == 0 ? v1::Lifecycle::REASON_WILL : v1::Lifecycle::REASON_HOST_LINK_LOST);
      twin.set_since(event.time);
      twin.set_as_of(event.time);
      v1::TwinMetric& metric = *twin.add_metric();
      metric.set_sensor("x");
      metric.set_quality(kGood);
      metric.set_time(event.time);
      metric.mutable_value()->set_bool_value(event.more % 3 == 0);
      metric.set_freshness(static_cast<v1::Freshness>(event.more % 5));
      break;
    }
  }
  writer.out().frame(frame);
}

/// Anything in any order: times that jump, nodes that lie far behind, sessions that come back.
std::vector<Event> some_events(std::size_t most) {
  std::vector<Event> events;
  Nanos clock = 1000 * kSecond;
  for (std::size_t i = 0, n = *rc::gen::inRange<std::size_t>(0, most); i < n; ++i) {
    clock += *rc::gen::inRange(0, 3) * *rc::gen::element<Nanos>(0, kSecond, kSecond, 60 * kSecond);
    const Nanos behind = *rc::gen::inRange(0, 5) * *rc::gen::element<Nanos>(0, kSecond, kSecond, 100 * kSecond);
    events.push_back({*rc::gen::element(Event::Kind::reading, Event::Kind::reading, Event::Kind::reading, Event::Kind::tick,
                                        Event::Kind::tick, Event::Kind::arrival, Event::Kind::life, Event::Kind::link,
                                        Event::Kind::exception, Event::Kind::reject, Event::Kind::reject, Event::Kind::twin),
                      *rc::gen::inRange(0U, kSeries), clock - behind, clock, *rc::gen::arbitrary<bool>(),
                      *rc::gen::inRange(0U, 30U)});
  }
  return events;
}

std::string stream_of(const std::vector<Event>& events) {
  StreamWriter writer;
  declare(writer);
  for (const Event& event : events) write(writer, event);
  return writer.take();
}

Policy some_policy() {
  const auto delay = [] { return std::to_string(*rc::gen::element(0, 0, 2, 60)) + "s"; };
  const auto both = [&] {
    return R"("on_delay":")" + delay() + R"(","off_delay":")" + delay() + R"(","group_wait":")" + delay() + R"(","group":")" +
           *rc::gen::element<std::string>("none", "node", "site") + R"("})";
  };
  std::string rules;
  for (const std::string on : {R"("alarm","values":["true"])", R"("dead")", R"("blind")", R"("stale")", R"("exception")",
                               R"("quarantine","count":3,"span":"10s")"}) {
    if (*rc::gen::inRange(0, 4) == 0) rules += R"({"match":"+/+/a1/+","severity":"critical","on":)" + on + "," + both() + ",";
    rules += R"({"match":"+/+/+/+","on":)" + on + "," + both() + ",";
  }
  rules.pop_back();
  return testing::alert_policy(rules);
}

AlertOptions some_options() {
  return {*rc::gen::element<Nanos>(0, 30, 200, 900) * kSecond, *rc::gen::element<Nanos>(0, 5, 60) * kSecond};
}

}  // namespace

TEST_CASE("alert: messages of a subject alternate, and each has an id of its own") {
  CHECK(rc::check([] {
    const Policy policy = some_policy();
    const auto told = testing::alerts(policy, stream_of(some_events(120)), some_options());
    std::map<std::string, std::pair<std::string, std::string>> open;  // by subject: phase and episode
    std::set<std::string> ids;
    for (const Told& message : told) {
      RC_ASSERT(ids.insert(message.id).second);
      RC_ASSERT(message.count == message.members.size());
      for (const Told::Member& member : message.members) {
        auto& [phase, episode] = open[message.condition + " " + member.subject + " " + member.detail];
        RC_ASSERT((message.phase == "raise") == (phase.empty() || phase == "recover"));
        if (message.phase != "raise") RC_ASSERT(member.episode == episode);
        phase = message.phase;
        episode = member.episode;
      }
    }
  }));
}

TEST_CASE("alert: saved and loaded between any two frames, it tells what it would have told") {
  CHECK(rc::check([] {
    const Policy policy = some_policy();
    const AlertOptions options = some_options();
    const auto events = some_events(100);
    const auto cut = static_cast<std::ptrdiff_t>(*rc::gen::inRange<std::size_t>(0, events.size() + 1));
    testing::AlertRun whole(policy, options), first(policy, options), second(policy, options);
    whole.take(stream_of(events));
    whole.end();
    first.take(stream_of({events.begin(), events.begin() + cut}));
    RC_ASSERT(second.table().restore(first.table().save()).ok());
    RC_ASSERT(second.stage().load(first.stage().save()).ok());
    second.take(stream_of({events.begin() + cut, events.end()}));
    second.end();
    auto both = first.json;
    both.insert(both.end(), second.json.begin(), second.json.end());
    RC_ASSERT(both == whole.json);
  }));
}

TEST_CASE("alert: equals an oracle of a few lines on alarms in order, with delays, ticks in between, nothing in the past") {
  CHECK(rc::check([] {
    const Nanos on_delay = *rc::gen::element(0, 1, 3) * kSecond, off_delay = *rc::gen::element(0, 2) * kSecond;
    const Policy policy =
        testing::alert_policy(R"({"match":"+/+/+/x","on":"alarm","values":["true"],"group":"none","on_delay":")" +
                              format_duration(on_delay) + R"(","off_delay":")" + format_duration(off_delay) + R"("})");
    std::vector<Event> events;
    std::vector<std::pair<std::string, Nanos>> expected;
    bool active = false, is_told = false;
    Nanos since = 0, ended = 0;
    for (Nanos second = 0, n = *rc::gen::inRange(0, 60); second < n; ++second) {
      // The tick tells what the second before has decided, then the value may change.
      const Nanos now = (1000 + second) * kSecond;
      events.push_back({Event::Kind::tick, 0, now, now, false, 9});
      if (active && !is_told && now - since >= on_delay) is_told = true, expected.emplace_back("raise", since);
      if (!active && is_told && now - ended >= off_delay) is_told = false, expected.emplace_back("recover", ended);
      const bool value = *rc::gen::arbitrary<bool>();
      const Nanos time = now + kMillisecond;
      events.push_back({Event::Kind::reading, 0, time, now, value, 9});
      if (value && !active && !is_told) since = time;
      if (!value && active) {
        if (!is_told && time - since >= on_delay) is_told = true, expected.emplace_back("raise", since);
        ended = time;
      }
      active = value;
      if (active && !is_told && on_delay == 0) is_told = true, expected.emplace_back("raise", since);
      if (!active && is_told && off_delay == 0) is_told = false, expected.emplace_back("recover", ended);
    }
    std::vector<std::pair<std::string, Nanos>> got;
    for (const Told& message : testing::alerts(policy, stream_of(events)))
      got.emplace_back(message.phase, message.phase == "raise" ? message.members[0].since : message.members[0].until);
    RC_ASSERT(got == expected);
  }));
}

TEST_CASE("alert: readings grouped otherwise make the same messages, and in another order leave the same open") {
  CHECK(rc::check([] {
    const Policy policy = testing::alert_policy(R"({"match":"+/+/+/+","on":"alarm","values":["true"]})");
    struct Row {
      std::uint32_t series;
      Nanos time;
      bool value;
    };
    std::vector<Row> rows;
    for (int i = 0, n = *rc::gen::inRange(0, 60); i < n; ++i)  // no two at the same time
      rows.push_back(
          {*rc::gen::inRange(0U, kSeries), 1000 * kSecond + *rc::gen::inRange(0, 9) * kSecond + i, *rc::gen::arbitrary<bool>()});
    const auto stream = [](const std::vector<Row>& all, std::size_t columns) {
      StreamWriter writer;
      declare(writer);
      ReadingsBuilder builder(v1::VALUE_TYPE_BOOL);
      for (const Row& row : all) {
        builder.add(row.series, row.time, row.value);
        if (builder.rows() < columns) continue;
        writer.out().readings(builder.columns());
        builder.clear();
      }
      writer.out().readings(builder.columns());
      for (const std::string& node : kNodes) writer.watermark(node, 1010 * kSecond);
      return writer.take();
    };
    const auto grouped = [&](std::size_t columns) {
      testing::AlertRun run(policy);
      run.take(stream(rows, columns));
      run.end();
      return run.json;
    };
    RC_ASSERT(grouped(1) == grouped(*rc::gen::inRange<std::size_t>(2, 20)));
    auto shuffled = rows;
    for (std::size_t i = shuffled.size(); i > 1; --i) std::swap(shuffled[i - 1], shuffled[*rc::gen::inRange<std::size_t>(0, i)]);
    std::map<std::uint32_t, Row> newest;
    for (const Row& row : rows)
      if (const auto at = newest.find(row.series); at == newest.end() || at->second.time < row.time) newest[row.series] = row;
    std::set<std::string> expected, open;
    for (const auto& [series, row] : newest)
      if (row.value) expected.insert("s/l/" + kAssets[series / 2] + (series % 2 == 0 ? "/x" : "/y"));
    for (const Told& message : testing::alerts(policy, stream(shuffled, 7)))
      for (const Told::Member& member : message.members)
        if (message.phase == "raise") open.insert(member.subject);
        else open.erase(member.subject);
    RC_ASSERT(open == expected);
  }));
}

TEST_CASE("alert: the past is quiet, and what still holds when a node has caught up is told once") {
  CHECK(rc::check([] {
    const Policy policy = testing::alert_policy(
        R"({"match":"+/+/+/+","on":"alarm","values":["true"],"group":"none"},{"match":"+/+/+/+","on":"dead","group":"none"})");
    const AlertOptions options{600 * kSecond, 0};
    constexpr Nanos kStart = 100'000 * kSecond, kOutage = 4 * 3600 * kSecond;
    StreamWriter writer;
    declare(writer);
    std::map<std::uint32_t, bool> before, now;
    const auto reading = [&](std::uint32_t series, Nanos time, Nanos clock) {
      now[series] = *rc::gen::arbitrary<bool>();
      write(writer, {Event::Kind::reading, series, time, clock, now[series], 9});
    };
    const auto tick = [&](Nanos time, Nanos clock) {
      write(writer, {Event::Kind::arrival, 0, 0, clock, false, 9});
      write(writer, {Event::Kind::tick, 0, time, clock - (clock - time), false, 9});  // ticks bear the clock of then
    };
    tick(kStart, kStart);
    for (std::uint32_t series = 0; series < 4; ++series) reading(series, kStart + 1, kStart);
    tick(kStart + kSecond, kStart + kSecond);
    before = now;
    testing::AlertRun run(policy, options);
    const std::string live = writer.take();
    run.take(live);
    const std::size_t told_live = run.json.size();
    RC_ASSERT(told_live == static_cast<std::size_t>(std::ranges::count_if(before, [](const auto& s) { return s.second; })));

    // Four hours come within a minute, deaths and births in them; no message until the ticks are near the clock.
    StreamWriter backlog;
    declare(backlog);
    std::swap(writer, backlog);
    const int steps = *rc::gen::inRange(20, 60);
    for (int i = 1; i <= steps; ++i) {
      const Nanos clock = kStart + kOutage + i * kSecond, time = kStart + kSecond + (kOutage - 700 * kSecond) * i / steps;
      write(writer, {Event::Kind::arrival, 0, 0, clock, false, 9});
      if (*rc::gen::inRange(0, 5) == 0) {
        write(writer, {Event::Kind::life, 0, time, clock, false, 0});
        write(writer, {Event::Kind::life, 0, time, clock, true, 0});
      }
      reading(*rc::gen::inRange(0U, 4U), time, clock);
      tick(time, clock);
    }
    run.take(writer.take());
    RC_ASSERT(run.json.size() == told_live);
    StreamWriter present;
    declare(present);
    std::swap(writer, present);
    tick(kStart + kOutage, kStart + kOutage + 61 * kSecond);
    tick(kStart + kOutage + kSecond, kStart + kOutage + 62 * kSecond);
    run.take(writer.take());
    run.end();
    const auto all = run.told();
    std::size_t changes = 0;
    for (const auto& [series, value] : now) changes += value != before[series];
    RC_ASSERT(all.size() == told_live + changes);
    for (std::size_t i = told_live; i < all.size(); ++i) {
      const std::string& subject = all[i].subject;
      const auto series = static_cast<std::uint32_t>((subject[5] - '0') * 2 + (subject.ends_with("y") ? 1 : 0));
      RC_ASSERT(all[i].condition == "alarm" && (all[i].phase == "raise") == now[series] && before[series] != now[series]);
    }
  }));
}
