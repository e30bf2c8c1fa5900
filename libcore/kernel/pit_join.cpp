// SPDX-License-Identifier: Apache-2.0
// Point-in-time join.
#include "kernel/pit_join.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "wire/quantity.hpp"

namespace twinpipe {
namespace {

constexpr double kNothing = std::numeric_limits<double>::quiet_NaN();

Status bad(std::string message) { return Status::error(Code::bad_data, std::move(message)); }

}  // namespace

void CurrentRows::widen(std::uint32_t count) {
  std::vector<double> wider(current_.size() * count, kNothing);
  for (std::size_t entity = 0; entity < current_.size(); ++entity)
    std::copy_n(values_.begin() + static_cast<std::ptrdiff_t>(entity * count_), count_,
                wider.begin() + static_cast<std::ptrdiff_t>(entity * count));
  values_ = std::move(wider);
  for (auto& [entity, rows] : future_)
    for (Future& row : rows) row.values.resize(count, kNothing);
  count_ = count;
}

void CurrentRows::make_room(std::uint32_t entity) {
  if (entity < current_.size()) return;
  const std::size_t size = std::max<std::size_t>({64, entity + std::size_t{1}, 2 * current_.size()});
  current_.resize(size);
  answered_.resize(size);
  values_.resize(size * count_, kNothing);
}

inline void CurrentRows::fill(const FeatureRows& rows, std::size_t row, double* values) const {
  const std::vector<std::uint32_t>& feature = layouts_->layout(rows.layout).feature;
  std::fill_n(values, count_, kNothing);  // of those that the layout does not have
  for (std::size_t column = 0; column < feature.size(); ++column)
    if (const std::uint32_t place = feature[column] - first_; place < count_) values[place] = rows.column[column][row];
}

inline void CurrentRows::replace(Current& current, const RowTimes& row, std::uint32_t layout) {
  if (current.layout != layout && !current.empty())
    mixed_ = mixed_ || layouts_->layout(current.layout).feature != layouts_->layout(layout).feature;
  current.row = row;
  current.layout = layout;
}

void CurrentRows::add(const FeatureRows& rows, std::size_t row, Nanos clock) {
  const std::uint32_t entity = rows.entity[row];
  make_room(entity);
  Current& current = current_[entity];
  const RowTimes times{rows.as_of[row], rows.known_at.empty() ? rows.as_of[row] : rows.known_at[row], rows.revision_at(row)};
  if (times.as_of <= current.answered_until) look_for_leaks(entity, times);
  // Every label to come is at the clock or behind it: of two rows that the clock has passed, only the newer one can matter.
  if (!fits(times.as_of, clock)) return await(entity, times, rows, row);
  if (!current.empty() && !times.newer_than(current.row)) return;
  replace(current, times, rows.layout);
  fill(rows, row, values_.data() + std::size_t{entity} * count_);
}

/// The clock of the source ran ahead of the one that says when rows became known.
void CurrentRows::await(std::uint32_t entity, const RowTimes& times, const FeatureRows& rows, std::size_t row) {
  Future future{times, rows.layout, std::vector<double>(count_, kNothing)};
  fill(rows, row, future.values.data());
  std::vector<Future>& waiting = future_[entity];
  current_[entity].has_future = true;
  const auto same = std::ranges::find(waiting, times.as_of, [](const Future& other) { return other.row.as_of; });
  if (same == waiting.end()) {
    future_bytes_ += sizeof(Future) + count_ * sizeof(double);
    waiting.push_back(std::move(future));
  } else if (times.newer_than(same->row)) {
    *same = std::move(future);
  }
}

void CurrentRows::promote(std::uint32_t entity, Nanos time) {
  std::vector<Future>& waiting = future_[entity];
  Current& current = current_[entity];
  std::erase_if(waiting, [&](const Future& future) {
    if (!fits(future.row.as_of, time)) return false;
    if (current.empty() || future.row.newer_than(current.row)) {
      replace(current, future.row, future.layout);
      std::ranges::copy(future.values, values_.begin() + static_cast<std::ptrdiff_t>(std::size_t{entity} * count_));
    }
    future_bytes_ -= sizeof(Future) + count_ * sizeof(double);
    return true;
  });
  if (!waiting.empty()) return;
  current.has_future = false;
  future_.erase(entity);
}

Chosen CurrentRows::answer(std::uint32_t entity, Nanos time, std::span<double> values) {
  make_room(entity);
  if (current_[entity].has_future) promote(entity, time);
  const Current& current = current_[entity];
  Chosen chosen;
  if (!current.empty()) {
    chosen.row = current.row;
    chosen.layout = current.layout;
    chosen.missing = saturating_sub(time, current.row.as_of) > options_->tolerance ? Missing::too_old : Missing::no;
  }
  if (chosen.missing == Missing::no) {
    std::copy_n(values_.begin() + static_cast<std::ptrdiff_t>(std::size_t{entity} * count_), count_, values.begin());
    if (options_->event_time && current.row.known_at > time) ++leaks_;
  } else {
    std::ranges::fill(values, kNothing);
  }
  if (!options_->event_time) remember(entity, time, chosen.row);
  return chosen;
}

void CurrentRows::remember(std::uint32_t entity, Nanos time, const RowTimes& chosen) {
  std::vector<Answered>& labels = answered_[entity];
  if (labels.capacity() == 0) labels.reserve(8);
  labels.push_back({time, chosen.as_of, chosen.revision});
  current_[entity].answered_until = time;
  if (++remembered_ * sizeof(Answered) > options_->leak_memory) forget_half();
}

/// The older half of each entity's: a row that is known late seldom is known very late.
void CurrentRows::forget_half() {
  remembered_ = 0;
  for (std::vector<Answered>& labels : answered_) {
    const std::size_t half = (labels.size() + 1) / 2;
    forgotten_ += half;
    labels.erase(labels.begin(), labels.begin() + static_cast<std::ptrdiff_t>(half));
    labels.shrink_to_fit();
    remembered_ += labels.size();
  }
}

/// Labels that an event-time join would have given this row, which nobody had at their time: as_of ≤ T within the tolerance,
/// and newer than what they got. As T rises, what labels got is never older, so these labels stand side by side.
void CurrentRows::look_for_leaks(std::uint32_t entity, const RowTimes& row) {
  std::vector<Answered>& labels = answered_[entity];
  const auto first = std::ranges::partition_point(labels, [&](const Answered& label) { return !fits(row.as_of, label.time); });
  const auto last = std::partition_point(first, labels.end(), [&](const Answered& label) {
    return saturating_sub(label.time, row.as_of) <= options_->tolerance &&
           (label.as_of < row.as_of || (label.as_of == row.as_of && label.revision < row.revision));
  });
  const auto found = static_cast<std::size_t>(last - first);
  leaks_ += found;
  remembered_ -= found;
  labels.erase(first, last);
  current_[entity].answered_until = labels.empty() ? kBeginning : labels.back().time;
}

PitJoin::PitJoin(const PitOptions& options, const FeatureLayouts& layouts) : options_(options), layouts_(&layouts) {}

/// Takes notice of layouts that came since the last call.
void PitJoin::fit_layouts() {
  const auto features = static_cast<std::uint32_t>(layouts_->features().size());
  if (options_.each) {
    while (groups_.size() < features) groups_.emplace_back(options_, *layouts_, static_cast<std::uint32_t>(groups_.size()), 1);
  } else if (groups_.empty()) {
    groups_.emplace_back(options_, *layouts_, 0, features);
  } else if (groups_[0].count() < features) {
    groups_[0].widen(features);
  }
  while (groups_of_.size() < layouts_->size()) {
    std::vector<std::uint32_t>& groups = groups_of_.emplace_back();
    if (!options_.each) groups.push_back(0);
    else
      std::ranges::copy_if(layouts_->layout(static_cast<std::uint32_t>(groups_of_.size() - 1)).feature,
                           std::back_inserter(groups), [](std::uint32_t feature) { return feature != FeatureLayouts::kNone; });
  }
  chosen_.resize(options_.each ? features : 1);
  values_.resize(features);
}

Status PitJoin::add(const FeatureRows& rows, std::size_t begin, std::size_t end) {
  if (groups_of_.size() <= rows.layout || groups_.empty()) fit_layouts();
  const PackedView<Nanos>& walk = options_.event_time ? rows.as_of : rows.known_at;
  const std::vector<std::uint32_t>& groups = groups_of_[rows.layout];
  for (std::size_t row = begin; row < end; ++row) {
    const Nanos time = walk[row];
    if (time <= latest_ && rows.entity[row] < answered_until_.size() && time <= answered_until_[rows.entity[row]])
      return refuse(rows, row);
    clock_ = std::max(clock_, time);
    for (const std::uint32_t group : groups) groups_[group].add(rows, row, clock_);
  }
  std::size_t future = 0;
  for (const CurrentRows& group : groups_) future += group.future_bytes();
  if (future <= options_.row_memory) return {};
  bad_row_ = end - 1;
  return bad(fmt::format("rows known before their as_of fill {} bytes (--memory)", options_.row_memory));
}

Status PitJoin::refuse(const FeatureRows& rows, std::size_t row) {
  bad_row_ = row;
  const std::uint32_t entity = rows.entity[row];
  const std::string_view what = options_.event_time ? "as of" : "known at";
  return bad(fmt::format(
      "a row {} {} comes behind the answer to a label of {}, of the same entity: the rows are not in order "
      "(--order any sorts them)",
      what, format_time((options_.event_time ? rows.as_of : rows.known_at)[row]), format_time(answered_until_[entity])));
}

Result<PitJoin::Answer> PitJoin::answer(std::uint32_t entity, Nanos time) {
  fit_layouts();
  if (entity >= answered_until_.size())
    answered_until_.resize(std::max<std::size_t>(entity + std::size_t{1}, 2 * answered_until_.size()), kBeginning);
  if (time < clock_ || time < answered_until_[entity])
    return bad(fmt::format("a label of {} comes behind one of {}: the labels are not in order of time (--order any sorts them)",
                           format_time(time), format_time(std::max(latest_, answered_until_[entity]))));
  answered_until_[entity] = time;
  latest_ = std::max(latest_, time);
  for (std::size_t i = 0; i < groups_.size(); ++i) {
    CurrentRows& group = groups_[i];
    chosen_[i] = group.answer(entity, time, std::span(values_).subspan(group.first(), group.count()));
  }
  return Answer{chosen_, values_};
}

std::uint64_t PitJoin::leaks() const {
  std::uint64_t all = 0;
  for (const CurrentRows& group : groups_) all += group.leaks();
  return all;
}

std::uint64_t PitJoin::forgotten() const {
  std::uint64_t all = 0;
  for (const CurrentRows& group : groups_) all += group.forgotten();
  return all;
}

}  // namespace twinpipe
