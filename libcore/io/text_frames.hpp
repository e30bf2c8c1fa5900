// SPDX-License-Identifier: Apache-2.0
// Frames made from lines of text that come from descriptors.
#pragma once

#include "io/frame_reader.hpp"
#include "kernel/frames_from_text.hpp"

namespace twinpipe {

class TextFrames final : public FrameSource {
 public:
  /// `line_limit`: greatest length of a line in bytes.
  TextFrames(LineParser& parser, std::size_t line_limit);

  bool next(FrameView& frame) override;
  bool refill() override;
  void continue_with(int fd) override;
  bool finish() override;
  /// --skip-bad: lines that the parser refuses are counted and left out.
  void set_skip_bad(bool skip) { skip_bad_ = skip; }

  const Status& status() const override { return status_; }
  std::uint64_t bytes() const override { return bytes_; }
  std::uint64_t frames() const override { return scanner_.frames(); }
  std::uint64_t skipped() const override { return skipped_; }
  Status placed(Status status) const override;

 private:
  bool parse_line();
  void parse(std::string_view line);
  void make_room();

  static constexpr std::size_t kRead = std::size_t{1} << 20;
  LineParser* parser_;
  std::size_t limit_;
  bool skip_bad_ = false;
  int fd_ = -1;
  Status status_;
  std::string buffer_;  // always LineParser::kPadding longer than what is read into it
  std::size_t begin_ = 0, searched_ = 0, end_ = 0;
  bool over_ = false;      // the descriptor has ended
  bool finished_ = false;  // and the parser knows
  std::uint64_t line_ = 0, bytes_ = 0, skipped_ = 0;
  Output out_;  // frames of the lines taken last
  std::size_t taken_ = 0;
  Scanner scanner_;
};

}  // namespace twinpipe
