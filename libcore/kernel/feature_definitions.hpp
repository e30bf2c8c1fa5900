// SPDX-License-Identifier: Apache-2.0
// What features are computed, as section "features" of a policy says: functions of series over windows, each under a name.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/exception_rules.hpp"
#include "policy/policy.hpp"

namespace twinpipe {

enum class FeatureFunction : std::uint8_t {
  mean,
  min,
  max,
  std,
  rms,
  first,
  last,
  count,
  slope,
  rate,  // of values in a window
  transitions,
  share,                 // of a state in a window
  cycles_since_service,  // of a state
  stale_share,           // of a series in a window
  correlation,           // of two series in a window
  since_birth,
  since_death,  // of the asset
};

struct FeatureDefinition {
  const Rule* rule = nullptr;
  std::uint32_t column = 0;  // of FeatureDefinitions::columns
  FeatureFunction function = FeatureFunction::mean;
  Signal of;
  std::int64_t panes = 0;   // of the window; 0: it has none
  std::string with;         // the other sensor of a correlation
  std::string asset_class;  // glob over the registry's fact `class`; empty: any
  double least = 0;         // share of the window that has to be covered

  bool of_state() const {
    return function == FeatureFunction::transitions || function == FeatureFunction::share ||
           function == FeatureFunction::cycles_since_service;
  }
  bool of_asset() const { return function == FeatureFunction::since_birth || function == FeatureFunction::since_death; }
};

struct FeatureDefinitions {
  static constexpr std::string_view kSection = "features";
  static constexpr std::int64_t kMostPanes = 100'000;

  Nanos step = 0;
  std::int64_t late_panes = 0;             // steps that corrections reach back
  std::int64_t longest = 1;                // of the windows, in steps
  std::vector<std::string> columns;        // in the policy's order
  std::vector<FeatureDefinition> by_rule;  // one each; that of the rule without `feature` has no rule

  /// `policy` must outlive them. Errors (bad_config) name the rule: no rule with the step, or several; a window that is no
  /// multiple of it; parameters that are missing, or that the function does not know.
  static Result<FeatureDefinitions> make(const Policy& policy);
  const FeatureDefinition& of(const Rule& rule) const;
};

/// For checks of policies.
Status check_features(const Policy& policy);

}  // namespace twinpipe
