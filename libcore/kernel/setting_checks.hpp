// SPDX-License-Identifier: Apache-2.0
// What the settings of each tool must not say, alone, to a series, and together with those of another tool.
#pragma once

#include "policy/checks.hpp"

namespace twinpipe {

/// All of this version's. A tool whose settings can contradict each other adds a line to a table in setting_checks.cpp.
SettingChecks setting_checks();

}  // namespace twinpipe
