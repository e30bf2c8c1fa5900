// SPDX-License-Identifier: Apache-2.0
// How well the readings that were kept stand for those that were not: the measured worst error beside the bound that the
// stream's Applied frames promise.
//
// The kept stream is read first and is held in memory, 16 bytes a reading; then each reading of the whole one is compared
// with what the kept ones say of its time, by the interpolation that the rule states. Compared are good, finite, numeric readings
// that came in order, of series that a rule with an interpolation applies to, outside its shortest interval. Those of which the
// kept ones say nothing are counted apart: a reading that was lost must not look like one that was well kept.
//
// A segment may have another policy than the one before it. So each kept reading remembers what was promised when it was
// sent, and that holds until the next kept one.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "policy/in_force.hpp"
#include "wire/columns.hpp"
#include "wire/series_table.hpp"

namespace twinpipe {

class Reconstruction {
 public:
  // ---- the kept stream
  /// Another segment: what was promised in the one before it is no longer.
  void take_open();
  void take_applied(const v1::Applied& applied);
  void take_kept(const SeriesTable& table, const Columns& columns);

  // ---- then the whole one
  void compare(const SeriesTable& table, const Columns& columns);

  struct Worst {
    v1::Weighting interpolation = v1::WEIGHTING_STEP;
    double error = 0, bound = 0;                          // of the reading whose error is the greatest part of its bound
    std::uint64_t compared = 0, beyond = 0, unknown = 0;  // readings; those whose error is greater than the bound; not compared
    bool kept = false;                                    // at least one reading of the series
    /// Where the bound is 0, any error is too much.
    double part() const;
  };
  /// By series name.
  const std::map<std::string, Worst>& worst() const { return worst_; }

 private:
  struct Point {
    Nanos time;
    double value;  // not a number: nothing can be said from here on
  };
  /// What all tools promise together for the series of a node. Nodes and segments under the same policies share one.
  using Promises = PoliciesInForce::Policies;
  /// Points from `first` on were sent under these promises.
  struct Span {
    std::size_t first;
    std::uint32_t promises;
  };
  struct Series {
    std::vector<Point> points;
    std::vector<Span> spans;
    std::size_t at = 0;    // last point at or before the newest reading compared
    std::size_t span = 0;  // that of the point
    Nanos newest = kBeginning;
    // The promise below was looked up for this span, or for readings before the first point, and holds before `until`.
    Nanos until = kBeginning;
    std::size_t span_of_promise = 0;
    bool promised = false, before_first = false;
    v1::Weighting interpolation = v1::WEIGHTING_STEP;
    double bound = 0;
    Nanos shortest = 0;
    Worst* worst = nullptr;
  };

  Series& find(const SeriesTable& table, std::uint32_t slot, bool historical);
  std::uint32_t promises_in_force(const SeriesTable& table, std::uint32_t slot);
  void promise(const SeriesTable& table, std::uint32_t slot, Nanos at, Series& series);
  bool promise_of(const AppliedPolicy& policy, const SeriesTable& table, std::uint32_t slot, Nanos at, Series& series);
  void judge(Series& series, Nanos time, double value);
  std::optional<double> rebuilt(const Series& series, Nanos time, double value) const;

  PoliciesInForce policies_;                            // of the segment at hand
  std::vector<std::optional<std::uint32_t>> in_force_;  // by node: their place below, once it was asked for
  std::map<Promises, std::uint32_t> known_;             // places of those below
  std::vector<Promises> promises_;
  std::set<std::string> words_;           // Applied frames of all segments,
  std::vector<AppliedPolicy> told_;       // and what they say
  std::map<std::string, Series> series_;  // by lane and name
  std::map<std::string, Worst> worst_;
  std::vector<Series*> slots_;  // of the table at hand, two a slot
  const SeriesTable* table_ = nullptr;
};

}  // namespace twinpipe
