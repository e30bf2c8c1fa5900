// SPDX-License-Identifier: Apache-2.0
// Watches a stream's segments.
#include "wire/segment.hpp"

#include <fmt/format.h>

#include "wire/columns.hpp"

namespace twinpipe {
namespace {

constexpr std::uint32_t kSchema = 1;

template <class Message>
bool parse(Message& message, std::string_view payload) {
  return message.ParseFromArray(payload.data(), static_cast<int>(payload.size()));
}

}  // namespace

Status SegmentGuard::observe(const FrameView& frame) {
  if (frame.kind == FrameKind::open) return observe_open(frame);
  if (!inside_)
    return Status::error(Code::bad_data, segments_ == 0 ? "the stream does not begin with an Open frame"
                                                        : "a frame behind Close that is not Open");
  if (frame.kind == FrameKind::close) return observe_close(frame);
  ++frames_;
  if (frame.kind == FrameKind::readings) rows_ += count_rows(frame.payload);
  return {};
}

Status SegmentGuard::observe_open(const FrameView& frame) {
  if (inside_ && sealed_)
    return Status::error(Code::bad_data, fmt::format("an Open inside a sealed segment: its writer, {}, died", producer_));
  v1::Open open;
  if (!parse(open, frame.payload)) return Status::error(Code::bad_data, "Open frame does not parse");
  if (open.schema() != kSchema)
    return Status::error(Code::bad_data, fmt::format("schema version {}, this program reads {}", open.schema(), kSchema));
  all_rows_ += rows_;
  frames_ = rows_ = 0;
  ++segments_;
  inside_ = true;
  sealed_ = open.sealed();
  producer_ = open.producer();
  ending_ = sealed_ ? Ending::cut : Ending::unsealed;
  return {};
}

Status SegmentGuard::observe_close(const FrameView& frame) {
  v1::Close close;
  if (!parse(close, frame.payload)) return Status::error(Code::bad_data, "Close frame does not parse");
  if (close.frames() != frames_ || close.readings() != rows_)
    return Status::error(Code::bad_data, fmt::format("Close counts {} frames and {} readings, {} and {} came", close.frames(),
                                                     close.readings(), frames_, rows_));
  inside_ = false;
  ending_ = close.final() ? Ending::finished : Ending::stopped;
  return {};
}

}  // namespace twinpipe
