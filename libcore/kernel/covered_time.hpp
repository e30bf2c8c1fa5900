// SPDX-License-Identifier: Apache-2.0
// The time of a series that rows weighted by time already hold: what adds to them weighs the rest of the time alone.
#pragma once

#include <vector>

#include "wire/frame.hpp"

namespace twinpipe {

/// Spans that no other one meets, in order of time. Beyond kMost the two oldest become one, the time between them included: what
/// comes for it later then weighs nothing, and no time is ever weighed twice.
class CoveredTime {
 public:
  /// [from, to), and the curve's values at both ends; a reading that no curve passes through has from == to. `until`: up to
  /// when a line may leave its end.
  struct Run {
    Nanos from = 0, to = 0;
    double begin = 0, end = 0;
    Nanos until = 0;
  };
  static constexpr std::size_t kMost = 32;

  void add(const Run& run);
  /// Is all of [from, to) covered?
  bool covers(Nanos from, Nanos to) const;
  /// The last run that begins at or before `time`, nullptr: none; and the first one behind it.
  const Run* before(Nanos time) const;
  const Run* behind(Nanos time) const;

  const std::vector<Run>& runs() const { return runs_; }
  void set_runs(std::vector<Run> runs) { runs_ = std::move(runs); }

 private:
  std::vector<Run> runs_;
};

}  // namespace twinpipe
