// SPDX-License-Identifier: Apache-2.0
// An Alert's subjects: nodes, assets and sensors by name, their sessions, and the rules that apply to them.
#include <fmt/format.h>

#include <algorithm>

#include "kernel/alert_parts.hpp"
#include "wire/quantity.hpp"

namespace twinpipe {

Alert::Alert(const SeriesTable& table, const Policy& policy, std::vector<AlertRule> rules, AlertOptions options)
    : Stage(table), policy_(&policy), rules_(std::move(rules)), options_(options) {
  for (const Rule& rule : policy.rules("alert"))
    if (rule.expires) expiries_.push_back(*rule.expires);
  std::ranges::sort(expiries_);
}

Alert::~Alert() = default;

Alert::Index Alert::node_index(const std::string& name) {
  const auto [at, is_new] = node_index_.try_emplace(name, static_cast<Index>(nodes_.size()));
  if (is_new) nodes_.emplace_back().name = name;
  return at->second;
}

Alert::Index Alert::asset_index(const std::string& site, const std::string& line, const std::string& asset,
                                const std::string& node) {
  text_.assign(site).append(1, '\0').append(line).append(1, '\0').append(asset);
  const auto [at, is_new] = asset_index_.try_emplace(text_, static_cast<Index>(assets_.size()));
  const Index index = at->second;
  if (is_new) {
    AssetState& state = assets_.emplace_back();
    state.site = site;
    state.line = line;
    state.asset = asset;
  }
  if (assets_[index].node == kNone || nodes_[assets_[index].node].name != node) {  // new, or it has moved
    if (assets_[index].node != kNone) std::erase(nodes_[assets_[index].node].assets, index);
    assets_[index].node = node_index(node);
    std::vector<Index>& all = nodes_[assets_[index].node].assets;
    all.insert(std::ranges::upper_bound(all, index), index);
    configure_asset(index);
    for (const Index sensor : assets_[index].sensors) configure_sensor(sensor);
  }
  return index;
}

Alert::Index Alert::sensor_index(Index asset, const std::string& name) {
  const auto by_name = [this](Index sensor) -> const std::string& { return sensors_[sensor].name; };
  std::vector<Index>& sensors = assets_[asset].sensors;
  const auto at = std::ranges::lower_bound(sensors, name, {}, by_name);
  if (at != sensors.end() && by_name(*at) == name) return *at;
  const auto index = static_cast<Index>(sensors_.size());
  sensors.insert(at, index);
  sensors_.emplace_back().asset = asset;
  sensors_.back().name = name;
  configure_sensor(index);
  return index;
}

/// The first of each condition's rules that matches.
void Alert::configure_asset(Index index) {
  AssetState& asset = assets_[index];
  asset.rule.fill(kNone);
  const Rule* const first = policy_->rules("alert").data();
  for (const Rule* rule : policy_->matches("alert", asset.site, asset.line, asset.asset, "", nodes_[asset.node].rules_at)) {
    const auto number = static_cast<Index>(rule - first);
    if (const Condition on = rules_[number].on; is_of_asset(on))
      asset.rule[static_cast<std::size_t>(on) - kSensorConditions] = number;
  }
}

void Alert::configure_sensor(Index index) {
  Sensor& sensor = sensors_[index];
  const AssetState& asset = assets_[sensor.asset];
  sensor.rule.fill(kNone);
  const Rule* const first = policy_->rules("alert").data();
  for (const Rule* rule :
       policy_->matches("alert", asset.site, asset.line, asset.asset, sensor.name, nodes_[asset.node].rules_at)) {
    const auto number = static_cast<Index>(rule - first);
    if (const Condition on = rules_[number].on; !is_of_asset(on)) sensor.rule[static_cast<std::size_t>(on)] = number;
  }
}

Nanos Alert::next_expiry(Nanos at) const {
  const auto next = std::ranges::upper_bound(expiries_, at);
  return next == expiries_.end() ? kForever : *next;
}

/// Temporary rules that the node's event time has passed fall back to the next match. A condition whose rule has gone is over.
void Alert::follow_rules(Index index) {
  const Nanos at = nodes_[index].time();
  if (next_expiry(nodes_[index].rules_at) > at) return;
  nodes_[index].rules_at = at;
  const std::vector<Rule>& rules = policy_->rules("alert");
  for (Index rule = 0; rule < rules.size(); ++rule)
    if (rules[rule].expires && at >= *rules[rule].expires && expired_.insert(rule).second)
      notice(fmt::format("temporary rule '{}' has expired at {} ({}): its series fall back to the next match", rules[rule].name,
                         format_time(*rules[rule].expires), rules[rule].reason));
  const auto follow = [&](std::vector<Index> watches) {
    for (const Index watch : watches)
      if (const Index rule = rule_of(watches_[watch].on, watches_[watch].subject); rule != kNone) watches_[watch].rule = rule;
      else change(watch, false, at, {});
  };
  const std::vector<Index> assets = nodes_[index].assets;
  for (const Index asset : assets) {
    configure_asset(asset);
    follow(assets_[asset].watches);
    for (const Index sensor : assets_[asset].sensors) {
      configure_sensor(sensor);
      follow(sensors_[sensor].watches);
    }
  }
  for (std::uint32_t slot = 0; slot < slot_sensor_.size(); ++slot)
    watched_[slot] = sensors_[slot_sensor_[slot]].rule[static_cast<std::size_t>(Condition::alarm)] != kNone;
}

/// False: of a session that another one has followed. A newer one may have another clock: what the one before told means nothing
/// to it.
bool Alert::begin_session(Index index, const v1::Session& session) {
  Node& node = nodes_[index];
  const auto same = [&](const v1::Session& other) {
    return other.birth() == session.birth() && other.bdseq() == session.bdseq();
  };
  const auto found = std::ranges::find_if(node.sessions, same);
  if (found != node.sessions.end()) return found + 1 == node.sessions.end();
  constexpr std::size_t kRemembered = 16;
  if (node.sessions.size() == kRemembered) node.sessions.erase(node.sessions.begin());
  const bool is_first = node.sessions.empty();
  node.sessions.push_back(session);
  if (is_first) return true;
  node.tick = kBeginning;
  node.clock = {};
  for (const Index asset : node.assets)
    for (const Index sensor : assets_[asset].sensors) sensors_[sensor].observed = kBeginning;
  return true;
}

Alert::Index Alert::rule_of(Condition on, Index subject) const {
  const auto place = static_cast<std::size_t>(on);
  return is_of_asset(on) ? assets_[subject].rule[place - kSensorConditions] : sensors_[subject].rule[place];
}

}  // namespace twinpipe
