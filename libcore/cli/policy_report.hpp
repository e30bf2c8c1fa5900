// SPDX-License-Identifier: Apache-2.0
// What checks and comparisons of policies found, in words and as JSON lines.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "policy/checks.hpp"
#include "policy/difference.hpp"

namespace twinpipe::cli {

/// A line a finding: "edge.json: error: deadband: rule 'x': …".
std::string findings_as_text(const std::vector<Finding>& findings);
std::string findings_as_json(const std::vector<Finding>& findings);

/// A line a change, series below what changes for them.
std::string difference_as_text(const PolicyDifference& difference);
/// An object a line; "change" says what it is: header, added, removed, changed or series.
std::string difference_as_json(const PolicyDifference& difference);

}  // namespace twinpipe::cli
