// SPDX-License-Identifier: Apache-2.0
// A model file of score(1): an XGBoost model with what it takes to trust it. The form is in man/score.1.
#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "kernel/model.hpp"
#include "kernel/xgboost_model.hpp"
#include "policy/pattern.hpp"

namespace twinpipe {

class ModelFile final : public Model {
 public:
  /// `text`: the file's content; `name`: what messages call it. Every reference row is scored, and must give what is written
  /// beside it. Errors (bad_config) say what is wrong: the form, a field or version of XGBoost's that is not known, no reference
  /// rows, a row that gives something else.
  static Result<std::unique_ptr<ModelFile>> parse(std::string_view text, std::string name, unsigned threads);

  /// The assets that it is for; none: all.
  const std::optional<Pattern>& match() const { return match_; }

  Status score(const ModelRows& rows, std::span<double> scores) override;
  Status contributions(const ModelRows& rows, std::span<const std::uint32_t> which, std::vector<double>& out) override;

 private:
  class Reader;

  std::optional<Pattern> match_;
  std::optional<XgboostModel> booster_;
  std::vector<float> matrix_;
};

}  // namespace twinpipe
