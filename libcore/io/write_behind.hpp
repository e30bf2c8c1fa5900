// SPDX-License-Identifier: Apache-2.0
// Where the bytes of a source go that must never wait: a pipe whose reader may stall, a disk that may.
#pragma once

#include <poll.h>

#include <cstdint>
#include <string_view>

#include "wire/status.hpp"

namespace twinpipe {

/// What cannot be written now waits in memory; whoever puts bytes in looks at waiting() and decides what to leave out.
/// All calls come from one thread, and none but finish() blocks.
class WriteBehind {
 public:
  WriteBehind() = default;
  virtual ~WriteBehind() = default;
  WriteBehind(const WriteBehind&) = delete;
  WriteBehind& operator=(const WriteBehind&) = delete;

  /// Takes bytes: whole frames. Errors: io_error, once for all.
  virtual Status put(std::string_view bytes) = 0;
  /// Somebody waits for written() to reach what was put so far.
  virtual void hurry() {}
  /// To poll for; when it is ready, write_more() goes on. Errors: io_error.
  virtual pollfd polled() const = 0;
  virtual Status write_more() = 0;
  /// Waits until everything is written. Errors: io_error.
  virtual Status finish() = 0;

  /// Bytes that take memory.
  virtual std::size_t waiting() const = 0;
  /// Bytes that are where they belong, as safely as was promised.
  virtual std::uint64_t written() const = 0;
  /// Nobody wants them any more.
  virtual bool reader_left() const { return false; }
};

}  // namespace twinpipe
