// SPDX-License-Identifier: Apache-2.0
// Scores by a formula that is written down: the rules of a policy's section "score".
#pragma once

#include <memory>

#include "kernel/model.hpp"
#include "policy/policy.hpp"

namespace twinpipe {

/// bias + Σ weight · feature, as it is or through the logistic function. A rule of one feature and a limit is such a sum, too: at
/// least 80 is the score x from 80 on, at most 80 the score -x from -80 on. A row that lacks a feature has no score.
class LinearModel final : public Model {
 public:
  /// What the rules of section "score" must hold beside their form. Errors (bad_config) name the rule.
  static Status check(const Policy& policy);
  /// Errors: bad_config.
  static Result<std::unique_ptr<LinearModel>> make(const Rule& rule, const std::string& policy_digest);

  Status score(const ModelRows& rows, std::span<double> scores) override;
  Status contributions(const ModelRows& rows, std::span<const std::uint32_t> which, std::vector<double>& out) override;

 private:
  Status take_sum(const Rule& rule);
  Status take_limit(const Rule& rule);

  std::vector<double> weights_;  // of features()
  double bias_ = 0;
  bool logistic_ = false;
};

}  // namespace twinpipe
