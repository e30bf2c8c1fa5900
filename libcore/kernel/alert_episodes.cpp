// SPDX-License-Identifier: Apache-2.0
// An Alert's episodes: what is active, what was told, and when the two have differed long enough.
#include <algorithm>

#include "kernel/alert_parts.hpp"

namespace twinpipe {

/// A node said something. A backlog comes nearer by more than a tenth of `past_after` while that much time passes; a clock that
/// is slow does not.
void Alert::hear(Index index) {
  Node& node = nodes_[index];
  const Nanos now = known(), time = node.time();
  if (now == kBeginning || time == kBeginning) return;
  const Nanos behind = saturating_sub(now, time);
  if (behind <= options_.past_after) {
    node.behind_since = kBeginning;
    return;
  }
  const Nanos moved = saturating_sub(std::max(behind, node.behind), std::min(behind, node.behind));
  if (node.behind_since != kBeginning && moved <= options_.past_after / 10) return;
  node.behind_since = now;
  node.behind = behind;
}

bool Alert::in_past(const Node& node) const {
  return node.behind_since != kBeginning && saturating_sub(known(), node.behind_since) < options_.past_after;
}

std::vector<Alert::Index>& Alert::watches_of(Condition on, Index subject) {
  return is_of_asset(on) ? assets_[subject].watches : sensors_[subject].watches;
}

Alert::Index Alert::asset_of(const Watch& watch) const {
  return is_of_asset(watch.on) ? watch.subject : sensors_[watch.subject].asset;
}

void Alert::observe(Condition on, Index subject, const std::string& detail, bool active, Nanos time, std::string_view value) {
  const Index rule = rule_of(on, subject);
  if (rule == kNone || (on == Condition::exception && !glob_matches(rules_[rule].exception, detail))) return;
  const std::vector<Index>& watches = watches_of(on, subject);
  const auto at =
      std::ranges::find_if(watches, [&](Index watch) { return watches_[watch].on == on && watches_[watch].detail == detail; });
  if (at == watches.end() && !active) return;
  const Index watch = at != watches.end() ? *at : make_watch(on, subject, detail);
  watches_[watch].rule = rule;
  change(watch, active, time, value);
}

Alert::Index Alert::make_watch(Condition on, Index subject, const std::string& detail) {
  if (free_.empty()) {
    free_.push_back(static_cast<Index>(watches_.size()));
    watches_.emplace_back();
  }
  const Index watch = free_.back();
  free_.pop_back();
  watches_[watch].on = on;
  watches_[watch].subject = subject;
  watches_[watch].detail = detail;
  std::vector<Index>& all = watches_of(on, subject);
  all.insert(std::ranges::upper_bound(all, watch), watch);
  return watch;
}

/// Gives back the place of one that is over and said.
void Alert::release(Index index) {
  Watch& watch = watches_[index];
  if (watch.subject == kNone || watch.active || watch.told || watch.pending || watch.attended) return;
  std::erase(watches_of(watch.on, watch.subject), index);
  watch = {};
  free_.push_back(index);
}

/// Has it been so for `delay`? An asset that is dead or out of sight has no event time of its own: there the source's clock
/// counts.
bool Alert::lasted(const Watch& watch, Nanos until, Nanos delay) const {
  if (delay == 0) return true;
  if (!is_of_asset(watch.on)) return saturating_sub(until, watch.active ? watch.since : watch.ended) >= delay;
  return known() == kBeginning || saturating_sub(known(), watch.noticed) >= delay;
}

void Alert::change(Index index, bool active, Nanos time, std::string_view value) {
  Watch& watch = watches_[index];
  if (active) {
    watch.value = value;
    if (watch.active) return;
    if (!watch.told) watch.since = time;  // otherwise the episode that was told goes on
  } else {
    if (!watch.active) return;
    // It was long enough, though no tick came while it was.
    const Nanos delay = rules_[watch.rule].on_delay;
    const bool long_enough = lasted(watch, time, delay) || saturating_sub(time, watch.since) >= delay;
    if (!watch.told && delay > 0 && long_enough && !in_past(nodes_[assets_[asset_of(watch)].node]))
      queue(AlertPhase::raise, index);
    watch.ended = time;
  }
  watch.active = active;
  watch.noticed = known();
  settle_or_attend(index);
}

/// True: there is nothing to wait for.
bool Alert::settle(Index index) {
  Watch& watch = watches_[index];
  const Node& node = nodes_[assets_[asset_of(watch)].node];
  const AlertRule& rule = rules_[watch.rule];
  const bool burst = watch.on == Condition::quarantine;
  if (burst && watch.active) {
    const Nanos over = saturating_add(sensors_[watch.subject].rejects.back(), rule.span);
    if (node.time() > over) {
      watch.active = false;
      watch.ended = over;
      watch.noticed = known();
    }
  }
  if (watch.active != watch.told) {
    if (in_past(node) || !lasted(watch, node.time(), watch.active ? rule.on_delay : rule.off_delay)) return false;
    queue(watch.active ? AlertPhase::raise : AlertPhase::recover, index);
  }
  return !(burst && watch.active);
}

void Alert::settle_or_attend(Index index) {
  if (settle(index)) {
    release(index);
  } else if (Watch& watch = watches_[index]; !watch.attended) {
    watch.attended = true;
    const Index node = assets_[asset_of(watch)].node;
    nodes_[node].attended.push_back(index);
    restless_.insert(node);
  }
}

void Alert::settle_node(Index index) {
  const std::vector<Index> attended = std::exchange(nodes_[index].attended, {});
  for (const Index watch : attended) {
    watches_[watch].attended = false;  // not before its turn: the news of one may give back the place of another that is over
    settle_or_attend(watch);
  }
  if (nodes_[index].attended.empty()) restless_.erase(index);
}

void Alert::settle_all() {
  const std::set<Index> nodes = restless_;
  for (const Index node : nodes) settle_node(node);
}

}  // namespace twinpipe
