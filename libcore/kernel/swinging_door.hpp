// SPDX-License-Identifier: Apache-2.0
// The swinging door as a window of slopes: which straight lines from the last archived reading are still close enough to
// every reading that was left out since.
//
// The classical form (Bristol 1990) swings two doors open from archived ± bound and archives when they are parallel. It
// lets a line through that misses a reading by almost twice the bound. Here each reading left out narrows the window to
// the slopes that pass it within the bound (the "fan" of Gardenhire 1964), and a reading may end the line only when the
// slope to it is inside. The end is always a reading that came, never a computed point, so what is archived is a part of
// what was measured. Rejected: looking on for a later reading that is inside again, which needs memory without bound.
//
// Law: |on_line(archived, next archived, t) − value| ≤ bound at every reading left out, in the arithmetic of on_line
// itself and in real numbers, with no allowance. For that the window is narrower than the bound by `slack`, which is
// greater than all rounding of slopes and of on_line together (about 16 half-ulps). A level line needs no slack: its
// reconstruction is the archived value itself.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

#include "wire/frame.hpp"

namespace twinpipe {

/// What a reader puts between two readings of a series: the value at time t, t0 ≤ t ≤ t1, on the straight line. Where
/// there is none (the same time, infinities, not a number), the earlier value holds.
inline double on_line(Nanos t0, double v0, Nanos t1, double v1, Nanos t) {
  if (t >= t1) return v1;
  const double rise = v1 - v0;
  if (t <= t0 || !std::isfinite(rise)) return v0;
  return v0 + rise * (static_cast<double>(saturating_sub(t, t0)) / static_cast<double>(saturating_sub(t1, t0)));
}

class SlopeWindow {
 public:
  /// Whether the line to a reading `rise` above and `run` ns behind the archived one passes all that narrowed the window.
  bool fits(double rise, double run) const {
    const double slope = rise * (1 / run);
    // Neither a rise without end nor one too small for its slope is a line.
    return slope >= low_ && slope <= high_ && std::fabs(rise) <= std::numeric_limits<double>::max() && (slope != 0 || rise == 0);
  }

  /// From now on only lines that pass this reading within `bound`. `size`: |value| + |archived value|, which rounding is
  /// proportional to; run > 0.
  void narrow(double rise, double run, double size, double bound) {
    const double slack = kRounding * (size + bound) + kUnderflow;
    double least = (rise - bound + slack) * (1 / run);
    double most = (rise + bound - slack) * (1 / run);
    if (std::fabs(rise) <= bound) {
      least = std::min(least, 0.0);
      most = std::max(most, 0.0);
    }
    low_ = std::max(low_, least);
    high_ = std::min(high_, most);
  }

  double low() const { return low_; }
  double high() const { return high_; }
  static SlopeWindow restored(double low, double high) {
    SlopeWindow window;
    window.low_ = low;
    window.high_ = high;
    return window;
  }

 private:
  static constexpr double kRounding = 0x1p-48;     // 32 half-ulps
  static constexpr double kUnderflow = 0x1p-1000;  // of slopes of subnormal values, times 292 years

  double low_ = -std::numeric_limits<double>::infinity();  // per ns
  double high_ = std::numeric_limits<double>::infinity();
};

}  // namespace twinpipe
