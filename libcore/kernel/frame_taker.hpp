// SPDX-License-Identifier: Apache-2.0
// Where the runner hands the frames that it read: a filter's driver, or fcat's.
#pragma once

#include "wire/output.hpp"
#include "wire/segment.hpp"
#include "wire/status.hpp"

namespace twinpipe {

class FrameTaker {
 public:
  FrameTaker() = default;
  virtual ~FrameTaker() = default;
  FrameTaker(const FrameTaker&) = delete;
  FrameTaker& operator=(const FrameTaker&) = delete;

  /// Takes one frame. An error carries the frame's number and offset.
  virtual Status take(const FrameView& frame, Output& out) = 0;
  /// The input ended on a frame boundary; `finish_unsealed`: the end of unsealed segments counts as the end of the data
  /// (--finish). Errors (bad_data): the input is cut.
  virtual Status end(bool finish_unsealed, Output& out) = 0;
  /// We were told to stop: closes the segment with `final` false and finishes nothing.
  virtual void stop(Output& out) = 0;
  /// The input is damaged, or ended too early: what can be said of the part that was whole.
  virtual void abandon(Output&) {}
  /// True when nothing that may follow is wanted (--head); the runner then calls end_here() and reads no more.
  virtual bool done() const { return false; }
  virtual void end_here(Output&) {}

  virtual const SegmentGuard& guard() const = 0;
  /// Frames with bad content that --skip-bad left out.
  virtual std::uint64_t skipped() const { return 0; }
};

}  // namespace twinpipe
