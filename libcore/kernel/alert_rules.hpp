// SPDX-License-Identifier: Apache-2.0
// What somebody wants to be told: the rules of a policy's section "alert".
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "kernel/rule_labels.hpp"
#include "policy/policy.hpp"

namespace twinpipe {

enum class Condition : std::uint8_t { alarm, stale, exception, quarantine, dead, blind };
inline constexpr std::size_t kConditions = 6;
inline constexpr std::size_t kSensorConditions = 4;  // the first four are of sensors, the others of assets
constexpr bool is_of_asset(Condition on) { return static_cast<std::size_t>(on) >= kSensorConditions; }
std::string_view name_of(Condition on);

/// Whose conditions come in one message when they come together.
enum class AlertGroup : std::uint8_t { none, node, site };

struct AlertRule {
  /// Errors (bad_config) say what is missing or does not go together.
  static Result<AlertRule> make(const Rule& rule);

  std::string name;
  Condition on = Condition::alarm;
  std::string severity;
  std::vector<std::string> values;  // of a series in alarm
  bool all_but = false;             // the values are those of a series that is not
  std::string exception;            // glob over the rules of exceptions
  Nanos on_delay = 0, off_delay = 0, group_wait = 0;
  std::size_t count = 0;  // rejects within
  Nanos span = 0;         // so much event time
  AlertGroup group = AlertGroup::node;
  std::vector<std::string> notify;
  RuleLabels labels;

  bool is_alarm(std::string_view value) const;
};

/// All rules of the policy, in order. Errors: bad_config, with the rule.
Result<std::vector<AlertRule>> alert_rules(const Policy& policy);

}  // namespace twinpipe
