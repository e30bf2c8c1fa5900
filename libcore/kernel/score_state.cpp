// SPDX-License-Identifier: Apache-2.0
// Score: the last rows of each entity, saved and taken up again.
#include <fmt/format.h>

#include <algorithm>

#include "kernel/score_parts.hpp"
#include "state.pb.h"

namespace twinpipe {

void Score::save(const Scorer& scorer, std::uint32_t entities, v1::ScoreState& state) {
  v1::ScoreTrends& to = *state.add_trends();
  to.set_model(scorer.model->name());
  to.set_digest(scorer.model->digest());
  for (const std::string& feature : scorer.model->features()) to.add_feature(feature);
  for (std::uint32_t entity = 0; entity < entities; ++entity) {
    const std::size_t rows = scorer.trends.size(entity);
    to.add_rows(static_cast<std::uint32_t>(rows));
    for (std::size_t at = 0; at < rows; ++at) {
      const TrendRings::Row row = scorer.trends.row(entity, at);
      to.add_as_of(row.as_of);
      to.add_revision(row.revision);
      to.mutable_value()->Add(row.values.begin(), row.values.end());
    }
  }
}

std::string Score::save() const {
  v1::ScoreState state;
  for (std::uint32_t entity = 0; entity < entities_.size(); ++entity) {
    const std::string_view name = entities_.name(entity);
    state.add_entity(name.data(), name.size());
  }
  for (const auto& scorer : scorers_) save(*scorer, entities_.size(), state);
  return state.SerializeAsString();
}

Status Score::load(std::string_view bytes) {
  const auto wrong = [](const char* why) { return Status::error(Code::bad_config, std::string("the saved state ") + why); };
  v1::ScoreState state;
  if (!state.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return wrong("is not a score's");
  std::vector<std::uint32_t> entities;
  for (const std::string& name : state.entity()) {
    entities.push_back(entities_.find_or_add(name));
    if (entities.back() == EntityTable::kNone) return wrong("has more entities than --max-series");
  }
  for (auto& scorer : scorers_) {
    const Model& model = *scorer->model;
    TrendRings& trends = scorer->trends;
    trends = TrendRings(trends.depth(), model.features().size());
    const auto at = std::ranges::find_if(state.trends(), [&](const v1::ScoreTrends& saved) {
      return saved.model() == model.name() && std::ranges::equal(saved.feature(), model.features());
    });
    if (at == state.trends().end()) {
      notice(fmt::format("{} was not there when the state was saved: its trends begin anew", model.name()));
      continue;
    }
    if (at->digest() != model.digest())
      notice(fmt::format("{} is another one than when the state was saved: its trends go on", model.name()));
    if (static_cast<std::size_t>(at->rows_size()) != entities.size() || at->as_of_size() != at->revision_size() ||
        static_cast<std::size_t>(at->value_size()) != static_cast<std::size_t>(at->as_of_size()) * model.features().size())
      return wrong("does not fit itself");
    int row = 0;
    const double* values = at->value().data();
    for (std::size_t i = 0; i < entities.size(); ++i)
      for (std::uint32_t n = 0; n < at->rows(static_cast<int>(i)); ++n, ++row, values += model.features().size()) {
        if (row == at->as_of_size()) return wrong("does not fit itself");
        trends.add(entities[i], at->as_of(row), at->revision(row), std::span(values, model.features().size()));
      }
  }
  return {};
}

}  // namespace twinpipe
