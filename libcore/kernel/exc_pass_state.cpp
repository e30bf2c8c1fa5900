// SPDX-License-Identifier: Apache-2.0
// Exception pass: the state that a checkpoint keeps, the whole ring included.
#include <algorithm>

#include "kernel/exc_pass_parts.hpp"
#include "state.pb.h"

namespace twinpipe {
namespace {

template <class Sample>
void save_sample(const Sample& sample, v1::ExcPassSample& to) {
  to.set_time(sample.time);
  to.set_from(sample.from);
  to.set_value(sample.value);
  to.set_side(static_cast<std::uint32_t>(sample.side));
}

ExceptionRule::Side side_of(std::uint32_t number) { return static_cast<ExceptionRule::Side>(std::min(number, 2U)); }

template <class Sample>
void load_sample(const v1::ExcPassSample& from, Sample& sample) {
  sample = {from.time(), from.from(), from.value(), side_of(from.side())};
}

Status misfit() { return Status::error(Code::bad_config, "the saved state does not fit its series table"); }

}  // namespace

std::string ExcPass::save() const {
  v1::ExcPassState state;
  state.set_policy_digest(book_.digest());
  for (const auto& lane : lanes_) save_lane(*lane, *state.add_lane());
  ring_.save(*state.mutable_ring());
  return state.SerializeAsString();
}

void ExcPass::save_lane(const Lane& lane, v1::ExcPassLane& to) {
  to.set_used(lane.used);
  for (std::size_t slot = 0; slot < lane.hot.size(); ++slot) {
    to.add_newest(lane.hot[slot].clock.newest());
    to.add_leapt(lane.hot[slot].clock.leapt());
    to.add_newest_derived(lane.sensors[slot].derived_clock.newest());
    to.add_leapt_derived(lane.sensors[slot].derived_clock.leapt());
    to.add_cold(lane.sensors[slot].cold);
  }
  for (const AssetState& asset : lane.assets) {
    v1::ExcPassAsset& at = *to.add_asset();
    at.set_configured(asset.configured);
    for (const Budget& budget : asset.budgets)
      for (const Budget::Hour& hour : budget.hours) {
        v1::ExcPassHour& one = *at.add_hour();
        one.set_rule(budget.rule);
        one.set_hour(hour.hour);
        one.set_bytes(hour.bytes);
        one.set_told(hour.told);
      }
  }
  for (const Node& node : lane.nodes) {
    v1::ExcPassNode& at = *to.add_node();
    at.set_watermark(node.watermark);
    at.set_data(node.data.newest());
    at.set_leapt(node.data.leapt());
    at.set_ticking(node.ticking);
  }
  for (const Watch& watch : lane.watches) {
    v1::ExcPassWatch& at = *to.add_watch();
    at.set_slot(watch.slot);
    at.set_signal(watch.signal);
    at.set_side(static_cast<std::uint32_t>(watch.side));
    at.set_raised(watch.raised);
    at.set_has_previous(watch.has_previous);
    save_sample(watch.began, *at.mutable_began());
    at.set_newest(watch.newest);
    at.set_previous_time(watch.previous_time);
    at.set_previous(watch.previous);
  }
  for (const Id id : lane.live) {
    const Window& window = lane.windows[id];
    v1::ExcPassWindow& at = *to.add_window();
    at.set_watch(window.watch);
    at.set_rule(window.rule);
    at.set_slot(window.slot);
    at.set_from(window.from);
    at.set_until(window.until);
    at.set_announced(window.announced);
    at.set_beyond(window.beyond);
    save_sample(window.sample, *at.mutable_sample());
    at.set_open(window.open);
    for (const Id slot : window.passes) at.add_passes(slot);
  }
}

Status ExcPass::load(std::string_view bytes) {
  v1::ExcPassState state;
  if (!state.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) || state.lane_size() != static_cast<int>(lanes_.size()))
    return Status::error(Code::bad_config, "the saved state is not an exc-pass's");
  const bool same_policy = state.policy_digest() == book_.digest();
  if (!same_policy)
    notice(
        "the state was saved under another policy: the ring stays, windows that were open end here, and the new rules start "
        "afresh");
  const bool historical = true;
  for (const bool which : {!historical, historical}) {
    lanes_[which] = std::make_unique<Lane>();
    lanes_[which]->historical = which;
  }
  ring_.grow(table().size() * 2);
  for (std::size_t i = 0; i < lanes_.size(); ++i)
    if (Status status = load_lane(state.lane(static_cast<int>(i)), same_policy, *lanes_[i]); !status.ok()) return status;
  if (!ring_.load(state.ring())) return misfit();
  loaded_ = true;
  return {};
}

Status ExcPass::load_lane(const v1::ExcPassLane& from, bool same_policy, Lane& lane) {
  lane.used = from.used();
  if (!lane.used) return {};
  grow(lane);
  if (from.newest_size() != static_cast<int>(lane.hot.size()) || from.cold_size() != from.newest_size() ||
      from.leapt_size() != from.newest_size() || from.newest_derived_size() != from.newest_size() ||
      from.leapt_derived_size() != from.newest_size() || from.asset_size() != static_cast<int>(lane.assets.size()) ||
      from.node_size() > static_cast<int>(lane.nodes.size()))
    return misfit();
  for (Id slot = 0; slot < lane.hot.size(); ++slot) {
    const auto at = static_cast<int>(slot);
    lane.hot[slot].clock = EventClock(from.newest(at), from.leapt(at));
    lane.sensors[slot].derived_clock = EventClock(from.newest_derived(at), from.leapt_derived(at));
    lane.sensors[slot].cold = from.cold(at);
    lane.assets[table().series(slot).asset].slots.push_back(slot);
  }
  for (int i = 0; i < from.node_size(); ++i) {
    Node& node = lane.nodes[static_cast<std::size_t>(i)];
    node.watermark = from.node(i).watermark();
    node.data = EventClock(from.node(i).data(), from.node(i).leapt());
    node.ticking = from.node(i).ticking();
  }
  for (Id asset = 0; asset < lane.assets.size(); ++asset) {
    const v1::ExcPassAsset& saved = from.asset(static_cast<int>(asset));
    configure(lane, asset, same_policy ? saved.configured() : kBeginning);
    if (same_policy && !load_budgets(saved, lane.assets[asset])) return misfit();
  }
  return same_policy ? load_windows(from, lane) : Status{};
}

bool ExcPass::load_budgets(const v1::ExcPassAsset& from, AssetState& asset) const {
  for (const v1::ExcPassHour& hour : from.hour()) {
    if (hour.rule() >= rules_->rules().size()) return false;
    if (asset.budgets.empty() || asset.budgets.back().rule != hour.rule()) asset.budgets.push_back({hour.rule(), {}});
    asset.budgets.back().hours.push_back({hour.hour(), hour.bytes(), hour.told()});
  }
  return true;
}

/// Watches are found again by what they watch; the windows then take their places in the order in which they opened.
Status ExcPass::load_windows(const v1::ExcPassLane& from, Lane& lane) {
  std::vector<Id> now(static_cast<std::size_t>(from.watch_size()), kNone);
  for (std::size_t i = 0; i < now.size(); ++i) {
    const v1::ExcPassWatch& saved = from.watch(static_cast<int>(i));
    if (saved.slot() >= lane.sensors.size()) return misfit();
    const AssetState& asset = lane.assets[table().series(saved.slot()).asset];
    const auto found = std::ranges::find_if(
        asset.watches, [&](Id id) { return lane.watches[id].slot == saved.slot() && lane.watches[id].signal == saved.signal(); });
    if (found == asset.watches.end()) continue;  // all of its rules have expired
    now[i] = *found;
    Watch& watch = lane.watches[*found];
    watch.side = side_of(saved.side());
    watch.raised = saved.raised();
    watch.has_previous = saved.has_previous();
    load_sample(saved.began(), watch.began);
    watch.newest = saved.newest();
    watch.previous_time = saved.previous_time();
    watch.previous = saved.previous();
    rebound(lane, watch.slot);
  }
  for (const v1::ExcPassWindow& saved : from.window()) {
    const Id id = static_cast<Id>(lane.windows.size());
    if (saved.rule() >= rules_->rules().size() || saved.slot() >= lane.sensors.size()) return misfit();
    const Id watch = saved.watch() < now.size() ? now[saved.watch()] : kNone;
    Window& window = lane.windows.emplace_back();
    window = {watch,
              saved.rule(),
              saved.slot(),
              saved.from(),
              saved.until(),
              saved.announced(),
              saved.beyond(),
              {},
              saved.open(),
              true,
              {saved.passes().begin(), saved.passes().end()}};
    load_sample(saved.sample(), window.sample);
    lane.live.push_back(id);
    for (const Id slot : window.passes) {
      if (slot >= lane.sensors.size()) return misfit();
      lane.sensors[slot].windows.push_back(id);
      lane.flags[slot] |= kInWindow;
    }
    if (watch != kNone && window.open) lane.watches[watch].window = id;
    if (watch != kNone && !window.open) lane.watches[watch].closed.push_back(id);
    Node& node = lane.nodes[table().node_of(window.slot)];
    node.due = std::min(node.due, window.open ? window.until : saturating_add(window.until, options_.reach));
  }
  return {};
}

}  // namespace twinpipe
