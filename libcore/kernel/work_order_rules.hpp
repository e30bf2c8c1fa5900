// SPDX-License-Identifier: Apache-2.0
// When a prediction becomes a work order, and how that is addressed: the rules of a policy's section "work-order".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/rule_labels.hpp"
#include "policy/policy.hpp"

namespace twinpipe {

/// So many of the last rows that are remembered of an asset and failure mode, at most.
inline constexpr std::uint32_t kConfirmMost = 64;

struct WorkOrderRule {
  /// Errors (bad_config) say what does not go together.
  static Result<WorkOrderRule> make(const Rule& rule);

  std::string name;
  std::string failure_mode = "*";  // glob
  std::string priority = "medium";
  std::uint32_t needed = 1, of = 1;  // fired rows of the last rows
  Nanos clear = 24 * 3600 * kSecond;
  Nanos cool_down = 24 * 3600 * kSecond;
  std::string template_name;
  std::vector<std::string> notify;
  RuleLabels labels;
};

/// All rules of the policy, in order. Errors: bad_config, with the rule.
Result<std::vector<WorkOrderRule>> work_order_rules(const Policy& policy);

}  // namespace twinpipe
