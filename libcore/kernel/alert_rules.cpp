// SPDX-License-Identifier: Apache-2.0
// The rules of a policy's section "alert".
#include "kernel/alert_rules.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace twinpipe {
namespace {

constexpr std::array<std::string_view, kConditions> kNames{"alarm", "stale", "exception", "quarantine", "dead", "blind"};

template <class... Args>
Status bad(const Rule& rule, fmt::format_string<Args...> format, Args&&... args) {
  return Status::error(Code::bad_config,
                       fmt::format("policy: alert: rule '{}': {}", rule.name, fmt::format(format, std::forward<Args>(args)...)));
}

/// Which parameters only one condition knows.
struct Own {
  std::string_view parameter;
  Condition on;
};
constexpr std::array kOwn{
    Own{"values", Condition::alarm},     Own{"normal", Condition::alarm},    Own{"exception", Condition::exception},
    Own{"count", Condition::quarantine}, Own{"span", Condition::quarantine},
};

Status take_values(const Rule& rule, AlertRule& to) {
  const bool values = rule.parameters.contains("values");
  if (values == rule.parameters.contains("normal"))
    return bad(rule, "an alarm has either 'values', which are alarms, or 'normal', which are not");
  to.all_but = !values;
  to.values = rule.list(values ? "values" : "normal");
  return to.values.empty() ? bad(rule, "no value is named") : Status{};
}

Status take_burst(const Rule& rule, AlertRule& to) {
  const auto count = rule.number("count");
  const auto span = rule.duration("span");
  constexpr double kMost = 100'000;  // times that are kept of each series
  if (!count || !span || *span == 0) return bad(rule, "a burst of rejects has a 'count' and a 'span' above zero");
  if (*count > kMost || *count != static_cast<double>(static_cast<std::size_t>(*count)))
    return bad(rule, "'count' is not a whole number up to {}", kMost);
  to.count = static_cast<std::size_t>(*count);
  to.span = *span;
  return {};
}

}  // namespace

std::string_view name_of(Condition on) { return kNames[static_cast<std::size_t>(on)]; }

Result<AlertRule> AlertRule::make(const Rule& rule) {
  AlertRule to;
  to.name = rule.name;
  const auto at = std::ranges::find(kNames, rule.text("on", ""));
  if (at == kNames.end()) return bad(rule, "'on' is missing: which condition?");
  to.on = static_cast<Condition>(at - kNames.begin());
  for (const auto& [parameter, on] : kOwn)
    if (on != to.on && rule.parameters.contains(parameter))
      return bad(rule, "'{}' means nothing to '{}'", parameter, name_of(to.on));
  if (is_of_asset(to.on) && !glob_matches(rule.pattern.levels()[3], "") && rule.pattern.levels()[3] != "+")
    return bad(rule, "'{}' speaks of assets, not of sensors: the last level of its pattern is + or *", name_of(to.on));
  if (to.on == Condition::alarm)
    if (Status status = take_values(rule, to); !status.ok()) return status;
  if (to.on == Condition::quarantine)
    if (Status status = take_burst(rule, to); !status.ok()) return status;
  Result<RuleLabels> labels = parse_labels(rule.text("labels", ""));
  if (!labels.ok()) return bad(rule, "{}", labels.status().message);
  to.labels = std::move(*labels);
  to.severity = rule.text("severity", "warning");
  to.exception = rule.text("exception", "*");
  to.on_delay = rule.duration("on_delay").value_or(0);
  to.off_delay = rule.duration("off_delay").value_or(0);
  to.group_wait = rule.duration("group_wait").value_or(0);
  // Our own link goes down for all nodes behind it at once.
  const std::string group = rule.text("group", to.on == Condition::blind ? "site" : "node");
  to.group = group == "none" ? AlertGroup::none : group == "site" ? AlertGroup::site : AlertGroup::node;
  to.notify = rule.list("notify");
  return to;
}

bool AlertRule::is_alarm(std::string_view value) const { return (std::ranges::find(values, value) != values.end()) != all_but; }

Result<std::vector<AlertRule>> alert_rules(const Policy& policy) {
  std::vector<AlertRule> rules;
  for (const Rule& rule : policy.rules("alert")) {
    Result<AlertRule> made = AlertRule::make(rule);
    if (!made.ok()) return made.status();
    rules.push_back(std::move(*made));
  }
  return rules;
}

}  // namespace twinpipe
