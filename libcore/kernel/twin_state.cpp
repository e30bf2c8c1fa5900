// SPDX-License-Identifier: Apache-2.0
// The twin fold's results: Twin frames, and the state that a checkpoint keeps.
#include <algorithm>
#include <bit>

#include "kernel/twin_parts.hpp"
#include "state.pb.h"
#include "wire/names.hpp"

namespace twinpipe {

/// Numbers a node's assets by name, so that ticks sort numbers and not names.
void TwinFold::rank(Node& node) {
  if (node.ranked) return;
  std::vector<std::uint32_t> order = node.assets;
  std::ranges::sort(order, {}, [this](std::uint32_t number) {
    const Asset& asset = table().asset(number);
    return std::tie(asset.site, asset.line, asset.asset);
  });
  for (std::uint32_t i = 0; i < order.size(); ++i) assets_[order[i]].rank = i;
  node.ranked = true;
}

/// Tells the assets of a node that changed, in order of their names: the order must not depend on arrival.
void TwinFold::emit(Node& node, Output& out) {
  const std::uint8_t wanted = options_.changes == TwinChanges::all ? 3 : options_.changes == TwinChanges::state ? 2 : 0;
  std::erase_if(node.dirty, [&](std::uint32_t asset) {
    const bool silent = (dirty_[asset] & wanted) == 0;
    dirty_[asset] = 0;
    return silent;
  });
  rank(node);
  std::ranges::sort(node.dirty, {}, [this](std::uint32_t asset) { return assets_[asset].rank; });
  for (const std::uint32_t asset : node.dirty) emit_asset(asset, out);
  node.dirty.clear();
}

void TwinFold::emit_asset(std::uint32_t asset, Output& out) {
  v1::Twin& twin = *twin_frame_.mutable_twin();
  twin.Clear();
  describe(asset, twin);
  out.frame(twin_frame_);
}

void TwinFold::describe(std::uint32_t number, v1::Twin& twin) {
  const Asset& asset = table().asset(number);
  AssetState& state = assets_[number];
  const Node& node = nodes_[state.node];
  twin.set_site(asset.site);
  twin.set_line(asset.line);
  twin.set_asset(asset.asset);
  twin.set_node(node.name);
  if (asset.has_session) *twin.mutable_session() = asset.session;
  twin.set_online(!node.offline && !node.blind && !state.dead);
  twin.set_reason(state.reason);
  twin.set_since(state.since);
  state.as_of = std::max(state.as_of, node.watermark);
  for (const std::uint32_t slot : state.slots) {
    if (metrics_[slot].seen) state.as_of = std::max(state.as_of, metrics_[slot].time);
    describe_metric(slot, *twin.add_metric());
  }
  if (state.as_of != kBeginning) twin.set_as_of(state.as_of);
  twin.set_policy_digest(policy_->digest());
  for (const v1::Applied& policy : applied_) twin.add_shaped_by(policy.digest());
}

void TwinFold::describe_metric(std::uint32_t slot, v1::TwinMetric& to) const {
  const Metric& metric = metrics_[slot];
  const v1::Sensor& sensor = table().series(slot).sensor;
  to.set_sensor(sensor.name());
  to.set_unit(sensor.unit().empty() ? sensor.declared_unit() : sensor.unit());
  to.set_freshness(static_cast<v1::Freshness>(metric.freshness));
  to.set_slo(metric.slo);
  if (!metric.seen) return;
  to.set_time(metric.time);
  to.set_first_seen(metric.first_seen);
  to.set_last_seen(metric.time);
  to.set_quality(metric.quality);
  if (is_null(metric.quality)) return;
  v1::Value& value = *to.mutable_value();
  switch (static_cast<ValueType>(metric.type)) {
    case v1::VALUE_TYPE_BOOL: value.set_bool_value(metric.value != 0); break;
    case v1::VALUE_TYPE_INT64: value.set_int_value(static_cast<std::int64_t>(metric.value)); break;
    case v1::VALUE_TYPE_UINT64: value.set_uint_value(metric.value); break;
    case v1::VALUE_TYPE_STRING: value.set_string_value(texts_[metric.value]); break;
    case v1::VALUE_TYPE_BYTES: value.set_bytes_value(texts_[metric.value]); break;
    default: value.set_double_value(std::bit_cast<double>(metric.value)); break;
  }
}

void TwinFold::snapshot(const std::function<void(const v1::Twin&)>& take) {
  std::vector<std::uint32_t> order(assets_.size());
  for (std::uint32_t i = 0; i < order.size(); ++i) order[i] = i;
  std::ranges::sort(order, {}, [this](std::uint32_t number) {
    const Asset& asset = table().asset(number);
    return std::tie(asset.site, asset.line, asset.asset);
  });
  for (const std::uint32_t number : order) {
    v1::Twin twin;
    describe(number, twin);
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
  }
  state.mutable_applied()->Assign(applied_.begin(), applied_.end());
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
  nodes_.clear();
  node_index_.clear();
  asset_index_.clear();
  texts_.assign(state.text().begin(), state.text().end());
  applied_.assign(state.applied().begin(), state.applied().end());
  for (const v1::TwinNodeState& from : state.node()) {
    Node& node = nodes_[node_index(from.name())];
    node.sessions.assign(from.session().begin(), from.session().end());
    node.current = from.current();
    node.offline = from.offline();
    node.blind = from.blind();
    node.reason = from.reason();
    node.since = from.since();
    node.watermark = from.watermark();
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
    const bool text = metric.type == v1::VALUE_TYPE_STRING || metric.type == v1::VALUE_TYPE_BYTES;
    if (text && metric.value >= texts_.size()) return unfit();
    std::vector<std::uint32_t>& slots = assets_[metric.asset].slots;
    const auto by_name = [this](std::uint32_t s) -> const std::string& { return table().series(s).sensor.name(); };
    slots.insert(std::ranges::upper_bound(slots, by_name(slot), {}, by_name), slot);
    configure(slot, nodes_[assets_[metric.asset].node].watermark);
    if (metric.freshness == v1::FRESHNESS_FRESH) refresh(slot);
  }
  return {};
}

}  // namespace twinpipe
