// SPDX-License-Identifier: Apache-2.0
// The output side of a source: frames to standard output, flushed before any wait, with signals and statistics.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "cli/runner.hpp"
#include "io/bounded_writer.hpp"

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

  /// For sources that must not stop reading while standard output stalls: from here on flush() never blocks, and the caller
  /// bounds waiting(). Call behind open().
  void write_behind();
  /// Flushes, then waits for any of `watched`, for room in standard output where bytes wait, or for `timeout`. Only behind
  /// write_behind().
  Status wait(std::span<pollfd> watched, Nanos timeout);
  /// Bytes not yet written, and bytes handed over and written since write_behind().
  std::size_t waiting() const { return out_.pending().size() + (writer_ ? writer_->waiting() : 0); }
  std::uint64_t handed_over() const { return handed_over_; }
  std::uint64_t written() const { return writer_ ? writer_->written() : 0; }

  /// Told to stop, or the reader left.
  bool done() const { return stop_ || reader_left(); }
  bool told_to_stop() const { return stop_; }
  bool reader_left() const { return sink_.reader_left() || (writer_ && writer_->reader_left()); }
  /// Writes Close (final unless told to stop) and flushes.
  Status close() { return close(true); }
  /// `final`: whether the data ended, should nobody have told us to stop.
  Status close(bool final);
  int output_fd() const { return sink_.fd(); }

 private:
  Status look(const Ready& ready);
  std::vector<Counter> counters() const;

  Tool* tool_;
  Signals signals_;
  Output out_;
  FrameSink sink_;
  std::unique_ptr<BoundedWriter> writer_;
  std::uint64_t handed_over_ = 0;
  Statistics statistics_;
  std::function<std::vector<Counter>()> counters_;
  bool stop_ = false;
};

}  // namespace twinpipe::cli
