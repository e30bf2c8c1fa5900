// SPDX-License-Identifier: Apache-2.0
// Count, extremes and central moments of a set of values, in a form that merges: what a row of Aggregates is made of.
//
// Sums of powers cancel; central moments do not. A block of values is taken in two passes (mean, then deviations from it,
// with the correction for the mean's own rounding: Chan, Golub, LeVeque 1983), and blocks are merged by the pairwise
// formulas of Pébay, "Formulas for Robust, One-Pass Parallel Computation of Covariances and Arbitrary-Order Statistical
// Moments", SAND2008-6212, equations 2.1 and 3.1. Results depend on the order of merging in their last bits alone.
#pragma once

#include <span>

#include "wire/frame.hpp"

namespace twinpipe {

struct Moments {
  std::uint64_t count = 0;
  double weight = 0;  // sum of the weights: of readings their number, of a curve seconds
  double mean = 0;
  double m2 = 0, m3 = 0, m4 = 0;  // sums of w·(x − mean)^k
  double min = 0, max = 0;        // where weight > 0
  double first = 0, last = 0;     // values at first_time and last_time
  Nanos first_time = kForever, last_time = kBeginning;

  bool empty() const { return !(weight > 0); }
  /// Adds what `other` holds. Of equal times `first` stays and `last` is the other's.
  void merge(const Moments& other);

  // Not a number where nothing was weighed.
  double standard_deviation() const;  // population
  double rms() const;                 // rms² = mean² + variance
  double peak() const;                // greatest absolute value
  double crest() const;               // peak / rms; not a number where rms is 0
  /// Fourth standardised moment, 3 for a normal distribution. Not a number where all values are equal, or where the fourth
  /// power of their spread leaves the range of a double.
  double kurtosis() const;
};

/// Of values that weigh 1 each; times are the caller's business. All must be finite: else `mean` is not. Vectorised: eight
/// partial sums whatever the processor, so that every machine gives the same bits.
Moments moments_of(std::span<const double> values);
Moments moments_of(std::span<const float> values);

/// A straight line from `begin` to `end` that lasts `seconds` > 0: a piece of a curve.
struct Stretch {
  Nanos from = 0, to = 0;
  double begin = 0, end = 0;
};
/// Of a curve, weighted by time: the moments are integrals over each stretch. `count` stays 0.
Moments moments_of(std::span<const Stretch> curve);

}  // namespace twinpipe
