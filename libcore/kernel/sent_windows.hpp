// SPDX-License-Identifier: Apache-2.0
// Which windows of a series have been sent, and how often: runs of windows of one revision, a bounded number of them.
#pragma once

#include <optional>
#include <vector>

#include "wire/frame.hpp"

namespace twinpipe {

/// A window is named by its start. Beyond kMost runs the two oldest become one that covers what lies between them too, under
/// the greater revision: a window may then be taken for sent that was not (its row comes as a delta, which adds to nothing),
/// but no revision is ever used twice.
class SentWindows {
 public:
  struct Run {
    Nanos first = 0, last = 0;  // starts of windows, both included
    std::uint32_t revision = 0;
    bool older = false;  // sent before begin_anew()
  };
  static constexpr std::size_t kMost = 32;

  /// The revision sent last, if any was.
  std::optional<std::uint32_t> find(Nanos start) const;
  /// Notes one more sending and returns its revision, 0 for the first. `slide`: from one window's start to the next one's.
  std::uint32_t send(Nanos start, Nanos slide);

  /// From here on nothing adds to what has been sent: it is in another unit, or weighted otherwise.
  void begin_anew();
  /// Has a row been sent that a delta may add to, or one that none may add to?
  bool is_open(Nanos start) const;
  bool is_older(Nanos start) const;

  const std::vector<Run>& runs() const { return runs_; }
  void set_runs(std::vector<Run> runs) { runs_ = std::move(runs); }

 private:
  const Run* run_of(Nanos start) const;
  void join(std::size_t at, Nanos slide);

  std::vector<Run> runs_;  // in order of time
};

}  // namespace twinpipe
