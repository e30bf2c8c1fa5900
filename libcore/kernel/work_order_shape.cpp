// SPDX-License-Identifier: Apache-2.0
// Evidence in the shape of a request.
#include "kernel/work_order_shape.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "kernel/text_values.hpp"
#include "wire/names.hpp"
#include "wire/quantity.hpp"

namespace twinpipe {
namespace {

constexpr std::string_view kBuiltIn = R"({
  "externalReference": "{key}",
  "summary": "{failure_mode} at {asset}",
  "description": "{description}",
  "priority": "{priority}",
  "asset": "{asset}",
  "failureMode": "{failure_mode}",
  "detectedAt": "{as_of}",
  "notify": "{notify}",
  "labels": "{labels}",
  "evidenceDigest": "{evidence_digest}",
  "evidence": "{evidence}"
})";
constexpr std::string_view kCommand =
    "rawbuf replay --match '{site}/{line}/{asset_name}/+' --from {since} --to {known_at} RAW | features --policy POLICY | "
    "score --model MODEL | work-order --policy POLICY --print";

constexpr std::string_view kLabel = "labels.";
constexpr std::array<std::string_view, 26> kNames{"key",
                                                  "asset",
                                                  "site",
                                                  "line",
                                                  "asset_name",
                                                  "failure_mode",
                                                  "episode",
                                                  "as_of",
                                                  "known_at",
                                                  "score",
                                                  "threshold",
                                                  "rule",
                                                  "priority",
                                                  "notify",
                                                  "labels",
                                                  "policy",
                                                  "since",
                                                  "policy_version",
                                                  "policy_digest",
                                                  "model_digest",
                                                  "definition_digest",
                                                  "evidence_digest",
                                                  "evidence",
                                                  "chart",
                                                  "description",
                                                  "command"};

using Values = std::map<std::string, TemplateValue, std::less<>>;

TemplateValue of_number(double value) {
  TemplateValue made;
  append_number(value, made.text);
  append_json_float(value, made.json);
  return made;
}

TemplateValue of_json(std::string json) { return {json, json}; }

TemplateValue of_list(const std::vector<std::string>& items) {
  TemplateValue made{{}, "["};
  for (const std::string& item : items) {
    if (!made.text.empty()) made.text += ", ", made.json += ',';
    made.text += item;
    append_json_string(item, made.json);
  }
  made.json += ']';
  return made;
}

TemplateValue of_labels(const RuleLabels& labels, Values& values) {
  TemplateValue made{{}, "{"};
  for (const auto& [name, value] : labels) {
    values[std::string(kLabel) + name] = {value, {}};
    if (!made.text.empty()) made.text += ", ", made.json += ',';
    made.text += name + "=" + value;
    append_json_string(name, made.json);
    made.json += ':';
    append_json_string(value, made.json);
  }
  made.json += '}';
  return made;
}

/// For whoever goes there: what, when, how sure, why, and how to see it again.
std::string description(const FiredRow& fired, const Evidence& evidence, const Values& values) {
  const auto text = [&](std::string_view name) -> const std::string& { return values.find(name)->second.text; };
  return fmt::format(
      "{} at {}: score {}, threshold {}, as of {}.\n\nWhat spoke for it most, with its contribution to the score and its "
      "trend:\n{}\n"
      "Model {}\nFeatures {}\nPolicy {} {}, rule {}, {}\nEvidence {}\nTo see it again: {}\n",
      text("failure_mode"), fired.asset(), text("score"), text("threshold"), text("as_of"),
      evidence.chart.empty() ? "(the model tells none)\n" : evidence.chart, text("model_digest"), text("definition_digest"),
      text("policy"), text("policy_version"), text("rule"), text("policy_digest"), evidence.digest, text("command"));
}

Values values_of(const FiredRow& fired, const Evidence& evidence, std::string_view key, const TextTemplate& command) {
  const v1::Predictions& from = *fired.predictions;
  const int row = fired.row;
  const Nanos known_at = row < from.known_at_size() ? from.known_at(row) : 0;
  const auto levels = split_asset_key(fired.asset()).value_or(std::array<std::string, 3>{});
  Values values;
  const auto set = [&](std::string_view name, std::string text) { values[std::string(name)] = {std::move(text), {}}; };
  set("key", std::string(key));
  set("asset", fired.asset());
  set("site", levels[0]);
  set("line", levels[1]);
  set("asset_name", levels[2]);
  set("failure_mode", from.failure_mode());
  set("episode", fired.episode);
  set("as_of", format_time(from.as_of(row)));
  set("known_at", known_at != 0 ? format_time(known_at) : "");
  set("since", format_time(evidence.since));
  values["score"] = row < from.score_size() ? of_number(from.score(row)) : of_json("null");
  values["threshold"] = of_number(from.threshold());
  set("rule", fired.rule->name);
  set("priority", fired.rule->priority);
  values["notify"] = of_list(fired.rule->notify);
  values["labels"] = of_labels(fired.rule->labels, values);
  set("policy", fired.policy->name());
  set("policy_version", fired.policy->version());
  set("policy_digest", fired.policy->digest());
  set("model_digest", from.model_digest());
  set("definition_digest", from.definition_digest());
  set("evidence_digest", evidence.digest);
  values["evidence"] = of_json(evidence.json);
  set("chart", evidence.chart);
  set("command", command.render([&](std::string_view name) -> const TemplateValue& { return values.find(name)->second; }));
  set("description", description(fired, evidence, values));
  return values;
}

bool is_known(std::string_view name) {
  return std::ranges::find(kNames, name) != kNames.end() || (name.starts_with(kLabel) && name.size() > kLabel.size());
}

Status unknown(std::string_view name) {
  std::string all;
  for (const std::string_view one : kNames) all += (all.empty() ? "" : " ") + std::string(one);
  return Status::error(Code::bad_config, fmt::format("unknown placeholder '{{{}}}': there are {} and labels.NAME", name, all));
}

}  // namespace

WorkOrderShapes::WorkOrderShapes() {
  templates_.emplace("", *JsonTemplate::parse(kBuiltIn));
  command_ = *TextTemplate::parse(kCommand);
}

Status WorkOrderShapes::add(const std::string& name, std::string_view json) {
  Result<JsonTemplate> made = JsonTemplate::parse(json);
  if (!made.ok()) return made.status();
  for (const std::string_view placeholder : made->names())
    if (!is_known(placeholder)) return unknown(placeholder);
  if (name.empty() ? own_default_ : templates_.contains(name))
    return Status::error(Code::bad_config, fmt::format("there are two templates '{}'", name));
  own_default_ = own_default_ || name.empty();
  templates_.insert_or_assign(name, std::move(*made));
  return {};
}

Status WorkOrderShapes::set_command(std::string_view text) {
  Result<TextTemplate> made = TextTemplate::parse(text);
  if (!made.ok()) return made.status();
  for (const std::string_view name : made->names())
    if (!is_known(name) || name == "command" || name == "description" || name.starts_with(kLabel)) return unknown(name);
  command_ = std::move(*made);
  return {};
}

Status WorkOrderShapes::check(const std::vector<WorkOrderRule>& rules) const {
  for (const WorkOrderRule& rule : rules) {
    const auto bad = [&](std::string what) {
      return Status::error(Code::bad_config, fmt::format("policy: work-order: rule '{}': {}", rule.name, what));
    };
    if (!templates_.contains(rule.template_name)) return bad(fmt::format("there is no template '{}'", rule.template_name));
    for (const std::string_view name : of(rule).names()) {
      if (!name.starts_with(kLabel)) continue;
      const std::string_view label = name.substr(kLabel.size());
      if (std::ranges::find(rule.labels, label, [](const auto& one) { return std::string_view(one.first); }) == rule.labels.end())
        return bad(fmt::format("its template wants the label '{}'", label));
    }
  }
  return {};
}

std::string WorkOrderShapes::request(const FiredRow& row, const Evidence& evidence, std::string_view key) const {
  const Values values = values_of(row, evidence, key, command_);
  return of(*row.rule).render([&](std::string_view name) -> const TemplateValue& { return values.find(name)->second; });
}

}  // namespace twinpipe
