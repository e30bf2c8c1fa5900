// SPDX-License-Identifier: Apache-2.0
// The windows of the aggregates: when they close, what they come to, the rows that leave.
#include <algorithm>
#include <cmath>
#include <limits>

#include "kernel/winagg_parts.hpp"

namespace twinpipe {

// ---- when ---------------------------------------------------------------------------------------------------------------

void WinAgg::schedule(std::size_t lane, std::uint32_t slot, Nanos time) {
  Track& track = lanes_[lane]->tracks[slot];
  if (track.scheduled <= time) return;
  track.scheduled = time;
  Node& node = nodes_[table().node_of(slot)];
  node.agenda[lane][time].push_back(slot);
  for (Clock& clock : node.clock)
    if (!clock.ticking) clock.due = std::min(clock.due, time);
}

/// Up to where a lane's windows may close. History waits for the live lane, which may still correct the same windows; a node
/// without a live lane has nothing to wait for.
Nanos WinAgg::reached(std::size_t lane, const Node& node) const {
  const Nanos live = node.clock[kLive].watermark();
  if (lane == kLive) return live;
  const Nanos historical = node.clock[kHistorical].watermark();
  return live == kBeginning ? historical : std::min(live, historical);
}

/// A step goes on until the next reading; a straight line needs it, and so does history, which ends where the live lane begins.
bool WinAgg::holds_on(std::size_t lane, const Setting& setting) {
  return setting.weighting == v1::WEIGHTING_STEP && lane == kLive;
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

/// A window that closes costs a dozen cache misses: those of the slots behind are fetched meanwhile.
void WinAgg::fetch_ahead(std::size_t lane, const std::vector<std::uint32_t>& slots, std::size_t at) const {
  constexpr std::size_t kState = 8, kContent = 4;
  if (at + kState < slots.size()) {
    const std::uint32_t slot = slots[at + kState];
    __builtin_prefetch(&lanes_[lane]->heads[slot]);
    __builtin_prefetch(&lanes_[lane]->tracks[slot]);
    __builtin_prefetch(&settings_[slot]);
    __builtin_prefetch(&sent_[slot]);
  }
  if (at + kContent >= slots.size()) return;
  const std::uint32_t slot = slots[at + kContent];
  const std::vector<Pane>& panes = lanes_[lane]->tracks[slot].panes;
  __builtin_prefetch(sent_[slot].runs().data());
  if (panes.empty()) return;
  for (std::size_t line = 0; line < sizeof(Pane); line += 64) __builtin_prefetch(reinterpret_cast<const char*>(panes.data()) + line);
  const auto* next = reinterpret_cast<const char*>(lanes_[lane]->heads[slot].next);
  for (int line = 0; next != nullptr && line < 6; ++line) __builtin_prefetch(next - 64 * line);
}

bool WinAgg::is_due(std::size_t lane, std::uint32_t slot, Nanos end, bool once) const {
  const Setting& setting = settings_[slot];
  const Nanos now = reached(lane, nodes_[table().node_of(slot)]);
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
  const Nanos now = reached(lane, nodes_[table().node_of(slot)]);
  Nanos next = kForever;
  for (const Pane& pane : track.panes) {
    Nanos due = pane.start + setting.window + setting.lateness;  // to be forgotten
    if (pane.emitted < setting.slides()) {
      const Nanos end = pane.start + (pane.emitted + 1) * setting.slide;
      due = pane.once || end <= now ? end + setting.lateness : end;
    }
    next = std::min(next, due);
  }
  if (holds_on(lane, setting) && track.filled != kForever) {
    Nanos until = track.before_until;
    for (const Pane& pane : track.panes)
      if (pane.size > 0 && !pane.once) until = covered_until(slot, pane.data[pane.size - 1]);
    if (until > track.filled) next = std::min(next, track.filled + setting.slide);
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
  park(lane, slot);
  for (Pane& pane : track.panes) settle(pane);
  if (settings_[slot].is_curve()) hold_on(lane, slot);
  for (const bool once : {false, true}) emit_due(lane, slot, once, all);
  if (all) {  // what has left as a delta must not leave again
    for (Pane& pane : track.panes)
      if (pane.once) forget(pane);
    std::erase_if(track.panes, [](const Pane& pane) { return pane.once; });
  }
  drop_final(lane, slot);
  if (const Nanos next = next_due(lane, slot); next != kForever) schedule(lane, slot, next);
}

/// A curve goes on where no reading comes: panes without readings for as long as the last value holds, up to the watermark.
void WinAgg::hold_on(std::size_t lane, std::uint32_t slot) {
  const Setting& setting = settings_[slot];
  Track& track = lanes_[lane]->tracks[slot];
  const Nanos now = reached(lane, nodes_[table().node_of(slot)]);
  const bool tail = holds_on(lane, setting);
  Nanos held_until = track.before_until;
  std::size_t at = 0;
  const auto pass = [&](const Pane& pane) {
    if (pane.size > 0 && !pane.once) held_until = covered_until(slot, pane.data[pane.size - 1]);
  };
  for (; at < track.panes.size() && track.panes[at].start < track.filled; ++at) pass(track.panes[at]);
  Nanos& next = track.filled;
  while (next <= now - setting.slide || (finishing_ && next < now)) {
    const bool more = at < track.panes.size();
    if (more && track.panes[at].start == next) {
      pass(track.panes[at++]);
      next += setting.slide;
    } else if (held_until > next && (more || tail)) {
      // Windows that are final have left without it; every other one is still to come.
      Pane pane;
      pane.start = next;
      pane.emitted = final_before(setting, next, track.processed);
      track.panes.insert(track.panes.begin() + static_cast<std::ptrdiff_t>(at++), std::move(pane));
      next += setting.slide;
    } else if (more) {
      next = track.panes[at].start;
    } else {
      if (tail) next = floor_to(now, setting.slide);
      return;
    }
  }
}

void WinAgg::emit_due(std::size_t lane, std::uint32_t slot, bool once, bool all) {
  const Setting& setting = settings_[slot];
  std::vector<Pane>& panes = lanes_[lane]->tracks[slot].panes;
  for (;;) {
    Nanos end = kForever;
    for (const Pane& pane : panes)
      if (pane.once == once && pane.emitted < setting.slides()) end = std::min(end, pane.start + (pane.emitted + 1) * setting.slide);
    if (end == kForever || !(all || is_due(lane, slot, end, once))) return;
    emit(lane, slot, end, once);
    for (Pane& pane : panes)
      if (pane.once == once && pane.start < end && pane.start >= end - setting.window)
        pane.emitted = std::max(pane.emitted, static_cast<std::uint32_t>((end - pane.start) / setting.slide));
  }
}

/// Panes that no row will ask for again.
void WinAgg::drop_final(std::size_t lane, std::uint32_t slot) {
  const Setting& setting = settings_[slot];
  Track& track = lanes_[lane]->tracks[slot];
  const Nanos now = reached(lane, nodes_[table().node_of(slot)]);
  track.processed = std::max(track.processed, now);
  std::erase_if(track.panes, [&](Pane& pane) {
    if (pane.emitted < setting.slides() || pane.start + setting.window + setting.lateness > now) return false;
    if (setting.is_curve() && pane.size > 0 && pane.data[pane.size - 1].time >= track.before.time) {
      track.before = pane.data[pane.size - 1];
      track.before_until = covered_until(slot, track.before);
    }
    lanes_[lane]->heads[slot].usual = std::max<std::uint32_t>(8, pane.size);
    forget(pane);
    return true;
  });
}

// ---- what ---------------------------------------------------------------------------------------------------------------

bool WinAgg::concerns(const Mark& mark, std::uint32_t slot) const {
  return (mark.asset == kEverything || mark.asset == table().series(slot).asset) && (mark.slot == kEverything || mark.slot == slot);
}

/// Up to when the value of a reading holds, at the latest: the rule's longest silence, a gap, a death.
Nanos WinAgg::covered_until(std::uint32_t slot, const Reading& reading) const {
  if (std::isnan(reading.value)) return reading.time;
  Nanos until = saturating_add(reading.time, settings_[slot].hold);
  for (const Mark& mark : nodes_[table().node_of(slot)].marks)
    if (mark.breaks >= reading.time && concerns(mark, slot))
      until = std::min(until, mark.breaks);
  return until;
}

/// Every reading weighs the same: the panes' own sums.
WinAgg::Content WinAgg::sum(std::size_t lane, std::uint32_t slot, Nanos start, Nanos end, bool once) {
  Content content;
  const bool again = settings_[slot].slides() > 1;  // other windows will ask for the same panes
  for (Pane& pane : lanes_[lane]->tracks[slot].panes) {
    if (pane.once != once || pane.start < start || pane.start >= end) continue;
    const Content part = fold(pane);
    content.merge(part);
    if (again && !pane.total) pane.total = std::make_unique<Content>(part);
  }
  return content;
}

/// Weighted by time: the curve that the readings stand for, from the last one before the window to the first one behind it.
WinAgg::Content WinAgg::curve(std::size_t lane, std::uint32_t slot, Nanos start, Nanos end, bool once) {
  const Setting& setting = settings_[slot];
  const Track& track = lanes_[lane]->tracks[slot];
  const Clock& clock = nodes_[table().node_of(slot)].clock[lane];
  const bool linear = setting.weighting == v1::WEIGHTING_LINEAR;
  // Nothing is known of the time behind the newest event.
  const Nanos known = std::min(end, std::max(clock.newest, clock.watermark()));
  Content content;
  stretches_.clear();
  Reading held = once && lane == kLive ? Reading{} : track.before;
  Nanos held_until = once && lane == kLive ? kBeginning : track.before_until;
  const auto stretch = [&](Nanos until, double value) {  // from `held` to the next reading, or to the end
    const Nanos from = std::max(held.time, start), to = std::min({until, end, linear ? kForever : held_until});
    if (to <= from || held_until <= from) return;
    if (!linear) return stretches_.push_back({from, to, held.value, held.value});
    if (std::isnan(value) || held_until < until) return;
    const double slope = (value - held.value) / static_cast<double>(until - held.time);
    const auto at = [&](Nanos time) { return time == until ? value : held.value + slope * static_cast<double>(time - held.time); };
    stretches_.push_back({from, to, at(from), at(to)});
  };
  for (const Pane& pane : track.panes) {
    if (pane.once != once || held.time >= end) continue;
    for (const Reading* reading = pane.data.get(); reading != pane.data.get() + pane.size; ++reading) {
      if (reading->time >= start) stretch(reading->time, reading->value);
      held = *reading;
      held_until = covered_until(slot, held);
      if (held.time >= end) break;
      if (held.time < start) continue;
      if (std::isnan(held.value)) ++content.excluded;
      else ++content.moments.count;
    }
  }
  if (!linear && held.time < end && holds_on(lane, setting)) stretch(known, held.value);
  const std::uint64_t count = content.moments.count;
  content.moments = moments_of(std::span<const Stretch>(stretches_));
  content.moments.count = count;
  return content;
}

void WinAgg::emit(std::size_t lane, std::uint32_t slot, Nanos end, bool once) {
  const Setting& setting = settings_[slot];
  const Nanos start = end - setting.window;
  const Content content = setting.is_curve() ? curve(lane, slot, start, end, once) : sum(lane, slot, start, end, once);
  if (content.empty()) return;
  const bool delta = once && sent_[slot].find(start).has_value();
  add_row(lane, slot, start, end, delta, content);
}

std::uint32_t WinAgg::alias_of(std::uint32_t slot) const {
  const auto declared = table().alias_of(slot);
  return declared ? *declared : given_alias_.at(slot);
}

/// Numbers that nobody knows are not-a-number, never 0.
void WinAgg::add_row(std::size_t lane, std::uint32_t slot, Nanos start, Nanos end, bool delta, const Content& content) {
  constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
  const Setting& setting = settings_[slot];
  const Moments& m = content.moments;
  const bool any = !m.empty();
  const double window = static_cast<double>(setting.window) / 1e9;
  double covered = any ? m.weight : 0;  // of a curve, seconds
  if (!setting.is_curve()) {
    const double period = static_cast<double>(setting.period) / 1e9;
    // Where nobody says how many were expected, those that came.
    if (content.covered == 0 && setting.period == 0)
      covered = m.count == 0 ? 0 : window * static_cast<double>(m.count) / static_cast<double>(m.count + content.excluded);
    else covered = content.covered + (m.weight - content.samples) * period;
  }
  const std::uint32_t revision = sent_[slot].send(start, setting.slide);
  rows_sent_ += 1;
  (delta ? deltas_ : corrections_) += revision > 0;
  v1::Frame& frame = rows_[{setting.weighting, lane == kHistorical}];
  v1::Aggregates& row = *frame.mutable_aggregates();
  row.add_series(alias_of(slot));
  row.add_start(start);
  row.add_end(end);
  row.add_revision(revision);
  row.add_delta(delta);
  row.add_count(m.count);
  row.add_coverage(std::min(1.0, covered / window));
  row.add_min(any ? m.min : kUnknown);
  row.add_max(any ? m.max : kUnknown);
  row.add_mean(any ? m.mean : kUnknown);
  row.add_rms(m.rms());
  row.add_peak(m.peak());
  row.add_crest(m.crest());
  row.add_std(m.standard_deviation());
  row.add_kurtosis(m.kurtosis());
  row.add_first(any ? m.first : kUnknown);
  row.add_last(any ? m.last : kUnknown);
  row.add_first_time(any ? m.first_time : 0);
  row.add_last_time(any ? m.last_time : 0);
  row.add_weight(m.weight);
  row.add_m2(m.m2);
  row.add_m3(m.m3);
  row.add_m4(m.m4);
  row.add_cut(cut_of(slot, start, end));
  constexpr int kMostRows = 4096;  // a frame of these stays far below every limit
  if (row.series_size() >= kMostRows) write_rows(*out_);
}

void WinAgg::write_rows(Output& out) {
  for (auto& [key, frame] : rows_) {
    v1::Aggregates& rows = *frame.mutable_aggregates();
    if (rows.series_size() == 0) continue;
    rows.set_weighting(static_cast<v1::Weighting>(key.first));
    rows.set_historical(key.second);
    rows.set_policy_digest(rules_.digest());
    out.frame(frame);
    rows.Clear();
  }
}

// ---- cut short ----------------------------------------------------------------------------------------------------------

std::uint32_t WinAgg::cut_of(std::uint32_t slot, Nanos start, Nanos end) const {
  std::uint32_t cut = v1::CUT_NONE;
  for (const Mark& mark : nodes_[table().node_of(slot)].marks)
    if (mark.from < end && mark.to >= start && concerns(mark, slot)) cut |= mark.cut;
  return cut;
}

void WinAgg::add_mark(std::uint32_t number, const Mark& mark) {
  Node& node = nodes_[number];
  for (const std::uint32_t slot : node.slots) {
    if (!concerns(mark, slot)) continue;
    for (const auto& lane : lanes_)
      if (Track& track = lane->tracks[slot]; track.before.time <= mark.breaks) track.before_until = std::min(track.before_until, mark.breaks);
  }
  // Marks that no window still to come can meet.
  const Nanos now = node.clock[kLive].watermark();
  std::erase_if(node.marks, [&](const Mark& old) { return saturating_add(old.to, longest_) < now; });
  constexpr std::size_t kMost = 256;
  if (node.marks.size() >= kMost) {  // the two oldest become one, which marks too much rather than too little
    Mark& second = node.marks[1];
    const Mark& first = node.marks[0];
    second = {std::min(first.from, second.from), std::max(first.to, second.to), std::min(first.breaks, second.breaks), kEverything,
              kEverything, first.cut | second.cut};
    node.marks.erase(node.marks.begin());
  }
  node.marks.push_back(mark);
}

/// What is open now, wherever the cut was: from the watermark to the newest event.
WinAgg::Mark WinAgg::open_span(std::uint32_t number, std::uint32_t cut) const {
  const Clock& clock = nodes_[number].clock[kLive];
  const Nanos newest = std::max(clock.newest, clock.watermark());
  return {clock.watermark(), newest, newest, kEverything, kEverything, cut};
}

/// The live windows of a node, or of one asset, leave as they are.
void WinAgg::close_all(std::uint32_t number, std::uint32_t asset) {
  for (const std::uint32_t slot : nodes_[number].slots)
    if (asset == kEverything || table().series(slot).asset == asset) process(kLive, slot, true);
}

}  // namespace twinpipe
