// SPDX-License-Identifier: Apache-2.0
// What checks and comparisons of policies found, in words and as JSON lines.
#include "cli/policy_report.hpp"

#include <fmt/format.h>

#include <initializer_list>
#include <utility>

#include "kernel/text_values.hpp"

namespace twinpipe::cli {
namespace {

constexpr std::string_view name_of(Severity severity) { return severity == Severity::error ? "error" : "warning"; }

std::string_view name_of(RuleChange::Kind kind) {
  switch (kind) {
    case RuleChange::Kind::added: return "added";
    case RuleChange::Kind::removed: return "removed";
    case RuleChange::Kind::changed: break;
  }
  return "changed";
}

std::string or_none(std::string_view text, std::string_view none) { return std::string(text.empty() ? none : text); }

/// Members of an object, without its braces. Absent values are null.
void append_members(std::initializer_list<std::pair<std::string_view, std::string_view>> members, std::string& json) {
  for (const auto& [key, value] : members) {
    if (json.back() != '{') json += ',';
    append_json_string(key, json);
    json += ':';
    if (value.empty()) json += "null";
    else append_json_string(value, json);
  }
}

void append_changes(const std::vector<ValueChange>& changes, std::string& json) {
  json += R"(,"changes":[)";
  for (const ValueChange& change : changes) {
    if (json.back() != '[') json += ',';
    json += '{';
    append_members({{"what", change.what}, {"before", change.before}, {"after", change.after}}, json);
    json += '}';
  }
  json += ']';
}

void append_names(std::string_view key, const std::vector<std::string>& names, std::string& json) {
  json += fmt::format(R"(,"{}":[)", key);
  for (const std::string& name : names) {
    if (json.back() != '[') json += ',';
    if (name.empty()) json += "null";
    else append_json_string(name, json);
  }
  json += ']';
}

std::string in_words(const std::vector<ValueChange>& changes) {
  std::string text;
  for (const ValueChange& change : changes)
    text += fmt::format("{}{} {} -> {}", text.empty() ? "" : ", ", change.what, or_none(change.before, "none"),
                        or_none(change.after, "none"));
  return text;
}

std::string in_words(const std::vector<std::string>& rules) {
  std::string text;
  for (const std::string& rule : rules) text += (text.empty() ? "" : " or ") + or_none(rule, "no rule");
  return text;
}

std::string in_words(const RuleChange& change) {
  const std::string rule = fmt::format("{}: rule '{}' ({})", change.section, change.rule, change.pattern);
  switch (change.kind) {
    case RuleChange::Kind::added:
      return fmt::format("{} is new in place {}: {}, in place of {}\n", rule, change.changes.front().after, change.settings,
                         in_words(change.in_place_of));
    case RuleChange::Kind::removed:
      return fmt::format("{} is gone: {}, now {}\n", rule, change.settings, in_words(change.in_place_of));
    case RuleChange::Kind::changed: break;
  }
  return fmt::format("{}: {}\n", rule, in_words(change.changes));
}

}  // namespace

std::string findings_as_text(const std::vector<Finding>& findings) {
  std::string text;
  for (const Finding& finding : findings) {
    const std::string rule = finding.rule.empty() ? "" : fmt::format("rule '{}': ", finding.rule);
    text += fmt::format("{}: {}: {}: {}{}\n", finding.file, name_of(finding.severity), finding.section, rule, finding.text);
  }
  return text;
}

std::string findings_as_json(const std::vector<Finding>& findings) {
  std::string json;
  for (const Finding& finding : findings) {
    json += '{';
    append_members({{"severity", name_of(finding.severity)},
                    {"file", finding.file},
                    {"section", finding.section},
                    {"rule", finding.rule},
                    {"text", finding.text}},
                   json);
    json += "}\n";
  }
  return json;
}

std::string difference_as_text(const PolicyDifference& difference) {
  std::string text;
  for (const ValueChange& change : difference.header) text += fmt::format("policy: {}\n", in_words(std::vector{change}));
  for (const RuleChange& change : difference.rules) text += in_words(change);
  for (const SettingsChange& change : difference.series) {
    text += fmt::format("{}: {} series: {} -> {}\n", change.section, change.series.size(), or_none(change.before, "no rule"),
                        or_none(change.after, "no rule"));
    for (const std::string& series : change.series) text += fmt::format("  {}\n", series);
  }
  return text;
}

std::string difference_as_json(const PolicyDifference& difference) {
  std::string json;
  if (!difference.header.empty()) {
    json += R"({"change":"header")";
    append_changes(difference.header, json);
    json += "}\n";
  }
  for (const RuleChange& change : difference.rules) {
    json += '{';
    append_members(
        {{"change", name_of(change.kind)}, {"section", change.section}, {"rule", change.rule}, {"match", change.pattern}}, json);
    if (change.kind != RuleChange::Kind::changed) {
      append_members({{"settings", change.settings}}, json);
      append_names(change.kind == RuleChange::Kind::added ? "in_place_of" : "now", change.in_place_of, json);
    }
    if (change.kind != RuleChange::Kind::removed) append_changes(change.changes, json);
    json += "}\n";
  }
  for (const SettingsChange& change : difference.series) {
    json += '{';
    append_members({{"change", "series"}, {"section", change.section}, {"before", change.before}, {"after", change.after}}, json);
    append_names("series", change.series, json);
    json += "}\n";
  }
  return json;
}

}  // namespace twinpipe::cli
