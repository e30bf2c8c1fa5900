// SPDX-License-Identifier: Apache-2.0
// What changes from one policy to the next.
#include "policy/difference.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "wire/quantity.hpp"

namespace twinpipe {
namespace {

using Rules = std::vector<Rule>;
/// Of each rule, the number of its other self in the other policy.
using Partners = std::vector<std::optional<std::size_t>>;

std::string expiry_of(const Rule& rule) { return rule.expires ? format_time(*rule.expires) : std::string(); }

std::string settings_of(const Rule& rule) {
  std::string text = rule.parameters.empty() ? "all as by default" : rule.settings();
  if (rule.expires) text += fmt::format(" until {} ({})", expiry_of(rule), rule.reason);
  return text;
}

/// Rules of the other policy that may apply where `rule` does: those that overlap it, up to the first that covers it.
std::vector<std::string> rules_under(const Section& section, const Rules& others, const Rule& rule) {
  std::vector<std::string> found;
  for (const Rule& other : others) {
    if (!rivals(section, other, rule) || !overlap(other.pattern, rule.pattern)) continue;
    found.push_back(fmt::format("{} ({})", other.name, settings_of(other)));
    if (!other.expires && covers(other.pattern, rule.pattern)) return found;
  }
  found.emplace_back();
  return found;
}

/// Pairs what is yet unpaired and alike, each once, in order.
template <class Alike>
void pair_up(const Rules& before, const Rules& after, Partners& partners, std::vector<bool>& taken, const Alike& alike) {
  for (std::size_t i = 0; i < after.size(); ++i)
    for (std::size_t j = 0; j < before.size() && !partners[i]; ++j)
      if (!taken[j] && alike(before[j], j, after[i], i)) {
        partners[i] = j;
        taken[j] = true;
      }
}

Partners partners_of(std::string_view section, const Rules& before, const Rules& after) {
  Partners partners(after.size());
  std::vector<bool> taken(before.size());
  const auto named = [&](const Rule& rule, std::size_t i) { return rule.name != fmt::format("{}[{}]", section, i); };
  const auto same_pattern = [](const Rule& a, const Rule& b) { return a.pattern.text() == b.pattern.text(); };
  pair_up(before, after, partners, taken, [&](const Rule& a, std::size_t i, const Rule& b, std::size_t j) {
    return named(a, i) && named(b, j) && a.name == b.name;
  });
  // Of several with one pattern, those that are alike in all belong together before the rest.
  pair_up(before, after, partners, taken, [&](const Rule& a, std::size_t, const Rule& b, std::size_t) {
    return same_pattern(a, b) && settings_of(a) == settings_of(b);
  });
  pair_up(before, after, partners, taken,
          [&](const Rule& a, std::size_t, const Rule& b, std::size_t) { return same_pattern(a, b) && a.expires == b.expires; });
  pair_up(before, after, partners, taken,
          [&](const Rule& a, std::size_t, const Rule& b, std::size_t) { return same_pattern(a, b); });
  return partners;
}

/// Which rules of `after` changed their place among those in both: all but a longest run that kept its order.
std::vector<bool> moved(const Partners& partners) {
  std::vector<std::size_t> rules, length, previous;
  for (std::size_t i = 0; i < partners.size(); ++i) {
    if (!partners[i]) continue;
    std::size_t best = 0, from = rules.size();
    for (std::size_t k = 0; k < rules.size(); ++k)
      if (*partners[rules[k]] < *partners[i] && length[k] > best) best = length[k], from = k;
    length.push_back(best + 1);
    previous.push_back(from);
    rules.push_back(i);
  }
  std::vector<bool> moved(partners.size(), true);
  if (rules.empty()) return moved;
  for (auto k = static_cast<std::size_t>(std::ranges::max_element(length) - length.begin());;) {
    moved[rules[k]] = false;
    if (length[k] == 1) return moved;
    k = previous[k];
  }
}

void add(std::vector<ValueChange>& changes, std::string what, std::string before, std::string after) {
  if (before != after) changes.push_back({std::move(what), std::move(before), std::move(after)});
}

std::vector<ValueChange> changes_of(const Rule& before, const Rule& after) {
  std::vector<ValueChange> changes;
  add(changes, "match", before.pattern.text(), after.pattern.text());
  std::map<std::string, std::pair<std::string, std::string>, std::less<>> values;
  for (const auto& [parameter, value] : before.parameters) values[parameter].first = as_text(value);
  for (const auto& [parameter, value] : after.parameters) values[parameter].second = as_text(value);
  for (auto& [parameter, value] : values) add(changes, parameter, value.first, value.second);
  add(changes, "expires", expiry_of(before), expiry_of(after));
  add(changes, "reason", before.reason, after.reason);
  return changes;
}

void compare_section(const Section& section, const Rules& before, const Rules& after, std::vector<RuleChange>& all) {
  const Partners partners = partners_of(section.name, before, after);
  const std::vector<bool> moves = moved(partners);
  std::vector<bool> kept(before.size());
  const auto change = [&](RuleChange::Kind kind, const Rule& rule) {
    return RuleChange{kind, std::string(section.name), rule.name, rule.pattern.text(), {}, {}, {}};
  };
  for (std::size_t i = 0; i < after.size(); ++i) {
    if (!partners[i]) {
      RuleChange added = change(RuleChange::Kind::added, after[i]);
      added.settings = settings_of(after[i]);
      add(added.changes, "place", "", fmt::format("{}", i + 1));
      added.in_place_of = rules_under(section, before, after[i]);
      all.push_back(std::move(added));
      continue;
    }
    const Rule& old = before[*partners[i]];
    kept[*partners[i]] = true;
    RuleChange changed = change(RuleChange::Kind::changed, after[i]);
    // A rule without a name is called by its place, which may change because of others.
    const bool unnamed =
        old.name == fmt::format("{}[{}]", section.name, *partners[i]) && after[i].name == fmt::format("{}[{}]", section.name, i);
    if (!unnamed) add(changed.changes, "name", old.name, after[i].name);
    if (moves[i]) add(changed.changes, "place", fmt::format("{}", *partners[i] + 1), fmt::format("{}", i + 1));
    std::ranges::move(changes_of(old, after[i]), std::back_inserter(changed.changes));
    if (!changed.changes.empty()) all.push_back(std::move(changed));
  }
  for (std::size_t j = 0; j < before.size(); ++j) {
    if (kept[j]) continue;
    RuleChange removed = change(RuleChange::Kind::removed, before[j]);
    removed.settings = settings_of(before[j]);
    removed.in_place_of = rules_under(section, after, before[j]);
    all.push_back(std::move(removed));
  }
}

std::vector<SettingsChange> compare_series(const Policy& before, const Policy& after, const std::vector<ListedSeries>& list) {
  std::vector<SettingsChange> changes;
  for (const Section& section : policy_sections()) {
    std::map<std::pair<std::string, std::string>, std::size_t> known;
    for (const ListedSeries& series : list) {
      std::pair settings{settings_in_turn(before, section.name, series.levels),
                         settings_in_turn(after, section.name, series.levels)};
      if (settings.first == settings.second) continue;
      const auto [at, is_new] = known.try_emplace(settings, changes.size());
      if (is_new) changes.push_back({std::string(section.name), settings.first, settings.second, {}});
      changes[at->second].series.push_back(series.name());
    }
  }
  return changes;
}

}  // namespace

std::string settings_in_turn(const Policy& policy, std::string_view name, const SeriesLevels& levels) {
  const auto sections = policy_sections();
  const Section& section = *std::ranges::find(sections, name, &Section::name);
  struct Turn {
    const Rule* last;
    std::string text;
  };
  std::vector<Turn> turns;  // one for all rivals
  for (const Rule& rule : policy.rules(name)) {
    if (!rule.pattern.matches(levels[0], levels[1], levels[2], levels[3])) continue;
    const auto turn = std::ranges::find_if(turns, [&](const Turn& t) { return rivals(section, *t.last, rule); });
    if (turn == turns.end()) {
      turns.push_back({&rule, settings_of(rule)});
    } else if (turn->last->expires && (!rule.expires || *rule.expires > *turn->last->expires)) {
      *turn = {&rule, turn->text + ", then " + settings_of(rule)};
    }
  }
  std::string text;
  for (const Turn& turn : turns) text += (text.empty() ? "" : "; ") + turn.text + (turn.last->expires ? ", then no rule" : "");
  return text;
}

PolicyDifference compare(const Policy& before, const Policy& after, const std::vector<ListedSeries>* series) {
  PolicyDifference difference;
  add(difference.header, "name", before.name(), after.name());
  add(difference.header, "version", before.version(), after.version());
  add(difference.header, "owner", before.owner(), after.owner());
  add(difference.header, "digest", before.digest(), after.digest());
  for (const Section& section : policy_sections())
    compare_section(section, before.rules(section.name), after.rules(section.name), difference.rules);
  if (series != nullptr) difference.series = compare_series(before, after, *series);
  return difference;
}

}  // namespace twinpipe
