// SPDX-License-Identifier: Apache-2.0
// Score: feature rows in, predictions out, with the evidence for those that fire.
//
// Each model gives a Predictions frame a frame of rows, with the rows that it is for. Laws: what a row gets depends on that row,
// the model, and for its trend on the rows of its asset before it; never on its neighbours in the frame, on how rows were grouped
// into frames, on the order of their columns, or on a restart. A row of another definition, or without a feature of the model,
// ends it.
#pragma once

#include <memory>
#include <vector>

#include "kernel/feature_rows.hpp"
#include "kernel/model_file.hpp"
#include "kernel/stage.hpp"
#include "policy/rule_book.hpp"

namespace twinpipe {

namespace v1 {
class ScoreState;
}

struct ScoreOptions {
  bool keep = false;       // Features frames go on, too
  bool evidence = true;    // contributions and trends of the rows that fire
  std::size_t trend = 24;  // rows of a trend, the one that fired among them
  std::size_t top = 3;     // features that have one: those that contribute most
};

class Score final : public Stage {
 public:
  /// The policy must outlive the stage, and have passed LinearModel::check(). At most `max_entities` assets.
  Score(const SeriesTable& table, std::vector<std::unique_ptr<ModelFile>> models, const Policy& policy,
        const ScoreOptions& options, std::uint32_t max_entities);
  ~Score() override;

  bool reads(FrameKind kind) const override { return kind == FrameKind::features; }
  bool reads_feature_rows() const override { return true; }
  void on_open(Output& out) override;
  /// Errors: bad_data, of rows that are none; bad_config, of rows that a model is not for.
  Status on_features(const FrameView& frame, Output& out) override;

  bool stateful() const override { return options_.evidence && options_.trend > 0; }
  std::string save() const override;
  Status load(std::string_view state) override;
  std::vector<Counter> counters() const override;

 private:
  struct Scorer;

  void meet_entities();
  void choose_rows(const FeatureRows& rows);
  Status score(Scorer& scorer, const FeatureRows& rows, Output& out);
  Status fit(Scorer& scorer, std::uint32_t layout);
  Status score_some(Scorer& scorer, const FeatureRows& rows, std::span<const std::uint32_t> which, Output& out);
  void gather(const Scorer& scorer, const FeatureRows& rows, std::span<const std::uint32_t> which);
  void write_rows(const Scorer& scorer, const FeatureRows& rows, std::span<const std::uint32_t> which);
  Status write_contributions(Scorer& scorer);
  void write_trends(Scorer& scorer, const FeatureRows& rows, std::span<const std::uint32_t> which);
  void write_trend(const Scorer& scorer, std::uint32_t entity, Nanos as_of, std::uint32_t row, std::size_t fired);
  static void save(const Scorer& scorer, std::uint32_t entities, v1::ScoreState& to);

  ScoreOptions options_;
  RuleBook rules_;
  std::vector<std::unique_ptr<Scorer>> scorers_;   // models in their order, then rules in theirs
  std::vector<std::vector<const Rule*>> by_mode_;  // rules of one failure mode each: the first that matches applies
  EntityTable entities_;
  FeatureLayouts layouts_;
  FeaturesDecoder decoder_{entities_, layouts_};

  std::vector<std::vector<std::vector<const Rule*>>> matching_;  // by entity and failure mode: the rules that match
  // Of the rows that are being scored.
  ModelRows model_rows_;
  std::vector<double> scores_, contributions_, row_values_;
  std::vector<std::uint32_t> fired_;
  std::vector<std::uint32_t> by_weight_;
  v1::Frame frame_;

  std::uint64_t scored_ = 0, fired_count_ = 0, without_score_ = 0, missing_values_ = 0;
};

}  // namespace twinpipe
