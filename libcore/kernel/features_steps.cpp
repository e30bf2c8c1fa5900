// SPDX-License-Identifier: Apache-2.0
// Steps end: what came in a pane becomes sums, and what came late becomes other sums.
#include <algorithm>
#include <cmath>

#include "kernel/features_parts.hpp"

namespace twinpipe {
namespace {

template <class Raw>
auto first_at(const std::vector<std::unique_ptr<Raw>>& raw, std::int64_t pane) {
  return std::ranges::lower_bound(raw, pane, {}, [](const auto& one) { return one->pane; });
}

template <class Raw>
std::span<const FeaturePoint> in_order(Raw& raw) {
  if (!std::exchange(raw.in_order, true)) put_in_order(raw.points);
  return raw.points;
}

template <class Raw>
std::span<const FeaturePoint> points_of(const std::vector<std::unique_ptr<Raw>>& raw, std::int64_t pane) {
  const auto at = first_at(raw, pane);
  return at != raw.end() && (*at)->pane == pane ? in_order(**at) : std::span<const FeaturePoint>();
}

bool is_known(const FeaturePoint& point) { return !std::isnan(point.value); }

}  // namespace

FeaturePoint Features::before(const Source& source, std::int64_t pane) const {
  const auto at = first_at(source.raw, pane);
  return at == source.raw.begin() ? source.before : in_order(**(at - 1)).back();
}

FeaturePoint Features::known_before(const Source& source, std::int64_t pane) const {
  for (auto at = first_at(source.raw, pane); at != source.raw.begin();) {
    const std::span<const FeaturePoint> points = in_order(**--at);
    const auto last = std::find_if(points.rbegin(), points.rend(), is_known);
    if (last != points.rend()) return *last;
  }
  return source.known_before;
}

/// `closed`: the last pane whose points may be looked at. What lies behind may still be on its way.
SeriesSums Features::fold(const Source& source, Track& track, std::int64_t pane, std::int64_t closed) {
  const std::span<const FeaturePoint> points = points_of(source.raw, pane);
  const Nanos from = start_of(pane), to = start_of(pane + 1);
  if (track.weighting == v1::WEIGHTING_COUNT) return sums_by_count(points, from, to, track.period);
  FeaturePoint next;
  if (track.weighting == v1::WEIGHTING_LINEAR) {
    const auto behind = first_at(source.raw, pane + 1);
    if (behind != source.raw.end() && (*behind)->pane <= closed) next = in_order(**behind).front();
  }
  SeriesSums sums =
      sums_by_time(points, before(source, pane), next, from, to, {track.weighting == v1::WEIGHTING_LINEAR, track.hold});
  if (source.kind == Kind::state) fold_state(source, track, pane, sums);
  return sums;
}

/// How often the state was entered: from a known value that is not it.
void Features::fold_state(const Source& source, Track& track, std::int64_t pane, SeriesSums& sums) {
  const auto at = [&](Nanos time) { return std::ranges::lower_bound(track.entered, time) - track.entered.begin(); };
  if (track.counts_cycles)
    track.entered.erase(track.entered.begin() + at(start_of(pane)), track.entered.begin() + at(start_of(pane + 1)));
  FeaturePoint held = known_before(source, pane);
  bool known = held.time != kBeginning;
  sums.count = 0;
  for (const FeaturePoint& point : points_of(source.raw, pane)) {
    if (!is_known(point)) continue;
    if (known && held.value == 0 && point.value == 1) {
      sums.count += 1;
      if (track.counts_cycles) track.entered.insert(track.entered.begin() + at(point.time), point.time);
    }
    held = point;
    known = true;
  }
  constexpr std::size_t kMost = 4096;
  if (track.entered.size() <= kMost) return;
  track.forgotten += track.entered.size() - kMost;
  track.entered.erase(track.entered.begin(), track.entered.end() - kMost);
}

PairSums Features::fold(const AssetState& asset, const PairTrack& pair, std::int64_t pane) const {
  const auto held = [&](Id id, Nanos most) {
    const Source& source = asset.sources[id];
    return HeldSeries{points_of(source.raw, pane), before(source, pane), most};
  };
  return sums_of_pair(held(pair.x, pair.hold_x), held(pair.y, pair.hold_y), start_of(pane), start_of(pane + 1));
}

void Features::close(AssetState& asset, std::int64_t pane) {
  asset.closed = pane;
  for (Track& track : asset.tracks) {
    track.panes.add(pane, fold(asset.sources[track.source], track, pane, pane));
    if (track.weighting == v1::WEIGHTING_LINEAR) draw_line(asset, track, pane);
  }
  for (PairTrack& pair : asset.pairs) pair.panes.add(pane, fold(asset, pair, pane));
  Node& node = nodes_[asset.node];
  for (Source& source : asset.sources) {
    if (source.raw.empty()) continue;
    Head& head = heads_[source.slot];
    if (head.raw != nullptr && head.raw->pane <= pane) head = {};
    if (const std::span<const FeaturePoint> points = points_of(source.raw, pane); !points.empty()) {
      node.newest = std::max(node.newest, pane);
      source.since = std::min(source.since, points.front().time);
    }
    trim(asset, source);
  }
}

/// The pane's first point is the other end of the line from the last point before it: panes up to there know more now.
void Features::draw_line(AssetState& asset, Track& track, std::int64_t pane) {
  const Source& source = asset.sources[track.source];
  const auto at = first_at(source.raw, pane);
  if (at == source.raw.begin() || at == source.raw.end() || (*at)->pane != pane) return;
  const FeaturePoint last = in_order(**(at - 1)).back();
  if (saturating_add(last.time, track.hold) < in_order(**at).front().time) return;
  for (std::int64_t before = (*(at - 1))->pane; before < pane; ++before)
    if (track.panes.has(before)) track.panes.replace(before, fold(source, track, before, pane));
}

/// Panes that no late input can change any more are forgotten, but for what reaches out of them.
void Features::trim(AssetState& asset, Source& source) {
  const std::int64_t gone = asset.closed - definitions_->late_panes;
  std::size_t count = 0;
  while (count < source.raw.size() && source.raw[count]->pane <= gone) ++count;
  const bool newest = count == source.raw.size() || source.raw[count]->pane > asset.closed;
  if (source.lined && newest && count > 0) --count;
  for (std::size_t i = 0; i < count; ++i) {
    const std::span<const FeaturePoint> points = in_order(*source.raw[i]);
    source.before = points.back();
    const auto known = std::find_if(points.rbegin(), points.rend(), is_known);
    if (known != points.rend()) source.known_before = *known;
    spare_.push_back(std::move(source.raw[i]));
  }
  source.raw.erase(source.raw.begin(), source.raw.begin() + static_cast<std::ptrdiff_t>(count));
}

void Features::changed(AssetState& asset, std::int64_t from, std::int64_t to) {
  asset.changed_from = asset.changed_from == kNoPane ? from : std::min(asset.changed_from, from);
  asset.changed_to = std::max(asset.changed_to, to);
}

/// Late inputs came: panes from the first that they changed on are folded anew, and the rows are noted that this changes.
void Features::refold(AssetState& asset) {
  const auto again = [&](auto& panes, std::int64_t pane, const auto& sums, std::int64_t reach) {
    if (!panes.has(pane) || panes.at(pane) == sums) return;
    panes.replace(pane, sums);
    changed(asset, pane, pane + reach - 1);
  };
  for (Track& track : asset.tracks) {
    const Source& source = asset.sources[track.source];
    if (source.dirty == kNoPane) continue;
    std::int64_t from = source.dirty;
    const auto at = first_at(source.raw, from);
    if (track.weighting == v1::WEIGHTING_LINEAR && at != source.raw.begin()) from = (*(at - 1))->pane;
    for (std::int64_t pane = from; pane <= asset.closed; ++pane)
      again(track.panes, pane, fold(source, track, pane, asset.closed),
            track.counts_cycles ? asset.closed - pane + 1 : track.reach);
  }
  for (PairTrack& pair : asset.pairs) {
    const std::int64_t x = asset.sources[pair.x].dirty, y = asset.sources[pair.y].dirty;
    if (x == kNoPane && y == kNoPane) continue;
    for (std::int64_t pane = x == kNoPane || (y != kNoPane && y < x) ? y : x; pane <= asset.closed; ++pane)
      again(pair.panes, pane, fold(asset, pair, pane), pair.reach);
  }
  for (Source& source : asset.sources) source.dirty = kNoPane;
}

}  // namespace twinpipe
