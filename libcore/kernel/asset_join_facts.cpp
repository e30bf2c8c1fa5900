// SPDX-License-Identifier: Apache-2.0
// AssetJoin: which facts are told when, and what is kept under a Position.
#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>

#include "kernel/asset_join.hpp"
#include "state.pb.h"
#include "wire/names.hpp"
#include "wire/quantity.hpp"

namespace twinpipe {

void AssetJoin::tell(std::uint32_t number, std::size_t at, Output& out) {
  Target& told = targets_[number];
  if (told.told[at]) return;
  told.told[at] = true;
  const AssetRegistry::Part& part = told.parts[at];
  frame_.Clear();
  v1::AssetFacts& facts = *frame_.mutable_asset_facts();
  facts.set_site(told.site);
  facts.set_line(told.line);
  facts.set_asset(told.asset);
  if (part.period.from != kBeginning) facts.set_from(part.period.from);
  if (part.period.until != kForever) facts.set_until(part.period.until);
  facts.set_unknown(part.row == nullptr);
  if (part.row != nullptr) {
    for (const auto& [name, value] : part.row->facts) {
      v1::Fact& fact = *facts.add_fact();
      fact.set_name(name);
      fact.set_value(value);
    }
  }
  facts.set_registry(registry_->name());
  facts.set_registry_owner(registry_->owner());
  facts.set_registry_as_of(registry_->as_of());
  facts.set_registry_digest(registry_->digest());
  facts.set_registry_stale(part.stale);
  out.frame(frame_);
  ++facts_;
  if (part.row == nullptr) unknown_.insert(asset_key(told.site, told.line, told.asset));
  if (!part.stale) return;
  stale_.insert(asset_key(told.site, told.line, told.asset));
  if (!std::exchange(told_stale_, true))
    notice(fmt::format("registry {} of {} is older than its SLO of {}: ask {} for a newer one", registry_->name(),
                       format_time(registry_->as_of()), format_duration(registry_->slo()), registry_->owner()));
}

/// A restarted reader knows nothing of what was told before.
void AssetJoin::tell_again(Node& node, Nanos time, Output& out) {
  node.restored = false;
  for (const std::uint32_t number : node.targets) {
    targets_[number].told[part_at(targets_[number], time)] = false;
    tell_at(number, time, out);
  }
}

std::size_t AssetJoin::part_at(const Target& target, Nanos time) {
  std::size_t at = target.parts.size() - 1;
  while (at > 0 && time < target.parts[at].period.from) --at;
  return at;
}

/// What holds at a time; returns which part that is.
std::size_t AssetJoin::tell_at(std::uint32_t number, Nanos time, Output& out) {
  const std::size_t at = part_at(targets_[number], time);
  tell(number, at, out);
  return at;
}

void AssetJoin::schedule(Node& node, std::uint32_t number, std::size_t part) {
  const Nanos until = targets_[number].parts[part].period.until;
  if (until == kForever) return;
  node.dates.emplace(until, number);
  node.due = std::min(node.due, until);
}

/// A live reading of a node that sends no Watermarks moves its clock; true when that is worth a look at what is due.
bool AssetJoin::moves(Node& node, Nanos time) {
  if (node.ticking || node.data.take(time) == EventClock::Sight::leap) return false;
  return is_due(node);
}

/// A clock that was set right goes back: what is told then is told again from there.
bool AssetJoin::is_due(const Node& node) { return node.waiting || node.clock() >= node.due || node.clock() < node.announced; }

void AssetJoin::announce(Node& node, Output& out) {
  const Nanos now = node.clock();
  if (node.waiting || now < node.announced) {
    node.dates.clear();
    for (const std::uint32_t number : node.targets) schedule(node, number, tell_at(number, now, out));
  }
  while (!node.dates.empty() && node.dates.begin()->first <= now) {
    const std::uint32_t number = node.dates.begin()->second;
    node.dates.erase(node.dates.begin());
    schedule(node, number, tell_at(number, now, out));
  }
  node.waiting = false;
  node.announced = now;
  node.due = node.dates.empty() ? kForever : node.dates.begin()->first;
}

Status AssetJoin::on_watermark(const v1::Watermark& watermark, const FrameView& view, Output& out) {
  if (watermark.lane() == v1::LANE_LIVE) {
    Node& ticked = nodes_[node(watermark.node())];
    if (!std::exchange(ticked.ticking, true)) --clockless_;
    ticked.tick = std::max(ticked.tick, watermark.time());
    if (is_due(ticked)) announce(ticked, out);
  }
  return pass(view, out);
}

// ---- state ----------------------------------------------------------------------------------------------------------

std::string AssetJoin::save() const {
  v1::AssetJoinState state;
  state.set_registry_digest(registry_->digest());
  for (const Node& node : nodes_) {
    v1::AssetJoinNode& to = *state.add_node();
    to.set_name(node.name);
    to.set_ticking(node.ticking);
    to.set_tick(node.tick);
    to.set_newest(node.data.newest());
    to.set_leapt(node.data.leapt());
  }
  std::map<std::string_view, const Target*> sorted;
  for (const auto& [key, number] : target_index_) sorted.emplace(key, &targets_[number]);
  for (const auto& [key, target] : sorted) {
    if (target->silent || std::ranges::none_of(target->told, std::identity())) continue;
    v1::AssetJoinTold& to = *state.add_told();
    to.set_site(target->site);
    to.set_line(target->line);
    to.set_asset(target->asset);
    to.set_node(target->entered ? target->node : kNone);
    for (std::size_t part = 0; part < target->told.size(); ++part)
      if (target->told[part]) to.add_part(static_cast<std::uint32_t>(part));
  }
  for (const std::string& key : unknown_) state.add_unknown(key);
  for (const std::string& key : stale_) state.add_stale(key);
  return state.SerializeAsString();
}

Status AssetJoin::load(std::string_view bytes) {
  v1::AssetJoinState state;
  if (!state.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    return Status::error(Code::bad_config, "not a state of asset-join");
  for (std::uint32_t device = 0; device < table().assets(); ++device) (void)target_of_device(device);
  for (const v1::AssetJoinNode& from : state.node()) {
    Node& to = nodes_[node(from.name())];
    to.data = EventClock(from.newest(), from.leapt());
    to.tick = from.tick();
    if (from.ticking() && !std::exchange(to.ticking, true)) --clockless_;
  }
  for (const v1::AssetJoinTold& from : state.told()) {
    const std::uint32_t number = target(from.site(), from.line(), from.asset());
    Target& to = targets_[number];
    if (from.node() < static_cast<std::uint32_t>(state.node_size()) && !to.silent) {
      to.entered = true;
      to.node = node(state.node(static_cast<int>(from.node())).name());
      nodes_[to.node].targets.push_back(number);
      nodes_[to.node].restored = true;
    }
    if (state.registry_digest() != registry_->digest()) continue;  // this one may say something else
    for (const std::uint32_t part : from.part())
      if (part < to.told.size()) to.told[part] = true;
  }
  unknown_.insert(state.unknown().begin(), state.unknown().end());
  stale_.insert(state.stale().begin(), state.stale().end());
  told_stale_ = !stale_.empty();
  return {};
}

}  // namespace twinpipe
