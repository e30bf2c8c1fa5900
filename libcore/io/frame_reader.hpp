// SPDX-License-Identifier: Apache-2.0
// Frames from a descriptor, in large reads.
#pragma once

#include <memory>

#include "io/fd.hpp"
#include "wire/scanner.hpp"

namespace twinpipe {

class FrameReader {
 public:
  FrameReader(int fd, std::size_t frame_limit) : fd_(fd), scanner_(frame_limit) {}

  /// Takes the next whole frame that is in memory already. False: refill first, or see status().
  bool next(FrameView& frame);
  /// Reads once; may block. False at the end of the input, or on an error: see status().
  bool refill();

  /// Not ok after a framing error or a failed read. After the end of the input: bad_data when it ended inside a frame.
  const Status& status() const { return status_; }
  std::uint64_t bytes() const { return bytes_; }
  std::uint64_t frames() const { return scanner_.frames(); }
  std::uint64_t offset() const { return scanner_.offset(); }

 private:
  void make_room();

  static constexpr std::size_t kRead = std::size_t{1} << 20;
  int fd_;
  Scanner scanner_;
  Status status_;
  std::unique_ptr<char[]> buffer_;  // not a string: its growth need not be cleared
  std::size_t capacity_ = 0, begin_ = 0, end_ = 0;
  std::uint64_t bytes_ = 0;
};

}  // namespace twinpipe
