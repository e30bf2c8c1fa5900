// SPDX-License-Identifier: Apache-2.0
// Quarantine: which rules apply to a series, and what they come to.
#include <fmt/format.h>

#include <algorithm>

#include "kernel/quarantine_parts.hpp"
#include "wire/quantity.hpp"

namespace twinpipe {

Quarantine::Quarantine(const SeriesTable& table, const Policy& policy, std::vector<Expectation> expectations, RejectSide side)
    : Stage(table),
      rules_(policy, "quarantine"),
      expectations_(std::move(expectations)),
      rejects_(table, policy),
      side_(side),
      programs_(1),
      checks_(1),
      lanes_{std::make_unique<Lane>(), std::make_unique<Lane>()},
      told_(expectations_.size()) {
  for (const Expectation& one : expectations_) {
    const auto alike = std::ranges::find_if(
        expectations_, [&one](const Expectation& other) { return other.what == one.what && other.action == one.action; });
    const auto first = static_cast<std::size_t>(alike - expectations_.begin());
    group_.push_back(first < group_.size() ? group_[first] : groups_++);
  }
}

Quarantine::~Quarantine() = default;

Status Quarantine::check(const Policy& policy) {
  const Result<std::vector<Expectation>> expectations = read_expectations(policy);
  return expectations.ok() ? Status{} : expectations.status();
}

/// The longest silence that a deadband upstream leaves a value that does not change; 0: there is none.
Nanos Quarantine::silence_of(std::uint32_t slot, Nanos at) const {
  const Asset& asset = table().asset_of(slot);
  const std::string& sensor = table().series(slot).sensor.name();
  Nanos longest = 0;
  for (const auto& policy : upstream_.of(table().node_name(asset.node))) {
    const v1::AppliedRule* rule = policy->rule_of(asset.site, asset.line, asset.asset, sensor, at,
                                                  [](const v1::AppliedRule& one) { return !one.expired(); });
    if (rule != nullptr) longest = std::max(longest, rule->heartbeat() == 0 ? kForever : rule->heartbeat());
  }
  return longest;
}

void Quarantine::take_applied(const v1::Applied& applied) {
  if (applied.tool() != "deadband" || !upstream_.take(applied)) return;
  const bool any = std::ranges::any_of(expectations_, [](const Expectation& one) { return one.what == Expect::stuck; });
  for (std::uint32_t slot = 0; any && slot < lanes_[0]->tracks.size(); ++slot)
    if (concerns(applied, table().node_name(table().node_of(slot))))
      for (const auto& lane : lanes_) configure(*lane, slot, clock_of(*lane, slot).newest());
}

void Quarantine::configure(Lane& lane, std::uint32_t slot, Nanos at) { lane.tracks[slot].program = program_for(slot, at); }

/// What applies to a series from event time `at` on. Costs a comparison of names per rule: asked at a declaration, when a
/// temporary rule ends, and when a deadband upstream changes.
Quarantine::Id Quarantine::program_for(std::uint32_t slot, Nanos at) {
  Key key;
  auto& [rules, unit, silence] = key;
  const auto number_of = [this](const Rule& rule) { return static_cast<std::size_t>(&rule - rules_.rules().data()); };
  for (std::uint32_t group = 0; group < groups_; ++group)
    if (const auto match = rules_.find(table(), slot, at, [&](const Rule& rule) { return group_[number_of(rule)] == group; });
        match.rule != nullptr)
      rules.push_back(&expectations_[number_of(*match.rule)]);
  if (rules.empty()) return 0;
  std::ranges::sort(rules);
  const v1::Sensor& sensor = table().series(slot).sensor;
  for (const Expectation* one : rules) {
    if (one->what == Expect::unit) unit = sensor.unit();
    if (one->what == Expect::stuck) silence = silence_of(slot, at);
  }
  const auto [known, is_new] = known_.try_emplace(key, 0);
  if (is_new) known->second = compile(rules, sensor, silence);
  return known->second;
}

Quarantine::Id Quarantine::compile(const std::vector<const Expectation*>& rules, const v1::Sensor& sensor, Nanos silence) {
  Program program;
  std::vector<Check> checks;
  program.silent = false;
  bool always = false;
  for (const Expectation* one : rules) {
    Check check{one, one->what == Expect::unit && sensor.unit() != one->unit, one->longest};
    if (one->what == Expect::stuck && silence > 0) check.stuck_after = std::max(one->longest, stuck_is_told_after(silence));
    program.low = std::max(program.low, one->low);
    program.high = std::min(program.high, one->high);
    program.per_second = std::min(program.per_second, one->per_second);
    program.stuck = std::min(program.stuck, check.stuck_after);
    program.skew = std::min(program.skew, one->skew);
    if (one->what == Expect::timestamp) program.earliest = 0;
    always |= check.wrong_unit || one->what == Expect::set;
    program.until = std::min(program.until, one->rule->expires.value_or(kForever));
    const auto number = static_cast<std::size_t>(one - expectations_.data());
    if (check.stuck_after > one->longest && !told_[number]) {
      told_[number] = true;
      notice(fmt::format(
          "rule '{}' says {}, and a deadband upstream {}: it does not tell before {}", one->rule->name,
          format_duration(one->longest),
          silence == kForever ? "has no heartbeat" : "sends a value that does not change once in " + format_duration(silence),
          check.stuck_after == kForever ? "the deadband changes" : format_duration(check.stuck_after)));
    }
    checks.push_back(check);
  }
  program.always = always;
  programs_.push_back(program);
  checks_.push_back(std::move(checks));
  return static_cast<Id>(programs_.size()) - 1;
}

}  // namespace twinpipe
