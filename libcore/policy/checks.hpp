// SPDX-License-Identifier: Apache-2.0
// What is wrong with policies that are well formed: rules that never apply, settings that contradict each other within a
// section, across sections and across files, and settings that the listed series cannot have.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "policy/listed_series.hpp"
#include "policy/policy.hpp"

namespace twinpipe {

enum class Severity { warning, error };

struct Finding {
  Severity severity = Severity::error;
  std::string file, section;
  std::string rule;  // empty: the text names it
  std::string text;
};

struct PolicyFile {
  std::string name;  // as messages call it
  Policy policy;
};

struct CheckScope {
  std::optional<Nanos> at;                            // rules expired by then are told, and no longer count
  const std::vector<ListedSeries>* series = nullptr;  // the only ones there are; none: any name may come
};

/// What is wrong, without naming the rule itself; nothing when all is well.
using Complaint = std::optional<std::string>;

/// What a tool says of its section before it runs: the first thing that is wrong, with its rule.
struct SectionCheck {
  std::string_view section;
  Status (*check)(const Policy& policy);
};
/// What one rule must not say.
struct RuleCheck {
  std::string_view section;
  Severity severity;
  Complaint (*complaint)(const Rule& rule);
};
/// What a rule must not say to a series that it applies to.
struct SeriesCheck {
  std::string_view section;
  Severity severity;
  Complaint (*complaint)(const Rule& rule, const ListedSeries& series);
};
/// What a rule must not say to a series among those of its asset.
struct AssetCheck {
  std::string_view section;
  Severity severity;
  Complaint (*complaint)(const Rule& rule, const ListedSeries& series, std::span<const ListedSeries* const> of_asset);
};
/// What a rule has no use without: a rule of another section, in any of the files, that applies to the same series.
struct Need {
  std::string_view section;
  std::string text;  // when there is none
};
struct NeedCheck {
  std::string_view section;
  Severity severity;
  std::optional<Need> (*need)(const Rule& rule);
};
/// What two rules must not say that apply to the same series at the same time; told of the first one.
struct PairCheck {
  std::string_view section, other_section;
  Severity severity;
  Complaint (*complaint)(const Rule& rule, const Rule& other);
};
struct SettingChecks {
  std::span<const SectionCheck> sections;
  std::span<const RuleCheck> rules;
  std::span<const SeriesCheck> series;
  std::span<const AssetCheck> assets;
  std::span<const NeedCheck> needs;
  std::span<const PairCheck> pairs;
};

/// In the order of files, sections and rules. What depends on which rule is the first to match is only told with a series
/// for which it is so: one of the list, or without a list one that both patterns match. So nothing is told that cannot
/// happen; without a list something may be missed where many patterns overlap.
std::vector<Finding> check_policies(std::span<const PolicyFile> files, const SettingChecks& checks, const CheckScope& scope);

bool has_errors(const std::vector<Finding>& findings);

}  // namespace twinpipe
