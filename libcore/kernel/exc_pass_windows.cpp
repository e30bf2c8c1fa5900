// SPDX-License-Identifier: Apache-2.0
// Exception pass: windows open, grow and close; what they let through, and what that may cost.
#include <algorithm>

#include "kernel/exc_pass_parts.hpp"

namespace twinpipe {
namespace {

constexpr std::size_t kClosedWindows = 16;  // that a signal keeps for late raw
constexpr Nanos kHour = 3600 * kSecond;

std::int64_t hour_of(Nanos time) { return time >= 0 ? time / kHour : -((-(time + 1)) / kHour) - 1; }

}  // namespace

// ---- windows --------------------------------------------------------------------------------------------------------

/// The condition is met at `sample`: its window lasts until `until` at least.
void ExcPass::cross(Lane& lane, Id number, const Sample& sample, Nanos until) {
  Watch& watch = lane.watches[number];
  const Nanos from = saturating_sub(sample.from, rules_->rules()[watch.rule].pre);
  // Silence longer than `post` and `pre` together: nobody saw that the condition held.
  if (watch.window != kNone && from > lane.windows[watch.window].until) close_window(lane, watch.window);
  if (watch.window == kNone) {
    const Id opened = open_window(lane, number, from, until);
    lane.windows[opened].sample = sample;
    tell(lane, lane.windows[opened], v1::Exception::PHASE_OPEN);
    lane.windows[opened].announced = lane.windows[opened].until;
    return release(lane, opened);
  }
  // An extension is told when raw is about to pass the end that the stream knows: one frame a `post`, not one a reading.
  Window& window = lane.windows[watch.window];
  window.until = std::max(window.until, until);
  window.sample = sample;
  if (from < window.from) {
    window.from = from;
    if (tell(lane, window, v1::Exception::PHASE_EXTEND)) window.announced = window.until;
    return release(lane, watch.window);
  }
  if (window.beyond <= window.until) release(lane, watch.window);
}

/// The same for a time that is not believed: a window of its own, whatever others are open, closed at once. Where raw is known
/// to be elsewhere it is for this reading alone.
void ExcPass::cross_alone(Lane& lane, Id number, const Sample& sample, Nanos until) {
  const Id open = std::exchange(lane.watches[number].window, kNone);
  cross(lane, number, sample, until);
  const Id alone = lane.watches[number].window;
  close_window(lane, alone);
  lane.watches[number].window = open;
  const Id slot = lane.watches[number].slot;
  const Nanos newest = lane.hot[slot].clock.newest();
  if (newest != kBeginning && lane.windows[alone].from > saturating_add(newest, EventClock::kLeap))
    return alone_.push_back(alone);
  Node& node = lane.nodes[table().node_of(slot)];
  node.due = std::min(node.due, node.clock());  // with its next step it is clear whether anything else will come there
}

void ExcPass::forget_alone(Lane& lane) {
  for (const Id window : std::exchange(alone_, {}))
    if (lane.windows[window].used && !lane.windows[window].open) forget_window(lane, window);
}

/// A new window, or one that was closed and that this one touches.
ExcPass::Id ExcPass::open_window(Lane& lane, Id number, Nanos from, Nanos until) {
  Watch& watch = lane.watches[number];
  Node& node = lane.nodes[table().node_of(watch.slot)];
  const auto touched =
      std::ranges::find_if(watch.closed, [&](Id id) { return lane.windows[id].until >= from && lane.windows[id].from <= until; });
  Id id = kNone;
  if (touched != watch.closed.end()) {
    id = *touched;
    watch.closed.erase(touched);
    std::erase(lane.live, id);
    for (const Id slot : lane.windows[id].passes) std::erase(lane.sensors[slot].windows, id);
  } else {
    id = lane.free_windows.empty() ? static_cast<Id>(lane.windows.size()) : lane.free_windows.back();
    if (lane.free_windows.empty()) lane.windows.emplace_back();
    else lane.free_windows.pop_back();
    lane.windows[id] = Window{number, watch.rule, watch.slot, from, until, until, kForever, {}, true, true, watch.passes};
  }
  lane.live.push_back(id);
  for (const Id slot : lane.windows[id].passes) {
    lane.sensors[slot].windows.push_back(id);
    lane.flags[slot] |= kInWindow;
  }
  Window& window = lane.windows[id];
  window.open = true;
  window.from = std::min(window.from, from);
  window.until = std::max(window.until, until);
  watch.window = id;
  node.due = std::min(node.due, window.until);
  return id;
}

/// Raw in its span that comes late still passes, until the window is forgotten.
void ExcPass::close_window(Lane& lane, Id id) {
  Window& window = lane.windows[id];
  // A series that this segment has not declared cannot be named: its window is closed when it can be.
  if (!window.open || !tell(lane, window, v1::Exception::PHASE_CLOSE)) return;
  window.open = false;
  window.announced = window.until;
  if (window.watch == kNone) return;
  Watch& watch = lane.watches[window.watch];
  watch.window = kNone;
  watch.closed.push_back(id);
  if (watch.closed.size() > kClosedWindows) forget_window(lane, watch.closed.front());
}

void ExcPass::forget_window(Lane& lane, Id id) {
  Window& window = lane.windows[id];
  for (const Id slot : window.passes) {
    std::erase(lane.sensors[slot].windows, id);
    if (lane.sensors[slot].windows.empty()) lane.flags[slot] &= static_cast<std::uint8_t>(~kInWindow);
  }
  if (window.watch != kNone) std::erase(lane.watches[window.watch].closed, id);
  std::erase(lane.live, id);
  window.used = false;
  lane.free_windows.push_back(id);
}

/// Closes the node's windows that its clock has passed, and forgets those that nothing late may ask for any more.
void ExcPass::close_due(Lane& lane, Id number) {
  const Nanos now = lane.nodes[number].clock();
  Nanos due = kForever;
  for (const Id id : std::vector<Id>(lane.live)) {
    Window& window = lane.windows[id];
    if (!window.used || table().node_of(window.slot) != number) continue;
    if (window.open && now > window.until) close_window(lane, id);
    const Nanos end = window.open ? window.until : saturating_add(window.until, options_.reach);
    const bool nobody_there = window.from > saturating_add(now, EventClock::kLeap);
    if (!window.open && (now > end || nobody_there)) forget_window(lane, id);
    else due = std::min(due, end);
  }
  lane.nodes[number].due = due;
}

/// True when readings tell the time of a node that has windows.
bool ExcPass::reads_data_clock(const Lane& lane) const {
  return std::ranges::any_of(lane.live, [&](Id id) { return !lane.nodes[table().node_of(lane.windows[id].slot)].ticking; });
}

// ---- raw ------------------------------------------------------------------------------------------------------------

/// May raw of a series from `first` to `last` pass, pinned? Says in the stream what has to stand in front of it.
ExcPass::Verdict ExcPass::verdict(Lane& lane, Id slot, Nanos first, Nanos last, std::size_t bytes) {
  Verdict decided = Verdict::outside;
  for (const Id id : lane.sensors[slot].windows) {
    Window& window = lane.windows[id];
    if (last < window.from) continue;
    if (first > window.until) {
      window.beyond = std::min(window.beyond, first);
      continue;
    }
    if (!charge(lane, window, slot, first, bytes)) {
      decided = Verdict::refused;
      continue;
    }
    if (first > window.announced && tell(lane, window, v1::Exception::PHASE_EXTEND)) window.announced = window.until;
    ++pinned_;
    return Verdict::pinned;
  }
  refused_ += decided == Verdict::refused;
  return decided;
}

ExcPass::Budget::Hour& ExcPass::Budget::of(std::int64_t hour) {
  auto at = std::ranges::lower_bound(hours, hour, {}, &Hour::hour);
  if (at != hours.end() && at->hour == hour) return *at;
  if (hours.size() < kHours) return *hours.insert(at, Hour{hour});
  if (at == hours.begin()) return hours.front();  // older than all that are kept: it counts with the oldest
  *hours.begin() = Hour{hour};
  std::rotate(hours.begin(), hours.begin() + 1, at);
  return *(at - 1);
}

bool ExcPass::charge(Lane& lane, const Window& window, Id slot, Nanos time, std::size_t bytes) {
  const ExceptionRule& rule = rules_->rules()[window.rule];
  if (!rule.budget) return true;
  std::vector<Budget>& budgets = lane.assets[table().series(slot).asset].budgets;
  auto budget = std::ranges::find(budgets, window.rule, &Budget::rule);
  if (budget == budgets.end()) budget = budgets.insert(budgets.end(), Budget{window.rule, {}});
  Budget::Hour& hour = budget->of(hour_of(time));
  if (!hour.told && hour.bytes + static_cast<double>(bytes) <= *rule.budget) {
    hour.bytes += static_cast<double>(bytes);
    return true;
  }
  if (std::exchange(hour.told, true)) return false;
  v1::Exception exception;
  exception.set_series(*table().alias_of(slot));  // raw that is judged has an alias
  exception.set_time(time);
  exception.set_value(hour.bytes);
  exception.set_threshold(*rule.budget);
  exception.set_from(time);
  exception.set_until(saturating_add(hour.hour * kHour, kHour));
  exception.set_phase(v1::Exception::PHASE_BUDGET_SPENT);
  write(lane, std::move(exception), window.rule);
  return false;
}

// ---- the ring -------------------------------------------------------------------------------------------------------

/// Lets out what waits and lies in the window.
void ExcPass::release(Lane& lane, Id id) {
  lane.windows[id].beyond = kForever;
  if (!options_.gate) return;
  const Nanos from = lane.windows[id].from;
  for (const Id slot : lane.windows[id].passes) release_series(lane, slot, from);
}

void ExcPass::release_series(Lane& lane, Id slot, Nanos from) {
  const auto alias = table().alias_of(slot);
  const Id ring = ring_of(lane, slot);
  if (!alias || ring_.empty(ring)) return;
  writer_->flush();
  ring_.visit(ring, from, kForever, [&](const RawRing::Item& item) {
    const std::size_t bytes = item.row == nullptr ? item.text.size() : kReadingBytes + item.text.size();
    switch (verdict(lane, slot, item.first, item.last, bytes)) {
      case Verdict::outside: return RawRing::Fate::keep;
      case Verdict::refused: return RawRing::Fate::dropped;
      case Verdict::pinned: break;
    }
    ++released_;
    writer_->released(*alias, lane.historical, item);
    return RawRing::Fate::sent;
  });
  writer_->flush();
}

/// Event time up to which raw of the window may be missing; kBeginning: none is.
Nanos ExcPass::lost_until(const Lane& lane, const Window& window) const {
  Nanos lost = kBeginning;
  for (const Id slot : window.passes) lost = std::max(lost, ring_.lost(ring_of(lane, slot), window.from, window.until));
  return lost;
}

// ---- what is said ---------------------------------------------------------------------------------------------------

/// False: the series has no alias in this segment.
bool ExcPass::tell(const Lane& lane, const Window& window, v1::Exception::Phase phase) {
  const auto alias = last_aliases_.of(window.slot);
  if (!alias) return false;
  v1::Exception exception;
  exception.set_series(*alias);
  exception.set_time(window.sample.time);
  exception.set_value(window.sample.value);
  exception.set_threshold(rules_->rules()[window.rule].threshold(window.sample.side));
  exception.set_from(window.from);
  exception.set_until(window.until);
  exception.set_phase(phase);
  if (const Nanos lost = lost_until(lane, window); options_.gate && lost != kBeginning) exception.set_lost_until(lost);
  write(lane, std::move(exception), window.rule);
  return true;
}

void ExcPass::write(const Lane& lane, v1::Exception exception, Id rule) {
  ++exceptions_;
  v1::Frame frame;
  exception.set_rule(book_.rules()[rule].name);
  exception.set_policy_digest(book_.digest());
  exception.set_historical(lane.historical);
  *frame.mutable_exception() = std::move(exception);
  writer_->frame(frame);
}

}  // namespace twinpipe
