// SPDX-License-Identifier: Apache-2.0
// Writes to a descriptor from a thread of its own, for sources that must go on reading while their reader stalls. Whoever
// puts bytes in looks at waiting() and decides what to leave out.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "io/fd.hpp"

namespace twinpipe {

class BoundedWriter {
 public:
  explicit BoundedWriter(int fd);
  /// Does not wait for what is not yet written: see finish().
  ~BoundedWriter();
  BoundedWriter(const BoundedWriter&) = delete;
  BoundedWriter& operator=(const BoundedWriter&) = delete;

  /// Never blocks. After a failure, or when the reader has left, bytes are forgotten.
  void put(std::string bytes);
  /// Bytes put and not yet written.
  std::size_t waiting() const;
  std::uint64_t written() const;
  /// Waits until everything is written, or can't be. Errors: io_error.
  Status finish();

  bool reader_left() const;
  /// Errors: io_error, of the descriptor.
  Status status() const;
  /// Readable when bytes were written, or something went wrong, since the last acknowledge().
  int event_fd() const;
  void acknowledge();

 private:
  struct State;
  static void run(const std::shared_ptr<State>& state);
  std::shared_ptr<State> state_;  // shared with the thread, which may be stuck in a write when we go
};

}  // namespace twinpipe
