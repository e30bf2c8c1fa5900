// SPDX-License-Identifier: Apache-2.0
// Laws of work-order: the episodes are those of a naive reading of the rows, whatever the frames, the duplicates, and wherever
// the state was saved and loaded; and the evidence has one digest, whoever replays it.
#include <fmt/format.h>
#include <rapidcheck.h>

#include <algorithm>
#include <map>
#include <set>

#include "policy/digest.hpp"
#include "wire/quantity.hpp"
#include "work_order_run.hpp"

using namespace twinpipe;
using testing::StreamWriter;
using testing::WorkOrdersRun;

namespace {

const std::array<std::string, 2> kAssets{"s.l.a", "s.l.b"};
const std::array<std::string, 2> kModes{"bearing", "seal"};
constexpr Nanos kHour = 3600 * kSecond;
constexpr Nanos kPast = 5 * kHour;

/// A row, or work done (of one failure mode, or of all).
struct Event {
  bool done;
  std::size_t asset, mode;
  Nanos time, behind;
  std::uint32_t revision;
  bool fired, all_modes;
};

struct Rules {
  std::uint32_t needed, of;
  Nanos clear, cool_down;
};

rc::Gen<Rules> any_rules() {
  return rc::gen::map(
      rc::gen::tuple(rc::gen::inRange(1, 4), rc::gen::inRange(0, 3), rc::gen::inRange(1, 5), rc::gen::inRange(0, 6)),
      [](const std::tuple<int, int, int, int>& t) {
        const auto [needed, more, clear, cool] = t;
        return Rules{static_cast<std::uint32_t>(needed), static_cast<std::uint32_t>(needed + more), clear * kHour, cool * kHour};
      });
}

/// Times that rise mostly, with steps back, repetitions and revisions.
rc::Gen<std::vector<Event>> any_events() {
  return rc::gen::exec([] {
    std::vector<Event> events;
    Nanos time = 1'000'000 * kSecond;
    for (int i = *rc::gen::inRange(1, 60); i > 0; --i) {
      Event event{};
      event.done = *rc::gen::inRange(0, 8) == 0;
      event.asset = *rc::gen::inRange<std::size_t>(0, 2);
      event.mode = *rc::gen::inRange<std::size_t>(0, 2);
      time += *rc::gen::element<Nanos>(0, 0, kHour, kHour, 2 * kHour, 5 * kHour);
      event.time = time - *rc::gen::element<Nanos>(0, 0, 0, 0, kHour, 3 * kHour);
      event.behind = *rc::gen::element<Nanos>(0, 0, 60 * kSecond, 6 * kHour);
      event.revision = *rc::gen::inRange(0U, 3U);
      event.fired = *rc::gen::inRange(0, 3) > 0;
      event.all_modes = *rc::gen::inRange(0, 3) == 0;
      events.push_back(event);
    }
    return events;
  });
}

Policy policy_of(const Rules& rules) {
  return testing::work_order_policy(fmt::format(R"({{"match":"+/+/+/+","confirm":"{}/{}","clear":"{}h","cool_down":"{}h"}})",
                                                rules.needed, rules.of, rules.clear / kHour, rules.cool_down / kHour));
}

v1::Frame frame_of(const Event& event) {
  v1::Frame frame;
  if (event.done) {
    v1::WorkOrder& order = *frame.mutable_work_order();
    order.set_state(v1::WorkOrder::STATE_COMPLETED);
    order.set_asset(kAssets[event.asset]);
    if (!event.all_modes) order.set_failure_mode(kModes[event.mode]);
    order.set_time(event.time);
    return frame;
  }
  v1::Predictions& row = *frame.mutable_predictions();
  row.set_failure_mode(kModes[event.mode]);
  row.set_model_digest("m");
  row.add_entity(kAssets[event.asset]);
  row.add_as_of(event.time);
  row.add_known_at(event.time + event.behind);
  row.add_revision(event.revision);
  row.add_fired(event.fired);
  row.add_score(event.fired ? 0.9 : 0.1);
  v1::FeatureColumn& column = *row.add_feature();
  column.set_name("x");
  column.add_value(static_cast<double>(event.time / kSecond % 1000));
  if (event.fired) {
    v1::Trend& trend = *row.add_trend();
    trend.set_feature("x");
    trend.add_as_of(event.time);
    trend.add_value(1);
  }
  return frame;
}

/// Rows of neighbouring frames of one failure mode become one frame, where `join` says so.
std::string stream_of(const std::vector<Event>& events, const std::vector<bool>& join = {}) {
  StreamWriter writer;
  v1::Frame open;
  const auto flush = [&] {
    if (open.has_predictions()) writer.out().frame(open);
    open.Clear();
  };
  for (std::size_t i = 0; i < events.size(); ++i) {
    v1::Frame next = frame_of(events[i]);
    const bool joins = i < join.size() && join[i] && open.has_predictions() && next.has_predictions() &&
                       open.predictions().failure_mode() == next.predictions().failure_mode();
    if (!joins) flush();
    if (!next.has_predictions()) {
      writer.out().frame(next);
    } else if (!joins) {
      open = next;
    } else {
      v1::Predictions &to = *open.mutable_predictions(), &from = *next.mutable_predictions();
      to.add_entity(from.entity(0));
      to.add_as_of(from.as_of(0));
      to.add_known_at(from.known_at(0));
      to.add_revision(from.revision(0));
      to.add_fired(from.fired(0));
      to.add_score(from.score(0));
      to.mutable_feature(0)->add_value(from.feature(0).value(0));
      for (v1::Trend& trend : *from.mutable_trend()) {
        trend.set_row(static_cast<std::uint32_t>(to.entity_size() - 1));
        *to.add_trend() = trend;
      }
    }
  }
  flush();
  writer.out().close(true);
  return std::string(writer.out().pending());
}

/// What an order is, as one text.
std::string told(const WorkOrderRequest& request) { return request.order.SerializeAsString() + request.body; }

std::vector<std::string> run(const Policy& policy, const std::string& stream) {
  WorkOrdersRun run(policy, {kPast, false, 100});
  const Status status = run.take(stream);
  if (!status.ok()) RC_FAIL(status.message);
  std::vector<std::string> all;
  for (const WorkOrderRequest& order : run.orders) all.push_back(told(order));
  return all;
}

/// The oracle keeps every row that spoke, and looks at them all again each time.
struct Naive {
  struct Row {
    Nanos time;
    std::uint32_t revision;
    bool fired;
  };
  std::vector<Row> rows;  // since the last end
  Nanos newest = kBeginning, done = kBeginning, ended = kBeginning, opened = kBeginning, last = kBeginning;
  std::uint32_t revision = 0;
  bool open = false, ordered = false;

  void work(Nanos time) {
    if (time <= done || (open && time < opened)) return;
    done = time, ended = std::max(ended, time), open = false;
    rows.clear();
  }
  bool row(const Event& event, const Rules& rules) {
    if (event.time < newest || (event.time == newest && event.revision <= revision)) return false;
    if (event.time == newest && !rows.empty() && rows.back().time == newest) rows.pop_back();
    newest = event.time, revision = event.revision;
    if (open && event.time >= last + rules.clear) {
      open = false;
      if (ordered) ended = std::max(ended, last + rules.clear);
      rows.clear();
    }
    const bool fired = event.fired && event.time > done;
    rows.push_back({event.time, event.revision, fired});
    const auto from = rows.end() - std::min<std::ptrdiff_t>(rules.of, std::ssize(rows));
    const auto count = std::count_if(from, rows.end(), [](const Row& one) { return one.fired; });
    if (fired && !open && count >= rules.needed && (ended == kBeginning || event.time >= ended + rules.cool_down))
      open = true, ordered = false, opened = event.time;
    if (!fired || !open) return false;
    last = event.time;
    return event.behind <= kPast && !std::exchange(ordered, true);
  }
};

std::vector<std::string> naive_keys(const std::vector<Event>& events, const Rules& rules) {
  std::map<std::pair<std::size_t, std::size_t>, Naive> all;
  std::map<std::size_t, Nanos> serviced;
  std::vector<std::string> keys;
  for (const Event& event : events) {
    if (event.done && event.all_modes) {
      Nanos& service = serviced.try_emplace(event.asset, kBeginning).first->second;
      service = std::max(service, event.time);
      for (auto& [who, naive] : all)
        if (who.first == event.asset) naive.work(event.time);
      continue;
    }
    const auto [at, fresh] = all.try_emplace({event.asset, event.mode});
    if (fresh && serviced.contains(event.asset)) at->second.work(serviced[event.asset]);
    if (event.done) at->second.work(event.time);
    else if (at->second.row(event, rules))
      keys.push_back(work_order_key(kAssets[event.asset], kModes[event.mode], format_time(at->second.opened)));
  }
  return keys;
}

}  // namespace

TEST_CASE("work-order: episodes are those of a naive reading") {
  CHECK(rc::check([] {
    const Rules rules = *any_rules();
    const std::vector<Event> events = *any_events();
    const Policy policy = policy_of(rules);
    WorkOrdersRun run(policy, {kPast, false, 100});
    RC_ASSERT(run.take(stream_of(events)).ok());
    std::vector<std::string> keys;
    for (const WorkOrderRequest& order : run.orders) keys.push_back(order.order.idempotency_key());
    RC_ASSERT(keys == naive_keys(events, rules));
    RC_ASSERT(std::set<std::string>(keys.begin(), keys.end()).size() == keys.size());
    RC_CLASSIFY(keys.size() > 1);
  }));
}

TEST_CASE("work-order: the same orders however rows stand in frames, and with duplicates") {
  CHECK(rc::check([] {
    const Policy policy = policy_of(*any_rules());
    const std::vector<Event> events = *any_events();
    std::vector<Event> twice;
    for (const Event& event : events) {
      twice.push_back(event);
      if (*rc::gen::arbitrary<bool>()) twice.push_back(event);
    }
    const auto join = *rc::gen::container<std::vector<bool>>(twice.size(), rc::gen::arbitrary<bool>());
    RC_ASSERT(run(policy, stream_of(twice, join)) == run(policy, stream_of(events)));
  }));
}

TEST_CASE("work-order: a state saved and loaded anywhere goes on as if nothing had happened") {
  CHECK(rc::check([] {
    const Policy policy = policy_of(*any_rules());
    const std::vector<Event> events = *any_events();
    const auto cut = *rc::gen::inRange<std::size_t>(0, events.size() + 1);
    const std::vector<Event> before(events.begin(), events.begin() + static_cast<std::ptrdiff_t>(cut));
    const std::vector<Event> after(events.begin() + static_cast<std::ptrdiff_t>(cut), events.end());
    WorkOrdersRun first(policy, {kPast, false, 100}), second(policy, {kPast, false, 100});
    RC_ASSERT(first.take(stream_of(before)).ok());
    RC_ASSERT(second.stage().load(first.stage().save()).ok());
    RC_ASSERT(second.stage().save() == first.stage().save());
    RC_ASSERT(second.take(stream_of(after)).ok());
    std::vector<std::string> all;
    for (const WorkOrdersRun* one : {&first, &second})
      for (const WorkOrderRequest& order : one->orders) all.push_back(told(order));
    RC_ASSERT(all == run(policy, stream_of(events)));
    RC_ASSERT(second.stage().unanswered().size() == all.size());
  }));
}

TEST_CASE("work-order: the evidence's digest is that of its bytes, in the request") {
  CHECK(rc::check([] {
    const Policy policy = policy_of(*any_rules());
    WorkOrdersRun run(policy, {kPast, false, 100});
    RC_ASSERT(run.take(stream_of(*any_events())).ok());
    for (const WorkOrderRequest& request : run.orders) {
      const std::size_t begin = request.body.find(R"("evidence":)") + 11;
      RC_ASSERT(sha256_hex(request.body.substr(begin, request.body.size() - 1 - begin)) == request.order.evidence_digest());
      const Result<WorkOrderRequest> read = read_outbox_text(outbox_text(request));
      RC_ASSERT(read.ok());
      RC_ASSERT(told(*read) == told(request));
    }
  }));
}
