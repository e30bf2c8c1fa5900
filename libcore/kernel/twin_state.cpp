// SPDX-License-Identifier: Apache-2.0
// The twin fold's results: Twin frames, and the state that a checkpoint keeps.
#include <algorithm>
#include <bit>

#include "kernel/twin_parts.hpp"
#include "state.pb.h"
#include "wire/names.hpp"

namespace twinpipe {

void TwinFold::sort_by_name(std::vector<std::uint32_t>& assets) const {
  std::ranges::sort(assets, {}, [this](std::uint32_t number) {
    const Asset& asset = table().asset(number);
    return std::tie(asset.site, asset.line, asset.asset);
  });
}

/// Numbers a node's assets by name, so that ticks sort numbers and not names.
void TwinFold::rank(Node& node) {
  if (node.ranked) return;
  std::vector<std::uint32_t> order = node.assets;
  sort_by_name(order);
  for (std::uint32_t i = 0; i < order.size(); ++i) assets_[order[i]].rank = i;
  node.ranked = true;
}

/// Whether an asset that is dirty, and then no more, is to be told. Settles what became of its facts and of its retirement.
bool TwinFold::is_told(std::uint32_t number) {
  const std::uint8_t dirty = std::exchange(dirty_[number], std::uint8_t{0});
  bool changed = (dirty & 2) != 0;
  if (options_.changes == TwinChanges::none) return false;
  if (!changed && !watched_[number]) return options_.changes == TwinChanges::all;
  AssetState& state = assets_[number];
  if (state.facts_until != kForever && as_of(number) >= state.facts_until) {
    renew_facts(number);
    changed = true;
  }
  if (const bool retired = is_retired(number); retired != state.retired) {
    retire(number, retired);
    return true;
  }
  return !state.retired && (changed || options_.changes == TwinChanges::all);
}

/// Tells the assets of a node that changed, in order of their names: the order must not depend on arrival.
void TwinFold::emit(Node& node, Output& out) {
  std::erase_if(node.dirty, [&](std::uint32_t asset) { return !is_told(asset); });
  rank(node);
  std::ranges::sort(node.dirty, {}, [this](std::uint32_t asset) { return assets_[asset].rank; });
  for (const std::uint32_t asset : node.dirty) emit_asset(asset, out);
  node.dirty.clear();
}

void TwinFold::emit_asset(std::uint32_t asset, Output& out) { out.forward(encode(asset, assets_[asset].retired)); }

const TwinLayout& TwinFold::layout_of(std::uint32_t number) {
  TwinLayout& layout = assets_[number].layout;
  if (!layout.head.empty()) return layout;
  const Asset& asset = table().asset(number);
  v1::Twin head;
  head.set_site(asset.site);
  head.set_line(asset.line);
  head.set_asset(asset.asset);
  head.set_node(nodes_[assets_[number].node].name);
  if (asset.has_session) *head.mutable_session() = asset.session;
  layout.head = head.SerializeAsString();
  for (const std::uint32_t slot : assets_[number].slots) layout.add_metric(table().series(slot).sensor);
  return layout;
}

FrameView TwinFold::encode(std::uint32_t number, bool retired) {
  const AssetState& state = assets_[number];
  Node& node = nodes_[state.node];
  const Nanos now = as_of(number);
  const FactSpans::Span* facts = state.facts.at(now);
  if (node.policies.empty()) node.policies = TwinEncoder::policies(rules_.digest(), applied_.of(node.name));
  encoder_.begin(layout_of(number),
                 {.online = !node.offline && !node.blind && !state.dead,
                  .reason = state.reason,
                  .since = state.since,
                  .as_of = now == kBeginning ? 0 : now,
                  .facts = facts == nullptr ? std::string_view() : facts->fields,
                  .retired = retired,
                  .unknown = facts != nullptr && facts->unknown},
                 node.policies);
  for (const std::uint32_t slot : state.slots) {
    const Metric& metric = metrics_[slot];
    const auto type = static_cast<ValueType>(metric.type);
    const bool timed = node.watermark != kBeginning && (metric.current == 0 || metric.session == node.current);
    const Rejected rejects = rejected(metric);
    encoder_.add({.freshness = static_cast<v1::Freshness>(metric.freshness),
                  .slo = metric.slo,
                  .seen = metric.seen,
                  .type = type,
                  .value = metric.value,
                  .text = is_text(type) ? std::string_view(texts_[metric.value]) : std::string_view(),
                  .time = metric.time,
                  .first_seen = metric.first_seen,
                  .quality = metric.quality,
                  .age = timed ? std::max<Nanos>(0, saturating_sub(node.watermark, metric.time)) : 0,
                  .rejected = rejects.count,
                  .rejected_by = rejects.rule,
                  .rejected_at = rejects.newest});
  }
  return encoder_.end();
}

void TwinFold::snapshot(const std::function<void(const v1::Twin&)>& take) {
  std::vector<std::uint32_t> order(assets_.size());
  for (std::uint32_t i = 0; i < order.size(); ++i) order[i] = i;
  sort_by_name(order);
  v1::Twin twin;  // one for all: what an asset's strings and metrics lay in is used again
  for (const std::uint32_t number : order) {
    if (is_retired(number)) continue;
    const std::string_view bytes = encode(number, false).payload;
    twin.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
    take(twin);
  }
}

std::string TwinFold::save() const {
  v1::TwinState state;
  for (const Metric& metric : metrics_) {
    state.add_value(metric.value);
    state.add_time(metric.time);
    state.add_first_seen(metric.first_seen);
    state.add_order(metric.order);
    state.add_quality(metric.quality);
    state.add_session(metric.session);
    state.add_current(metric.current);
    state.add_type(metric.type);
    state.add_freshness(metric.freshness);
    state.add_seen(metric.seen);
  }
  for (const std::string& text : texts_) state.add_text(text);
  for (std::size_t i = 0; i < assets_.size(); ++i) {
    v1::TwinAssetState& to = *state.add_asset();
    to.set_node(assets_[i].node);
    to.set_dead(assets_[i].dead);
    to.set_dirty(dirty_[i]);
    to.set_reason(assets_[i].reason);
    to.set_since(assets_[i].since);
    to.set_as_of(assets_[i].as_of);
    to.set_declared(assets_[i].declared);
    to.set_retired(assets_[i].retired);
    if (assets_[i].gone_since != kForever) to.set_gone_since(assets_[i].gone_since);
    if (!assets_[i].facts.empty()) assets_[i].facts.save(*to.mutable_facts());
  }
  for (const Node& node : nodes_) {
    v1::TwinNodeState& to = *state.add_node();
    to.set_name(node.name);
    to.mutable_session()->Assign(node.sessions.begin(), node.sessions.end());
    to.set_current(node.current);
    to.set_offline(node.offline);
    to.set_blind(node.blind);
    to.set_reason(node.reason);
    to.set_since(node.since);
    to.set_watermark(node.watermark);
    to.set_ticks(node.ticks);
    to.set_newest(node.data.newest());
    to.set_leapt(node.data.leapt());
    to.set_due(node.due);
  }
  state.set_clock(clock_);
  for (const auto& [key, facts] : early_facts_) facts.save((*state.mutable_early_facts())[key]);
  for (std::uint32_t slot = 0; slot < metrics_.size(); ++slot) {
    if (metrics_[slot].rejects == 0) continue;
    const RejectLog& log = rejects_[metrics_[slot].rejects - 1];
    v1::TwinRejects& to = (*state.mutable_rejects())[slot];
    to.set_session(log.session);
    to.mutable_time()->Assign(log.times.begin(), log.times.end());
    to.set_rule(log.rule);
  }
  const std::vector<v1::Applied> applied = applied_.words();
  state.mutable_applied()->Assign(applied.begin(), applied.end());
  return state.SerializeAsString();
}

Status TwinFold::load(std::string_view bytes) {
  v1::TwinState state;
  const auto unfit = [] {
    return Status::error(Code::bad_config, "the saved state is not a twin's, or does not fit its series table");
  };
  const auto rows = static_cast<int>(table().size());
  if (!state.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return unfit();
  for (const int size :
       {state.value_size(), state.time_size(), state.first_seen_size(), state.order_size(), state.quality_size(),
        state.session_size(), state.current_size(), state.type_size(), state.freshness_size(), state.seen_size()})
    if (size != rows) return unfit();
  if (state.asset_size() != static_cast<int>(table().assets())) return unfit();

  metrics_.assign(table().size(), {});
  assets_.assign(table().assets(), {});
  dirty_.assign(table().assets(), 0);
  watched_.assign(table().assets(), false);
  nodes_.clear();
  node_index_.clear();
  asset_index_.clear();
  texts_.assign(state.text().begin(), state.text().end());
  rejects_.clear();
  retirements_.clear();
  early_facts_.clear();
  clock_ = state.clock();
  for (const auto& [key, facts] : state.early_facts()) early_facts_[key].load(facts);
  applied_.clear();
  for (const v1::Applied& applied : state.applied()) applied_.take(applied);
  for (const v1::TwinNodeState& from : state.node()) {
    Node& node = nodes_[node_index(from.name())];
    node.sessions.assign(from.session().begin(), from.session().end());
    node.current = from.current();
    node.offline = from.offline();
    node.blind = from.blind();
    node.reason = from.reason();
    node.since = from.since();
    node.watermark = from.watermark();
    node.ticks = from.ticks();
    node.data = EventClock(from.newest(), from.leapt());
    node.due = from.due();
  }
  for (std::uint32_t number = 0; number < assets_.size(); ++number) {
    const v1::TwinAssetState& from = state.asset(static_cast<int>(number));
    const Asset& asset = table().asset(number);
    if (from.node() >= nodes_.size()) return unfit();
    AssetState& to = assets_[number];
    to.node = from.node();
    to.dead = from.dead();
    to.reason = from.reason();
    to.since = from.since();
    to.as_of = from.as_of();
    to.declared = from.declared();
    to.retired = from.retired();
    if (from.has_gone_since()) to.gone_since = from.gone_since();
    to.facts.load(from.facts());
    nodes_[to.node].assets.push_back(number);
    asset_index_.emplace(asset_key(asset.site, asset.line, asset.asset), number);
    if (from.dirty() != 0) touch(number, (from.dirty() & 2) != 0);
  }
  for (std::uint32_t slot = 0; slot < metrics_.size(); ++slot) {
    const int row = static_cast<int>(slot);
    Metric& metric = metrics_[slot];
    metric.asset = table().series(slot).asset;
    metric.value = state.value(row);
    metric.time = state.time(row);
    metric.first_seen = state.first_seen(row);
    metric.order = state.order(row);
    metric.quality = state.quality(row);
    metric.session = state.session(row);
    metric.current = state.current(row);
    metric.type = static_cast<std::uint8_t>(state.type(row));
    metric.freshness = static_cast<std::uint8_t>(state.freshness(row));
    metric.seen = state.seen(row);
    metric.tickless = !nodes_[assets_[metric.asset].node].ticks;
    const bool text = metric.type == v1::VALUE_TYPE_STRING || metric.type == v1::VALUE_TYPE_BYTES;
    if (text && metric.value >= texts_.size()) return unfit();
    std::vector<std::uint32_t>& slots = assets_[metric.asset].slots;
    const auto by_name = [this](std::uint32_t s) -> const std::string& { return table().series(s).sensor.name(); };
    slots.insert(std::ranges::upper_bound(slots, by_name(slot), {}, by_name), slot);
    configure(slot, nodes_[assets_[metric.asset].node].watermark);
    if (metric.freshness == v1::FRESHNESS_FRESH) refresh(slot);
  }
  for (const auto& [slot, from] : state.rejects()) {
    if (slot >= metrics_.size()) return unfit();
    rejects_.push_back({from.session(), {from.time().begin(), from.time().end()}, from.rule()});
    metrics_[slot].rejects = static_cast<std::uint32_t>(rejects_.size());
  }
  for (std::uint32_t number = 0; number < assets_.size(); ++number) {
    renew_facts(number);
    schedule_retirement(number);
  }
  return {};
}

}  // namespace twinpipe
