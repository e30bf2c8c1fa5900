// SPDX-License-Identifier: Apache-2.0
// Reading for programs that decide themselves what they read next: what is pending leaves before a read that may block, signals
// and a reader that left are noticed, counters are published.
#pragma once

#include <functional>
#include <vector>

#include "cli/runner.hpp"

namespace twinpipe::cli {

class Pull {
 public:
  Pull(Tool& tool, std::function<std::vector<Counter>()> counters) : statistics_(tool), counters_(std::move(counters)) {}

  /// Called when something was read.
  void set_on_read(std::function<void()> on_read) { on_read_ = std::move(on_read); }
  Output& out() { return out_; }
  FrameSink& sink() { return sink_; }
  std::uint64_t bytes_out() const { return sink_.bytes(); }

  enum class Got { more, ended, stopped };
  /// Waits for `fd`, then calls `refill`, which says whether there is more.
  Result<Got> read(int fd, const std::function<bool()>& refill);
  /// Writes what is pending when it is enough to be worth a write.
  Status pump();
  Status flush() { return sink_.flush(out_); }
  Status publish() { return statistics_.publish(counters_(), monotonic_now(), false); }

  /// Told to stop, or the reader left: nothing more is read.
  bool stopped() const { return stop_ || reader_left_; }
  bool reader_left() const { return reader_left_; }

 private:
  Status look(const Ready& ready);

  Signals signals_;
  Output out_;
  FrameSink sink_;
  Statistics statistics_;
  std::function<std::vector<Counter>()> counters_;
  std::function<void()> on_read_;
  bool stop_ = false, reader_left_ = false;
};

}  // namespace twinpipe::cli
