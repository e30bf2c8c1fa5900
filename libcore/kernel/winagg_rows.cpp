// SPDX-License-Identifier: Apache-2.0
// The windows of the aggregates: what they come to, and the rows that leave.
#include <algorithm>
#include <cmath>
#include <limits>

#include "kernel/winagg_parts.hpp"

namespace twinpipe {

/// Up to when the value of a reading holds, at the latest: the rule's longest silence, a gap, a death.
Nanos WinAgg::covered_until(std::uint32_t slot, const Reading& reading) const {
  if (std::isnan(reading.value)) return reading.time;
  Nanos until = saturating_add(reading.time, settings_[slot].hold);
  for (const Mark& mark : nodes_[table().node_of(slot)].marks)
    if (mark.breaks >= reading.time && concerns(mark, slot)) until = std::min(until, mark.breaks);
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
    const auto at = [&](Nanos time) {
      return time == until ? value : held.value + slope * static_cast<double>(time - held.time);
    };
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
  row.add_series(last_aliases_.of(slot).value());
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

}  // namespace twinpipe
