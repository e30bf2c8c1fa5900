// SPDX-License-Identifier: Apache-2.0
// Point-in-time join: which feature row was the current one of an entity at a time T, counting only rows that were known then.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "kernel/feature_rows.hpp"

namespace twinpipe {

struct PitOptions {
  Nanos tolerance = kForever;                       // greatest T − as_of; the bound itself is within
  bool strict = false;                              // as_of < T instead of as_of ≤ T
  bool event_time = false;                          // rows count whether they were known at T or not: the named exception
  bool each = false;                                // each feature by itself: the newest of the rows that have its column
  std::size_t leak_memory = std::size_t{32} << 20;  // bytes for labels that a row known later may still prove to leak
  std::size_t row_memory = std::size_t{32} << 20;   // bytes for rows of the future
};

/// The times of a row: what decides which of two rows is newer.
struct RowTimes {
  Nanos as_of = kBeginning, known_at = kBeginning;
  std::uint32_t revision = 0;

  /// Rows of one entity: the greater as_of, then the newer revision, then the one known later. Alike: the other one, which came
  /// later.
  bool newer_than(const RowTimes& other) const {
    if (as_of != other.as_of) return as_of > other.as_of;
    if (revision != other.revision) return revision > other.revision;
    return known_at >= other.known_at;
  }
};

/// Where a row stands in the order in which the log is walked.
inline Nanos walk_time(const PitOptions& options, const RowTimes& row) { return options.event_time ? row.as_of : row.known_at; }

enum class Missing : std::uint8_t { no, never_known, too_old };

/// The row that was joined, or why there is none.
struct Chosen {
  Missing missing = Missing::never_known;
  RowTimes row;
  std::uint32_t layout = 0;
};

/// Rows of one column, or of all columns together, by entity.
class CurrentRows {
 public:
  /// `first`, `count`: which features.
  CurrentRows(const PitOptions& options, const FeatureLayouts& layouts, std::uint32_t first, std::uint32_t count)
      : options_(&options), layouts_(&layouts), first_(first), count_(count) {}

  /// A wider layout came: the new features are missing in the rows so far.
  void widen(std::uint32_t count);
  /// `clock`: greatest walk_time so far; every label to come is as late or later.
  void add(const FeatureRows& rows, std::size_t row, Nanos clock);
  /// What a label of this entity gets at `time`, not before the clock. `values`: count() places.
  Chosen answer(std::uint32_t entity, Nanos time, std::span<double> values);

  std::uint32_t first() const { return first_; }
  std::uint32_t count() const { return count_; }
  std::uint64_t leaks() const { return leaks_; }
  std::uint64_t forgotten() const { return forgotten_; }
  std::size_t future_bytes() const { return future_bytes_; }
  /// An entity has had rows of different columns.
  bool mixed() const { return mixed_; }

 private:
  struct Current {
    RowTimes row;
    std::uint32_t layout = FeatureLayouts::kNone;
    Nanos answered_until = kBeginning;  // greatest time of a label that waits in answered_
    bool has_future = false;
    bool empty() const { return layout == FeatureLayouts::kNone; }
  };
  struct Future {
    RowTimes row;
    std::uint32_t layout = 0;
    std::vector<double> values;
  };
  /// A label that was answered: may a row that was not known yet be what an event-time join would have taken?
  struct Answered {
    Nanos time, as_of;
    std::uint32_t revision;
  };

  bool fits(Nanos as_of, Nanos time) const { return options_->strict ? as_of < time : as_of <= time; }
  void make_room(std::uint32_t entity);
  void fill(const FeatureRows& rows, std::size_t row, double* values) const;
  void replace(Current& current, const RowTimes& row, std::uint32_t layout);
  void await(std::uint32_t entity, const RowTimes& times, const FeatureRows& rows, std::size_t row);
  void promote(std::uint32_t entity, Nanos time);
  void look_for_leaks(std::uint32_t entity, const RowTimes& row);
  void remember(std::uint32_t entity, Nanos time, const RowTimes& chosen);
  void forget_half();

  const PitOptions* options_;
  const FeatureLayouts* layouts_;
  std::uint32_t first_, count_;
  std::vector<Current> current_;                                   // by entity
  std::vector<double> values_;                                     // count_ each
  std::unordered_map<std::uint32_t, std::vector<Future>> future_;  // rows whose as_of the clock has not reached: clocks run ahead
  std::size_t future_bytes_ = 0;
  std::vector<std::vector<Answered>> answered_;  // by entity, in order of time; as_of and revision never fall in it
  std::size_t remembered_ = 0;
  std::uint64_t leaks_ = 0, forgotten_ = 0;
  bool mixed_ = false;
};

/// Walks the log in the order in which rows became known, and takes a snapshot at each label. O(entities) memory.
class PitJoin {
 public:
  PitJoin(const PitOptions& options, const FeatureLayouts& layouts);
  PitJoin(const PitJoin&) = delete;
  PitJoin& operator=(const PitJoin&) = delete;

  /// Takes rows from `begin` to before `end`, all of them known at the time of the next label. They need not be in order among
  /// each other. Errors (bad_data): a row that a label should have seen that was answered already, and `bad_row` is its number;
  /// rows of the future fill the memory.
  Status add(const FeatureRows& rows, std::size_t begin, std::size_t end);
  std::size_t bad_row() const { return bad_row_; }

  struct Answer {
    std::span<const Chosen> chosen;  // one; with --each one a feature
    std::span<const double> values;  // one a feature; NaN: missing
  };
  /// The label's answer; valid until the next call. Errors (bad_data): the walk is past it.
  Result<Answer> answer(std::uint32_t entity, Nanos time);

  Nanos clock() const { return clock_; }
  /// Labels (with --each: values) that an event-time join would have given a row that was not known yet.
  std::uint64_t leaks() const;
  /// Labels whose leak nobody would have noticed any more: leaks() is then a lower bound.
  std::uint64_t forgotten() const;
  /// An entity has rows of different columns: without --each, only the newest row's values are joined.
  bool mixed() const { return !options_.each && !groups_.empty() && groups_[0].mixed(); }

 private:
  void fit_layouts();
  Status refuse(const FeatureRows& rows, std::size_t row);

  PitOptions options_;
  const FeatureLayouts* layouts_;
  Nanos clock_ = kBeginning;
  std::vector<CurrentRows> groups_;
  Nanos latest_ = kBeginning;                          // label that was answered
  std::vector<Nanos> answered_until_;                  // by entity
  std::vector<std::vector<std::uint32_t>> groups_of_;  // by layout
  std::vector<Chosen> chosen_;
  std::vector<double> values_;
  std::size_t bad_row_ = 0;
};

}  // namespace twinpipe
