// SPDX-License-Identifier: Apache-2.0
// The two kinds of input of pit-join: labels, as text or frames, and feature rows.
#pragma once

#include <memory>
#include <string>

#include "cli/pull.hpp"
#include "io/line_reader.hpp"
#include "kernel/pit_labels.hpp"

namespace twinpipe::cli {

/// A file, or standard input for "-".
struct NamedInput {
  std::string name;  // for messages; empty for standard input
  Fd file;
  int fd = -1;
  std::uint64_t size = 0;  // 0: not a regular file

  /// Errors: no_input, no_permission, io_error.
  static Result<NamedInput> open(const std::string& path);
  /// A message that begins with the name.
  Status named(Status status) const;
};

/// Frames of one input, checked and placed.
class PitFrames {
 public:
  PitFrames(const Tool& tool, NamedInput input);

  /// The next Features frame; false when there is none: see ended(). Errors: bad_data, io_error.
  Result<bool> next(Pull& pull, FrameView& frame);
  /// It really ended: the log has no more rows.
  bool complete() const { return complete_; }
  /// An error about the frame taken last, with its place.
  Status placed(Status status) const;
  /// The same, or none: --skip-bad counts bad content and leaves it out.
  Status refuse(Status status);

  const NamedInput& input() const { return input_; }
  std::uint64_t bytes() const { return reader_.bytes(); }
  std::uint64_t frames() const { return reader_.frames(); }
  std::uint64_t skipped() const { return skipped_; }

 private:
  Status end();

  const Tool* tool_;
  NamedInput input_;
  FrameReader reader_;
  SegmentGuard guard_;
  bool over_ = false, complete_ = false;
  std::uint64_t number_ = 0, offset_ = 0;  // of the frame taken last
  std::uint64_t skipped_ = 0;
};

/// Which of its times puts a row in its place.
enum class WalkBy : std::uint8_t { known_at, as_of, label_time };  // label_time: or as_of, where rows have none

/// Feature rows of one input, a frame at a time.
class FeatureInput {
 public:
  FeatureInput(const Tool& tool, NamedInput input, EntityTable& entities, FeatureLayouts& layouts, WalkBy walk_by);

  /// Makes sure that there is a row at the front; false: there is none any more. Errors: bad_data, io_error.
  Result<bool> fill(Pull& pull);
  const FeatureRows& rows() const { return rows_; }
  std::size_t at() const { return at_; }
  /// Where the row at the front stands in the walk.
  Nanos walk_time() const { return walk_[at_]; }
  /// The first row from the front on that stands behind `limit`, or at it if `before`.
  std::size_t until(Nanos limit, bool before) const;
  void advance_to(std::size_t row) { at_ = row; }
  /// Only its order and its layouts are of interest.
  void look_through() { decoder_.set_without_entities(); }

  PitFrames& frames() { return frames_; }
  const PitFrames& frames() const { return frames_; }
  std::uint64_t taken() const { return taken_; }

 private:
  PitFrames frames_;
  FeaturesDecoder decoder_;
  WalkBy walk_by_;
  FeatureRows rows_;
  PackedView<Nanos> walk_;
  std::size_t at_ = 0;
  std::uint64_t taken_ = 0;
};

enum class LabelForm : std::uint8_t { csv, json, frames };

class LabelInput {
 public:
  LabelInput(const Tool& tool, NamedInput input, LabelForm form, EntityTable& entities, LabelLayouts& layouts);

  /// False: there is none any more, or we were told to stop. Errors: bad_data, io_error.
  Result<bool> next(Pull& pull, Label& label);
  /// An error about the label taken last, with its place.
  Status placed(Status status) const;
  std::uint64_t skipped() const { return skipped_ + (frames_ ? frames_->skipped() : 0); }

 private:
  Result<bool> next_line(Pull& pull, Label& label);

  const Tool* tool_;
  NamedInput input_;
  std::unique_ptr<PitFrames> frames_;
  std::unique_ptr<FrameLabels> frame_labels_;
  LineReader lines_;
  std::unique_ptr<LabelParser> parser_;
  std::uint64_t skipped_ = 0;
};

}  // namespace twinpipe::cli
