// SPDX-License-Identifier: Apache-2.0
// libxgboost behind an owning type. Nothing else includes it.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "wire/status.hpp"

namespace twinpipe {

class XgboostModel {
 public:
  /// `json`: as read_xgboost_json() writes it. Errors: bad_config, in the library's words.
  static Result<XgboostModel> load(const std::string& json, bool dart, std::size_t features, unsigned threads);

  enum class What { score, margin };
  /// `matrix`: row by row, a float a feature; not-a-number is missing, and nothing is infinite. A number a row, as the objective
  /// has it, or the sum of the leaves before that; valid until the next call. Errors: internal.
  Result<std::span<const float>> predict(std::span<const float> matrix, What what);
  /// What each feature adds to the margin of each row (Lundberg and Lee's SHAP values for trees), the bias behind the last one.
  Result<std::span<const float>> contributions(std::span<const float> matrix);

  /// "1.7.4"
  static std::string library_version();

 private:
  struct Free {
    void operator()(void* booster) const;
  };

  std::unique_ptr<void, Free> booster_;
  bool dart_ = false;
  std::size_t features_ = 0;
};

}  // namespace twinpipe
