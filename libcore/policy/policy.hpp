// SPDX-License-Identifier: Apache-2.0
// Versioned filter settings: one reviewed JSON file with a section per tool, rules in order, first match wins.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "policy/pattern.hpp"
#include "wire/frame.hpp"

namespace twinpipe {

/// A band of frequencies with a name: [low, high) in Hz.
struct NamedBand {
  std::string name;
  double low = 0, high = 0;
};
/// In the order of their edges, then names: the order in which a file happens to have them is no part of its content.
using NamedBands = std::vector<NamedBand>;

/// Texts, numbers, true and false, each as its text: "running", "3", "0.5", "true". In the order of the file.
using ValueList = std::vector<std::string>;

/// Numbers with names, in the order of those.
using NamedNumbers = std::map<std::string, double, std::less<>>;

/// A rule's parameter as its section declares it. Bands are an object {"name": [low, high], …}, numbers one of
/// {"name": number, …}, a list is one of JSON.
enum class ParameterKind { number, duration, text, boolean, bands, numbers, list };
using ParameterValue = std::variant<double, Nanos, std::string, bool, NamedBands, NamedNumbers, ValueList>;
/// As the policy file has it: "0.5", "1m", "on-change", "true".
std::string as_text(const ParameterValue& value);

struct Parameter {
  std::string_view name;
  ParameterKind kind;
  double least = 0;                                // smallest number that makes sense
  std::span<const std::string_view> choices = {};  // the only texts; empty: any
};

/// What a section may say. The table of all sections is in sections.cpp: a new tool adds one entry there.
struct Section {
  std::string_view name;
  std::span<const Parameter> parameters;
  /// A text parameter: rules that differ in it apply beside each other, and the first match wins among those alike.
  std::string_view apart = {};
  std::string_view apart_default = {};  // what its absence stands for
  /// A second one: rules that differ in either apply beside each other.
  std::string_view also_apart = {};
  std::string_view also_apart_default = {};
};
std::span<const Section> policy_sections();

struct Rule {
  std::string name;  // given, or "section[3]"
  Pattern pattern;
  std::optional<Nanos> expires;  // temporary; then `reason` says why
  std::string reason;
  std::map<std::string, ParameterValue, std::less<>> parameters;

  std::optional<double> number(std::string_view parameter) const;
  std::optional<Nanos> duration(std::string_view parameter) const;
  std::string text(std::string_view parameter, std::string_view otherwise) const;
  bool boolean(std::string_view parameter, bool otherwise) const;
  const NamedBands& bands(std::string_view parameter) const;      // none where the rule has none
  const ValueList& list(std::string_view parameter) const;        // none where the rule has none
  const NamedNumbers& numbers(std::string_view parameter) const;  // none where the rule has none
  /// All of them for people: "absolute 0.5, heartbeat 1m".
  std::string settings() const;
};

/// True when at most one of the two applies to a series: the first to match.
bool rivals(const Section& section, const Rule& one, const Rule& other);

class Policy {
 public:
  /// `json`: the file's content. Errors (bad_config) name the key: not JSON, unknown or missing keys, a value of the wrong
  /// type, below the least or none of the choices, a key that stands there twice, a pattern of other than four levels, two rules
  /// of one name, `expires` without `reason`.
  static Result<Policy> parse(std::string_view json);

  const std::string& name() const { return name_; }
  const std::string& version() const { return version_; }
  const std::string& owner() const { return owner_; }
  /// SHA-256, hex, of the canonical form: keys sorted, no white space, numbers in their shortest form. The layout of
  /// the file does not change it.
  const std::string& digest() const { return digest_; }

  /// Rules of a section in order; empty when the file has none.
  const std::vector<Rule>& rules(std::string_view section) const;
  /// The first rule that matches and has not expired at event time `at`; nullptr when none does.
  const Rule* match(std::string_view section, std::string_view site, std::string_view line, std::string_view asset,
                    std::string_view sensor, Nanos at) const;
  /// All that apply: the first of its rivals each, in order. One at most where a section does not say `apart`.
  std::vector<const Rule*> matches(std::string_view section, std::string_view site, std::string_view line, std::string_view asset,
                                   std::string_view sensor, Nanos at) const;

 private:
  std::string name_, version_, owner_, digest_;
  std::map<std::string, std::vector<Rule>, std::less<>> sections_;
};

}  // namespace twinpipe
