// SPDX-License-Identifier: Apache-2.0
// Why a label got the row that it got.
#include "kernel/pit_explain.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernel/text_values.hpp"
#include "wire/quantity.hpp"

namespace twinpipe {

void PitExplain::Candidate::offer(const RowTimes& other, bool better, const std::vector<double>& others) {
  if (found && !better) return;
  found = true;
  row = other;
  values = others;
}

void PitExplain::fit_layouts() {
  const auto features = static_cast<std::uint32_t>(layouts_->features().size());
  if (groups_.empty() && !options_.each) groups_.emplace_back();
  for (std::uint32_t feature = 0; feature < features; ++feature) {
    if (options_.each && groups_.size() <= feature) groups_.emplace_back().features.push_back(feature);
    if (!options_.each && groups_[0].features.size() <= feature) groups_[0].features.push_back(feature);
  }
}

void PitExplain::add(const FeatureRows& rows) {
  fit_layouts();
  const std::vector<std::uint32_t>& feature = layouts_->layout(rows.layout).feature;
  for (std::size_t row = 0; row < rows.rows(); ++row) {
    if (rows.entity[row] != entity_) continue;
    const RowTimes times{rows.as_of[row], rows.known_at.empty() ? rows.as_of[row] : rows.known_at[row], rows.revision_at(row)};
    for (Group& group : groups_) {
      values_.assign(group.features.size(), std::numeric_limits<double>::quiet_NaN());
      bool has_column = !options_.each;
      for (std::size_t column = 0; column < feature.size(); ++column) {
        const auto place = std::ranges::find(group.features, feature[column]);
        if (place == group.features.end()) continue;
        values_[static_cast<std::size_t>(place - group.features.begin())] = rows.column[column][row];
        has_column = true;
      }
      if (has_column) add_row(group, times);
    }
  }
}

void PitExplain::add_row(Group& group, const RowTimes& row) {
  ++group.rows;
  if (options_.strict ? row.as_of >= time_ : row.as_of > time_) return;
  group.naive.offer(row, row.newer_than(group.naive.row), values_);
  if (row.known_at > time_) {
    ++group.late;
    return;
  }
  ++group.in_time;
  group.known.offer(row, row.newer_than(group.known.row), values_);
  group.newest.offer(row, row.known_at >= group.newest.row.known_at, values_);
}

void PitExplain::append_candidate(std::string_view what, const Group& group, const Candidate& candidate, std::string_view why,
                                  std::string& text) const {
  text += fmt::format("{:<18}", what);
  if (!candidate.found) {
    text += fmt::format("nothing: {}\n", why);
    return;
  }
  text += fmt::format("as_of {}, known_at {}, revision {}, age {}", format_time(candidate.row.as_of),
                      format_time(candidate.row.known_at), candidate.row.revision,
                      format_duration(saturating_sub(time_, candidate.row.as_of)));
  text += fmt::format(": {}\n", why);
  for (std::size_t i = 0; i < group.features.size(); ++i) {
    text += fmt::format("{:18}{} ", "", layouts_->features()[group.features[i]]);
    if (std::isnan(candidate.values[i])) text += "missing";
    else append_number(candidate.values[i], text);
    text += '\n';
  }
}

void PitExplain::append(const Group& group, std::string& text) const {
  const std::string_view until = options_.strict ? "before" : "until";
  text += fmt::format("{} rows as of {} then, {} of them known by then and {} only later; {} rows as of later\n",
                      group.in_time + group.late, until, group.in_time, group.late, group.rows - group.in_time - group.late);
  const Candidate& joined = options_.event_time ? group.naive : group.known;
  if (joined.found && !near(joined.row))
    text += fmt::format("{:<18}nothing: the newest row is {} old, the tolerance is {}\n", "joined",
                        format_duration(saturating_sub(time_, joined.row.as_of)), format_duration(options_.tolerance));
  else
    append_candidate("joined", group, joined,
                     !joined.found         ? "no such row was known"
                     : options_.event_time ? "the greatest as_of, known or not (--event-time)"
                                           : "the greatest as_of of the rows known by then",
                     text);
  const Candidate& naive = group.naive;
  const bool leaks = naive.found && near(naive.row) && naive.row.known_at > time_;
  if (leaks)
    append_candidate("event-time join", group, naive,
                     fmt::format("it leaks, for this row was not known until {} later",
                                 format_duration(saturating_sub(naive.row.known_at, time_))),
                     text);
  else text += fmt::format("{:<18}the same row or none: no leak\n", "event-time join");
  if (group.newest.found && group.newest.row.as_of < group.known.row.as_of)
    append_candidate("newest known", group, group.newest,
                     "the last to become known, and an older one: a join on known_at alone goes back in time", text);
}

std::string PitExplain::text() const {
  std::string text;
  for (const Group& group : groups_) {
    if (options_.each) text += fmt::format("feature {}: ", layouts_->features()[group.features[0]]);
    append(group, text);
  }
  return groups_.empty() ? "no feature rows came\n" : text;
}

}  // namespace twinpipe
