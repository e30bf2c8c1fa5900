// SPDX-License-Identifier: Apache-2.0
// What changes from one policy to the next: rules, and the settings that each series gets.
#pragma once

#include <string>
#include <vector>

#include "policy/listed_series.hpp"
#include "policy/policy.hpp"

namespace twinpipe {

/// One thing that has another value; empty: there was, or is, none.
struct ValueChange {
  std::string what;  // a parameter's name, or "match", "name", "expires", "reason", "place" (counted from 1)
  std::string before, after;
};

struct RuleChange {
  enum class Kind { added, removed, changed };
  Kind kind = Kind::changed;
  std::string section, rule, pattern;
  std::string settings;                  // of a rule that was added or removed, with its expiry
  std::vector<ValueChange> changes;      // of one that is in both
  std::vector<std::string> in_place_of;  // rules that its series may have had, or now may get; an empty one: no rule
};

/// Series that get other settings than before, by one section.
struct SettingsChange {
  std::string section;
  std::string before, after;  // what applies, and after a temporary rule what then does; empty: no rule
  std::vector<std::string> series;
};

struct PolicyDifference {
  std::vector<ValueChange> header;  // name, version, owner, digest
  std::vector<RuleChange> rules;
  std::vector<SettingsChange> series;
  bool same() const { return header.empty() && rules.empty() && series.empty(); }
};

/// Rules are the same by their name, or without one by their pattern. `series`: see what each of these gets; none: rules
/// alone. In the order of sections and of the rules in `after`.
PolicyDifference compare(const Policy& before, const Policy& after, const std::vector<ListedSeries>* series);

/// What a series gets: the settings of the rule that applies, "until … (why), then …" behind a temporary one; empty: no rule.
std::string settings_in_turn(const Policy& policy, std::string_view section, const SeriesLevels& levels);

}  // namespace twinpipe
