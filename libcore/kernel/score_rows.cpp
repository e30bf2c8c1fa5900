// SPDX-License-Identifier: Apache-2.0
// Score: rows into predictions.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>

#include "kernel/score_parts.hpp"

namespace twinpipe {

/// The model's columns of these rows.
void Score::gather(const Scorer& scorer, const FeatureRows& rows, std::span<const std::uint32_t> which) {
  const std::vector<std::uint32_t>& columns = scorer.column[rows.layout];
  model_rows_.rows = which.size();
  model_rows_.values.resize(columns.size() * which.size());
  const bool together = which.back() - which.front() + 1 == which.size();
  double* to = model_rows_.values.data();
  for (const std::uint32_t column : columns) {
    const PackedView<double>& from = rows.column[column];
    if (together) std::memcpy(to, from.bytes().data() + which.front() * sizeof(double), which.size() * sizeof(double));
    else std::ranges::transform(which, to, [&](std::uint32_t row) { return from[row]; });
    to += which.size();
  }
  missing_values_ +=
      static_cast<std::uint64_t>(std::ranges::count_if(model_rows_.values, [](double x) { return std::isnan(x); }));
}

Status Score::score_some(Scorer& scorer, const FeatureRows& rows, std::span<const std::uint32_t> which, Output& out) {
  gather(scorer, rows, which);
  scores_.resize(which.size());
  if (Status status = scorer.model->score(model_rows_, scores_); !status.ok()) return status;
  fired_.clear();
  for (std::uint32_t row = 0; row < scores_.size(); ++row)
    if (scorer.model->fires(scores_[row])) fired_.push_back(row);
  scored_ += which.size();
  fired_count_ += fired_.size();
  without_score_ += static_cast<std::uint64_t>(std::ranges::count_if(scores_, [](double x) { return std::isnan(x); }));
  write_rows(scorer, rows, which);
  if (options_.evidence) {
    if (Status status = write_contributions(scorer); !status.ok()) return status;
    write_trends(scorer, rows, which);
  }
  out.frame(frame_);
  return {};
}

void Score::write_rows(const Scorer& scorer, const FeatureRows& rows, std::span<const std::uint32_t> which) {
  const Model& model = *scorer.model;
  v1::Predictions& to = *frame_.mutable_predictions();
  to.Clear();  // not the frame: it would throw the columns away
  to.set_threshold(model.threshold());
  to.set_model_digest(model.digest());
  to.set_definition_digest(layouts_.layout(rows.layout).digest);
  to.set_failure_mode(model.failure_mode());
  for (const std::uint32_t row : which) {
    const std::string_view name = entities_.name(rows.entity[row]);
    to.add_entity(name.data(), name.size());
    to.add_as_of(rows.as_of[row]);
    to.add_known_at(rows.known_at[row]);
    if (!rows.revision.empty()) to.add_revision(rows.revision[row]);
  }
  to.mutable_score()->Add(scores_.begin(), scores_.end());
  for (const double score : scores_) to.add_fired(model.fires(score));
  const double* values = model_rows_.values.data();
  for (const std::string& feature : model.features()) {
    v1::FeatureColumn& column = *to.add_feature();
    column.set_name(feature);
    column.mutable_value()->Add(values, values + which.size());
    values += which.size();
  }
}

Status Score::write_contributions(Scorer& scorer) {
  if (fired_.empty()) return {};
  if (Status status = scorer.model->contributions(model_rows_, fired_, contributions_); !status.ok()) return status;
  const std::vector<std::string>& features = scorer.model->features();
  for (std::size_t feature = 0; feature <= features.size(); ++feature) {
    v1::FeatureColumn& column = *frame_.mutable_predictions()->add_contribution();
    column.set_name(feature < features.size() ? features[feature] : std::string(kBias));
    column.mutable_value()->Resize(static_cast<int>(model_rows_.rows), std::numeric_limits<double>::quiet_NaN());
    for (std::size_t i = 0; i < fired_.size(); ++i)
      column.set_value(static_cast<int>(fired_[i]), contributions_[i * (features.size() + 1) + feature]);
  }
  return {};
}

/// Row by row: a trend has what came before its row, and nothing that came behind it.
void Score::write_trends(Scorer& scorer, const FeatureRows& rows, std::span<const std::uint32_t> which) {
  if (scorer.trends.depth() == 0) return;
  const std::size_t features = scorer.model->features().size();
  row_values_.resize(features);
  std::size_t fired = 0;
  for (std::uint32_t i = 0; i < which.size(); ++i) {
    const std::uint32_t row = which[i], entity = rows.entity[row];
    for (std::size_t feature = 0; feature < features; ++feature) row_values_[feature] = model_rows_.at(feature, i);
    scorer.trends.add(entity, rows.as_of[row], rows.revision_at(row), row_values_);
    if (fired < fired_.size() && fired_[fired] == i) write_trend(scorer, entity, rows.as_of[row], i, fired++);
  }
}

void Score::write_trend(const Scorer& scorer, std::uint32_t entity, Nanos as_of, std::uint32_t row, std::size_t fired) {
  const std::vector<std::string>& features = scorer.model->features();
  const std::span<const double> contribution = std::span(contributions_).subspan(fired * (features.size() + 1), features.size());
  by_weight_.resize(features.size());
  std::iota(by_weight_.begin(), by_weight_.end(), 0U);
  std::ranges::stable_sort(by_weight_, std::ranges::greater(), [&](std::uint32_t f) { return std::fabs(contribution[f]); });
  by_weight_.resize(std::min(by_weight_.size(), options_.top));
  const std::size_t before = scorer.trends.before(entity, as_of);
  const std::size_t from = before - std::min(before, scorer.trends.depth() - 1);
  for (const std::uint32_t feature : by_weight_) {
    v1::Trend& trend = *frame_.mutable_predictions()->add_trend();
    trend.set_row(row);
    trend.set_feature(features[feature]);
    for (std::size_t at = from; at < before; ++at) {
      const TrendRings::Row one = scorer.trends.row(entity, at);
      trend.add_as_of(one.as_of);
      trend.add_value(one.values[feature]);
    }
    trend.add_as_of(as_of);
    trend.add_value(row_values_[feature]);
  }
}

}  // namespace twinpipe
