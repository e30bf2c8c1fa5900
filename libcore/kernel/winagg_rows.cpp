// SPDX-License-Identifier: Apache-2.0
// The windows of the aggregates: what they come to, and the rows that leave.
#include <algorithm>
#include <cmath>
#include <limits>

#include "kernel/winagg_parts.hpp"

namespace twinpipe {
namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

}  // namespace

/// Up to when the value of a reading holds, at the latest: the rule's longest silence, a gap, a death.
Nanos WinAgg::covered_until(std::uint32_t slot, const Reading& reading) const {
  if (std::isnan(reading.value)) return reading.time;
  Nanos until = saturating_add(reading.time, settings_[slot].hold);
  for (const Mark& mark : nodes_[node_of(slot)].marks)
    if (mark.breaks >= reading.time && concerns(mark, slot)) until = std::min(until, mark.breaks);
  return until;
}

/// Every reading weighs the same: the panes' own sums.
WinAgg::Content WinAgg::sum(std::size_t lane, std::uint32_t slot, Nanos start, Nanos end, bool once) {
  Content content;
  const bool again = settings_[slot].slides() > 1;  // other windows will ask for the same panes
  for (Pane& pane : lanes_[lane]->tracks[slot].panes) {
    if (pane.once != once || pane.start < start || pane.start >= end || (once && pane.told(end, settings_[slot].slide))) continue;
    const Content part = fold(pane);
    content.merge(part);
    if (again && !pane.total) pane.total = std::make_unique<Content>(part);
  }
  return content;
}

/// What adds to other rows weighs in its own panes alone: what those hold is known to be told when they are gone.
void WinAgg::keep_in_panes(const Track& track, Nanos slide) {
  std::vector<Stretch> kept;
  for (const Stretch& s : stretches_) {
    const double slope = (s.end - s.begin) / static_cast<double>(s.to - s.from);
    const auto at = [&](Nanos time) { return time == s.to ? s.end : s.begin + slope * static_cast<double>(time - s.from); };
    for (const Pane& pane : track.panes) {
      const Nanos from = std::max(s.from, pane.start), to = std::min(s.to, pane.start + slide);
      if (pane.once && from < to) kept.push_back({from, to, at(from), at(to)});
    }
  }
  stretches_.swap(kept);
}

/// Weighted by time: the curve that the readings stand for, from the last one before the window to the first one behind it. Rows
/// that add to others hold only the time that those do not cover, and their curve begins and ends at what those saw.
WinAgg::Content WinAgg::curve(std::size_t lane, std::uint32_t slot, Nanos start, Nanos end, bool once,
                              const CoveredTime& covered) {
  const Setting& setting = settings_[slot];
  const Track& track = lanes_[lane]->tracks[slot];
  const bool linear = setting.weighting == v1::WEIGHTING_LINEAR;
  // What comes for windows that are gone stands for itself, within its pane: readings around it may be gone, too.
  const bool strays = once && lane == kLive;
  Content content;
  stretches_.clear();
  points_.clear();
  Reading held;
  Nanos held_until = kBeginning, passed = kBeginning, ended = kBeginning;
  const auto stretch = [&](Nanos until, double value) {  // from `held` to the next reading, or to the end
    const Nanos from = std::max({held.time, start, passed}), to = std::min({until, end, linear ? kForever : held_until});
    if (to <= from || held_until <= from) return;
    if (!linear) return stretches_.push_back({from, to, held.value, held.value});
    if (std::isnan(value) || held_until < until) return;
    const double slope = (value - held.value) / static_cast<double>(until - held.time);
    const auto at = [&](Nanos time) {
      return time == until ? value : held.value + slope * static_cast<double>(time - held.time);
    };
    stretches_.push_back({from, to, at(from), at(to)});
    if (to < until) points_.push_back({to, to, at(to), at(to), held_until});  // the line goes on
  };
  const auto *run = covered.runs().data(), *const last_run = run + covered.runs().size();
  const auto pass = [&](Nanos time) {  // what is covered, as far as it begins up to there
    for (; run != last_run && run->from <= time; ++run) {
      stretch(run->from, strays ? kUnknown : run->begin);
      passed = run->to;
      held_until = run->from;  // other values came
      if (linear || run->until > run->to) ended = run->to;
      if (linear && !strays) held = {run->to, run->end}, held_until = run->until;
    }
  };
  const auto hold = [&](const Reading& reading, Nanos until) {
    pass(reading.time);
    if (reading.time < ended) return;
    if (reading.time >= start) stretch(reading.time, reading.value);
    held = reading;
    held_until = until;
    if (reading.time >= start && reading.time < end && !(linear && std::isnan(reading.value)))
      points_.push_back({reading.time, reading.time, reading.value, reading.value, std::max(until, reading.time + 1)});
  };
  if (!strays) hold(track.before, track.before_until);
  Nanos reached = kBeginning;
  for (const Pane& pane : track.panes) {
    if (pane.once != once) continue;
    for (const Reading* reading = pane.data; reading != pane.data + pane.size && reached < end; ++reading) {
      reached = reading->time;
      hold(*reading, std::min(strays ? pane.start + setting.slide : kForever, covered_until(slot, *reading)));
      if (reading->time < start || reading->time >= end || (once && pane.told(end, setting.slide))) continue;
      if (std::isnan(reading->value)) ++content.excluded;
      else ++content.moments.count;
    }
  }
  if (held.time < end) pass(kForever);
  if (!linear && held.time < end && holds_on(lane, setting))
    stretch(std::min(end, known(lane, nodes_[node_of(slot)])), held.value);
  if (once) keep_in_panes(track, setting.slide);
  const std::uint64_t count = content.moments.count;
  content.moments = moments_of(std::span<const Stretch>(stretches_));
  content.moments.count = count;
  return content;
}

/// Up to a row that adds to others: the time that they hold. Where panes belong to several windows, some of which have left,
/// they count as a whole.
CoveredTime WinAgg::covered_before(std::uint32_t slot, Nanos end) const {
  const Setting& setting = settings_[slot];
  CoveredTime covered = covered_[slot];
  for (const auto& lane : lanes_)
    for (const Pane& pane : lane->tracks[slot].panes)
      if (pane.once && pane.start >= end - setting.window && pane.start < end && pane.told(end, setting.slide))
        covered.add({pane.start, pane.start + setting.slide, kUnknown, kUnknown, pane.start});
  return covered;
}

/// What the curve asked for last holds is covered. A reading that is left out says no more than that what was held ended there.
void WinAgg::cover(std::uint32_t slot) {
  for (const Stretch& s : stretches_) covered_[slot].add({s.from, s.to, s.begin, s.end, s.to});
  for (const CoveredTime::Run& point : points_) {
    const CoveredTime::Run* const run = covered_[slot].before(point.from);
    if (!std::isnan(point.begin) || (run != nullptr && run->to == point.from)) covered_[slot].add(point);
  }
}

/// What leaves for good as deltas covers its time, too.
void WinAgg::cover_deltas(std::size_t lane, std::uint32_t slot, bool all) {
  std::vector<Stretch> stretches;
  std::vector<CoveredTime::Run> points;
  for (const Pane& pane : lanes_[lane]->tracks[slot].panes) {
    if (!pane.once || !(all || is_final(lane, slot, pane))) continue;
    (void)curve(lane, slot, pane.start, pane.start + settings_[slot].slide, true, covered_[slot]);
    stretches.insert(stretches.end(), stretches_.begin(), stretches_.end());
    points.insert(points.end(), points_.begin(), points_.end());
  }
  stretches_.swap(stretches);
  points_.swap(points);
  cover(slot);
}

void WinAgg::emit(std::size_t lane, std::uint32_t slot, Nanos end, bool once) {
  const Setting& setting = settings_[slot];
  const Nanos start = end - setting.window;
  const Content content = !setting.is_curve() ? sum(lane, slot, start, end, once)
                          : once              ? curve(lane, slot, start, end, once, covered_before(slot, end))
                                              : curve(lane, slot, start, end, once, {});
  if (content.empty()) return;
  if (setting.is_curve() && !once) cover(slot);
  add_row(lane, slot, start, end, once && sent_[slot].is_open(start), content);
}

/// Numbers that nobody knows are not-a-number, never 0.
void WinAgg::add_row(std::size_t lane, std::uint32_t slot, Nanos start, Nanos end, bool delta, const Content& content) {
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
  // A row in another unit, or weighted otherwise, is replaced, and this says so.
  const std::uint32_t cut = cut_of(slot, start, end) | (sent_[slot].is_older(start) ? v1::CUT_RESTART : v1::CUT_NONE);
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
  row.add_cut(cut);
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
