// SPDX-License-Identifier: Apache-2.0
// Lines of text from descriptors, in large reads.
#pragma once

#include "io/fd.hpp"

namespace twinpipe {

class LineReader {
 public:
  /// `limit`: greatest length of a line in bytes. Behind a line, `padding` bytes are readable.
  LineReader(std::size_t limit, std::size_t padding) : limit_(limit), padding_(padding) {}

  /// The next whole line that is in memory, without its end; the last one of a descriptor needs none. Valid until refill().
  bool next(std::string_view& line);
  /// Reads once; may block. False at the end of the input with nothing left, or on an error: see status().
  bool refill();
  /// Goes on with another descriptor, after the end of the one before.
  void continue_with(int fd);

  /// io_error, or bad_data for a line that is too long.
  const Status& status() const { return status_; }
  std::uint64_t line() const { return line_; }  // number of the line taken last
  std::uint64_t bytes() const { return bytes_; }

 private:
  void make_room();

  static constexpr std::size_t kRead = std::size_t{1} << 20;
  std::size_t limit_, padding_;
  int fd_ = -1;
  Status status_;
  std::string buffer_;  // always `padding` longer than what is read into it
  std::size_t begin_ = 0, searched_ = 0, end_ = 0;
  bool over_ = false;  // the descriptor has ended
  std::uint64_t line_ = 0, bytes_ = 0;
};

}  // namespace twinpipe
