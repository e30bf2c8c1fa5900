// SPDX-License-Identifier: Apache-2.0
// Frames from a descriptor.
#include "io/frame_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace twinpipe {

bool FrameReader::next(FrameView& frame) {
  if (!status_.ok()) return false;
  switch (scanner_.next({buffer_.get() + begin_, end_ - begin_}, frame)) {
    case Scanner::Outcome::whole: begin_ += frame.bytes.size(); return true;
    case Scanner::Outcome::need_more: return false;
    case Scanner::Outcome::bad: status_ = scanner_.status(); return false;
  }
  return false;
}

/// Moves the unfinished frame to the front, and grows the buffer when that frame does not fit. The scanner has checked
/// the frame's length against the limit before it says how much it wants, so nothing is allocated on a false length.
void FrameReader::make_room() {
  const std::size_t held = end_ - begin_;
  const std::size_t wanted = std::max(scanner_.wanted(), held) + kRead;
  if (wanted > capacity_) {
    // Grow with what has come, not with what a length promises.
    const std::size_t capacity = std::min(wanted, std::max(2 * capacity_, 2 * kRead));
    std::unique_ptr<char[]> bigger(new char[capacity]);
    if (held > 0) std::memcpy(bigger.get(), buffer_.get() + begin_, held);
    buffer_ = std::move(bigger);
    capacity_ = capacity;
  } else if (held > 0) {
    std::memmove(buffer_.get(), buffer_.get() + begin_, held);
  }
  begin_ = 0;
  end_ = held;
}

bool FrameReader::refill() {
  if (!status_.ok()) return false;
  if (begin_ == end_) begin_ = end_ = 0;
  if (capacity_ - end_ < kRead / 2) make_room();
  Result<std::size_t> got = read_some(fd_, buffer_.get() + end_, capacity_ - end_);
  if (!got.ok()) {
    status_ = got.status();
    return false;
  }
  end_ += *got;
  bytes_ += *got;
  if (*got == 0 && begin_ != end_)
    status_ = Status{Code::bad_data, fmt::format("the input ends inside a frame, after {} bytes of it", end_ - begin_),
                     scanner_.frames() + 1, scanner_.offset()};
  return *got > 0;
}

Status FrameReader::placed(Status status) const {
  if (frames() == 0) return status;  // an empty input has no places
  if (!status.offset) {
    status.frame = scanner_.frames();
    status.offset = scanner_.offset();
  }
  return status;
}

}  // namespace twinpipe
