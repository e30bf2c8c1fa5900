// SPDX-License-Identifier: Apache-2.0
// Versioned filter settings: parsing, digest, first match.
#include "policy/policy.hpp"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <set>
#include <tuple>

#include "policy/digest.hpp"
#include "wire/json_string.hpp"
#include "wire/quantity.hpp"

namespace twinpipe {
namespace {

namespace dom = simdjson::dom;

template <class... Args>
Status bad(fmt::format_string<Args...> format, Args&&... args) {
  return Status::error(Code::bad_config, "policy: " + fmt::format(format, std::forward<Args>(args)...));
}

/// Keys sorted and escaped, no white space, numbers in their shortest form, strings as simdjson escapes them.
std::string canonical(dom::element element) {
  if (element.is_object()) {
    std::map<std::string, dom::element> sorted;
    for (const auto& [key, value] : dom::object(element)) sorted.emplace(key, value);
    std::string text = "{";
    for (const auto& [key, value] : sorted) {
      if (text.size() > 1) text += ',';
      append_json_string(key, text);
      text += ':' + canonical(value);
    }
    return text + "}";
  }
  if (element.is_array()) {
    std::string text = "[";
    for (const dom::element value : dom::array(element)) text += (text.size() > 1 ? "," : "") + canonical(value);
    return text + "]";
  }
  if (element.is_double()) return fmt::format("{}", double(element));
  return simdjson::minify(element);
}

Result<std::string> required_text(dom::object object, std::string_view key) {
  std::string_view text;
  if (object[key].get(text) != simdjson::SUCCESS || text.empty()) return bad("'{}' is missing or not a text", key);
  return std::string(text);
}

Result<ParameterValue> read_bands(const Parameter& parameter, dom::element element, std::string_view where) {
  dom::object object;
  if (element.get(object) != simdjson::SUCCESS)
    return bad("{}: '{}' is not an object of bands such as {{\"low\": [10, 1000]}}", where, parameter.name);
  NamedBands bands;
  for (const auto& [name, value] : object) {
    dom::array edges;
    NamedBand band{std::string(name), 0, 0};
    if (name.empty()) return bad("{}: '{}' has a band without a name", where, parameter.name);
    if (std::ranges::find(bands, name, &NamedBand::name) != bands.end())
      return bad("{}: '{}': band '{}' stands there twice", where, parameter.name, name);
    if (value.get(edges) != simdjson::SUCCESS || edges.size() != 2 || edges.at(0).get(band.low) != simdjson::SUCCESS ||
        edges.at(1).get(band.high) != simdjson::SUCCESS)
      return bad("{}: '{}': band '{}' is not [low, high] in Hz", where, parameter.name, name);
    if (!(band.low >= 0 && band.high > band.low))
      return bad("{}: '{}': band '{}' from {} to {} Hz is none: 0 <= low < high", where, parameter.name, name, band.low,
                 band.high);
    bands.push_back(std::move(band));
  }
  std::ranges::sort(bands, {}, [](const NamedBand& band) { return std::tie(band.low, band.high, band.name); });
  return ParameterValue(std::move(bands));
}

Result<ParameterValue> read_numbers(const Parameter& parameter, dom::element element, std::string_view where) {
  dom::object object;
  if (element.get(object) != simdjson::SUCCESS || object.size() == 0)
    return bad("{}: '{}' is not an object of numbers such as {{\"temp\": 0.5}}", where, parameter.name);
  NamedNumbers numbers;
  for (const auto& [name, value] : object) {
    double number = 0;
    if (name.empty()) return bad("{}: '{}' has a number without a name", where, parameter.name);
    if (value.get(number) != simdjson::SUCCESS) return bad("{}: '{}': '{}' is not a number", where, parameter.name, name);
    if (!numbers.emplace(name, number).second) return bad("{}: '{}': '{}' stands there twice", where, parameter.name, name);
  }
  return ParameterValue(std::move(numbers));
}

Result<ParameterValue> read_list(const Parameter& parameter, dom::element element, std::string_view where) {
  dom::array array;
  if (element.get(array) != simdjson::SUCCESS)
    return bad("{}: '{}' is not a list such as [\"on\", \"off\"]", where, parameter.name);
  ValueList list;
  for (const dom::element item : array) {
    std::string_view text;
    if (item.is_object() || item.is_array() || item.is_null())
      return bad("{}: '{}' lists something else than texts, numbers, true and false", where, parameter.name);
    list.push_back(item.get(text) == simdjson::SUCCESS ? std::string(text) : canonical(item));
  }
  if (list.empty()) return bad("{}: '{}' is empty", where, parameter.name);
  return ParameterValue(std::move(list));
}

Result<ParameterValue> read_value(const Parameter& parameter, dom::element element, std::string_view where) {
  switch (parameter.kind) {
    case ParameterKind::number: {
      double number = 0;
      if (element.get(number) != simdjson::SUCCESS) return bad("{}: '{}' is not a number", where, parameter.name);
      if (!(number >= parameter.least)) return bad("{}: '{}' is below {}", where, parameter.name, parameter.least);
      return ParameterValue(number);
    }
    case ParameterKind::duration: {
      std::string_view text;
      if (element.get(text) != simdjson::SUCCESS) return bad("{}: '{}' is not a duration such as \"60s\"", where, parameter.name);
      Result<Nanos> duration = parse_duration(text);
      if (!duration.ok()) return bad("{}: '{}': {}", where, parameter.name, duration.status().message);
      return ParameterValue(*duration);
    }
    case ParameterKind::text: {
      std::string_view text;
      if (element.get(text) != simdjson::SUCCESS) return bad("{}: '{}' is not a text", where, parameter.name);
      if (!parameter.choices.empty() && std::ranges::find(parameter.choices, text) == parameter.choices.end())
        return bad("{}: '{}' is '{}', not one of {}", where, parameter.name, text, fmt::join(parameter.choices, ", "));
      return ParameterValue(std::string(text));
    }
    case ParameterKind::boolean: {
      bool truth = false;
      if (element.get(truth) != simdjson::SUCCESS) return bad("{}: '{}' is not true or false", where, parameter.name);
      return ParameterValue(truth);
    }
    case ParameterKind::bands: return read_bands(parameter, element, where);
    case ParameterKind::numbers: return read_numbers(parameter, element, where);
    case ParameterKind::list: return read_list(parameter, element, where);
  }
  return bad("{}: '{}' is of no known kind", where, parameter.name);
}

/// Keys that every rule may have, beside those of its section.
Status read_common(std::string_view key, dom::element value, std::string_view where, Rule& rule, bool& known) {
  known = key == "match" || key == "name" || key == "expires" || key == "reason";
  std::string_view text;
  if (!known) return {};
  if (value.get(text) != simdjson::SUCCESS) return bad("{}: '{}' is not a text", where, key);
  if (text.empty()) return bad("{}: '{}' is empty", where, key);
  if (key == "name") rule.name = text;
  if (key == "reason") rule.reason = text;
  if (key == "match") {
    Result<Pattern> pattern = Pattern::parse(text);
    if (!pattern.ok()) return bad("{}: {}", where, pattern.status().message);
    rule.pattern = *pattern;
  }
  if (key == "expires") {
    Result<Nanos> time = parse_time(text);
    if (!time.ok()) return bad("{}: 'expires': {}", where, time.status().message);
    rule.expires = *time;
  }
  return {};
}

Result<Rule> read_rule(const Section& section, dom::element element, std::string where) {
  dom::object object;
  if (element.get(object) != simdjson::SUCCESS) return bad("{}: a rule is an object", where);
  Rule rule;
  rule.name = where;
  std::set<std::string_view> seen;
  for (const auto& [key, value] : object) {
    bool known = false;
    // JSON readers differ on which of two they take, and the digest must not hide one.
    if (!seen.insert(key).second) return bad("{}: '{}' stands there twice", where, key);
    if (Status status = read_common(key, value, where, rule, known); !status.ok()) return status;
    if (known) continue;
    const auto parameter = std::ranges::find(section.parameters, key, &Parameter::name);
    if (parameter == section.parameters.end()) return bad("{}: unknown key '{}'", where, key);
    Result<ParameterValue> read = read_value(*parameter, value, where);
    if (!read.ok()) return read.status();
    rule.parameters.emplace(key, *read);
  }
  if (rule.pattern.text().empty()) return bad("{}: 'match' is missing", where);
  if (rule.expires && rule.reason.empty()) return bad("{}: a temporary rule ('expires') needs a 'reason'", where);
  return rule;
}

Result<std::vector<Rule>> read_section(const Section& section, dom::element element) {
  dom::array array;
  if (element.get(array) != simdjson::SUCCESS) return bad("'{}' is not a list of rules", section.name);
  std::vector<Rule> rules;
  std::set<std::string> names;
  for (const dom::element item : array) {
    Result<Rule> rule = read_rule(section, item, fmt::format("{}[{}]", section.name, rules.size()));
    if (!rule.ok()) return rule.status();
    if (!names.insert(rule->name).second) return bad("{}: two rules are called '{}'", section.name, rule->name);
    rules.push_back(std::move(*rule));
  }
  return rules;
}

template <class T>
const T* value_of(const Rule& rule, std::string_view parameter) {
  const auto at = rule.parameters.find(parameter);
  return at == rule.parameters.end() ? nullptr : std::get_if<T>(&at->second);
}

}  // namespace

std::string as_text(const ParameterValue& value) {
  struct {
    std::string operator()(double number) const { return fmt::format("{}", number); }
    std::string operator()(Nanos duration) const { return format_duration(duration); }
    std::string operator()(const std::string& text) const { return text; }
    std::string operator()(bool truth) const { return truth ? "true" : "false"; }
    std::string operator()(const NamedBands& bands) const {
      std::string text;
      for (const NamedBand& band : bands) {
        if (!text.empty()) text += ", ";
        append_json_string(band.name, text);
        text += fmt::format(": [{}, {}]", band.low, band.high);
      }
      return "{" + text + "}";
    }
    std::string operator()(const NamedNumbers& numbers) const {
      std::string text;
      for (const auto& [name, number] : numbers) {
        if (!text.empty()) text += ", ";
        append_json_string(name, text);
        text += fmt::format(": {}", number);
      }
      return "{" + text + "}";
    }
    std::string operator()(const ValueList& list) const {
      std::string text;
      for (const std::string& value : list) {
        if (!text.empty()) text += ", ";
        append_json_string(value, text);
      }
      return "[" + text + "]";
    }
  } const visitor;
  return std::visit(visitor, value);
}

std::optional<double> Rule::number(std::string_view parameter) const {
  const double* value = value_of<double>(*this, parameter);
  return value == nullptr ? std::nullopt : std::optional(*value);
}

std::optional<Nanos> Rule::duration(std::string_view parameter) const {
  const Nanos* value = value_of<Nanos>(*this, parameter);
  return value == nullptr ? std::nullopt : std::optional(*value);
}

std::string Rule::text(std::string_view parameter, std::string_view otherwise) const {
  const std::string* value = value_of<std::string>(*this, parameter);
  return value == nullptr ? std::string(otherwise) : *value;
}

bool Rule::boolean(std::string_view parameter, bool otherwise) const {
  const bool* value = value_of<bool>(*this, parameter);
  return value == nullptr ? otherwise : *value;
}

const NamedBands& Rule::bands(std::string_view parameter) const {
  static const NamedBands kNone;
  const NamedBands* value = value_of<NamedBands>(*this, parameter);
  return value == nullptr ? kNone : *value;
}

const ValueList& Rule::list(std::string_view parameter) const {
  static const ValueList kNone;
  const ValueList* value = value_of<ValueList>(*this, parameter);
  return value == nullptr ? kNone : *value;
}

const NamedNumbers& Rule::numbers(std::string_view parameter) const {
  static const NamedNumbers kNone;
  const NamedNumbers* value = value_of<NamedNumbers>(*this, parameter);
  return value == nullptr ? kNone : *value;
}

std::string Rule::settings() const {
  std::string text;
  for (const auto& [parameter, value] : parameters)
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", parameter, as_text(value));
  return text;
}

Result<Policy> Policy::parse(std::string_view json) {
  dom::parser parser;
  dom::object object;
  dom::element root;
  const auto error = parser.parse(simdjson::padded_string(json)).get(root);
  if (error != simdjson::SUCCESS) return bad("not JSON: {}", simdjson::error_message(error));
  if (root.get(object) != simdjson::SUCCESS) return bad("the file is not an object");

  Policy policy;
  for (auto [key, to] :
       {std::pair{"name", &policy.name_}, std::pair{"version", &policy.version_}, std::pair{"owner", &policy.owner_}}) {
    Result<std::string> text = required_text(object, key);
    if (!text.ok()) return text.status();
    *to = *text;
  }
  std::set<std::string> seen;
  for (const auto& [key, value] : object) {
    if (!seen.insert(std::string(key)).second) return bad("'{}' stands there twice", key);
    if (key == "name" || key == "version" || key == "owner" || key == "$schema") continue;
    const auto sections = policy_sections();
    const auto section = std::ranges::find(sections, key, &Section::name);
    if (section == sections.end()) return bad("unknown key '{}'", key);
    Result<std::vector<Rule>> rules = read_section(*section, value);
    if (!rules.ok()) return rules.status();
    policy.sections_.emplace(key, std::move(*rules));
  }
  policy.digest_ = sha256_hex(canonical(root));
  return policy;
}

bool rivals(const Section& section, const Rule& one, const Rule& other) {
  const auto alike = [&](std::string_view parameter, std::string_view otherwise) {
    return parameter.empty() || one.text(parameter, otherwise) == other.text(parameter, otherwise);
  };
  return alike(section.apart, section.apart_default) && alike(section.also_apart, section.also_apart_default);
}

const std::vector<Rule>& Policy::rules(std::string_view section) const {
  static const std::vector<Rule> kNone;
  const auto at = sections_.find(section);
  return at == sections_.end() ? kNone : at->second;
}

const Rule* Policy::match(std::string_view section, std::string_view site, std::string_view line, std::string_view asset,
                          std::string_view sensor, Nanos at) const {
  for (const Rule& rule : rules(section))
    if (!(rule.expires && at >= *rule.expires) && rule.pattern.matches(site, line, asset, sensor)) return &rule;
  return nullptr;
}

std::vector<const Rule*> Policy::matches(std::string_view name, std::string_view site, std::string_view line,
                                         std::string_view asset, std::string_view sensor, Nanos at) const {
  std::vector<const Rule*> found;
  const auto sections = policy_sections();
  const auto section = std::ranges::find(sections, name, &Section::name);
  for (const Rule& rule : rules(name)) {
    if ((rule.expires && at >= *rule.expires) || !rule.pattern.matches(site, line, asset, sensor)) continue;
    const auto rival = [&](const Rule* earlier) { return rivals(*section, *earlier, rule); };
    if (std::ranges::none_of(found, rival)) found.push_back(&rule);
  }
  return found;
}

}  // namespace twinpipe
