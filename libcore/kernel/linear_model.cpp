// SPDX-License-Identifier: Apache-2.0
// Scores by a formula that is written down.
#include "kernel/linear_model.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace twinpipe {
namespace {

template <class... Args>
Status bad(const Rule& rule, fmt::format_string<Args...> format, Args&&... args) {
  return Status::error(Code::bad_config,
                       fmt::format("policy: score: rule '{}': {}", rule.name, fmt::format(format, std::forward<Args>(args)...)));
}

}  // namespace

Status LinearModel::take_sum(const Rule& rule) {
  for (const std::string_view other : {"at_least", "at_most"})
    if (rule.parameters.contains(other)) return bad(rule, "'{}' is of one 'feature', not of 'weights'", other);
  const std::optional<double> threshold = rule.number("threshold");
  if (!threshold) return bad(rule, "'threshold' is missing: from which score on does it fire?");
  for (const auto& [feature, weight] : rule.numbers("weights")) {
    features_.push_back(feature);
    weights_.push_back(weight);
  }
  threshold_ = *threshold;
  bias_ = rule.number("bias").value_or(0);
  logistic_ = rule.text("link", "none") == "logistic";
  if (logistic_ && !(threshold_ > 0 && threshold_ < 1))
    return bad(rule, "what comes out of a logistic link lies between 0 and 1, and the threshold is {}", threshold_);
  return {};
}

Status LinearModel::take_limit(const Rule& rule) {
  for (const std::string_view other : {"bias", "link", "threshold"})
    if (rule.parameters.contains(other)) return bad(rule, "'{}' is of 'weights', not of one 'feature'", other);
  const std::optional<double> least = rule.number("at_least"), most = rule.number("at_most");
  if (least.has_value() == most.has_value()) return bad(rule, "a feature has either 'at_least' or 'at_most'");
  features_ = {rule.text("feature", "")};
  weights_ = {least ? 1.0 : -1.0};
  threshold_ = least ? *least : -*most;
  return {};
}

Result<std::unique_ptr<LinearModel>> LinearModel::make(const Rule& rule, const std::string& policy_digest) {
  auto model = std::make_unique<LinearModel>();
  model->name_ = fmt::format("rule '{}'", rule.name);
  model->digest_ = policy_digest;
  model->failure_mode_ = rule.text("failure_mode", "");
  if (model->failure_mode_.empty()) return bad(rule, "'failure_mode' is missing");
  if (const std::string& sensor = rule.pattern.levels()[3]; sensor != "+" && !glob_matches(sensor, ""))
    return bad(rule, "it speaks of assets, not of sensors: the last level of its pattern is + or *");
  if (const std::string definition = rule.text("definition", ""); !definition.empty()) model->definitions_ = {definition};
  const bool limit = rule.parameters.contains("feature");
  if (limit == rule.parameters.contains("weights")) return bad(rule, "a rule has either 'weights' or one 'feature'");
  if (Status status = limit ? model->take_limit(rule) : model->take_sum(rule); !status.ok()) return status;
  if (std::ranges::find(model->features_, kBias) != model->features_.end())
    return bad(rule, "a feature called '{}' cannot be told from the bias", kBias);
  return model;
}

Status LinearModel::check(const Policy& policy) {
  for (const Rule& rule : policy.rules("score"))
    if (const auto made = make(rule, policy.digest()); !made.ok()) return made.status();
  return {};
}

Status LinearModel::score(const ModelRows& rows, std::span<double> scores) {
  std::ranges::fill(scores, bias_);
  for (std::size_t feature = 0; feature < weights_.size(); ++feature)
    for (std::size_t row = 0; row < rows.rows; ++row) scores[row] += weights_[feature] * rows.at(feature, row);
  if (logistic_)
    for (double& score : scores) score = 1 / (1 + std::exp(-score));
  return {};
}

Status LinearModel::contributions(const ModelRows& rows, std::span<const std::uint32_t> which, std::vector<double>& out) {
  out.clear();
  for (const std::uint32_t row : which) {
    for (std::size_t feature = 0; feature < weights_.size(); ++feature) out.push_back(weights_[feature] * rows.at(feature, row));
    out.push_back(bias_);
  }
  return {};
}

}  // namespace twinpipe
