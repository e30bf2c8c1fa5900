// SPDX-License-Identifier: Apache-2.0
// The rules of a policy's section "work-order".
#include "kernel/work_order_rules.hpp"

#include <fmt/format.h>

#include <charconv>

namespace twinpipe {
namespace {

Status bad(const Rule& rule, std::string_view what) {
  return Status::error(Code::bad_config, fmt::format("policy: work-order: rule '{}': {}", rule.name, what));
}

bool parse_count(std::string_view text, std::uint32_t& count) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  return error == std::errc{} && end == text.data() + text.size();
}

/// "3/5"
bool parse_confirm(std::string_view text, WorkOrderRule& to) {
  const std::size_t slash = text.find('/');
  if (slash == text.npos || !parse_count(text.substr(0, slash), to.needed) || !parse_count(text.substr(slash + 1), to.of))
    return false;
  return to.needed >= 1 && to.needed <= to.of && to.of <= kConfirmMost;
}

}  // namespace

Result<WorkOrderRule> WorkOrderRule::make(const Rule& rule) {
  WorkOrderRule to;
  to.name = rule.name;
  if (!glob_matches(rule.pattern.levels()[3], ""))
    return bad(rule, "orders are about assets, not about sensors: the last level of its pattern is + or *");
  to.failure_mode = rule.text("failure_mode", to.failure_mode);
  to.priority = rule.text("priority", to.priority);
  if (!parse_confirm(rule.text("confirm", "1/1"), to))
    return bad(rule, fmt::format("'confirm' is N/M, N fired rows of the last M, up to {0}/{0}", kConfirmMost));
  to.clear = rule.duration("clear").value_or(to.clear);
  to.cool_down = rule.duration("cool_down").value_or(to.cool_down);
  if (to.clear == 0) return bad(rule, "'clear' is above zero: an episode would end with the row that began it");
  to.template_name = rule.text("template", "");
  to.notify = rule.list("notify");
  Result<RuleLabels> labels = parse_labels(rule.text("labels", ""));
  if (!labels.ok()) return bad(rule, labels.status().message);
  to.labels = std::move(*labels);
  return to;
}

Result<std::vector<WorkOrderRule>> work_order_rules(const Policy& policy) {
  std::vector<WorkOrderRule> rules;
  for (const Rule& rule : policy.rules("work-order")) {
    Result<WorkOrderRule> made = WorkOrderRule::make(rule);
    if (!made.ok()) return made.status();
    rules.push_back(std::move(*made));
  }
  return rules;
}

}  // namespace twinpipe
