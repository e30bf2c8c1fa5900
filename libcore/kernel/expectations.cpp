// SPDX-License-Identifier: Apache-2.0
// What readings are expected to be.
#include "kernel/expectations.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "wire/quantity.hpp"

namespace twinpipe {
namespace {

/// A kind of expectation, its parameters, and the one that it cannot do without.
struct Kind {
  std::string_view name;
  Expect what;
  std::vector<std::string_view> parameters;
  std::string_view required;
};

const std::vector<Kind>& kinds() {
  static const std::vector<Kind> kKinds{
      {"range", Expect::range, {"min", "max"}, ""},         {"not-null", Expect::not_null, {}, ""},
      {"rate", Expect::rate, {"per_second"}, "per_second"}, {"stuck", Expect::stuck, {"longest"}, "longest"},
      {"set", Expect::set, {"values"}, "values"},           {"unit", Expect::unit, {"unit"}, "unit"},
      {"future", Expect::future, {"skew"}, "skew"},         {"timestamp", Expect::timestamp, {"origin"}, ""}};
  return kKinds;
}

v1::Reject::Action action_named(std::string_view name) {
  if (name == "warn") return v1::Reject::ACTION_WARN;
  if (name == "drop") return v1::Reject::ACTION_DROP;
  return name == "fail" ? v1::Reject::ACTION_FAIL : v1::Reject::ACTION_QUARANTINE;
}

std::uint32_t refused_origins(std::string_view weakest) {
  if (weakest == "metric") return v1::QUALITY_TIME_OF_PAYLOAD | v1::QUALITY_TIME_OF_ARRIVAL;
  if (weakest == "payload") return v1::QUALITY_TIME_OF_ARRIVAL;
  return 0;
}

/// The whole text as a number of that type.
template <class Number>
std::optional<Number> number_in(std::string_view text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

/// What is wrong with a rule; empty: nothing.
std::string complaint(const Rule& rule, const Kind& kind) {
  for (const auto& [parameter, value] : rule.parameters)
    if (parameter != "expect" && parameter != "action" && std::ranges::find(kind.parameters, parameter) == kind.parameters.end())
      return fmt::format("'{}' is nothing that '{}' knows", parameter, kind.name);
  if (!kind.required.empty() && !rule.parameters.contains(kind.required)) return fmt::format("'{}' is missing", kind.required);
  const auto low = rule.number("min"), high = rule.number("max");
  if (kind.what == Expect::range && !low && !high) return "a range without 'min' and 'max'";
  if (low && high && *low > *high) return fmt::format("no value is between 'min' {} and 'max' {}", *low, *high);
  return {};
}

Expectation made(const Rule& rule, Expect what) {
  Expectation one;
  one.rule = &rule;
  one.what = what;
  one.action = action_named(rule.text("action", "quarantine"));
  one.low = rule.number("min").value_or(one.low);
  one.high = rule.number("max").value_or(one.high);
  one.per_second = rule.number("per_second").value_or(one.per_second);
  one.longest = rule.duration("longest").value_or(kForever);
  one.skew = rule.duration("skew").value_or(kForever);
  one.unit = rule.text("unit", "");
  one.refused_origins = refused_origins(rule.text("origin", "arrival"));
  one.values = rule.list("values");
  for (const std::string& value : one.values)
    if (const auto number = number_in<double>(value)) one.numbers.push_back(*number);
  return one;
}

const std::string& unit_of(const v1::Sensor& sensor) { return sensor.unit().empty() ? sensor.declared_unit() : sensor.unit(); }

std::string with_unit(double number, const v1::Sensor& sensor) {
  const std::string& unit = unit_of(sensor);
  return unit.empty() ? fmt::format("{}", number) : fmt::format("{} {}", number, unit);
}

std::string value_text(const Sighting& sighting, const v1::Sensor& sensor) {
  switch (sighting.type) {
    case v1::VALUE_TYPE_BOOL: return sighting.bits != 0 ? "true" : "false";
    case v1::VALUE_TYPE_STRING: return fmt::format("'{}'", sighting.text);
    case v1::VALUE_TYPE_BYTES: return fmt::format("{} bytes", sighting.text.size());
    default: return with_unit(sighting.number, sensor);
  }
}

std::string timestamp_reason(const Sighting& sighting) {
  if (sighting.time <= 0) return "the timestamp is missing: it is zero, or before 1970";
  return sighting.quality & v1::QUALITY_TIME_OF_ARRIVAL ? "the device has no clock: the time is that of arrival"
                                                        : "the metric has no timestamp of its own: the time is its payload's";
}

}  // namespace

Result<std::vector<Expectation>> read_expectations(const Policy& policy) {
  std::vector<Expectation> all;
  for (const Rule& rule : policy.rules("quarantine")) {
    const auto kind = std::ranges::find(kinds(), rule.text("expect", ""), &Kind::name);
    const std::string wrong = kind == kinds().end() ? "names nothing to 'expect'" : complaint(rule, *kind);
    if (!wrong.empty())
      return Status::error(Code::bad_config, fmt::format("policy: quarantine: rule '{}': {}", rule.name, wrong));
    all.push_back(made(rule, kind->what));
  }
  return all;
}

bool Expectation::contains(const Sighting& sighting) const {
  const auto any = [this](const auto& is) { return std::ranges::any_of(values, is); };
  switch (sighting.type) {
    case v1::VALUE_TYPE_STRING:
    case v1::VALUE_TYPE_BYTES: return any([&](const std::string& value) { return value == sighting.text; });
    case v1::VALUE_TYPE_BOOL:
      return any([&](const std::string& value) { return value == (sighting.bits != 0 ? "true" : "false"); });
    // Exact: a double cannot tell 2^53 from 2^53 + 1.
    case v1::VALUE_TYPE_INT64:
      return any(
          [&](const std::string& value) { return number_in<std::int64_t>(value) == static_cast<std::int64_t>(sighting.bits); });
    case v1::VALUE_TYPE_UINT64:
      return any([&](const std::string& value) { return number_in<std::uint64_t>(value) == sighting.bits; });
    default: return std::ranges::find(numbers, sighting.number) != numbers.end();
  }
}

bool Expectation::is_broken(const Sighting& sighting, bool wrong_unit, Nanos stuck_after) const {
  const bool number = sighting.has_value && sighting.is_number;
  switch (what) {
    case Expect::range: return number && !(sighting.number >= low && sighting.number <= high);
    case Expect::not_null: return is_null(sighting.quality);
    case Expect::rate:
      // Two values at one time are two facts, and no change.
      return number && sighting.follows && sighting.elapsed > 0 &&
             std::fabs(sighting.rise) > most_rise(per_second, sighting.elapsed);
    case Expect::stuck:
      return sighting.has_value && sighting.follows && sighting.same &&
             saturating_sub(sighting.time, sighting.since) > stuck_after;
    case Expect::set: return sighting.has_value && !contains(sighting);
    case Expect::unit: return wrong_unit;
    case Expect::future: return sighting.now && saturating_sub(sighting.time, *sighting.now) > skew;
    case Expect::timestamp: return sighting.time <= 0 || (sighting.quality & refused_origins) != 0;
  }
  return false;
}

std::string Expectation::reason(const Sighting& sighting, const v1::Sensor& sensor) const {
  switch (what) {
    case Expect::range:
      if (std::isnan(sighting.number)) return "the value is not a number";
      return sighting.number < low ? fmt::format("{} is below {}", with_unit(sighting.number, sensor), with_unit(low, sensor))
                                   : fmt::format("{} is above {}", with_unit(sighting.number, sensor), with_unit(high, sensor));
    case Expect::not_null: return "the value is null";
    case Expect::rate:
      return fmt::format("{} by {} in {}: more than {} a second", sighting.rise < 0 ? "fell" : "rose",
                         with_unit(std::fabs(sighting.rise), sensor), format_duration(sighting.elapsed),
                         with_unit(per_second, sensor));
    case Expect::stuck:
      return fmt::format("{} since {}: longer than {}", value_text(sighting, sensor), format_time(sighting.since),
                         format_duration(longest));
    case Expect::set: return fmt::format("{} is none of {}", value_text(sighting, sensor), fmt::join(values, ", "));
    case Expect::unit:
      if (sensor.unit().empty())
        return fmt::format("no canonical unit, and it should be {}; declared as '{}'", unit, sensor.declared_unit());
      return fmt::format("the unit is {} and should be {}", sensor.unit(), unit);
    case Expect::future:
      return fmt::format("its time is {} ahead of the source's clock: more than {}",
                         format_duration(saturating_sub(sighting.time, *sighting.now)), format_duration(skew));
    case Expect::timestamp: return timestamp_reason(sighting);
  }
  return {};
}

}  // namespace twinpipe
