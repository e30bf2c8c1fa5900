// SPDX-License-Identifier: Apache-2.0
// Splits bytes in memory into frames; allocates nothing and looks at no byte twice.
#pragma once

#include <string_view>

#include "wire/frame.hpp"
#include "wire/status.hpp"

namespace twinpipe {

class Scanner {
 public:
  enum class Outcome { whole, need_more, bad };

  /// `limit`: greatest length of a frame in bytes, its tag and length not counted.
  explicit Scanner(std::size_t limit = kDefaultFrameLimit) : limit_(limit) {}

  /// Takes the frame at the front of `bytes`, which must start where the frame before it ended.
  /// whole: `frame` is set. need_more: `bytes` is the beginning of a frame, or empty. bad: see status().
  Outcome next(std::string_view bytes, FrameView& frame);

  const Status& status() const { return status_; }
  std::uint64_t offset() const { return offset_; }  // bytes of whole frames taken so far
  std::uint64_t frames() const { return frames_; }
  /// Bytes that the frame at the front needs in all, once its length could be read; otherwise 0.
  std::size_t wanted() const { return wanted_; }

 private:
  Outcome bad(std::string message);

  std::size_t limit_;
  std::size_t wanted_ = 0;
  std::uint64_t offset_ = 0;
  std::uint64_t frames_ = 0;
  Status status_;
};

/// Calls `each` with every frame in `frames`; a Status of its own ends that. Errors (bad_data): not whole frames.
template <class Each>
Status for_each_frame(std::string_view frames, Each&& each) {
  Scanner scanner(frames.size());
  for (FrameView frame; !frames.empty(); frames.remove_prefix(frame.bytes.size())) {
    if (scanner.next(frames, frame) != Scanner::Outcome::whole)
      return Status::error(Code::bad_data, "a record of frames that are not whole");
    if (Status status = each(frame); !status.ok()) return status;
  }
  return {};
}

}  // namespace twinpipe
