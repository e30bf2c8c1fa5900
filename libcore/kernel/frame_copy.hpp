// SPDX-License-Identifier: Apache-2.0
// Frames as frames again: a stream of what was selected, with its own Open and Close, and cut into several streams where a
// largest size is asked for.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "kernel/form.hpp"

namespace twinpipe {

struct FrameSplit {
  std::uint64_t bytes = 0;              // greatest size of a stream, as far as one frame fits; 0: any
  std::function<Status(Output&)> next;  // takes the stream that was just closed; what follows is another
};

class FrameCopy final : public Form {
 public:
  FrameCopy(const SeriesTable& table, std::string producer, FrameSplit split = {})
      : Form(table), producer_(std::move(producer)), split_(std::move(split)) {}

  /// Aliases must stay true, so declarations pass whatever is selected.
  bool needs(FrameKind kind) const override;
  bool decodes(FrameKind kind) const override;
  Status on_readings(const Columns& columns, Rows rows, const FrameView& view, Output& out) override;
  Status on_frame(const v1::Frame& frame, bool whole, const FrameView& view, Output& out) override;
  Status on_bytes(const FrameView& view, Output& out) override;
  /// The last Close: final when the input is finished, none when it is cut.
  Status finish(Ending ending, Output& out) override;

 private:
  void begin(Output& out);
  Status make_room(std::size_t bytes, Output& out);
  void declare_again(Output& out);

  std::string producer_;
  FrameSplit split_;
  bool writing_ = false;
  std::uint64_t bytes_ = 0;   // of this stream, so far
  std::uint64_t frames_ = 0;  // of this stream, without what declare_again() wrote
  std::map<std::string, v1::Frame> applied_;  // policies in force, by tool
};

}  // namespace twinpipe
