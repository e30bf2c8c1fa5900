// SPDX-License-Identifier: Apache-2.0
// Score: which rows each model is for, and whether they are what it was trained on.
#include "kernel/score.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "kernel/score_parts.hpp"
#include "wire/names.hpp"

namespace twinpipe {
namespace {

constexpr std::size_t kFrameBytes = std::size_t{4} << 20;  // about the most that rows of one frame take
constexpr std::size_t kMostRows = 4096;

}  // namespace

Score::Score(const SeriesTable& table, std::vector<std::unique_ptr<ModelFile>> models, const Policy& policy,
             const ScoreOptions& options, std::uint32_t max_entities)
    : Stage(table), options_(options), rules_(policy, "score"), entities_(max_entities) {
  const std::size_t depth = options.evidence ? options.trend : 0;
  for (auto& model : models) {
    const auto& match = model->match();
    const Pattern* const pattern = match ? &*match : nullptr;
    scorers_.emplace_back(std::make_unique<Scorer>(std::move(model), depth))->match = pattern;
  }
  for (const Rule& rule : rules_.rules()) {
    Result<std::unique_ptr<LinearModel>> model = LinearModel::make(rule, policy.digest());
    scorers_.emplace_back(std::make_unique<Scorer>(std::move(*model), depth))->rule = &rule;
    const auto same = [&](const auto& rules) { return rules[0]->text("failure_mode", "") == rule.text("failure_mode", ""); };
    const auto at = std::ranges::find_if(by_mode_, same);
    if (at == by_mode_.end()) by_mode_.push_back({&rule});
    else at->push_back(&rule);
  }
}

Score::~Score() = default;

void Score::on_open(Output& out) {
  if (!rules_.rules().empty()) out.frame(rules_.applied());
}

/// Names are held against patterns once an entity. An entity that is no key of an asset is one without site and line.
void Score::meet_entities() {
  for (auto entity = static_cast<std::uint32_t>(matching_.size()); entity < entities_.size(); ++entity) {
    const std::string_view name = entities_.name(entity);
    const auto [site, line, asset] = split_asset_key(name).value_or(std::array<std::string, 3>{"", "", decode_level(name)});
    for (const auto& scorer : scorers_)
      if (scorer->match != nullptr) scorer->applies.push_back(scorer->match->matches(site, line, asset, ""));
    auto& modes = matching_.emplace_back(by_mode_.size());
    for (std::size_t mode = 0; mode < by_mode_.size(); ++mode)
      for (const Rule* rule : by_mode_[mode])
        if (rule->pattern.matches(site, line, asset, "")) modes[mode].push_back(rule);
  }
}

void Score::choose_rows(const FeatureRows& rows) {
  meet_entities();
  for (auto& scorer : scorers_) {
    scorer->rows.clear();
    if (scorer->rule != nullptr) continue;
    for (std::uint32_t row = 0; row < rows.rows(); ++row)
      if (scorer->match == nullptr || scorer->applies[rows.entity[row]] != 0) scorer->rows.push_back(row);
  }
  const std::size_t first = scorers_.size() - rules_.rules().size();
  for (std::uint32_t row = 0; !by_mode_.empty() && row < rows.rows(); ++row)
    for (const auto& matching : matching_[rows.entity[row]])
      if (const Rule* const rule = rules_.find(matching, rows.as_of[row]); rule != nullptr)
        scorers_[first + static_cast<std::size_t>(rule - rules_.rules().data())]->rows.push_back(row);
}

Status Score::on_features(const FrameView& frame, Output& out) {
  const Result<FeatureRows> rows = decoder_.decode(frame.payload);
  if (!rows.ok()) return rows.status();
  if (options_.keep) out.forward(frame);
  choose_rows(*rows);
  for (std::string& line : rules_.announce(out)) notice(std::move(line));
  for (auto& scorer : scorers_)
    if (Status status = score(*scorer, *rows, out); !status.ok()) return status;
  return {};
}

Status Score::score(Scorer& scorer, const FeatureRows& rows, Output& out) {
  if (scorer.rows.empty()) return {};
  if (Status status = fit(scorer, rows.layout); !status.ok()) return status;
  const std::size_t features = scorer.model->features().size();
  const std::size_t bytes = 96 + 16 * features + 24 * options_.top * scorer.trends.depth();
  const std::size_t most = std::clamp<std::size_t>(kFrameBytes / bytes, 1, kMostRows);
  for (std::span<const std::uint32_t> rest = scorer.rows; !rest.empty(); rest = rest.subspan(std::min(most, rest.size())))
    if (Status status = score_some(scorer, rows, rest.first(std::min(most, rest.size())), out); !status.ok()) return status;
  return {};
}

/// Where the model's features are in rows of a layout.
Status Score::fit(Scorer& scorer, std::uint32_t number) {
  if (number < scorer.column.size() && !scorer.column[number].empty()) return {};
  const Model& model = *scorer.model;
  const FeatureLayout& layout = layouts_.layout(number);
  const auto named = [](std::string_view digest) { return digest.empty() ? std::string("none") : std::string(digest); };
  if (const auto& known = model.definitions(); !known.empty() && std::ranges::find(known, layout.digest) == known.end())
    return Status::error(
        Code::bad_config,
        fmt::format("{} is for rows of definition {}, and these are of definition {}", model.name(),
                    fmt::join(known.size() == 1 ? std::vector{named(known[0])} : known, ", "), named(layout.digest)));
  std::vector<std::uint32_t> columns;
  for (const std::string& feature : model.features()) {
    const auto at = std::ranges::find(layout.names, feature);
    if (at == layout.names.end())
      return Status::error(Code::bad_config,
                           fmt::format("{} needs feature '{}', and the rows have {}", model.name(), feature,
                                       layout.names.empty() ? "none" : fmt::format("{}", fmt::join(layout.names, ", "))));
    columns.push_back(static_cast<std::uint32_t>(at - layout.names.begin()));
  }
  scorer.column.resize(layouts_.size());
  scorer.column[number] = std::move(columns);
  return {};
}

std::vector<Counter> Score::counters() const {
  return {
      {"rows_scored", scored_}, {"fired", fired_count_}, {"without_score", without_score_}, {"missing_values", missing_values_}};
}

}  // namespace twinpipe
