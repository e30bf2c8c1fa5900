// SPDX-License-Identifier: Apache-2.0
// Signals as a descriptor to poll: SIGTERM and SIGINT ask to stop, SIGUSR1 asks for statistics.
#pragma once

#include "io/fd.hpp"

namespace twinpipe {

/// Handlers that wake a descriptor. Not signalfd: that needs the signals blocked, and a process that is blocked in a
/// write to a reader that does not read could then not be ended but by SIGKILL. Here the first request to stop restores
/// the default, so that a second one ends the process wherever it is. One object at a time.
class Signals {
 public:
  /// Also ignores SIGPIPE: a reader that left is seen as EPIPE.
  Signals();
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  int fd() const { return fd_.get(); }
  /// Takes what has arrived, without blocking.
  void drain();
  bool stop() const { return stop_; }
  /// True once for each SIGUSR1.
  bool take_statistics() { return std::exchange(statistics_, false); }

 private:
  Fd fd_;
  bool stop_ = false, statistics_ = false;
};

}  // namespace twinpipe
