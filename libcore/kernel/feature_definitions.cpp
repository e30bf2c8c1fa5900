// SPDX-License-Identifier: Apache-2.0
// Section "features", understood and checked.
#include "kernel/feature_definitions.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "wire/quantity.hpp"

namespace twinpipe {
namespace {

using enum FeatureFunction;

struct NamedFunction {
  std::string_view name;
  FeatureFunction function;
};
constexpr std::array kFunctions{
    NamedFunction{"mean", mean},
    NamedFunction{"min", min},
    NamedFunction{"max", max},
    NamedFunction{"std", FeatureFunction::std},
    NamedFunction{"rms", rms},
    NamedFunction{"first", first},
    NamedFunction{"last", last},
    NamedFunction{"count", count},
    NamedFunction{"slope", slope},
    NamedFunction{"rate", rate},
    NamedFunction{"transitions", transitions},
    NamedFunction{"share", share},
    NamedFunction{"cycles_since_service", cycles_since_service},
    NamedFunction{"stale_share", stale_share},
    NamedFunction{"correlation", correlation},
    NamedFunction{"since_birth", since_birth},
    NamedFunction{"since_death", since_death},
};

template <class... Args>
Status bad(const Rule& rule, fmt::format_string<Args...> format, Args&&... args) {
  return Status::error(Code::bad_config, fmt::format("policy: features: rule '{}': {}", rule.name,
                                                     fmt::format(format, std::forward<Args>(args)...)));
}

bool is_settings(const Rule& rule) { return rule.text("feature", "").empty(); }

/// The one rule that says how often rows leave, of all assets.
Status take_settings(const Policy& policy, FeatureDefinitions& to) {
  const Rule* found = nullptr;
  for (const Rule& rule : policy.rules(FeatureDefinitions::kSection)) {
    if (!is_settings(rule)) {
      if (rule.duration("step") || rule.duration("lateness"))
        return bad(rule, "'step' and 'lateness' belong to the rule without 'feature', which is for all");
      continue;
    }
    if (found != nullptr) return bad(rule, "a second rule without 'feature': 'step' is for all");
    found = &rule;
    if (rule.pattern.text() != "+/+/+/+" || rule.expires)
      return bad(rule, "'step' is for all: its rule has the pattern +/+/+/+ and does not expire");
    for (const auto& [name, value] : rule.parameters)
      if (name != "step" && name != "lateness") return bad(rule, "'{}' without 'feature'", name);
    to.step = rule.duration("step").value_or(0);
    if (to.step < kMillisecond) return bad(rule, "'step' is missing, or shorter than 1ms");
    const Nanos lateness = rule.duration("lateness").value_or(0);
    if (lateness % to.step != 0)
      return bad(rule, "'lateness' {} is no multiple of the step, {}", format_duration(lateness), format_duration(to.step));
    to.late_panes = lateness / to.step;
    if (to.late_panes > FeatureDefinitions::kMostPanes)
      return bad(rule, "'lateness' is longer than {} steps", FeatureDefinitions::kMostPanes);
  }
  if (found == nullptr && !policy.rules(FeatureDefinitions::kSection).empty())
    return Status::error(
        Code::bad_config,
        "policy: features: no rule says 'step': {\"match\": \"+/+/+/+\", \"step\": \"1m\", \"lateness\": \"5m\"}");
  return {};
}

Status take_window(const Rule& rule, Nanos step, FeatureDefinition& to) {
  const auto window = rule.duration("window");
  const bool without = to.of_asset() || to.function == cycles_since_service;
  if (without) return window ? bad(rule, "{} has no window", rule.text("function", "")) : Status{};
  if (!window) return bad(rule, "'window' is missing");
  if (*window <= 0 || *window % step != 0)
    return bad(rule, "the window, {}, is no multiple of the step, {}", format_duration(*window), format_duration(step));
  to.panes = *window / step;
  if (to.panes > FeatureDefinitions::kMostPanes)
    return bad(rule, "the window has more than {} steps: a longer step for long windows", FeatureDefinitions::kMostPanes);
  return {};
}

/// Parameters that a function needs, and those that would have no effect.
Status check_parameters(const Rule& rule, const FeatureDefinition& to) {
  const std::string function = rule.text("function", "");
  if ((to.function == correlation) != !to.with.empty())
    return to.with.empty() ? bad(rule, "a correlation needs 'with', the other sensor")
                           : bad(rule, "'with' belongs to a correlation alone");
  if (to.with.find('/') != std::string::npos) return bad(rule, "'with' {} is not the name of a sensor", to.with);
  if (!rule.list("values").empty() && !to.of_state()) return bad(rule, "'values' belongs to functions of a state");
  if (rule.duration("slo") && to.function != stale_share) return bad(rule, "'slo' belongs to stale_share");
  const bool of_values = to.function <= rate || to.function == correlation;
  if (!of_values && to.of.source != Signal::Source::value) return bad(rule, "'of' {}: {} has no values", to.of.name, function);
  if (to.function > rate && rule.parameters.contains("weighting")) return bad(rule, "'weighting' has no effect on {}", function);
  if (to.least > 1) return bad(rule, "'least' is a share of the window, at most 1");
  if (to.of.source == Signal::Source::rate) return bad(rule, "'of' rate: use the function rate");
  return {};
}

}  // namespace

Result<FeatureDefinitions> FeatureDefinitions::make(const Policy& policy) {
  FeatureDefinitions made;
  if (Status status = take_settings(policy, made); !status.ok()) return status;
  for (const Rule& rule : policy.rules(kSection)) {
    FeatureDefinition& one = made.by_rule.emplace_back();
    if (is_settings(rule)) continue;
    one.rule = &rule;
    const std::string name = rule.text("feature", ""), function = rule.text("function", "");
    if (name == "completeness" || name == "entity" || name == "as_of" || name == "known_at")
      return bad(rule, "'{}' is a column that every row has", name);
    const auto known = std::ranges::find(kFunctions, function, &NamedFunction::name);
    if (known == kFunctions.end()) return bad(rule, "'function' is missing");
    one.function = known->function;
    Result<Signal> of = Signal::parse(rule.text("of", "value"));
    if (!of.ok()) return bad(rule, "'of' {}", of.status().message);
    one.of = *of;
    one.with = rule.text("with", "");
    one.asset_class = rule.text("class", "");
    one.least = rule.number("least").value_or(0);
    if (Status status = take_window(rule, made.step, one); !status.ok()) return status;
    if (Status status = check_parameters(rule, one); !status.ok()) return status;
    made.longest = std::max(made.longest, one.panes);
    const auto at = std::ranges::find(made.columns, name);
    one.column = static_cast<std::uint32_t>(at - made.columns.begin());
    if (at == made.columns.end()) made.columns.push_back(name);
    for (const FeatureDefinition& other : made.by_rule)
      if (other.rule != nullptr && other.column == one.column && other.function != one.function)
        return bad(rule, "'{}' is {} here and {} in '{}': a column means one thing", name, function,
                   other.rule->text("function", ""), other.rule->name);
  }
  return made;
}

const FeatureDefinition& FeatureDefinitions::of(const Rule& rule) const {
  return *std::ranges::find(by_rule, &rule, &FeatureDefinition::rule);
}

Status check_features(const Policy& policy) {
  const Result<FeatureDefinitions> made = FeatureDefinitions::make(policy);
  return made.ok() ? Status{} : made.status();
}

}  // namespace twinpipe
