// SPDX-License-Identifier: Apache-2.0
// The policy's rules with their signals understood.
#include "kernel/exception_rules.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace twinpipe {
namespace {

using AggregateColumn = const google::protobuf::RepeatedField<double>& (v1::Aggregates::*)() const;

struct NamedColumn {
  std::string_view name;
  AggregateColumn column;
};
constexpr std::array kColumns{
    NamedColumn{"min", &v1::Aggregates::min},           NamedColumn{"max", &v1::Aggregates::max},
    NamedColumn{"mean", &v1::Aggregates::mean},         NamedColumn{"rms", &v1::Aggregates::rms},
    NamedColumn{"peak", &v1::Aggregates::peak},         NamedColumn{"crest", &v1::Aggregates::crest},
    NamedColumn{"std", &v1::Aggregates::std},           NamedColumn{"kurtosis", &v1::Aggregates::kurtosis},
    NamedColumn{"first", &v1::Aggregates::first},       NamedColumn{"last", &v1::Aggregates::last},
    NamedColumn{"coverage", &v1::Aggregates::coverage},
};

std::span<const double> span_of(const google::protobuf::RepeatedField<double>& column) {
  return {column.data(), static_cast<std::size_t>(column.size())};
}

template <class... Args>
Status bad(const Rule& rule, fmt::format_string<Args...> format, Args&&... args) {
  return Status::error(Code::bad_config, fmt::format("policy: exc-pass: rule '{}': {}", rule.name,
                                                     fmt::format(format, std::forward<Args>(args)...)));
}

Status check(const ExceptionRule& rule) {
  if (!rule.above && !rule.below) return bad(*rule.rule, "neither 'above' nor 'below': it would never be crossed");
  if (rule.above && rule.below && *rule.below > *rule.above)
    return bad(*rule.rule, "'below' {} is greater than 'above' {}: every value would cross", *rule.below, *rule.above);
  if (rule.passes.find('/') != std::string::npos)
    return bad(*rule.rule, "'passes' {} is no glob over the sensors of one asset: it would pass nothing", rule.passes);
  if (rule.post <= 0) return bad(*rule.rule, "'post' is 0: nothing would pass behind the crossing");
  return {};
}

}  // namespace

Result<Signal> Signal::parse(const Rule& rule) {
  Result<Signal> signal = parse(rule.text("signal", "value"));
  return signal.ok() ? signal : bad(rule, "signal {}", signal.status().message);
}

Result<Signal> Signal::parse(std::string name) {
  using enum Signal::Source;
  Signal signal;
  signal.name = std::move(name);
  std::string_view text = signal.name;
  if (text == "value" || text == "rate") {
    signal.source = text == "value" ? value : rate;
    return signal;
  }
  if (std::ranges::find(kColumns, text, &NamedColumn::name) != kColumns.end()) {
    signal.source = aggregate;
    signal.column = text;
    return signal;
  }
  if (const std::size_t at = text.rfind('@'); at != std::string_view::npos) {
    signal.quantity = text.substr(at + 1);
    text = text.substr(0, at);
  }
  if (text == "total") {
    signal.source = total;
  } else if (text == "peak_frequency") {
    signal.source = peak_frequency;
  } else if (text.starts_with("band:") && text.size() > 5) {
    signal.source = band;
    signal.column = text.substr(5);
  } else {
    std::string names;
    for (const NamedColumn& column : kColumns) names += fmt::format(" {},", column.name);
    return Status::error(Code::bad_config,
                         fmt::format("'{}' is none of value, rate,{} band:NAME, total, peak_frequency", signal.name, names));
  }
  return signal;
}

std::span<const double> Signal::of(const v1::Aggregates& rows) const {
  if (source != Source::aggregate) return {};
  const auto named = std::ranges::find(kColumns, column, &NamedColumn::name);
  return span_of((rows.*named->column)());
}

std::span<const double> Signal::of(const v1::Spectra& rows) const {
  if (!quantity.empty() && rows.quantity() != quantity) return {};
  if (source == Source::total) return span_of(rows.total());
  if (source == Source::peak_frequency) return span_of(rows.peak_frequency());
  if (source != Source::band) return {};
  const auto band = std::ranges::find(rows.band(), column, &v1::Band::name);
  return band == rows.band().end() ? std::span<const double>() : span_of(band->energy());
}

Result<ExceptionRules> ExceptionRules::make(const Policy& policy) {
  ExceptionRules made;
  made.policy_ = &policy;
  for (const Rule& from : policy.rules(kSection)) {
    Result<Signal> signal = Signal::parse(from);
    if (!signal.ok()) return signal.status();
    ExceptionRule rule;
    rule.rule = &from;
    const auto known = std::ranges::find(made.signals_, signal->name, &Signal::name);
    rule.signal = static_cast<std::uint32_t>(known - made.signals_.begin());
    if (known == made.signals_.end()) made.signals_.push_back(*signal);
    rule.above = from.number("above");
    rule.below = from.number("below");
    rule.hysteresis = from.number("hysteresis").value_or(0);
    rule.on_delay = from.duration("on_delay").value_or(0);
    rule.pre = from.duration("pre").value_or(0);
    rule.post = from.duration("post").value_or(kPost);
    rule.passes = from.text("passes", "");
    rule.budget = from.number("budget");
    if (Status status = check(rule); !status.ok()) return status;
    made.rules_.push_back(std::move(rule));
  }
  return made;
}

Nanos ExceptionRules::longest_pre() const {
  Nanos longest = 0;
  for (const ExceptionRule& rule : rules_) longest = std::max(longest, saturating_add(rule.pre, rule.on_delay));
  return longest;
}

}  // namespace twinpipe
