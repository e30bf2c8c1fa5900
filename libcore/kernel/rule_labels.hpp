// SPDX-License-Identifier: Apache-2.0
// Labels of a rule: "NAME=VALUE,NAME=VALUE", for whoever gets what the rule leads to.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "wire/status.hpp"

namespace twinpipe {

using RuleLabels = std::vector<std::pair<std::string, std::string>>;

/// Errors (bad_config), without the rule: one that is not NAME=VALUE, a name that stands there twice.
Result<RuleLabels> parse_labels(std::string_view text);

}  // namespace twinpipe
