// SPDX-License-Identifier: Apache-2.0
// Goes through rules, series and pairs of rules and gathers what is wrong.
#include "policy/checks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <tuple>

#include "wire/quantity.hpp"

namespace twinpipe {
namespace {

/// A tool's message starts with where it is; a finding has that apart.
std::string without_place(std::string_view message, std::string_view section) {
  for (const std::string& place : {std::string("policy: "), fmt::format("{}: ", section)})
    if (message.starts_with(place)) message.remove_prefix(place.size());
  return std::string(message);
}

class Checker {
 public:
  Checker(std::span<const PolicyFile> files, const SettingChecks& checks, const CheckScope& scope);
  std::vector<Finding> run();

 private:
  /// Where a rule stands, and so the order of findings.
  struct Place {
    std::size_t file, section, rule;
    auto operator<=>(const Place&) const = default;
  };
  /// What several series have in common with one rule.
  struct Sightings {
    Severity severity;
    std::string text, first;
    std::size_t series = 0;
  };

  void check_rules();
  void check_reach(const Place& place, const std::vector<Rule>& rules);
  void check_needs();
  void check_listed();
  void look_at(const ListedSeries& series);
  void look_at(const ListedSeries& series, const Rule& rule, const Place& place, std::string_view section);
  bool is_met(const Need& need, const SeriesLevels& levels) const;
  void look_at_pairs(const ListedSeries& series);
  void check_pairs();
  bool meet(const PolicyFile& one, const Rule& rule, const PolicyFile& other, const Rule& against, const PairCheck& check,
            SeriesLevels& levels) const;
  void tell_sightings();

  static std::vector<const Rule*> applying(const PolicyFile& file, std::string_view section, const SeriesLevels& levels,
                                           Nanos at);
  Place place_of(std::size_t file, std::string_view section, const Rule& rule) const;
  std::string pair_text(const PairCheck& check, std::size_t file, const Rule& rule, std::size_t other, const Rule& against) const;
  void find(Severity severity, const Place& place, std::string text);
  void sight(Severity severity, const Place& place, std::string text, const ListedSeries& series);

  std::span<const PolicyFile> files_;
  SettingChecks checks_;
  CheckScope scope_;
  std::vector<Nanos> times_;  // at which another rule may come to apply
  std::map<Place, std::vector<std::pair<Severity, std::string>>> findings_;
  std::map<std::pair<Place, std::string>, Sightings> sightings_;
  std::map<std::array<std::string_view, 3>, std::vector<const ListedSeries*>> assets_;
  std::map<Place, std::pair<std::size_t, std::size_t>> reach_;  // listed series that a rule matches, and applies to
};

Checker::Checker(std::span<const PolicyFile> files, const SettingChecks& checks, const CheckScope& scope)
    : files_(files), checks_(checks), scope_(scope) {
  const Nanos start = scope_.at.value_or(kBeginning);
  std::set<Nanos> times{start};
  for (const PolicyFile& file : files_)
    for (const Section& section : policy_sections())
      for (const Rule& rule : file.policy.rules(section.name))
        if (rule.expires && *rule.expires > start) times.insert(*rule.expires);
  times_.assign(times.begin(), times.end());
  if (scope_.series == nullptr) return;
  for (const ListedSeries& series : *scope_.series)
    assets_[{series.levels[0], series.levels[1], series.levels[2]}].push_back(&series);
}

std::vector<Finding> Checker::run() {
  if (scope_.series != nullptr) check_listed();
  check_rules();
  if (scope_.series == nullptr) {
    check_needs();
    check_pairs();
  }
  tell_sightings();
  std::vector<Finding> findings;
  for (const auto& [place, told] : findings_) {
    const PolicyFile& file = files_[place.file];
    const Section& section = policy_sections()[place.section];
    const std::vector<Rule>& rules = file.policy.rules(section.name);
    const std::string rule = place.rule < rules.size() ? rules[place.rule].name : std::string();
    for (const auto& [severity, text] : told) findings.push_back({severity, file.name, std::string(section.name), rule, text});
  }
  return findings;
}

void Checker::find(Severity severity, const Place& place, std::string text) {
  findings_[place].emplace_back(severity, std::move(text));
}

void Checker::check_rules() {
  for (std::size_t file = 0; file < files_.size(); ++file)
    for (std::size_t section = 0; section < policy_sections().size(); ++section) {
      const std::string_view name = policy_sections()[section].name;
      const std::vector<Rule>& rules = files_[file].policy.rules(name);
      for (const SectionCheck& check : checks_.sections)
        if (check.section == name)
          if (const Status status = check.check(files_[file].policy); !status.ok())
            find(Severity::error, {file, section, rules.size()}, without_place(status.message, name));
      for (std::size_t i = 0; i < rules.size(); ++i) {
        const Place place{file, section, i};
        check_reach(place, rules);
        for (const RuleCheck& check : checks_.rules)
          if (check.section == name)
            if (Complaint complaint = check.complaint(rules[i])) find(check.severity, place, std::move(*complaint));
      }
    }
}

/// Whether a rule can come to apply at all.
void Checker::check_reach(const Place& place, const std::vector<Rule>& rules) {
  const Rule& rule = rules[place.rule];
  if (rule.expires && scope_.at && *scope_.at >= *rule.expires)
    find(Severity::warning, place, fmt::format("has expired at {} ({}): remove it", format_time(*rule.expires), rule.reason));
  const Section& section = policy_sections()[place.section];
  const auto shadows = [&](const Rule& earlier) {
    if (!rivals(section, earlier, rule)) return false;
    const bool lasts = !earlier.expires || (rule.expires && *earlier.expires >= *rule.expires);
    return lasts && covers(earlier.pattern, rule.pattern);
  };
  const auto before = std::span(rules).first(place.rule);
  if (const auto earlier = std::ranges::find_if(before, shadows); earlier != before.end()) {
    find(Severity::error, place,
         fmt::format("never applies: rule '{}' before it matches all that {} does", earlier->name, rule.pattern.text()));
    return;
  }
  if (scope_.series == nullptr) return;
  const auto [matched, applied] = reach_[place];
  if (matched == 0)
    find(Severity::warning, place,
         fmt::format("matches nothing: none of the {} listed series is like {}", scope_.series->size(), rule.pattern.text()));
  else if (applied == 0 && !(rule.expires && *rule.expires <= times_.front()))
    find(Severity::warning, place,
         fmt::format("never applies: rules before it take all {} listed series that it matches", matched));
}

std::vector<const Rule*> Checker::applying(const PolicyFile& file, std::string_view section, const SeriesLevels& levels,
                                           Nanos at) {
  return file.policy.matches(section, levels[0], levels[1], levels[2], levels[3], at);
}

Checker::Place Checker::place_of(std::size_t file, std::string_view section, const Rule& rule) const {
  const auto sections = policy_sections();
  const auto index = std::ranges::find(sections, section, &Section::name) - sections.begin();
  const std::vector<Rule>& rules = files_[file].policy.rules(section);
  return {file, static_cast<std::size_t>(index), static_cast<std::size_t>(&rule - rules.data())};
}

void Checker::check_listed() {
  for (const ListedSeries& series : *scope_.series) {
    look_at(series);
    look_at_pairs(series);
  }
}

void Checker::look_at(const ListedSeries& series) {
  const auto& [site, line, asset, sensor] = series.levels;
  for (std::size_t file = 0; file < files_.size(); ++file)
    for (std::size_t section = 0; section < policy_sections().size(); ++section) {
      const std::string_view name = policy_sections()[section].name;
      const std::vector<Rule>& rules = files_[file].policy.rules(name);
      for (std::size_t i = 0; i < rules.size(); ++i)
        reach_[{file, section, i}].first += rules[i].pattern.matches(site, line, asset, sensor);
      std::set<const Rule*> applied;
      for (const Nanos at : times_)
        for (const Rule* rule : applying(files_[file], name, series.levels, at)) applied.insert(rule);
      for (const Rule* rule : applied) {
        const Place place = place_of(file, name, *rule);
        ++reach_[place].second;
        look_at(series, *rule, place, name);
      }
    }
}

void Checker::look_at(const ListedSeries& series, const Rule& rule, const Place& place, std::string_view section) {
  for (const SeriesCheck& check : checks_.series)
    if (check.section == section)
      if (Complaint complaint = check.complaint(rule, series)) sight(check.severity, place, std::move(*complaint), series);
  for (const AssetCheck& check : checks_.assets) {
    if (check.section != section) continue;
    const auto& of_asset = assets_[{series.levels[0], series.levels[1], series.levels[2]}];
    if (Complaint complaint = check.complaint(rule, series, of_asset))
      sight(check.severity, place, std::move(*complaint), series);
  }
  for (const NeedCheck& check : checks_.needs) {
    if (check.section != section) continue;
    const std::optional<Need> need = check.need(rule);
    if (need && !is_met(*need, series.levels)) sight(check.severity, place, need->text, series);
  }
}

bool Checker::is_met(const Need& need, const SeriesLevels& levels) const {
  for (const PolicyFile& file : files_)
    for (const Nanos at : times_)
      if (!applying(file, need.section, levels, at).empty()) return true;
  return false;
}

/// Without a list: whether any series can be thought of that the rule and one of the needed section match.
void Checker::check_needs() {
  for (const NeedCheck& check : checks_.needs)
    for (std::size_t file = 0; file < files_.size(); ++file)
      for (const Rule& rule : files_[file].policy.rules(check.section)) {
        const std::optional<Need> need = check.need(rule);
        const auto meets = [&](const Rule& other) { return overlap(rule.pattern, other.pattern); };
        const auto gives = [&](const PolicyFile& one) { return std::ranges::any_of(one.policy.rules(need->section), meets); };
        if (need && std::ranges::none_of(files_, gives)) find(check.severity, place_of(file, check.section, rule), need->text);
      }
}

void Checker::look_at_pairs(const ListedSeries& series) {
  for (const PairCheck& check : checks_.pairs)
    for (std::size_t one = 0; one < files_.size(); ++one)
      for (std::size_t other = 0; other < files_.size(); ++other) {
        std::set<std::pair<const Rule*, const Rule*>> seen;
        for (const Nanos at : times_)
          for (const Rule* rule : applying(files_[one], check.section, series.levels, at))
            for (const Rule* against : applying(files_[other], check.other_section, series.levels, at)) {
              if (!seen.emplace(rule, against).second || !check.complaint(*rule, *against)) continue;
              sight(check.severity, place_of(one, check.section, *rule), pair_text(check, one, *rule, other, *against), series);
            }
      }
}

/// Without a list: every two rules whose settings disagree, where a series can be thought of to which both apply.
void Checker::check_pairs() {
  for (const PairCheck& check : checks_.pairs)
    for (std::size_t one = 0; one < files_.size(); ++one)
      for (std::size_t other = 0; other < files_.size(); ++other)
        for (const Rule& rule : files_[one].policy.rules(check.section))
          for (const Rule& against : files_[other].policy.rules(check.other_section)) {
            ListedSeries series;
            if (!check.complaint(rule, against) || !meet(files_[one], rule, files_[other], against, check, series.levels))
              continue;
            sight(check.severity, place_of(one, check.section, rule), pair_text(check, one, rule, other, against), series);
          }
}

/// Both rules are the first to match `levels` at some time. Several fillings, because a pattern before them may match one.
bool Checker::meet(const PolicyFile& one, const Rule& rule, const PolicyFile& other, const Rule& against, const PairCheck& check,
                   SeriesLevels& levels) const {
  for (const char fill : {'x', '0', '~'}) {
    const std::optional<SeriesLevels> common = common_series(rule.pattern, against.pattern, fill);
    if (!common) return false;
    levels = *common;
    const auto applies = [&](const PolicyFile& file, std::string_view section, const Rule& wanted, Nanos at) {
      const std::vector<const Rule*> all = applying(file, section, levels, at);
      return std::ranges::find(all, &wanted) != all.end();
    };
    const auto both = [&](Nanos at) {
      return applies(one, check.section, rule, at) && applies(other, check.other_section, against, at);
    };
    if (std::ranges::any_of(times_, both)) return true;
  }
  return false;
}

std::string Checker::pair_text(const PairCheck& check, std::size_t file, const Rule& rule, std::size_t other,
                               const Rule& against) const {
  const std::string where = file == other ? "" : fmt::format(" of {}", files_[other].name);
  return fmt::format("{} (rule '{}'{})", *check.complaint(rule, against), against.name, where);
}

void Checker::sight(Severity severity, const Place& place, std::string text, const ListedSeries& series) {
  const auto [at, is_new] = sightings_.try_emplace({place, text});
  if (is_new) at->second = {severity, text, series.name()};
  ++at->second.series;
}

void Checker::tell_sightings() {
  for (const auto& [key, what] : sightings_) {
    const bool more = what.series > 1;
    const std::string_view intro = scope_.series == nullptr ? "for example " : "";
    find(what.severity, key.first,
         fmt::format("{}: {}{}{}", what.text, intro, what.first, more ? fmt::format(" and {} more", what.series - 1) : ""));
  }
}

}  // namespace

std::vector<Finding> check_policies(std::span<const PolicyFile> files, const SettingChecks& checks, const CheckScope& scope) {
  return Checker(files, checks, scope).run();
}

bool has_errors(const std::vector<Finding>& findings) {
  return std::ranges::find(findings, Severity::error, &Finding::severity) != findings.end();
}

}  // namespace twinpipe
