// SPDX-License-Identifier: Apache-2.0
// Writes to a descriptor without ever waiting for its reader, for sources that must go on reading while that stalls. What
// does not fit waits in memory; whoever puts bytes in looks at waiting() and decides what to leave out.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "io/fd.hpp"

namespace twinpipe {

class BoundedWriter {
 public:
  explicit BoundedWriter(int fd);
  ~BoundedWriter();
  BoundedWriter(const BoundedWriter&) = delete;
  BoundedWriter& operator=(const BoundedWriter&) = delete;

  /// Writes what the descriptor takes now and keeps the rest. After the reader has left, bytes are forgotten. Errors: io_error.
  Status put(std::string_view bytes);
  /// Goes on with what waits. Errors: io_error.
  Status write_more();
  /// Waits until everything is written, or can't be. Errors: io_error.
  Status finish();

  std::size_t waiting() const { return buffer_.size() - begin_; }
  std::uint64_t written() const { return written_; }
  bool reader_left() const { return reader_left_; }
  /// To poll for POLLOUT while waiting() is not 0.
  int fd() const { return fd_; }

 private:
  Result<std::size_t> write_some(std::string_view bytes);

  int fd_;
  int flags_ = -1;  // of fd_, when they had to be changed: given back at the end
  std::string buffer_;
  std::size_t begin_ = 0;
  std::uint64_t written_ = 0;
  bool reader_left_ = false;
};

}  // namespace twinpipe
