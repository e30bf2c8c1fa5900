// SPDX-License-Identifier: Apache-2.0
// Frames made from lines of text.
#include "io/text_frames.hpp"

#include <fmt/format.h>

#include <limits>

namespace twinpipe {

// Our own frames: what made them has looked at their lengths.
TextFrames::TextFrames(LineParser& parser, std::size_t line_limit)
    : parser_(&parser), lines_(line_limit, LineParser::kPadding), scanner_(std::numeric_limits<std::int32_t>::max()) {}

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

/// One line of what is in memory. False: there is none, or it is bad.
bool TextFrames::parse_line() {
  std::string_view line;
  if (!lines_.next(line)) return false;
  parse(line);
  return status_.ok();
}

void TextFrames::parse(std::string_view line) {
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
  status.message = fmt::format("line {}: {}", lines_.line(), status.message);
  return status;
}

bool TextFrames::refill() {
  if (!status_.ok() || finished_) return false;
  if (lines_.refill()) return true;
  status_ = lines_.status();
  if (status_.code == Code::bad_data) status_ = placed(std::move(status_));
  return false;
}

bool TextFrames::finish() {
  if (finished_ || !status_.ok()) return false;
  finished_ = true;
  if (Status status = parser_->end(out_); !status.ok()) status_ = placed(std::move(status));
  return true;
}

}  // namespace twinpipe
