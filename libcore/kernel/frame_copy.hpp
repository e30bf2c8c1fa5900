// SPDX-License-Identifier: Apache-2.0
// Frames as frames again: what was selected, in the segments that it came in, and cut into several streams where a largest
// size is asked for. The only writer that keeps the Open of another: it adds nothing and shapes nothing.
#pragma once

#include <functional>
#include <string>

#include "kernel/form.hpp"
#include "policy/in_force.hpp"

namespace twinpipe {

struct FrameSplit {
  std::uint64_t bytes = 0;              // greatest size of a stream, as far as one frame fits; 0: any
  std::function<Status(Output&)> next;  // takes the stream that was just closed; what follows is another
};

class FrameCopy final : public Form {
 public:
  explicit FrameCopy(const SeriesTable& table, FrameSplit split = {}) : Form(table), split_(std::move(split)) {}

  /// Aliases must stay true, so declarations pass whatever is selected.
  bool needs(FrameKind kind) const override;
  bool decodes(FrameKind kind) const override;
  Status on_readings(const Columns& columns, Rows rows, const FrameView& view, Output& out) override;
  Status on_frame(const v1::Frame& frame, bool whole, const FrameView& view, Output& out) override;
  Status on_bytes(const FrameView& view, Output& out) override;
  /// Closes a sealed segment that is still open, unless the input is cut.
  Status finish(Ending ending, Output& out) override;

 private:
  void open(Output& out);
  Status make_room(std::size_t bytes, Output& out);
  void declare_again(Output& out);

  FrameSplit split_;
  v1::Open open_;             // of this segment
  bool inside_ = false;       // a segment
  std::uint64_t bytes_ = 0;   // of this stream, so far
  std::uint64_t frames_ = 0;  // of this stream, without what declare_again() wrote
  PoliciesInForce applied_;
};

}  // namespace twinpipe
