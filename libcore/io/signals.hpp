// SPDX-License-Identifier: Apache-2.0
// Signals as a descriptor to poll: SIGTERM and SIGINT ask to stop, SIGUSR1 asks for statistics.
#pragma once

#include "io/fd.hpp"

namespace twinpipe {

class Signals {
 public:
  /// Blocks the three signals in this thread and those that it starts later, and ignores SIGPIPE: a reader that left is
  /// seen as EPIPE. Call before any thread is started.
  Signals();

  int fd() const { return fd_.get(); }
  /// Takes what has arrived, without blocking. After the first request to stop, a second one ends the process at once.
  void drain();
  bool stop() const { return stop_; }
  /// True once for each SIGUSR1.
  bool take_statistics() { return std::exchange(statistics_, false); }

 private:
  Fd fd_;
  bool stop_ = false, statistics_ = false;
};

}  // namespace twinpipe
