// SPDX-License-Identifier: Apache-2.0
// Which deadband upstream shapes a series, and what that means for averages.
#include "kernel/thinned_by.hpp"

namespace twinpipe {
namespace {

v1::Weighting weighting_named(std::string_view name) {
  return name == "step" ? v1::WEIGHTING_STEP : name == "linear" ? v1::WEIGHTING_LINEAR : v1::WEIGHTING_COUNT;
}

}  // namespace

Thinning thinned_by(const Rule& rule, const PoliciesInForce& upstream, const SeriesTable& table, std::uint32_t slot, Nanos at) {
  const std::string named = rule.text("weighting", "auto");
  Thinning thinning{weighting_named(named), rule.duration("heartbeat").value_or(0)};
  if (named == "count") return thinning;
  const Asset& asset = table.asset_of(slot);
  const std::string& sensor = table.series(slot).sensor.name();
  for (const auto& policy : upstream.of(table.node_name(asset.node))) {
    const v1::AppliedRule* thinned = policy->rule_of(asset.site, asset.line, asset.asset, sensor, at,
                                                     [](const v1::AppliedRule& one) { return !one.expired(); });
    if (thinned == nullptr) continue;
    if (thinning.heartbeat == 0) thinning.heartbeat = thinned->heartbeat();
    if (named == "auto") thinning.weighting = thinned->interpolation();
    return thinning;
  }
  return thinning;
}

}  // namespace twinpipe
