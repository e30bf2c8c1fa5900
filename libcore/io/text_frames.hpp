// SPDX-License-Identifier: Apache-2.0
// Frames made from lines of text that come from descriptors.
#pragma once

#include "io/frame_reader.hpp"
#include "io/line_reader.hpp"
#include "kernel/frames_from_text.hpp"

namespace twinpipe {

class TextFrames final : public FrameSource {
 public:
  /// `line_limit`: greatest length of a line in bytes.
  TextFrames(LineParser& parser, std::size_t line_limit);

  bool next(FrameView& frame) override;
  bool refill() override;
  void continue_with(int fd) override { lines_.continue_with(fd); }
  bool finish() override;
  /// --skip-bad: lines that the parser refuses are counted and left out.
  void set_skip_bad(bool skip) { skip_bad_ = skip; }

  const Status& status() const override { return status_; }
  std::uint64_t bytes() const override { return lines_.bytes(); }
  std::uint64_t frames() const override { return scanner_.frames(); }
  std::uint64_t skipped() const override { return skipped_; }
  Status placed(Status status) const override;

 private:
  bool parse_line();
  void parse(std::string_view line);

  LineParser* parser_;
  LineReader lines_;
  bool skip_bad_ = false;
  Status status_;
  bool finished_ = false;  // the last descriptor has ended, and the parser knows
  std::uint64_t skipped_ = 0;
  Output out_;  // frames of the lines taken last
  std::size_t taken_ = 0;
  Scanner scanner_;
};

}  // namespace twinpipe
