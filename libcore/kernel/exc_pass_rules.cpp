// SPDX-License-Identifier: Apache-2.0
// Exception pass: which rule works on which series, and whether its condition is met.
#include <algorithm>
#include <cmath>

#include "kernel/exc_pass_parts.hpp"
#include "policy/pattern.hpp"

namespace twinpipe {

// ---- declarations ---------------------------------------------------------------------------------------------------

void ExcPass::grow(Lane& lane) {
  lane.flags.resize(table().size());
  lane.hot.resize(table().size());
  lane.sensors.resize(table().size());
  lane.assets.resize(table().assets());
  lane.nodes.resize(table().nodes());
  ring_.grow(table().size() * 2);
}

/// Takes the series from `first` on into a lane, with the rules that apply to them.
void ExcPass::take_in(Lane& lane, Id first) {
  grow(lane);
  std::vector<Id> assets;
  for (Id slot = first; slot < table().size(); ++slot) {
    const Id asset = table().series(slot).asset;
    lane.assets[asset].slots.push_back(slot);
    lane.sensors[slot].cold = restarted_;
    if (assets.empty() || assets.back() != asset) assets.push_back(asset);
  }
  for (const Id asset : assets) configure(lane, asset, lane.assets[asset].configured);
}

/// The lane, with all that is declared by now: a declaration that was refused half way may have left some.
ExcPass::Lane& ExcPass::use(bool historical) {
  Lane& lane = *lanes_[historical ? 1 : 0];
  lane.used = true;
  if (lane.hot.size() < table().size() || lane.nodes.size() < table().nodes()) take_in(lane, static_cast<Id>(lane.hot.size()));
  return lane;
}

Status ExcPass::on_series(const std::vector<Declared>& declared, const FrameView& frame, Output& out) {
  out.forward(frame);
  writer_->begin(out);
  for (const auto& lane : lanes_) {
    if (!lane->used) continue;
    const auto known = static_cast<Id>(lane->hot.size());
    use(lane->historical);
    announce();
    for (const Declared& series : declared) {
      if (series.slot < known && (series.born || series.changed)) begin_again(*lane, series.slot);
      // Raw that could not leave while its series had no alias.
      if (lane->flags[series.slot] & kInWindow) release_series(*lane, series.slot, kBeginning);
    }
  }
  writer_->flush();
  return {};
}

/// A birth, another unit or type: what was known of the values says nothing of the next ones, and the clock may be another.
void ExcPass::begin_again(Lane& lane, Id slot) {
  lane.hot[slot].clock = {};
  lane.sensors[slot].derived_clock = {};
  Node& node = lane.nodes[table().node_of(slot)];
  node.watermark = kBeginning;
  node.data = {};
  for (const auto* watches : {&lane.sensors[slot].raw, &lane.sensors[slot].derived})
    for (const Id number : *watches) {
      Watch& watch = lane.watches[number];
      watch.side = ExceptionRule::Side::none;
      watch.raised = watch.has_previous = false;
      watch.newest = kBeginning;
    }
  rebound(lane, slot);
}

/// Finds the rules that apply to an asset's series from event time `at` on, and until when.
void ExcPass::configure(Lane& lane, Id number, Nanos at) {
  AssetState& asset = lane.assets[number];
  asset.configured = std::max(asset.configured, at);
  asset.rules_until = kForever;
  for (const Id slot : asset.slots)
    for (Id signal = 0; signal < rules_->signals().size(); ++signal) configure_watch(lane, slot, signal, at, asset);
  link(lane, number);
}

/// Says which temporary rules were found to have ended.
void ExcPass::announce() {
  if (!book_.has_news()) return;
  writer_->flush();
  for (std::string& line : book_.announce(writer_->out())) notice(std::move(line));
}

/// Per signal the first rule that matches and has not expired: a special case stands in front of the general one, and rules on
/// other signals of the same series work beside it.
void ExcPass::configure_watch(Lane& lane, Id slot, Id signal, Nanos at, AssetState& asset) {
  const Rule* first = book_.rules().data();
  const RuleBook::Match match = book_.find(table(), slot, at, [&](const Rule& rule) {
    return rules_->rules()[static_cast<std::size_t>(&rule - first)].signal == signal;
  });
  const Id rule = match.rule == nullptr ? kNone : static_cast<Id>(match.rule - first);
  asset.rules_until = std::min(asset.rules_until, match.until);
  const auto same = [&](Id watch) { return lane.watches[watch].slot == slot && lane.watches[watch].signal == signal; };
  const auto found = std::ranges::find_if(asset.watches, same);
  if (found == asset.watches.end()) {
    if (rule == kNone) return;
    asset.watches.push_back(static_cast<Id>(lane.watches.size()));
    Watch& watch = lane.watches.emplace_back();
    watch.slot = slot;
    watch.signal = signal;
    watch.rule = rule;
    return;
  }
  Watch& watch = lane.watches[*found];
  if (watch.rule == rule) return;
  if (const Id open = watch.window; open != kNone) {
    close_window(lane, open);
    lane.windows[open].watch = kNone;
  }
  for (const Id window : watch.closed) lane.windows[window].watch = kNone;
  watch.window = kNone;
  watch.closed.clear();
  watch.rule = rule;
  watch.side = ExceptionRule::Side::none;
  watch.raised = false;
}

/// What each series has to look at, and which series each rule passes.
void ExcPass::link(Lane& lane, Id number) {
  AssetState& asset = lane.assets[number];
  for (const Id slot : asset.slots) {
    Sensor& sensor = lane.sensors[slot];
    sensor.raw.clear();
    sensor.derived.clear();
    lane.flags[slot] =
        static_cast<std::uint8_t>((sensor.windows.empty() ? 0 : kInWindow) | (asset.rules_until == kForever ? 0 : kWillChange));
  }
  for (const Id id : asset.watches) {
    Watch& watch = lane.watches[id];
    watch.passes.clear();
    if (watch.rule == kNone) continue;
    Sensor& sensor = lane.sensors[watch.slot];
    const bool raw = rules_->signals()[watch.signal].is_raw();
    (raw ? sensor.raw : sensor.derived).push_back(id);
    if (raw) lane.flags[watch.slot] |= kJudged;
    const std::string& passes = rules_->rules()[watch.rule].passes;
    for (const Id slot : asset.slots) {
      if (passes.empty() ? slot != watch.slot : !glob_matches(passes, table().series(slot).sensor.name())) continue;
      watch.passes.push_back(slot);
      if (options_.gate) lane.flags[slot] |= kGated;
    }
  }
  for (const Id slot : asset.slots) rebound(lane, slot);
}

/// Between these bounds a value meets no condition. Nothing lies between them while one is met, or when a rate is looked at.
void ExcPass::rebound(Lane& lane, Id slot) {
  Hot& hot = lane.hot[slot];
  hot.low = -kInfinity;
  hot.high = kInfinity;
  for (const Id id : lane.sensors[slot].raw) {
    const Watch& watch = lane.watches[id];
    const ExceptionRule& rule = rules_->rules()[watch.rule];
    const bool every = watch.side != ExceptionRule::Side::none || rules_->signals()[watch.signal].source == Signal::Source::rate;
    if (rule.above || every) hot.high = std::min(hot.high, every ? -kInfinity : *rule.above);
    if (rule.below || every) hot.low = std::max(hot.low, every ? kInfinity : *rule.below);
  }
}

// ---- conditions -----------------------------------------------------------------------------------------------------

void ExcPass::judge_raw(Lane& lane, Id slot, Nanos time, double value, bool good, Sight sight) {
  if (!good) return;
  if (!std::isfinite(value)) {
    ++not_finite_;
    return;
  }
  for (const Id id : lane.sensors[slot].raw) {
    Watch& watch = lane.watches[id];
    double judged = value;
    if (rules_->signals()[watch.signal].source == Signal::Source::rate &&
        (sight == Sight::late || sight == Sight::leap || !rate(watch, time, value, judged)))
      continue;
    judge(lane, id, {time, time, judged}, sight);
  }
  rebound(lane, slot);
}

/// Change per second since the reading before. False: there is none to compare with.
bool ExcPass::rate(Watch& watch, Nanos time, double value, double& result) const {
  if (watch.has_previous && time <= watch.previous_time) return false;
  const bool known = std::exchange(watch.has_previous, true);
  const double seconds = static_cast<double>(saturating_sub(time, watch.previous_time)) / 1e9;
  result = (value - watch.previous) / seconds;
  watch.previous = value;
  watch.previous_time = time;
  return known && std::isfinite(result);
}

void ExcPass::judge(Lane& lane, Id number, Sample sample, Sight sight) {
  using enum ExceptionRule::Side;
  Watch& watch = lane.watches[number];
  const ExceptionRule& rule = rules_->rules()[watch.rule];
  const Nanos until = saturating_add(sample.time, rule.post);
  if (sight == Sight::late || sight == Sight::leap) {
    // What is known is newer, or this time is not believed: it crosses by itself or not at all, and changes no condition.
    sample.side = rule.side_of(sample.value, none);
    if (sample.side == none || rule.on_delay > 0) return;
    return sight == Sight::late ? cross(lane, number, sample, until) : cross_alone(lane, number, sample, until);
  }
  sample.side = rule.side_of(sample.value, watch.side);
  if (sample.side != watch.side) {
    watch.side = sample.side;
    watch.raised = false;
    watch.began = sample;
  }
  if (sample.side == none) return;
  if (!watch.raised && saturating_sub(sample.time, watch.began.time) < rule.on_delay) return;
  const bool crossing = !std::exchange(watch.raised, true);
  cross(lane, number, crossing ? watch.began : sample, until);
}

bool ExcPass::is_of(Id slot, const v1::Lifecycle& lifecycle) const {
  const Asset& asset = table().asset_of(slot);
  return lifecycle.asset().empty() ||
         (asset.asset == lifecycle.asset() && asset.line == lifecycle.line() && asset.site == lifecycle.site());
}

/// Readings are missing or will be: nobody knows that a condition held meanwhile.
void ExcPass::restart_conditions(Lane& lane, Id node, const v1::Lifecycle* of_device) {
  for (Watch& watch : lane.watches) {
    if (table().node_of(watch.slot) != node || (of_device != nullptr && !is_of(watch.slot, *of_device))) continue;
    watch.side = ExceptionRule::Side::none;
    watch.raised = watch.has_previous = false;
  }
  for (const AssetState& asset : lane.assets)
    for (const Id slot : asset.slots)
      if (table().node_of(slot) == node) rebound(lane, slot);
}

}  // namespace twinpipe
