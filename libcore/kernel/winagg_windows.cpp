// SPDX-License-Identifier: Apache-2.0
// The windows of the aggregates: when they close.
#include <algorithm>
#include <cmath>
#include <limits>

#include "kernel/winagg_parts.hpp"

namespace twinpipe {

void WinAgg::schedule(std::size_t lane, std::uint32_t slot, Nanos time) {
  Track& track = lanes_[lane]->tracks[slot];
  if (track.scheduled <= time) return;
  track.scheduled = time;
  Node& node = nodes_[node_of(slot)];
  node.agenda[lane][time].push_back(slot);
  for (Clock& clock : node.clock)
    if (!clock.ticking) clock.due = std::min(clock.due, time);
}

/// Up to where a lane's windows may close. History waits for the live lane, which may still correct the same windows, in a new
/// session for its first tick; a node without a live lane has nothing to wait for.
Nanos WinAgg::reached(std::size_t lane, const Node& node) const {
  const Nanos live = node.clock[kLive].watermark();
  if (lane == kLive) return live;
  const Nanos historical = node.clock[kHistorical].watermark();
  return live == kBeginning && !node.clock[kLive].ticking ? historical : std::min(live, historical);
}

/// History is counted once the live lane has no more to say: its rows add to what was sent, whenever they come. Those of a
/// curve do not, because readings in between would change the pieces that were sent.
bool WinAgg::only_adds(std::size_t lane, const Setting& setting) { return lane == kHistorical && !setting.is_curve(); }

/// Up to where a lane's curve may be known. At the end of the input no more history is to come.
Nanos WinAgg::known(std::size_t lane, const Node& node) const {
  const auto seen = [&node](std::size_t of) { return std::max(node.clock[of].data.newest(), node.clock[of].watermark()); };
  return lane == kHistorical && finishing_ ? std::max(seen(kLive), seen(kHistorical)) : seen(lane);
}

/// A step goes on until the next reading; a straight line needs it. That of history may be a live one.
bool WinAgg::holds_on(std::size_t lane, const Setting& setting) {
  return setting.weighting == v1::WEIGHTING_STEP || lane == kHistorical;
}

/// How many of the windows that contain a pane are final at a watermark.
std::uint32_t WinAgg::final_before(const Setting& setting, Nanos pane, Nanos watermark) {
  const Nanos passed = saturating_sub(saturating_sub(watermark, setting.lateness), pane);
  return static_cast<std::uint32_t>(std::clamp<Nanos>(passed / setting.slide, 0, setting.slides()));
}

/// A watermark of the node moved: everything that comes due, in order of time and then of slots.
void WinAgg::advance(std::uint32_t number) {
  Node& node = nodes_[number];
  for (Clock& clock : node.clock) {
    if (!clock.restarted || clock.watermark() == kBeginning) continue;
    clock.restarted = false;
    add_mark(number, {kBeginning, clock.watermark(), kForever, kEverything, kEverything, v1::CUT_RESTART});
  }
  for (std::size_t lane = 0; lane < kLanes; ++lane) {
    auto& agenda = node.agenda[lane];
    while (!agenda.empty() && agenda.begin()->first <= reached(lane, node)) {
      auto bucket = agenda.extract(agenda.begin());
      const std::vector<std::uint32_t>& slots = bucket.mapped();
      std::ranges::sort(bucket.mapped());
      for (std::size_t i = 0; i < slots.size(); ++i) {
        fetch_ahead(lane, slots, i);
        if (lanes_[lane]->tracks[slots[i]].scheduled == bucket.key()) process(lane, slots[i], false);
      }
    }
  }
  const auto first = [&node](std::size_t lane) {
    return node.agenda[lane].empty() ? kForever : node.agenda[lane].begin()->first;
  };
  // What comes due may lie behind the other lane's watermark: then it is looked at again for nothing.
  const Nanos due = std::min(first(kLive), first(kHistorical));
  for (Clock& clock : node.clock) clock.due = clock.ticking ? kForever : due;
}

void WinAgg::fetch_track(std::size_t lane, std::uint32_t slot) const {
  const auto* track = reinterpret_cast<const char*>(&lanes_[lane]->tracks[slot]);
  __builtin_prefetch(track);
  __builtin_prefetch(track + sizeof(Track) - 1);
  __builtin_prefetch(&settings_[slot]);
}

/// The panes, and the place of the next one.
void WinAgg::fetch_panes(std::size_t lane, std::uint32_t slot) const {
  const std::vector<Pane>& panes = lanes_[lane]->tracks[slot].panes;
  const auto* const bytes = reinterpret_cast<const char*>(panes.data());
  for (std::size_t line = 0; line < std::min<std::size_t>(panes.capacity(), 2) * sizeof(Pane); line += 64)
    __builtin_prefetch(bytes + line, 1);
}

/// What the head wrote last.
void WinAgg::fetch_readings(std::size_t lane, std::uint32_t slot) const {
  constexpr int kLines = 8;  // two blocks
  const auto* next = reinterpret_cast<const char*>(lanes_[lane]->heads[slot].next);
  for (int line = 0; next != nullptr && line < kLines; ++line) __builtin_prefetch(next - 64 * line);
}

/// A window that closes costs a dozen cache misses: those of the slots behind are fetched meanwhile.
void WinAgg::fetch_ahead(std::size_t lane, const std::vector<std::uint32_t>& slots, std::size_t at) const {
  constexpr std::size_t kState = 16, kContent = 8, kLast = 4;
  if (at + kState < slots.size()) {
    const std::uint32_t slot = slots[at + kState];
    __builtin_prefetch(&lanes_[lane]->heads[slot]);
    fetch_track(lane, slot);
    __builtin_prefetch(&sent_[slot]);
    __builtin_prefetch(&table().series(slot));
  }
  if (at + kContent < slots.size()) {
    const std::uint32_t slot = slots[at + kContent];
    __builtin_prefetch(sent_[slot].runs().data());
    fetch_panes(lane, slot);
    fetch_readings(lane, slot);
  }
  if (at + kLast >= slots.size()) return;
  // What is final leaves with its last reading; see drop_final().
  const std::vector<Pane>& panes = lanes_[lane]->tracks[slots[at + kLast]].panes;
  if (!panes.empty() && panes.front().size > 0) __builtin_prefetch(panes.front().data + panes.front().size - 1);
}

bool WinAgg::is_due(std::size_t lane, std::uint32_t slot, Nanos end, bool once) const {
  const Setting& setting = settings_[slot];
  const Nanos now = reached(lane, nodes_[node_of(slot)]);
  if (now >= end + setting.lateness) return true;
  if (once || now < end) return false;
  // A straight line needs its other end.
  const std::vector<Pane>& panes = lanes_[lane]->tracks[slot].panes;
  return setting.weighting != v1::WEIGHTING_LINEAR || (panes.back().start >= end && panes.back().size > 0);
}

/// The next event time at which a series has something to do; kForever: none.
Nanos WinAgg::next_due(std::size_t lane, std::uint32_t slot) const {
  const Setting& setting = settings_[slot];
  const Track& track = lanes_[lane]->tracks[slot];
  const Nanos now = reached(lane, nodes_[node_of(slot)]);
  Nanos next = kForever;
  for (const Pane& pane : track.panes) {
    Nanos due = pane.start + setting.window + setting.lateness;  // to be forgotten
    if (pane.emitted < setting.slides()) {
      const Nanos end = pane.start + (pane.emitted + 1) * setting.slide;
      due = pane.once || end <= now ? end + setting.lateness : end;
    }
    next = std::min(next, due);
  }
  if (setting.is_curve() && holds_on(lane, setting) && track.filled != kForever) {
    const bool history = lane == kHistorical;
    Nanos until = track.before_until;
    for (const Pane& pane : track.panes)
      if (pane.size > 0 && pane.once == history) until = covered_until(slot, pane.data[pane.size - 1]);
    if (until > track.filled) next = std::min(next, track.filled + setting.slide + (history ? setting.lateness : 0));
  }
  return next;
}

void WinAgg::process(std::size_t lane, std::uint32_t slot, bool all) {
  Track& track = lanes_[lane]->tracks[slot];
  track.scheduled = kForever;
  if (settings_[slot].rule == nullptr) return;
  if (!finishing_ && !table().alias_of(slot)) {  // of an earlier segment, not declared again so far
    waiting_.push_back(slot);
    return;
  }
  // A pane that no row asks for yet stays as it is, and its head, if one is open, goes on writing.
  const Setting& setting = settings_[slot];
  const Nanos now = reached(lane, nodes_[node_of(slot)]);
  const auto asked = [&](Nanos time) {
    return all || setting.is_curve() || floor_to(time, setting.slide) + setting.slide <= now;
  };
  if (asked(lanes_[lane]->heads[slot].start)) park(lane, slot);
  for (Pane& pane : track.panes)
    if (asked(pane.start)) settle(pane);
  if (setting.is_curve()) hold_on(lane, slot);
  for (const bool once : {false, true}) emit_due(lane, slot, once, all);
  if (all) {  // what has left as a delta must not leave again
    if (settings_[slot].is_curve()) cover_deltas(lane, slot, true);
    for (Pane& pane : track.panes)
      if (pane.once) forget(pane);
    std::erase_if(track.panes, [](const Pane& pane) { return pane.once; });
  }
  drop_final(lane, slot);
  if (const Nanos next = next_due(lane, slot); next != kForever) schedule(lane, slot, next);
}

/// A curve goes on where no reading comes: panes without readings for as long as the last value holds, up to the watermark; of
/// history, whose rows wait for the live ones, up to where those are final.
void WinAgg::hold_on(std::size_t lane, std::uint32_t slot) {
  const Setting& setting = settings_[slot];
  Track& track = lanes_[lane]->tracks[slot];
  const Node& node = nodes_[node_of(slot)];
  const bool history = lane == kHistorical, linear = setting.weighting == v1::WEIGHTING_LINEAR;
  const Nanos now = !history     ? reached(lane, node)
                    : finishing_ ? known(lane, node)
                                 : saturating_sub(reached(lane, node), setting.lateness);
  const CoveredTime& covered = covered_[slot];
  const auto tail = [&](Nanos from, Nanos until) {
    const CoveredTime::Run* const live = history && linear ? covered.behind(from) : nullptr;
    return history && linear ? live != nullptr && live->from <= until : holds_on(lane, setting);
  };
  Nanos held_until = track.before_until;
  std::size_t at = 0;
  const auto pass = [&](const Pane& pane) {
    if (pane.size > 0 && pane.once == history) held_until = covered_until(slot, pane.data[pane.size - 1]);
  };
  for (const Pane& pane : track.panes) {  // a line comes from what was seen live before
    if (!history || !linear || pane.emitted > 0 || pane.size == 0) continue;
    const CoveredTime::Run* const live = covered.before(pane.data[0].time);
    if (live != nullptr && live->until >= pane.data[0].time)
      track.filled = std::min(track.filled, floor_to(live->to, setting.slide));
  }
  for (; at < track.panes.size() && track.panes[at].start < track.filled; ++at) pass(track.panes[at]);
  Nanos& next = track.filled;
  while (next <= saturating_sub(now, setting.slide) || (finishing_ && next < now)) {
    const bool more = at < track.panes.size();
    const CoveredTime::Run* const live = history && linear ? covered.before(next + setting.slide - 1) : nullptr;
    const Nanos until = live != nullptr ? std::max(held_until, live->until) : held_until;
    if (more && track.panes[at].start == next) {
      pass(track.panes[at++]);
      next += setting.slide;
    } else if (until > next && history && covered.covers(next, next + setting.slide)) {
      next += setting.slide;
    } else if (until > next && (more || tail(next, until))) {
      // Windows that are final have left without it; every other one is still to come.
      Pane pane;
      pane.start = next;
      pane.once = history;
      pane.emitted = final_before(setting, next, track.processed);
      track.panes.insert(track.panes.begin() + static_cast<std::ptrdiff_t>(at++), std::move(pane));
      next += setting.slide;
    } else if (more) {
      next = track.panes[at].start;
    } else {
      if (holds_on(lane, setting)) next = std::max(next, floor_to(now, setting.slide));
      return;
    }
  }
}

/// The end of the first window whose row is still to be sent; kForever: none.
Nanos WinAgg::first_end(std::size_t lane, std::uint32_t slot, bool once) const {
  const Setting& setting = settings_[slot];
  Nanos end = kForever;
  for (const Pane& pane : lanes_[lane]->tracks[slot].panes)
    if (pane.once == once && pane.emitted < setting.slides())
      end = std::min(end, pane.start + (pane.emitted + 1) * setting.slide);
  return end;
}

void WinAgg::emit_due(std::size_t lane, std::uint32_t slot, bool once, bool all) {
  for (;;) {
    const Nanos end = first_end(lane, slot, once);
    if (end == kForever || !(all || is_due(lane, slot, end, once))) return;
    emit_window(lane, slot, end, once);
  }
}

void WinAgg::emit_window(std::size_t lane, std::uint32_t slot, Nanos end, bool once) {
  const Setting& setting = settings_[slot];
  emit(lane, slot, end, once);
  for (Pane& pane : lanes_[lane]->tracks[slot].panes)
    if (pane.once == once && pane.start < end && pane.start >= end - setting.window)
      pane.emitted = std::max(pane.emitted, static_cast<std::uint32_t>((end - pane.start) / setting.slide));
}

/// History's first rows leave early, as far as the live lane has nothing more to say about their windows, until one more pane
/// may be open. False: none could.
bool WinAgg::make_room(std::uint32_t slot) {
  const Setting& setting = settings_[slot];
  std::vector<Pane>& panes = lanes_[kHistorical]->tracks[slot].panes;
  const Nanos live = nodes_[node_of(slot)].clock[kLive].watermark();
  for (Pane& pane : panes) settle(pane);
  while (panes.size() >= options_.max_open) {
    const Nanos end = first_end(kHistorical, slot, true);
    if (end > saturating_sub(live, setting.lateness)) return false;
    emit_window(kHistorical, slot, end, true);
    std::erase_if(panes, [&](Pane& pane) {
      if (pane.emitted < setting.slides()) return false;
      forget(pane);
      return true;
    });
  }
  return true;
}

bool WinAgg::is_final(std::size_t lane, std::uint32_t slot, const Pane& pane) const {
  const Setting& setting = settings_[slot];
  return pane.emitted >= setting.slides() &&
         pane.start + setting.window + setting.lateness <= reached(lane, nodes_[node_of(slot)]);
}

/// Panes that no row will ask for again.
void WinAgg::drop_final(std::size_t lane, std::uint32_t slot) {
  const Setting& setting = settings_[slot];
  Track& track = lanes_[lane]->tracks[slot];
  const Nanos now = reached(lane, nodes_[node_of(slot)]);
  track.processed = std::max(track.processed, now);
  if (setting.is_curve()) cover_deltas(lane, slot, false);
  std::erase_if(track.panes, [&](Pane& pane) {
    if (!is_final(lane, slot, pane)) return false;
    if (pane.size > 0 && pane.data[pane.size - 1].time >= track.before.time) {  // a birth may repeat it: see is_repeated()
      track.before = pane.data[pane.size - 1];
      track.before_until = covered_until(slot, track.before);
    }
    track.usual = std::max<std::uint32_t>(8, pane.size);
    forget(pane);
    return true;
  });
}

}  // namespace twinpipe
