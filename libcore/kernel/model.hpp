// SPDX-License-Identifier: Apache-2.0
// What turns feature rows into scores, whatever it is made of.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "wire/status.hpp"

namespace twinpipe {

/// Rows that are scored together, column by column in the order of Model::features(); not-a-number is missing.
struct ModelRows {
  std::size_t rows = 0;
  std::vector<double> values;
  double at(std::size_t feature, std::size_t row) const { return values[feature * rows + row]; }
};

class Model {
 public:
  Model() = default;
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;
  virtual ~Model() = default;

  const std::string& name() const { return name_; }      // the file, or the rule
  const std::string& digest() const { return digest_; }  // of the file, or of the policy
  const std::string& failure_mode() const { return failure_mode_; }
  double threshold() const { return threshold_; }
  const std::vector<std::string>& features() const { return features_; }
  /// The definitions whose rows it takes; none: any.
  const std::vector<std::string>& definitions() const { return definitions_; }

  /// A score fires from the threshold on. Not-a-number never does.
  bool fires(double score) const { return score >= threshold_; }

  /// A score a row, into `scores`, which has room for them. What a row gets never depends on the others. Errors: internal.
  virtual Status score(const ModelRows& rows, std::span<double> scores) = 0;
  /// What each feature adds to the score of the rows that `which` names, or to the sum before its link: row by row, the bias
  /// behind the last feature. Errors: internal.
  virtual Status contributions(const ModelRows& rows, std::span<const std::uint32_t> which, std::vector<double>& out) = 0;

 protected:
  std::string name_, digest_, failure_mode_;
  double threshold_ = 0;
  std::vector<std::string> features_, definitions_;
};

/// The column of the bias among contributions; no feature is called so.
inline constexpr std::string_view kBias = "bias";

}  // namespace twinpipe
