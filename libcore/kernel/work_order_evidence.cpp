// SPDX-License-Identifier: Apache-2.0
// Why a work order was made.
#include "kernel/work_order_evidence.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernel/block_heights.hpp"
#include "kernel/text_values.hpp"
#include "policy/digest.hpp"
#include "wire/quantity.hpp"

namespace twinpipe {
namespace {

constexpr std::size_t kCharted = 5;  // features

std::string number(double value) {
  std::string text;
  append_number(value, text);
  return text;
}

void member(std::string_view name, std::string_view value, std::string& json) {
  fmt::format_to(std::back_inserter(json), R"({}"{}":)", json.ends_with('{') ? "" : ",", name);
  append_json_string(value, json);
}
void member(std::string_view name, double value, std::string& json) {
  fmt::format_to(std::back_inserter(json), R"({}"{}":)", json.ends_with('{') ? "" : ",", name);
  append_json_float(value, json);
}

template <class Column>
double at(const Column& column, int row) {
  return row < column.size() ? static_cast<double>(column.Get(row)) : std::numeric_limits<double>::quiet_NaN();
}

void append_feature(const FeatureEvidence& feature, std::string& json) {
  json += json.ends_with('[') ? "{" : ",{";
  member("name", feature.name, json);
  member("value", feature.value, json);
  if (!std::isnan(feature.contribution)) member("contribution", feature.contribution, json);
  if (feature.trend != nullptr) {
    json += R"(,"trend":[)";
    for (int i = 0; i < feature.trend->value_size(); ++i) {
      json += i == 0 ? "[\"" : ",[\"";
      json += format_time(feature.trend->as_of(i)) + "\",";
      append_json_float(feature.trend->value(i), json);
      json += ']';
    }
    json += ']';
  }
  json += '}';
}

std::string as_json(const FiredRow& fired, std::span<const FeatureEvidence> features) {
  const v1::Predictions& from = *fired.predictions;
  const int row = fired.row;
  std::string json = "{";
  member("asset", fired.asset(), json);
  member("failure_mode", from.failure_mode(), json);
  member("episode", fired.episode, json);
  member("as_of", format_time(from.as_of(row)), json);
  if (row < from.known_at_size() && from.known_at(row) != 0) member("known_at", format_time(from.known_at(row)), json);
  if (row < from.revision_size() && from.revision(row) != 0) member("revision", from.revision(row), json);
  member("score", at(from.score(), row), json);
  member("threshold", from.threshold(), json);
  member("model_digest", from.model_digest(), json);
  member("definition_digest", from.definition_digest(), json);
  member("policy", fired.policy->name(), json);
  member("policy_version", fired.policy->version(), json);
  member("policy_digest", fired.policy->digest(), json);
  member("rule", fired.rule->name, json);
  json += R"(,"features":[)";
  for (const FeatureEvidence& feature : features) append_feature(feature, json);
  return json + "]}";
}

/// "temp 71.2 (+0.41)", then its trend in a line of blocks between its times.
void append_chart(const FeatureEvidence& feature, std::string& text) {
  text += fmt::format("{} {}", feature.name, number(feature.value));
  if (!std::isnan(feature.contribution)) text += fmt::format(" ({:+.3g})", feature.contribution);
  text += '\n';
  if (feature.trend == nullptr || feature.trend->value_size() < 2) return;
  const std::span<const double> values(feature.trend->value().data(), static_cast<std::size_t>(feature.trend->value_size()));
  double least = std::numeric_limits<double>::infinity(), most = -least;
  for (const double value : values)
    if (std::isfinite(value)) least = std::min(least, value), most = std::max(most, value);
  text += fmt::format("  {}", spark_line(values));
  if (least <= most) text += fmt::format("  {:.4g} to {:.4g}", least, most);
  text +=
      fmt::format(", {} to {}\n", format_time(*feature.trend->as_of().begin()), format_time(*feature.trend->as_of().rbegin()));
}

}  // namespace

std::vector<FeatureEvidence> ranked_features(const FiredRow& fired) {
  const v1::Predictions& from = *fired.predictions;
  std::vector<FeatureEvidence> features;
  for (const v1::FeatureColumn& column : from.feature()) {
    FeatureEvidence& to = features.emplace_back();
    to.name = column.name();
    to.value = at(column.value(), fired.row);
    const auto same = [&](const v1::FeatureColumn& other) { return other.name() == column.name(); };
    const auto contribution = std::ranges::find_if(from.contribution(), same);
    to.contribution = contribution != from.contribution().end() ? at(contribution->value(), fired.row)
                                                                : std::numeric_limits<double>::quiet_NaN();
    for (const v1::Trend& trend : from.trend())
      if (static_cast<int>(trend.row()) == fired.row && trend.feature() == column.name()) to.trend = &trend;
  }
  const auto weight = [](const FeatureEvidence& feature) {
    return std::isnan(feature.contribution) ? -1.0 : std::abs(feature.contribution);
  };
  std::ranges::stable_sort(features, [&](const FeatureEvidence& one, const FeatureEvidence& other) {
    return weight(one) != weight(other) ? weight(one) > weight(other) : one.name < other.name;
  });
  return features;
}

std::string spark_line(std::span<const double> values, std::size_t width) {
  const std::size_t count = std::min(values.size(), width);
  std::vector<double> means(count, std::numeric_limits<double>::quiet_NaN());
  for (std::size_t i = 0; i < count; ++i) {
    double sum = 0;
    std::size_t known = 0;
    for (const double value :
         values.subspan(i * values.size() / count, (i + 1) * values.size() / count - i * values.size() / count))
      if (std::isfinite(value)) sum += value, ++known;
    if (known > 0) means[i] = sum / static_cast<double>(known);
  }
  double least = std::numeric_limits<double>::infinity(), most = -least;
  for (const double mean : means)
    if (!std::isnan(mean)) least = std::min(least, mean), most = std::max(most, mean);
  std::string line;
  for (const double mean : means) {
    const double height = most > least ? (mean - least) / (most - least) : 0.5;
    line +=
        std::isnan(mean) ? std::string_view(" ") : kBlockHeights[std::min<std::size_t>(7, static_cast<std::size_t>(height * 8))];
  }
  return line;
}

Evidence work_order_evidence(const FiredRow& fired) {
  const std::vector<FeatureEvidence> features = ranked_features(fired);
  Evidence evidence;
  evidence.json = as_json(fired, features);
  evidence.digest = sha256_hex(evidence.json);
  evidence.since = fired.predictions->as_of(fired.row);
  for (std::size_t i = 0; i < std::min(features.size(), kCharted); ++i) append_chart(features[i], evidence.chart);
  for (const FeatureEvidence& feature : features)
    if (feature.trend != nullptr)
      for (const Nanos as_of : feature.trend->as_of()) evidence.since = std::min(evidence.since, as_of);
  return evidence;
}

}  // namespace twinpipe
