// SPDX-License-Identifier: Apache-2.0
// What features know of one pane of a series, or of two series at once, in a form that merges: weights, means and central
// moments, never running sums, so that nothing drifts however long a stream is.
//
// Moments of value and time are merged by the pairwise formulas of Chan, Golub and LeVeque (1983), those of two variables by
// the same with products. Each is a pure function of the readings in a pane and of those that reach into it.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "wire/frame.hpp"

namespace twinpipe {

/// One value at one time. Not a number: nothing is known from here on until the next one.
struct FeaturePoint {
  Nanos time = kBeginning;
  double value = 0;
  float covered = 0;  // seconds that the value speaks of: of a row of aggregates or spectra; 0: of a reading
};

/// Of one series. Times are seconds behind the start of the pane.
struct SeriesSums {
  double weight = 0;          // readings, or seconds
  double covered = 0;         // seconds about which something is known
  double count = 0;           // readings; of a state, how often it was entered
  double mean = 0, rest = 0;  // the mean is mean + rest: pieces of a window differ by less than a double of their size can tell
  double m2 = 0;
  double time = 0;          // mean time
  double tt = 0, tv = 0;    // sums of w·(t − mean time)², and of w·(t − mean time)·(v − mean)
  double min = 0, max = 0;  // where weight > 0, as all below
  double first = 0, last = 0;
  double first_time = 0, last_time = 0;

  bool empty() const { return weight == 0 && covered == 0 && count == 0; }
  /// Adds what lies behind: `other`, whose pane begins `shift` seconds behind this one's.
  void merge(const SeriesSums& other, double shift);
  bool operator==(const SeriesSums& other) const = default;
};

/// Of two series, over the time in which both have a value.
struct PairSums {
  double weight = 0;                            // seconds
  double x = 0, y = 0, rest_x = 0, rest_y = 0;  // means, as above
  double xx = 0, yy = 0, xy = 0;                // sums of w·(x − mean x)² and so on

  bool empty() const { return weight == 0; }
  void merge(const PairSums& other, double shift);
  bool operator==(const PairSums& other) const = default;
};

/// Sorts by time, then value, and leaves out what says the same twice: two values of one time are two facts.
void put_in_order(std::vector<FeaturePoint>& points);

/// The pane [from, to) of readings that weigh the same. `points`: in order, those of the pane. `period`: expected between two of
/// them, 0: unknown; then a pane in which anything came counts as covered.
SeriesSums sums_by_count(std::span<const FeaturePoint> points, Nanos from, Nanos to, Nanos period);

/// How a value holds between two points.
struct Holding {
  bool linear = false;    // on a straight line to the next point; otherwise as it is
  Nanos most = kForever;  // the longest silence that is bridged
};
/// The pane [from, to) of a curve, weighted by time. `before`: the last point in front of the pane, `next`: the first one behind
/// it (only lines look at it); without one, its time is kBeginning. `count` is that of the points in the pane.
SeriesSums sums_by_time(std::span<const FeaturePoint> points, const FeaturePoint& before, const FeaturePoint& next, Nanos from,
                        Nanos to, const Holding& holding);

/// Two series in the pane [from, to): each value holds until the next one of its series.
struct HeldSeries {
  std::span<const FeaturePoint> points;
  FeaturePoint before;
  Nanos most = kForever;
};
PairSums sums_of_pair(const HeldSeries& x, const HeldSeries& y, Nanos from, Nanos to);

}  // namespace twinpipe
