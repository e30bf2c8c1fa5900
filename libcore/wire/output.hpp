// SPDX-License-Identifier: Apache-2.0
// Where frames are written: a buffer in memory that knows the segment's counts. Whoever owns the descriptor empties it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "wire/columns.hpp"
#include "wire/frame.hpp"

namespace twinpipe {

class Output {
 public:
  /// Starts a segment. `producer`: "tool version".
  void open(std::string_view producer, bool sealed = true);
  /// Ends it with the counts of what was written since open().
  void close(bool final);

  /// A frame that came, byte for byte.
  void forward(const FrameView& frame);
  /// A new frame of any kind but Readings, Open and Close.
  void frame(const v1::Frame& frame);
  /// Readings: all rows, or those selected. An empty selection writes nothing.
  void readings(const Columns& columns);
  void readings(const Columns& columns, std::span<const std::uint32_t> rows);

  /// For sinks that write text instead of frames: what is pending, to be appended to. Not counted.
  std::string& text() { return buffer_; }

  std::string_view pending() const { return buffer_; }
  /// Forgets what was pending, after it was written out.
  void clear() { buffer_.clear(); }

  // Since the beginning, for statistics.
  std::uint64_t frames() const { return all_frames_ + frames_; }
  std::uint64_t rows() const { return all_rows_ + rows_; }

 private:
  void append(const v1::Frame& frame);

  std::string buffer_;
  std::uint64_t frames_ = 0, rows_ = 0;          // of this segment
  std::uint64_t all_frames_ = 0, all_rows_ = 0;  // of those before
};

/// Appends one frame with its tag byte and length.
void append_frame(const v1::Frame& frame, std::string& out);

}  // namespace twinpipe
