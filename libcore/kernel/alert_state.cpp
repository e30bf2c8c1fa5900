// SPDX-License-Identifier: Apache-2.0
// An Alert's state under a Position: places of watches and their order are kept, so that a resumed run makes the same messages.
#include <algorithm>

#include "kernel/alert_parts.hpp"
#include "state.pb.h"

namespace twinpipe {

std::string Alert::save() const {
  v1::AlertState state;
  state.set_known(known_);
  state.set_newest_tick(newest_tick_);
  state.set_settled_at(settled_at_);
  state.set_raised(raised_);
  for (const Node& node : nodes_) {
    v1::AlertNodeState& to = *state.add_node();
    to.set_name(node.name);
    to.set_tick(node.tick);
    to.set_newest(node.clock.newest());
    to.set_leapt(node.clock.leapt());
    to.set_behind_since(node.behind_since);
    to.set_behind(node.behind);
    to.set_rules_at(node.rules_at);
    to.mutable_session()->Assign(node.sessions.begin(), node.sessions.end());
    to.mutable_attended()->Assign(node.attended.begin(), node.attended.end());
  }
  for (const AssetState& asset : assets_) {
    v1::AlertAssetState& to = *state.add_asset();
    to.set_site(asset.site);
    to.set_line(asset.line);
    to.set_asset(asset.asset);
    to.set_node(asset.node);
    to.set_has_twin(asset.has_twin);
  }
  for (const Sensor& sensor : sensors_) {
    v1::AlertSensorState& to = *state.add_sensor();
    to.set_asset(sensor.asset);
    to.set_name(sensor.name);
    to.set_observed(sensor.observed);
    to.mutable_reject()->Assign(sensor.rejects.begin(), sensor.rejects.end());
  }
  for (const Watch& watch : watches_) {
    v1::AlertWatchState& to = *state.add_watch();
    to.set_subject(watch.subject);
    if (watch.subject == kNone) continue;
    to.set_condition(static_cast<std::uint32_t>(watch.on));
    to.set_rule(rules_[watch.rule].name);
    to.set_detail(watch.detail);
    to.set_active(watch.active);
    to.set_told(watch.told);
    to.set_since(watch.since);
    to.set_ended(watch.ended);
    to.set_noticed(watch.noticed);
    to.set_remind_at(watch.remind_at);
    to.set_reminders(watch.reminders);
    to.set_episode(watch.episode);
    to.set_value(watch.value);
  }
  state.mutable_free()->Assign(free_.begin(), free_.end());
  for (const Pending& news : pending_) {
    v1::AlertPendingState& to = *state.add_pending();
    to.set_phase(static_cast<std::uint32_t>(news.phase));
    to.set_watch(news.watch);
    to.set_rule(rules_[news.rule].name);
    to.set_group(news.group);
    to.set_queued(news.queued);
    to.set_subject(news.member.subject);
    to.set_detail(news.member.detail);
    to.set_since(news.member.since);
    to.set_until(news.member.until);
    to.set_reminder(news.member.reminder);
    to.set_episode(news.member.episode);
    to.set_value(news.member.value);
  }
  return state.SerializeAsString();
}

Alert::Index Alert::rule_named(const std::string& name) const {
  const auto at = std::ranges::find(rules_, name, &AlertRule::name);
  return at == rules_.end() ? kNone : static_cast<Index>(at - rules_.begin());
}

bool Alert::load_subjects(const v1::AlertState& state) {
  for (const v1::AlertNodeState& from : state.node()) {
    const Index index = node_index(from.name());
    if (index + 1 != nodes_.size()) return false;
    Node& node = nodes_[index];
    node.tick = from.tick();
    node.clock = EventClock(from.newest(), from.leapt());
    node.behind_since = from.behind_since();
    node.behind = from.behind();
    node.rules_at = from.rules_at();
    node.sessions.assign(from.session().begin(), from.session().end());
    node.attended.assign(from.attended().begin(), from.attended().end());
  }
  for (const v1::AlertAssetState& from : state.asset()) {
    if (from.node() >= nodes_.size()) return false;
    const std::string node = nodes_[from.node()].name;
    const Index index = asset_index(from.site(), from.line(), from.asset(), node);
    if (index + 1 != assets_.size()) return false;
    assets_[index].has_twin = from.has_twin();
  }
  for (const v1::AlertSensorState& from : state.sensor()) {
    if (from.asset() >= assets_.size()) return false;
    const Index index = sensor_index(from.asset(), from.name());
    if (index + 1 != sensors_.size()) return false;
    sensors_[index].observed = from.observed();
    sensors_[index].rejects.assign(from.reject().begin(), from.reject().end());
  }
  for (std::uint32_t slot = 0; slot < table().size(); ++slot) {
    const Asset& asset = table().asset_of(slot);
    const Index number = asset_index(asset.site, asset.line, asset.asset, table().node_name(asset.node));
    slot_sensor_.push_back(sensor_index(number, table().series(slot).sensor.name()));
    watched_.push_back(rule_of(Condition::alarm, slot_sensor_.back()) != kNone);
  }
  return true;
}

/// A watch whose rule another policy no longer has is forgotten: nobody can be told any more.
bool Alert::load_watches(const v1::AlertState& state) {
  watches_.resize(static_cast<std::size_t>(state.watch_size()));
  free_.assign(state.free().begin(), state.free().end());
  for (Index index = 0; index < watches_.size(); ++index) {
    const v1::AlertWatchState& from = state.watch(static_cast<int>(index));
    if (from.subject() == kNone) continue;
    const auto on = static_cast<Condition>(from.condition());
    const bool burst = on == Condition::quarantine && from.active();
    if (from.condition() >= kConditions || from.subject() >= (is_of_asset(on) ? assets_.size() : sensors_.size())) return false;
    if (burst && sensors_[from.subject()].rejects.empty()) return false;
    Index rule = rule_named(from.rule());
    if (rule == kNone || rules_[rule].on != on) rule = rule_of(on, from.subject());
    if (rule == kNone) {
      free_.push_back(index);
      continue;
    }
    Watch& watch = watches_[index];
    watch.on = on;
    watch.subject = from.subject();
    watch.rule = rule;
    watch.detail = from.detail();
    watch.active = from.active();
    watch.told = from.told();
    watch.since = from.since();
    watch.ended = from.ended();
    watch.noticed = from.noticed();
    watch.remind_at = from.remind_at();
    watch.reminders = from.reminders();
    watch.episode = from.episode();
    watch.value = from.value();
    watches_of(on, from.subject()).push_back(index);
    if (watch.remind_at != kForever) reminders_.insert({watch.remind_at, index});
  }
  const auto is_one = [this](Index watch) { return watch < watches_.size() && watches_[watch].subject != kNone; };
  for (Index index = 0; index < nodes_.size(); ++index) {
    Node& node = nodes_[index];
    std::erase_if(node.attended, [&](Index watch) { return !is_one(watch); });
    for (const Index watch : node.attended) watches_[watch].attended = true;
    if (!node.attended.empty()) restless_.insert(index);
  }
  for (const v1::AlertPendingState& from : state.pending()) {
    if (from.phase() > static_cast<std::uint32_t>(AlertPhase::recover)) return false;
    if (!is_one(from.watch())) continue;
    const Index rule = rule_named(from.rule());
    watches_[from.watch()].pending = true;
    AlertMember member{from.subject(), from.detail(), from.episode(), from.since(), from.until(), from.reminder(), from.value()};
    pending_.push_back({static_cast<AlertPhase>(from.phase()), from.watch(), rule == kNone ? watches_[from.watch()].rule : rule,
                        from.group(), from.queued(), std::move(member)});
  }
  return std::ranges::all_of(free_, [this](Index watch) { return watch < watches_.size() && watches_[watch].subject == kNone; });
}

Status Alert::load(std::string_view bytes) {
  v1::AlertState state;
  bool fits = nodes_.empty() && state.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
  fits = fits && load_subjects(state) && load_watches(state);
  if (!fits) return Status::error(Code::bad_config, "the saved state is not an alert's, or does not fit its series table");
  known_ = state.known();
  newest_tick_ = state.newest_tick();
  settled_at_ = state.settled_at();
  raised_ = state.raised();
  return {};
}

}  // namespace twinpipe
