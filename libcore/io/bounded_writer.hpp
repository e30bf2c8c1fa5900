// SPDX-License-Identifier: Apache-2.0
// Writes to a descriptor without ever waiting for its reader, for sources that must go on reading while that stalls. What
// does not fit waits in memory; whoever puts bytes in looks at waiting() and decides what to leave out.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "io/fd.hpp"
#include "io/write_behind.hpp"

namespace twinpipe {

class BoundedWriter final : public WriteBehind {
 public:
  explicit BoundedWriter(int fd);
  ~BoundedWriter() override;

  /// Writes what the descriptor takes now and keeps the rest. After the reader has left, bytes are forgotten.
  Status put(std::string_view bytes) override;
  Status write_more() override;
  /// Waits until everything is written, or can't be.
  Status finish() override;

  std::size_t waiting() const override { return buffer_.size() - begin_; }
  std::uint64_t written() const override { return written_; }
  bool reader_left() const override { return reader_left_; }
  pollfd polled() const override { return {waiting() > 0 ? fd_ : -1, POLLOUT, 0}; }

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
