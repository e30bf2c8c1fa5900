// SPDX-License-Identifier: Apache-2.0
// Frames made from lines of text.
#include "io/text_frames.hpp"

#include <fmt/format.h>

#include <cstring>
#include <limits>

namespace twinpipe {

// Our own frames: what made them has looked at their lengths.
TextFrames::TextFrames(LineParser& parser, std::size_t line_limit)
    : parser_(&parser), limit_(line_limit), scanner_(std::numeric_limits<std::int32_t>::max()) {}

bool TextFrames::next(FrameView& frame) {
  for (;;) {
    if (taken_ < out_.pending().size()) {
      if (scanner_.next(out_.pending().substr(taken_), frame) == Scanner::Outcome::whole) {
        taken_ += frame.bytes.size();
        return true;
      }
      if (status_.ok()) status_ = placed(scanner_.status());
      return false;
    }
    out_.clear();
    taken_ = 0;
    if (!status_.ok()) return false;
    if (parse_line()) continue;
    // A line that was refused leaves behind what the lines before it had gathered.
    if (out_.pending().empty()) return false;
  }
}

/// One line of what is in memory; the last one needs no end. False: there is none, or it is bad.
bool TextFrames::parse_line() {
  const char* const from = buffer_.data() + searched_;
  const void* const found = searched_ < end_ ? std::memchr(from, '\n', end_ - searched_) : nullptr;
  std::size_t stop = end_;
  if (found != nullptr) {
    stop = static_cast<std::size_t>(static_cast<const char*>(found) - buffer_.data());
  } else {
    searched_ = end_;
    if (!over_ || begin_ == end_) return false;
  }
  const std::string_view line(buffer_.data() + begin_, stop - begin_);
  begin_ = searched_ = found == nullptr ? end_ : stop + 1;
  parse(line);
  return status_.ok();
}

void TextFrames::parse(std::string_view line) {
  ++line_;
  Status status = parser_->take(line, out_);
  if (status.ok()) return;
  if (skip_bad_ && status.code == Code::bad_data) {
    ++skipped_;
    return;
  }
  parser_->flush(out_);
  status_ = placed(std::move(status));
}

Status TextFrames::placed(Status status) const {
  status.frame.reset();
  status.offset.reset();
  status.message = fmt::format("line {}: {}", line_, status.message);
  return status;
}

void TextFrames::make_room() {
  const std::size_t held = end_ - begin_;
  if (begin_ > 0 && held > 0) std::memmove(buffer_.data(), buffer_.data() + begin_, held);
  searched_ -= begin_;
  begin_ = 0;
  end_ = held;
  if (buffer_.size() < held + kRead / 2 + LineParser::kPadding) buffer_.resize(2 * held + kRead + LineParser::kPadding);
}

bool TextFrames::refill() {
  if (!status_.ok() || finished_) return false;
  if (end_ - begin_ > limit_) {
    ++line_;
    status_ = placed(Status::error(Code::bad_data, fmt::format("longer than the limit of {} bytes (--max-frame)", limit_)));
    return false;
  }
  make_room();
  Result<std::size_t> got = read_some(fd_, buffer_.data() + end_, buffer_.size() - LineParser::kPadding - end_);
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

void TextFrames::continue_with(int fd) {
  fd_ = fd;
  over_ = false;
}

bool TextFrames::finish() {
  if (finished_ || !status_.ok()) return false;
  finished_ = true;
  if (Status status = parser_->end(out_); !status.ok()) status_ = placed(std::move(status));
  return true;
}

}  // namespace twinpipe
