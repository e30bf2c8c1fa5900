// SPDX-License-Identifier: Apache-2.0
// How well the readings that were kept stand for those that were not: the measured worst error beside the bound that the
// stream's Applied frames promise.
//
// The kept stream is read first and is held in memory, 16 bytes a reading; then each reading of the whole one is compared
// with what the kept ones say of its time, by the interpolation that the rule states. Compared are good, finite, numeric readings
// that came in order, of series that a rule with an interpolation applies to, outside its shortest interval.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "policy/pattern.hpp"
#include "wire/columns.hpp"
#include "wire/series_table.hpp"

namespace twinpipe {

class Reconstruction {
 public:
  // ---- the kept stream
  void take_applied(const v1::Applied& applied);
  void take_kept(const SeriesTable& table, const Columns& columns);

  // ---- then the whole one
  void compare(const SeriesTable& table, const Columns& columns);

  struct Worst {
    v1::Weighting interpolation = v1::WEIGHTING_STEP;
    double error = 0, bound = 0;
    std::uint64_t compared = 0, beyond = 0;  // readings; of them those whose error is greater than the bound
  };
  /// By series name.
  const std::map<std::string, Worst>& worst() const { return worst_; }

 private:
  struct Point {
    Nanos time;
    double value;  // not a number: nothing can be said from here on
  };
  struct Series {
    std::vector<Point> points;
    std::size_t at = 0;  // last point at or before the newest reading compared
    Nanos newest = kBeginning;
    Nanos until = kBeginning;  // the promise below holds before
    bool promised = false;
    v1::Weighting interpolation = v1::WEIGHTING_STEP;
    double bound = 0;
    Nanos shortest = 0;
    Worst* worst = nullptr;
  };
  struct Promise {
    Pattern pattern;
    v1::AppliedRule rule;
  };

  Series& find(const SeriesTable& table, std::uint32_t slot, bool historical);
  void promise(const SeriesTable& table, std::uint32_t slot, Nanos at, Series& series);
  std::optional<double> rebuilt(const Series& series, Nanos time, double value) const;

  std::map<std::string, std::vector<Promise>> tools_;
  std::map<std::string, Series> series_;  // by lane and name
  std::map<std::string, Worst> worst_;
  std::vector<Series*> slots_;  // of the table at hand, two a slot
  const SeriesTable* table_ = nullptr;
};

}  // namespace twinpipe
