// SPDX-License-Identifier: Apache-2.0
// Takes frames from memory through a stage into an output: segments, declarations, decoding, forwarding, and what the
// end of the input means. The whole of a filter but its descriptors.
#pragma once

#include <array>
#include <string>

#include "kernel/frame_taker.hpp"
#include "kernel/stage.hpp"

namespace twinpipe {

class Driver final : public FrameTaker {
 public:
  /// `producer` goes into the Open frames that are written. `table` is the one that the stage was made with.
  Driver(Stage& stage, SeriesTable& table, std::string producer);

  /// --skip-bad: content that a reader refuses is counted and left out; framing errors still end everything.
  void set_skip_bad(bool skip) { skip_bad_ = skip; }

  Status take(const FrameView& frame, Output& out) override;
  /// Finishes the stage and closes the segment as the ending demands.
  Status end(bool finish_unsealed, Output& out) override;
  void stop(Output& out) override;

  const SegmentGuard& guard() const override { return guard_; }
  std::uint64_t skipped() const override { return skipped_; }

 private:
  Status dispatch(const FrameView& frame, Output& out);
  Status dispatch_decoded(const FrameView& frame, Output& out);
  void open(Output& out);
  void close(bool final, Output& out);

  Stage* stage_;
  SeriesTable* table_;
  std::string producer_;
  SegmentGuard guard_;
  ReadingsDecoder decoder_;
  std::array<bool, kFrameKinds> reads_{};
  bool skip_bad_ = false, writing_ = false;
  std::uint64_t skipped_ = 0;
  // Reused, so that decoding allocates nothing in the long run.
  v1::Series series_;
  v1::Waveform waveform_;
  v1::Lifecycle lifecycle_;
  v1::Watermark watermark_;
  v1::Frame frame_;
  std::vector<Declared> declared_;
};

}  // namespace twinpipe
