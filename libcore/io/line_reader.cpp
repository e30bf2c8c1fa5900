// SPDX-License-Identifier: Apache-2.0
// Lines of text from descriptors.
#include "io/line_reader.hpp"

#include <fmt/format.h>

#include <cstring>

namespace twinpipe {

bool LineReader::next(std::string_view& line) {
  if (!status_.ok()) return false;
  const char* const from = buffer_.data() + searched_;
  const void* const found = searched_ < end_ ? std::memchr(from, '\n', end_ - searched_) : nullptr;
  std::size_t stop = end_;
  if (found != nullptr) {
    stop = static_cast<std::size_t>(static_cast<const char*>(found) - buffer_.data());
  } else {
    searched_ = end_;
    if (!over_ || begin_ == end_) return false;
  }
  line = std::string_view(buffer_.data() + begin_, stop - begin_);
  begin_ = searched_ = found == nullptr ? end_ : stop + 1;
  ++line_;
  return true;
}

void LineReader::make_room() {
  const std::size_t held = end_ - begin_;
  if (begin_ > 0 && held > 0) std::memmove(buffer_.data(), buffer_.data() + begin_, held);
  searched_ -= begin_;
  begin_ = 0;
  end_ = held;
  if (buffer_.size() < held + kRead / 2 + padding_) buffer_.resize(2 * held + kRead + padding_);
}

bool LineReader::refill() {
  if (!status_.ok()) return false;
  if (end_ - begin_ > limit_) {
    ++line_;
    status_ = Status::error(Code::bad_data, fmt::format("longer than the limit of {} bytes (--max-frame)", limit_));
    return false;
  }
  make_room();
  Result<std::size_t> got = read_some(fd_, buffer_.data() + end_, buffer_.size() - padding_ - end_);
  if (!got.ok()) {
    status_ = got.status();
    return false;
  }
  end_ += *got;
  bytes_ += *got;
  over_ = *got == 0;
  // The last line of a file may lack its end; another file may follow.
  return *got > 0 || begin_ != end_;
}

void LineReader::continue_with(int fd) {
  fd_ = fd;
  over_ = false;
}

}  // namespace twinpipe
