// SPDX-License-Identifier: Apache-2.0
// Watches a stream's segments: that each begins with Open, that sealed ones end with a Close that counts right, and
// what the end of the input means.
#pragma once

#include <cstdint>
#include <string>

#include "wire/frame.hpp"
#include "wire/status.hpp"

namespace twinpipe {

/// What end of input means here.
enum class Ending {
  finished,  // the last segment is sealed and its Close is final: the input really ended
  stopped,   // its Close is not final: upstream was told to stop
  unsealed,  // the last segment is unsealed (Kafka values): nobody can tell
  cut,       // a sealed segment without its Close, or nothing at all: upstream died
};

class SegmentGuard {
 public:
  /// Takes the next frame. Errors (bad_data): a stream that does not begin with Open, an unknown schema, an Open inside a sealed
  /// segment, anything but Open after a Close, a Close whose counts differ from what came.
  Status observe(const FrameView& frame);

  Ending ending() const { return ending_; }
  std::uint64_t rows() const { return all_rows_ + rows_; }
  std::uint64_t segments() const { return segments_; }
  const std::string& producer() const { return producer_; }

 private:
  Status observe_open(const FrameView& frame);
  Status observe_close(const FrameView& frame);

  Ending ending_ = Ending::cut;
  bool inside_ = false, sealed_ = false;
  std::string producer_;
  std::uint64_t segments_ = 0, frames_ = 0, rows_ = 0, all_rows_ = 0;
};

}  // namespace twinpipe
