// SPDX-License-Identifier: Apache-2.0
// The twin fold's view from outside: facts of the asset registry, retirement, and readings that others rejected.
#include <algorithm>

#include "kernel/twin_parts.hpp"
#include "wire/names.hpp"

namespace twinpipe {

Nanos TwinFold::as_of(std::uint32_t number) {
  AssetState& state = assets_[number];
  state.as_of = std::max(state.as_of, nodes_[state.node].watermark);
  for (const std::uint32_t slot : state.slots)
    if (metrics_[slot].seen) state.as_of = std::max(state.as_of, metrics_[slot].time);
  return state.as_of;
}

// ---- facts ------------------------------------------------------------------------------------------------------------

/// When the asset's facts have to be looked at again.
void TwinFold::renew_facts(std::uint32_t number) {
  AssetState& state = assets_[number];
  const Nanos now = as_of(number);
  const auto left = state.facts.left(now);
  state.facts_until = state.facts.next_change(now);
  // It has the allowed lateness to be heard of once more.
  if (const Nanos silence = left ? saturating_add(*left, options_.lateness) : kBeginning; silence > now)
    state.facts_until = std::min(state.facts_until, silence);
  watched_[number] = state.retired || left || state.facts_until != kForever;
  Node& node = nodes_[state.node];
  node.facts_due = std::min(node.facts_due, state.facts_until);
}

/// The node's watermark reached the time of some: its assets are told anew.
void TwinFold::renew_facts(Node& node) {
  node.facts_due = kForever;
  for (const std::uint32_t asset : node.assets) {
    if (as_of(asset) >= assets_[asset].facts_until) {
      renew_facts(asset);
      touch(asset, true);
    }
    node.facts_due = std::min(node.facts_due, assets_[asset].facts_until);
  }
}

void TwinFold::take_facts(const v1::AssetFacts& facts, Output& out) {
  const auto found = asset_index_.find(asset_key(facts.site(), facts.line(), facts.asset()));
  if (found == asset_index_.end()) {
    early_facts_[asset_key(facts.site(), facts.line(), facts.asset())].take(facts, kBeginning);
    return;
  }
  const std::uint32_t number = found->second;
  AssetState& state = assets_[number];
  const Nanos now = as_of(number);
  const auto words = [&] {
    const FactSpans::Span* span = state.facts.at(now);
    return span == nullptr ? std::string() : span->fields + (span->unknown ? "?" : "");
  };
  const std::string before = words();
  state.facts.take(facts, now);
  renew_facts(number);
  schedule_retirement(number);
  if (words() == before && is_retired(number) == state.retired) return;
  touch(number, true);
  if (state.gone_since != kForever) emit(nodes_[state.node], out);  // which may never tick again
}

// ---- retirement -------------------------------------------------------------------------------------------------------

/// Dead, or not declared by its node's newest birth.
bool TwinFold::is_gone(const AssetState& asset) const {
  const Node& node = nodes_[asset.node];
  return node.offline || asset.dead || (asset.declared != 0 && asset.declared < node.current);
}

void TwinFold::notice_gone(std::uint32_t number) {
  AssetState& state = assets_[number];
  const bool gone = is_gone(state);
  if (gone == (state.gone_since != kForever)) return;
  state.gone_since = gone ? clock_ : kForever;
  if (gone) schedule_retirement(number);
  if (is_retired(number) != state.retired) touch(number, true);
}

void TwinFold::schedule_retirement(std::uint32_t number) {
  AssetState& state = assets_[number];
  if (state.gone_since == kForever || clock_ == kBeginning) return;
  Nanos next = state.facts.next_change(std::max(as_of(number), clock_));
  if (options_.retire_after > 0) next = std::min(next, saturating_add(state.gone_since, options_.retire_after));
  if (next == state.retires || next <= clock_ || next == kForever) return;
  state.retires = next;
  retirements_.push_back({next, number});
  std::push_heap(retirements_.begin(), retirements_.end());
}

bool TwinFold::is_silent_since(const AssetState& asset, Nanos time) const {
  return std::ranges::none_of(asset.slots,
                              [&](std::uint32_t slot) { return metrics_[slot].seen && metrics_[slot].time >= time; });
}

bool TwinFold::is_retired(std::uint32_t number) {
  const AssetState& state = assets_[number];
  const bool gone = state.gone_since != kForever;
  if (gone && options_.retire_after > 0 && state.gone_since != kBeginning &&
      saturating_sub(clock_, state.gone_since) >= options_.retire_after)
    return true;
  if (!state.facts.registered()) return false;
  const Nanos now = as_of(number);
  // A node that is gone has no ticks: the others' tell the time.
  const auto left = state.facts.left(gone ? std::max(now, clock_) : now);
  if (!left || gone) return left.has_value();
  return saturating_sub(now, *left) >= options_.lateness && is_silent_since(state, *left);
}

/// Whose time has come retires with the tick of another node, if need be: its own may never tick again.
void TwinFold::raise_clock(const v1::Watermark& watermark, Output& out) {
  const Nanos now = watermark.clock() != 0 ? watermark.clock() : watermark.time();
  if (now <= clock_) return;
  const bool first = clock_ == kBeginning;
  clock_ = now;
  std::vector<std::uint32_t> due;
  for (std::uint32_t number = 0; first && number < assets_.size(); ++number)
    if (assets_[number].gone_since == kBeginning) {
      assets_[number].gone_since = clock_;
      due.push_back(number);
    }
  while (!retirements_.empty() && retirements_.front().time <= clock_) {
    const Retirement top = retirements_.front();
    std::pop_heap(retirements_.begin(), retirements_.end());
    retirements_.pop_back();
    if (assets_[top.asset].retires != top.time) continue;
    assets_[top.asset].retires = kForever;
    due.push_back(top.asset);
  }
  sort_by_name(due);
  for (const std::uint32_t number : due) {
    AssetState& state = assets_[number];
    if (state.retired || !is_retired(number)) {
      schedule_retirement(number);
      continue;
    }
    retire(number, true);
    if (options_.changes != TwinChanges::none) emit_asset(number, out);
  }
}

void TwinFold::retire(std::uint32_t number, bool retired) {
  assets_[number].retired = retired;
  retired_ += retired;
  renew_facts(number);
}

// ---- rejects ----------------------------------------------------------------------------------------------------------

namespace {

/// Event time of what was rejected; nothing for the past, which is no news of a current value.
std::optional<Nanos> time_of(const v1::Reject& reject) {
  if (reject.has_waveform()) return reject.waveform().historical() ? std::nullopt : std::optional(reject.waveform().time());
  if (!reject.has_reading() || reject.reading().time_size() != 1 || reject.reading().historical()) return std::nullopt;
  return reject.reading().time(0);
}

}  // namespace

void TwinFold::take_reject(const v1::Reject& reject) {
  const bool withheld = reject.action() == v1::Reject::ACTION_QUARANTINE || reject.action() == v1::Reject::ACTION_DROP;
  const auto time = time_of(reject);
  const v1::Series& series = reject.series();
  const auto asset = asset_index_.find(asset_key(series.site(), series.line(), series.asset()));
  if (!withheld || !time || series.sensor_size() != 1 || asset == asset_index_.end()) return;
  AssetState& state = assets_[asset->second];
  const auto by_name = [this](std::uint32_t slot) -> const std::string& { return table().series(slot).sensor.name(); };
  const auto slot = std::ranges::lower_bound(state.slots, series.sensor(0).name(), {}, by_name);
  if (slot == state.slots.end() || by_name(*slot) != series.sensor(0).name()) return;
  Node& node = nodes_[state.node];
  const std::uint32_t session = session_ordinal(node, series.has_session(), series.session());
  if (session != 0 && session < node.current) return;

  Metric& metric = metrics_[*slot];
  if (metric.rejects == 0) {
    rejects_.emplace_back();
    metric.rejects = static_cast<std::uint32_t>(rejects_.size());
  }
  RejectLog& log = rejects_[metric.rejects - 1];
  if (std::exchange(log.session, session) != session) log.times.clear();
  if (metric.seen && metric.session == session)
    log.times.erase(log.times.begin(), std::ranges::upper_bound(log.times, metric.time));
  const auto at = std::ranges::lower_bound(log.times, *time);
  if (at == log.times.end() || log.times.empty()) log.rule = reject.rule();
  if (at != log.times.end() && *at == *time) return;
  log.times.insert(at, *time);
  if (log.times.size() > RejectLog::kMost) log.times.erase(log.times.begin());
  ++rejected_;
  touch(asset->second, log.times.size() == 1);
}

TwinFold::Rejected TwinFold::rejected(const Metric& metric) const {
  if (metric.rejects == 0) return {};
  const RejectLog& log = rejects_[metric.rejects - 1];
  if (metric.seen && log.session < metric.session) return {};
  const bool comparable = metric.seen && log.session == metric.session;
  const auto from = comparable ? std::ranges::upper_bound(log.times, metric.time) : log.times.begin();
  if (from == log.times.end()) return {};
  return {static_cast<std::uint32_t>(log.times.end() - from), log.times.back(), log.rule};
}

}  // namespace twinpipe
