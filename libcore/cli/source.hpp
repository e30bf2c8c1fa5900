// SPDX-License-Identifier: Apache-2.0
// The output side of a source: frames to standard output, flushed before any wait, with signals and statistics.
#pragma once

#include <functional>
#include <vector>

#include "cli/runner.hpp"

namespace twinpipe::cli {

/// A source's loop is: open(); then produce frames into out() and call pump() often; until done() or the data ends; close().
class Source {
 public:
  explicit Source(Tool& tool) : tool_(&tool), statistics_(tool) {}

  /// Refuses a terminal and writes the segment's Open. Errors: usage, io_error.
  Status open();
  Output& out() { return out_; }
  Signals& signals() { return signals_; }

  /// Counters of the source's own, for statistics.
  void set_counters(std::function<std::vector<Counter>()> counters) { counters_ = std::move(counters); }

  /// Writes what is pending when it is enough to be worth a write. Never waits for anything but a full pipe. For sources
  /// that never wait.
  Status pump();
  /// Flushes, then waits at most `timeout` for `fd` (-1: only for the time to pass); `ready` says what happened.
  Status wait(int fd, Nanos timeout, Ready& ready);
  Status flush();

  /// Told to stop, or the reader left.
  bool done() const { return stop_ || sink_.reader_left(); }
  bool told_to_stop() const { return stop_; }
  bool reader_left() const { return sink_.reader_left(); }
  /// Writes Close (final unless told to stop) and flushes.
  Status close();
  int output_fd() const { return sink_.fd(); }

 private:
  Status look(const Ready& ready);
  std::vector<Counter> counters() const;

  Tool* tool_;
  Signals signals_;
  Output out_;
  FrameSink sink_;
  Statistics statistics_;
  std::function<std::vector<Counter>()> counters_;
  bool stop_ = false;
};

}  // namespace twinpipe::cli
