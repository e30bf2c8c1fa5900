// SPDX-License-Identifier: Apache-2.0
// What settings must not say, alone and together.
#include "kernel/setting_checks.hpp"

#include <fmt/format.h>

#include <array>

#include "wire/quantity.hpp"

namespace twinpipe {
namespace {

using enum Severity;

/// The deadband stops there rather than guess a range.
Complaint percent_without_range(const Rule& rule, const ListedSeries& series) {
  if (!rule.number("percent") || !series.declared || series.has_range()) return std::nullopt;
  return "wants per cent of the engineering range, and the series declares none";
}

/// Behind a deadband a value that does not change comes once a heartbeat, and is stale before that.
Complaint silent_beyond_slo(const Rule& deadband, const Rule& freshness) {
  const std::optional<Nanos> slo = freshness.duration("slo"), heartbeat = deadband.duration("heartbeat");
  if (!slo || *slo == 0 || freshness.text("reports", "periodic") == "on-change") return std::nullopt;
  if (!heartbeat)
    return fmt::format("has no heartbeat, and the freshness SLO is {}: a quiet sensor reads as stale", format_duration(*slo));
  if (*heartbeat <= *slo) return std::nullopt;
  return fmt::format("heartbeat {} is longer than the freshness SLO {}: a quiet sensor reads as stale",
                     format_duration(*heartbeat), format_duration(*slo));
}

constexpr std::array kSeriesChecks{
    SeriesCheck{"deadband", error, percent_without_range},
};
constexpr std::array kPairChecks{
    PairCheck{"deadband", "freshness", error, silent_beyond_slo},
};

}  // namespace

SettingChecks setting_checks() { return {{}, kSeriesChecks, kPairChecks}; }

}  // namespace twinpipe
