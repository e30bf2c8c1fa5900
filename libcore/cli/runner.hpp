// SPDX-License-Identifier: Apache-2.0
// The loop of every filter and sink: read, hand to the stage, flush before a read that may block, save state at
// Positions, stop on signals.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "cli/statistics.hpp"
#include "cli/tool.hpp"
#include "io/frame_reader.hpp"
#include "io/waiter.hpp"
#include "kernel/driver.hpp"

namespace twinpipe::cli {

/// What a sink with work of its own (Kafka's delivery reports) adds to the loop.
struct Hooks {
  int fd = -1;                      // wakes the loop when readable
  std::function<Status()> on_wake;  // called then, and at least every 100 ms while the input is quiet
  /// For filters that add what comes when it comes (a service's answers): writes it where a frame may stand. Called behind each
  /// frame, after on_wake, and before the last Close. At the end of the input `hold` is then asked before that Close too.
  std::function<Status(Output&)> add;
  /// Asked after each frame, and again at the end of the input (`ended`): how long to take nothing more, at most; 0: go on.
  /// Meanwhile on_wake runs when `fd` is readable, and a request to stop is heard. For sinks with bounded queues.
  std::function<Result<Nanos>(bool ended)> hold;
  /// A Position is about to pass: side outputs are made safe before the state is saved under it.
  std::function<Status()> before_position;
  /// A Position passes: everything before it was handed to the stage, whose state is saved under it when --state says so.
  std::function<Status(const v1::Position&)> on_position;
  /// A Resume passes: the Position that the restarted source starts from.
  std::function<Status(const v1::Position&)> on_resume;
  /// The input ended or we were told to stop; `final`: it really ended. Called before the process ends with 0.
  std::function<Status(bool final)> on_end;
  /// Counters of the sink's own, for statistics.
  std::function<std::vector<Counter>()> counters;
};

/// Standard output as frames: refuses a terminal, widens the pipe, counts bytes.
class FrameSink {
 public:
  /// Errors: usage, when standard output is a terminal; io_error, when it is closed.
  Status open(int fd = 1);
  /// For text, which a terminal may have.
  Status open_text(int fd = 1);
  /// Writes what `out` holds. `reader_left` is then true when nobody reads any more.
  Status flush(Output& out);
  int fd() const { return fd_; }
  bool reader_left() const { return reader_left_; }
  /// The reader was seen to leave.
  void leave() { reader_left_ = true; }
  std::uint64_t bytes() const { return bytes_; }

 private:
  int fd_ = -1;
  bool reader_left_ = false;
  std::uint64_t bytes_ = 0;
};

/// Runs `stage` from standard input to standard output until the end, an error, a signal, or until the reader left.
/// Sinks (Role::sink) write nothing.
Status run_stage(Tool& tool, SeriesTable& table, Stage& stage, const Hooks& hooks = {});

/// The same loop without a stage, for fcat.
struct Feed {
  using Write = std::function<Status(Output&)>;
  FrameSource& source;  // not yet given a descriptor
  FrameTaker& taker;
  std::vector<std::string> files;  // read one after another, as if joined; none, or "-": standard input
  bool text = false;               // what the taker writes is text
  Write write;                     // takes what is pending, in place of standard output
};

/// Runs until the end of the last file, an error, a signal, until the reader left, or until the taker is done.
Status run_feed(Tool& tool, const Feed& feed, const Hooks& hooks = {});

}  // namespace twinpipe::cli
