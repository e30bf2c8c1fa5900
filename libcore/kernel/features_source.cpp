// SPDX-License-Identifier: Apache-2.0
// What the source says of itself, and what others say of its assets: sessions, births and deaths, gaps, facts, services.
#include <algorithm>

#include "kernel/features_parts.hpp"
#include "wire/names.hpp"
#include "wire/quantity.hpp"

namespace twinpipe {
namespace {

/// A clock that goes back by more than this, behind the lateness, makes what was seen of the future worthless.
constexpr Nanos kClockStep = 60 * kSecond;
constexpr std::size_t kSessions = 16;

}  // namespace

void Features::remember(Nanos time, std::vector<Nanos>& times) {
  constexpr std::size_t kMost = 16;
  const auto at = std::ranges::lower_bound(times, time);
  if (at != times.end() && *at == time) return;
  times.insert(at, time);
  if (times.size() > kMost) times.erase(times.begin());
}

void Features::begin_session(Node& node, const v1::Session& session) {
  const auto same = [&session](const v1::Session& s) { return s.birth() == session.birth() && s.bdseq() == session.bdseq(); };
  if (std::any_of(node.sessions.rbegin(), node.sessions.rend(), same)) return;
  if (node.sessions.size() >= kSessions) node.sessions.erase(node.sessions.begin());
  node.sessions.push_back(session);
  if (node.sessions.size() == 1) return;
  node.anew = true;
  for (const Id id : node.assets)
    for (Source& source : assets_[id].sources)
      for (const auto& raw : source.raw) raw->of_older_session = true;
}

/// The first watermark of a session: a clock that was put back begins anew there, with what the session sent so far.
void Features::settle_session(Node& node, Nanos watermark) {
  node.anew = false;
  std::int64_t closed = kNoPane;
  for (const Id id : node.assets) closed = std::max(closed, assets_[id].closed);
  const Nanos least = start_of(std::max<std::int64_t>(closed + 1 - definitions_->late_panes, 0));
  const bool back = closed != kNoPane && saturating_add(watermark, kClockStep + definitions_->step) < least;
  if (back) node.watermark = kBeginning, node.closed = kNoPane;
  for (const Id id : node.assets) {
    AssetState& asset = assets_[id];
    if (back) restart(asset, watermark);
    for (Source& source : asset.sources) {
      const std::int64_t gone = asset.closed - definitions_->late_panes;
      std::erase_if(source.raw, [&](const auto& raw) {
        if (raw->of_older_session || raw->pane > gone || asset.closed == kNoPane) return false;
        late_ += raw->points.size();
        return true;
      });
      for (const auto& raw : source.raw) raw->of_older_session = false;
      if (source.dirty != kNoPane) source.dirty = std::max(source.dirty, gone + 1);
    }
    connect(id);
  }
}

void Features::restart(AssetState& asset, Nanos now) {
  for (Source& source : asset.sources) {
    std::erase_if(source.raw, [](const auto& raw) { return raw->of_older_session; });
    source.before = source.known_before = {};
    source.dirty = kNoPane;
    source.since = kForever;
    for (const auto& raw : source.raw)
      for (const FeaturePoint& point : raw->points) source.since = std::min(source.since, point.time);
  }
  for (Track& track : asset.tracks) {
    track.panes.clear();
    std::erase_if(track.entered, [now](Nanos time) { return time > now; });
  }
  for (PairTrack& pair : asset.pairs) pair.panes.clear();
  asset.closed = asset.changed_from = asset.changed_to = kNoPane;
}

/// From here on nothing is known of the asset's values until they come again.
void Features::break_off(AssetState& asset, Nanos at) {
  for (Source& source : asset.sources) {
    if (source.kind == Kind::row || source.since == kForever) continue;
    Nanos time = std::max(at, start_of(asset.closed + 1));
    if (!source.raw.empty())
      for (const FeaturePoint& point : source.raw.back()->points) time = std::max(time, point.time + 1);
    if (time > kLastTime) continue;
    RawPane& raw = raw_pane(source, pane_of(time));
    raw.in_order = raw.in_order && (raw.points.empty() || time > raw.points.back().time);
    raw.points.push_back({time, std::numeric_limits<double>::quiet_NaN(), 0});
    heads_[source.slot] = {};
  }
}

Status Features::on_lifecycle(const v1::Lifecycle& lifecycle, const FrameView& frame, Output& out) {
  Node& node = nodes_[node_named(lifecycle.node())];
  const bool of_link = lifecycle.reason() == v1::Lifecycle::REASON_HOST_LINK_LOST ||
                       lifecycle.reason() == v1::Lifecycle::REASON_HOST_LINK_RESTORED;
  if (lifecycle.online() && lifecycle.has_session() && !of_link) begin_session(node, lifecycle.session());
  const bool foreign = !lifecycle.online() && lifecycle.has_session() && !node.sessions.empty() &&
                       (lifecycle.session().birth() != node.sessions.back().birth() ||
                        lifecycle.session().bdseq() != node.sessions.back().bdseq());
  if (foreign && !of_link) return pass(frame, out);  // of a session that another one has followed
  const auto tell = [&](AssetState& asset) {
    if (!lifecycle.online()) break_off(asset, node.watermark);
    if (!of_link) remember(lifecycle.time(), lifecycle.online() ? asset.births : asset.deaths);
  };
  if (lifecycle.asset().empty()) {
    for (const Id id : node.assets) tell(assets_[id]);
  } else {
    tell(assets_[asset_named(asset_key(lifecycle.site(), lifecycle.line(), lifecycle.asset()))]);
  }
  return pass(frame, out);
}

/// What held when the gap began may have changed in it.
void Features::take_gap(const v1::Gap& gap) {
  const auto found = node_index_.find(gap.node());
  if (found == node_index_.end()) return;
  for (const Id id : nodes_[found->second].assets) {
    AssetState& asset = assets_[id];
    for (Source& source : asset.sources) {
      if (source.kind == Kind::row || source.since == kForever) continue;
      const Nanos time = std::max({gap.from(), start_of(asset.closed + 1), Nanos{0}});
      if (time > kLastTime || (gap.to() != 0 && gap.to() < time)) continue;
      RawPane& raw = raw_pane(source, pane_of(time));
      raw.in_order = raw.points.empty();
      raw.points.push_back({time, std::numeric_limits<double>::quiet_NaN(), 0});
      heads_[source.slot] = {};
    }
  }
}

void Features::take_facts(const v1::AssetFacts& facts) {
  AssetState& asset = assets_[asset_named(asset_key(facts.site(), facts.line(), facts.asset()))];
  const Nanos now = asset.node == kNobody ? kBeginning : nodes_[asset.node].watermark;
  const std::string before = class_of(asset, now);
  asset.facts.take(facts, now);
  for (const v1::Fact& fact : facts.fact()) {
    if (fact.name() != "serviced" || fact.value().empty()) continue;
    const Result<Nanos> time = parse_time(fact.value().find_first_of("T ") == std::string::npos && fact.value().size() == 10
                                              ? fact.value() + "T00:00:00Z"
                                              : fact.value());
    if (time.ok()) service(asset, *time);
    else if (facts.from() != 0) service(asset, facts.from());
  }
  if (asset.node == kNobody) return;
  Nanos& again = nodes_[asset.node].renew_at;
  again = std::min(again, asset.facts.next_change(now));
  if (class_of(asset, now) != before) bind(static_cast<Id>(&asset - assets_.data()));
}

/// A service that is told late changes the rows since, as far as they may be changed.
void Features::service(AssetState& asset, Nanos at) {
  if (std::ranges::binary_search(asset.services, at)) return;
  remember(at, asset.services);
  const bool counts = std::ranges::any_of(asset.tracks, &Track::counts_cycles);
  if (!counts || asset.closed == kNoPane || at >= start_of(asset.closed + 1)) return;
  changed(asset, pane_of(std::max(at, Nanos{0})), asset.closed);
  if (!std::exchange(asset.corrected, true)) nodes_[asset.node].corrected.push_back(static_cast<Id>(&asset - assets_.data()));
}

/// The source goes on from a Position whose state we do not have.
void Features::begin_empty() {
  for (Node& node : nodes_) node.watermark = kBeginning, node.closed = kNoPane, node.corrected.clear();
  for (Id id = 0; id < assets_.size(); ++id) {
    AssetState& asset = assets_[id];
    for (Source& source : asset.sources) source.raw.clear();
    restart(asset, kBeginning);
    asset.corrected = false;
    if (asset.node != kNobody) connect(id);
  }
}

}  // namespace twinpipe
