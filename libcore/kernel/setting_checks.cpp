// SPDX-License-Identifier: Apache-2.0
// What settings must not say, alone and together.
#include "kernel/setting_checks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "kernel/alert.hpp"
#include "kernel/deadband.hpp"
#include "kernel/exc_pass.hpp"
#include "kernel/feature_definitions.hpp"
#include "kernel/linear_model.hpp"
#include "kernel/quarantine.hpp"
#include "kernel/spectrum_rule.hpp"
#include "kernel/unit_norm.hpp"
#include "kernel/winagg.hpp"
#include "kernel/work_orders.hpp"
#include "wire/quantity.hpp"

namespace twinpipe {
namespace {

using enum Severity;

Status exception_rules(const Policy& policy) {
  const Result<ExceptionRules> rules = ExceptionRules::make(policy);
  return rules.ok() ? Status{} : rules.status();
}

Status spectrum_rules(const Policy& policy) {
  for (const Rule& rule : policy.rules("fft-bands"))
    if (const Result<SpectrumRule> made = SpectrumRule::make(rule); !made.ok()) return made.status();
  return {};
}

bool has_door(const Rule& rule) { return rule.number("swinging_door") || rule.number("swinging_door_percent"); }

/// A line is sent when it ends: until then whoever holds the last value knows nothing of it.
Complaint door_without_heartbeat(const Rule& rule) {
  if (!has_door(rule) || rule.duration("heartbeat")) return std::nullopt;
  return "a swinging door without a heartbeat: nothing bounds how far the live value may be off until its line ends";
}

/// The deadband stops there rather than guess a range.
Complaint percent_without_range(const Rule& rule, const ListedSeries& series) {
  return series.declared ? Deadband::range_complaint(rule, series.low, series.high) : std::nullopt;
}

/// Bands above Nyquist, those of bearings too, and bands between two bins.
Complaint bands_not_measurable(const Rule& rule, const ListedSeries& series) {
  const Result<SpectrumRule> made = SpectrumRule::make(rule);
  if (!series.sample_rate || !made.ok()) return std::nullopt;
  const Status status = made->check(1 / *series.sample_rate);
  return status.ok() ? std::nullopt : Complaint(status.message);
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

/// Raw waits for an exception as long as exc-pass is told that what it looks at lies behind.
Complaint beyond_reach(Nanos behind) {
  const Nanos reach = ExcPassOptions{}.reach;
  if (behind <= reach) return std::nullopt;
  return fmt::format("looks at windows that come {} behind raw, and raw waits {} by default: exc-pass needs --reach",
                     format_duration(behind), format_duration(reach));
}

Complaint aggregates_beyond_reach(const Rule& exception, const Rule& windows) {
  const Result<Signal> signal = Signal::parse(exception);
  if (!signal.ok() || signal->source != Signal::Source::aggregate) return std::nullopt;
  return beyond_reach(saturating_add(windows.duration("window").value_or(0), windows.duration("lateness").value_or(0)));
}

Complaint spectra_without_band(const Rule& exception, const Rule& spectra) {
  const Result<Signal> signal = Signal::parse(exception);
  const Result<SpectrumRule> made = SpectrumRule::make(spectra);
  if (!signal.ok() || !made.ok() || signal->is_raw() || signal->source == Signal::Source::aggregate) return std::nullopt;
  const auto has = [&](const QuantitySettings& wanted) {
    if (!signal->quantity.empty() && signal->quantity != quantity_name(wanted.quantity)) return false;
    return signal->source != Signal::Source::band ||
           std::ranges::find(wanted.bands, signal->column, &NamedBand::name) != wanted.bands.end();
  };
  if (std::ranges::none_of(made->quantities, has)) return fmt::format("looks at {}, which the spectra do not have", signal->name);
  return beyond_reach(made->window);
}

/// Without it the signal never comes, and the exception never fires.
std::optional<Need> source_of_signal(const Rule& exception) {
  const Result<Signal> signal = Signal::parse(exception);
  if (!signal.ok() || signal->is_raw()) return std::nullopt;
  const std::string_view section = signal->source == Signal::Source::aggregate ? "winagg" : "fft-bands";
  return Need{section,
              fmt::format("never fires: it looks at {}, and no {} rule applies to what it watches", signal->name, section)};
}

Complaint passes_nothing(const Rule& exception, const ListedSeries&, std::span<const ListedSeries* const> of_asset) {
  const std::string passes = exception.text("passes", "");
  const auto passed = [&](const ListedSeries* series) { return glob_matches(passes, series->levels[3]); };
  if (passes.empty() || std::ranges::any_of(of_asset, passed)) return std::nullopt;
  return fmt::format("passes no raw: no listed sensor of the asset is like {}", passes);
}

/// What does not change is only heard of once a heartbeat: a rule that counts on less is suspended until it can tell.
Complaint stuck_within_silence(const Rule& expectation, const Rule& deadband) {
  const Nanos longest = expectation.duration("longest").value_or(kForever);
  const Nanos heartbeat = deadband.duration("heartbeat").value_or(0);
  if (expectation.text("expect", "") != "stuck" || longest >= stuck_is_told_after(heartbeat)) return std::nullopt;
  if (heartbeat == 0)
    return "never tells: behind a deadband without a heartbeat a value that does not change does not come again";
  return fmt::format("says {}, and the deadband sends a value that does not change once in {}: it does not tell before {}",
                     format_duration(longest), format_duration(heartbeat), format_duration(stuck_is_told_after(heartbeat)));
}

constexpr std::array kSectionChecks{
    SectionCheck{"alert", Alert::check},       SectionCheck{"deadband", Deadband::check},
    SectionCheck{"exc-pass", exception_rules}, SectionCheck{"fft-bands", spectrum_rules},
    SectionCheck{"features", check_features},  SectionCheck{"quarantine", Quarantine::check},
    SectionCheck{"score", LinearModel::check}, SectionCheck{"unit-norm", UnitNorm::check},
    SectionCheck{"winagg", WinAgg::check},     SectionCheck{"work-order", WorkOrders::check},
};
constexpr std::array kRuleChecks{
    RuleCheck{"deadband", warning, door_without_heartbeat},
};
constexpr std::array kSeriesChecks{
    SeriesCheck{"deadband", error, percent_without_range},
    SeriesCheck{"fft-bands", error, bands_not_measurable},
};
constexpr std::array kAssetChecks{
    AssetCheck{"exc-pass", warning, passes_nothing},
};
constexpr std::array kNeedChecks{
    NeedCheck{"exc-pass", warning, source_of_signal},
};
constexpr std::array kPairChecks{
    PairCheck{"deadband", "freshness", error, silent_beyond_slo},
    PairCheck{"exc-pass", "fft-bands", warning, spectra_without_band},
    PairCheck{"exc-pass", "winagg", warning, aggregates_beyond_reach},
    PairCheck{"quarantine", "deadband", warning, stuck_within_silence},
};

}  // namespace

SettingChecks setting_checks() { return {kSectionChecks, kRuleChecks, kSeriesChecks, kAssetChecks, kNeedChecks, kPairChecks}; }

}  // namespace twinpipe
