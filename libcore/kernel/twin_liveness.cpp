// SPDX-License-Identifier: Apache-2.0
// The twin fold's liveness: sessions, births, deaths, our own link, and staleness on the nodes' ticks.
#include <algorithm>

#include "kernel/twin_parts.hpp"
#include "wire/names.hpp"

namespace twinpipe {

std::uint32_t TwinFold::node_index(const std::string& name) {
  const auto [at, is_new] = node_index_.try_emplace(name, static_cast<std::uint32_t>(nodes_.size()));
  if (is_new) nodes_.emplace_back().name = name;
  return at->second;
}

/// Sessions are ordered by their first appearance in the stream, not by their clocks. 0: the source knows none.
std::uint32_t TwinFold::session_ordinal(Node& node, bool has_session, const v1::Session& session) {
  if (!has_session) return 0;
  const auto same = [&session](const v1::Session& s) { return s.birth() == session.birth() && s.bdseq() == session.bdseq(); };
  // From the back: nearly always it is the newest.
  const auto found = std::find_if(node.sessions.rbegin(), node.sessions.rend(), same);
  if (found == node.sessions.rend()) {
    node.sessions.push_back(session);
    return static_cast<std::uint32_t>(node.sessions.size());
  }
  return static_cast<std::uint32_t>(node.sessions.rend() - found);
}

/// A newer session: its clock may be another one, so ticks and deadlines of the one before mean nothing now. What is not
/// reported again is stale.
void TwinFold::begin_session(Node& node, std::uint32_t ordinal) {
  for (const std::uint32_t asset : node.assets) as_of(asset);  // it never goes back, the clock may
  node.current = ordinal;
  node.watermark = kBeginning;
  node.data = EventClock();
  node.due = kForever;
  node.deadlines.clear();
  node.offline = node.blind = false;
  for (const std::uint32_t asset : node.assets) {
    assets_[asset].dead = false;
    for (const std::uint32_t slot : assets_[asset].slots) metrics_[slot].queued = false;
    refresh_asset(asset);
    notice_gone(asset);
  }
}

v1::Freshness TwinFold::freshness_of(const Metric& metric) const {
  const AssetState& asset = assets_[metric.asset];
  const Node& node = nodes_[asset.node];
  if (!metric.seen) return v1::FRESHNESS_NEVER;
  if (node.offline || asset.dead) return v1::FRESHNESS_DEAD;
  if (node.blind) return v1::FRESHNESS_BLIND;
  // Series without sessions (plain topics) may share their node's name with series that have them.
  if (metric.current != 0 && metric.session < node.current) return v1::FRESHNESS_STALE;
  const bool too_old = metric.slo > 0 && node.watermark != kBeginning && saturating_sub(node.watermark, metric.time) > metric.slo;
  return too_old ? v1::FRESHNESS_STALE : v1::FRESHNESS_FRESH;
}

void TwinFold::refresh(std::uint32_t slot) {
  Metric& metric = metrics_[slot];
  const v1::Freshness now = freshness_of(metric);
  if (now == v1::FRESHNESS_FRESH && metric.slo > 0 && !metric.queued) {
    Node& node = nodes_[assets_[metric.asset].node];
    node.deadlines.push_back({saturating_add(metric.time, metric.slo), slot});
    std::push_heap(node.deadlines.begin(), node.deadlines.end());
    metric.queued = true;
  }
  if (now == metric.freshness) return;
  stale_ += now == v1::FRESHNESS_STALE;
  metric.freshness = static_cast<std::uint8_t>(now);
  touch(metric.asset, true);
}

void TwinFold::refresh_asset(std::uint32_t asset) {
  for (const std::uint32_t slot : assets_[asset].slots) refresh(slot);
}

/// Finds the SLO that applies at event time `at`; remembers when a temporary rule will end.
void TwinFold::configure(std::uint32_t slot, Nanos at) {
  Metric& metric = metrics_[slot];
  Node& node = nodes_[assets_[metric.asset].node];
  const auto [rule, until] = rules_.find(table(), slot, at);
  node.rules_until = std::min(node.rules_until, until);
  metric.slo = options_.default_slo;
  if (rule == nullptr) return;
  metric.slo = rule->text("reports", "periodic") == "on-change" ? 0 : rule->duration("slo").value_or(options_.default_slo);
}

/// Staleness comes due: pops every deadline that the watermark has passed. A series is pushed again at most once per SLO.
void TwinFold::expire(Node& node) {
  if (node.watermark >= node.rules_until) {
    node.rules_until = kForever;
    for (const std::uint32_t asset : node.assets)
      for (const std::uint32_t slot : assets_[asset].slots) {
        configure(slot, node.watermark);
        refresh(slot);
      }
  }
  while (!node.deadlines.empty() && node.deadlines.front().time < node.watermark) {
    const std::uint32_t slot = node.deadlines.front().slot;
    std::pop_heap(node.deadlines.begin(), node.deadlines.end());
    node.deadlines.pop_back();
    metrics_[slot].queued = false;
    refresh(slot);
  }
}

void TwinFold::tick(Node& node, Nanos watermark, Output& out) {
  if (watermark > node.watermark) {
    node.watermark = watermark;
    expire(node);
    tell_expired(out);
    if (watermark >= node.facts_due) renew_facts(node);
  }
  emit(node, out);
}

/// A node that sends no Watermarks: once its readings span more than the lateness, each second that they reach is a tick.
void TwinFold::tick_by_reading(std::uint32_t slot, Nanos time, Output& out) {
  Node& node = nodes_[assets_[metrics_[slot].asset].node];
  if (metrics_[slot].current < node.current) return;
  const EventClock::Sight sight = node.data.take(time);
  const Nanos newest = node.data.newest();
  if (node.due == kForever || sight == EventClock::Sight::anew) node.due = saturating_add(newest, options_.lateness);
  if (newest < node.due || newest == kForever) return;
  const Nanos begun = newest % kSecond;  // of the second
  node.due = saturating_add(newest, kSecond - (begun < 0 ? begun + kSecond : begun));
  tick(node, saturating_sub(newest, options_.lateness), out);
}

Status TwinFold::on_watermark(const v1::Watermark& watermark, const FrameView& frame, Output& out) {
  Node& node = nodes_[node_index(watermark.node())];
  if (!std::exchange(node.ticks, true))
    for (const std::uint32_t asset : node.assets)
      for (const std::uint32_t slot : assets_[asset].slots) metrics_[slot].tickless = false;
  tick(node, watermark.lane() == v1::LANE_LIVE ? watermark.time() : kBeginning, out);
  raise_clock(watermark, out);
  return pass(frame, out);
}

void TwinFold::tell_expired(Output& out) {
  for (std::string& line : rules_.announce(out)) notice(std::move(line));
}

const TwinFold::AssetState* TwinFold::find_asset(const v1::Lifecycle& lifecycle, std::uint32_t& asset) const {
  const auto at = asset_index_.find(asset_key(lifecycle.site(), lifecycle.line(), lifecycle.asset()));
  if (at == asset_index_.end()) return nullptr;
  asset = at->second;
  return &assets_[asset];
}

Status TwinFold::on_lifecycle(const v1::Lifecycle& lifecycle, const FrameView& frame, Output& out) {
  Node& node = nodes_[node_index(lifecycle.node())];
  const bool of_link = lifecycle.reason() == v1::Lifecycle::REASON_HOST_LINK_LOST ||
                       lifecycle.reason() == v1::Lifecycle::REASON_HOST_LINK_RESTORED;
  const std::uint32_t session = session_ordinal(node, lifecycle.has_session() && !of_link, lifecycle.session());
  if (session > node.current) begin_session(node, session);
  if (session != 0 && session < node.current) {
    ++foreign_deaths_;  // of a session that another one has followed: the newer birth stands
    return pass(frame, out);
  }
  const auto tell = [&](std::uint32_t asset) {
    refresh_asset(asset);
    touch(asset, true);
    notice_gone(asset);
  };
  if (!lifecycle.asset().empty()) {
    std::uint32_t asset = 0;
    if (find_asset(lifecycle, asset) != nullptr) {
      AssetState& state = assets_[asset];
      state.dead = !lifecycle.online();
      state.reason = lifecycle.reason();
      state.since = lifecycle.time();
      tell(asset);
    }
  } else {
    if (of_link) node.blind = !lifecycle.online();
    else node.offline = !lifecycle.online();
    node.reason = lifecycle.reason();
    node.since = lifecycle.time();
    for (const std::uint32_t asset : node.assets) {
      assets_[asset].reason = lifecycle.reason();
      assets_[asset].since = lifecycle.time();
      tell(asset);
    }
  }
  if (!lifecycle.online()) emit(node, out);
  return pass(frame, out);
}

}  // namespace twinpipe
