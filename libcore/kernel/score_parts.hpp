// SPDX-License-Identifier: Apache-2.0
// A model at work. Private to the score*.cpp files.
#pragma once

#include "kernel/linear_model.hpp"
#include "kernel/score.hpp"
#include "kernel/trend_rings.hpp"

namespace twinpipe {

struct Score::Scorer {
  Scorer(std::unique_ptr<Model> of, std::size_t depth) : model(std::move(of)), trends(depth, model->features().size()) {}

  std::unique_ptr<Model> model;
  const Rule* rule = nullptr;                      // of a policy; otherwise a model file, with
  const Pattern* match = nullptr;                  // the assets that it is for; nullptr: all
  std::vector<std::uint8_t> applies;               // by entity, where there is a pattern
  std::vector<std::uint32_t> rows;                 // of the frame
  std::vector<std::vector<std::uint32_t>> column;  // by layout, of each feature; empty: not looked at yet
  TrendRings trends;
};

}  // namespace twinpipe
