// SPDX-License-Identifier: Apache-2.0
// What stands at the head of an input of a merge, and how far it brings it.
#include <algorithm>

#include "kernel/frame_aliases.hpp"
#include "kernel/frame_merge_parts.hpp"

namespace twinpipe {
namespace {

template <class Rows>
Nanos latest_end(const Rows& rows) {
  Nanos latest = kBeginning;
  for (const Nanos end : rows.end()) latest = std::max(latest, end);
  return latest;
}

/// A frame of a kind that is looked into. Event times of its own; kBeginning where it has none.
Nanos event_time(const v1::Frame& frame) {
  switch (frame.kind_case()) {
    case v1::Frame::kWaveform: return frame.waveform().time();
    case v1::Frame::kAggregates: return latest_end(frame.aggregates());
    case v1::Frame::kSpectra: return latest_end(frame.spectra());
    case v1::Frame::kException: return frame.exception().time();
    case v1::Frame::kLifecycle: return frame.lifecycle().time();
    default: return kBeginning;
  }
}

bool looked_into(FrameKind kind) {
  switch (kind) {
    case FrameKind::waveform:
    case FrameKind::aggregates:
    case FrameKind::spectra:
    case FrameKind::exception:
    case FrameKind::lifecycle:
    case FrameKind::watermark:
    case FrameKind::gap:
    case FrameKind::arrival: return true;
    default: return false;
  }
}

/// Times that the source's own clock gave, and not a node's.
std::optional<Nanos> source_time(const v1::Frame& frame) {
  switch (frame.kind_case()) {
    case v1::Frame::kArrival: return frame.arrival().time();
    case v1::Frame::kWatermark: return frame.watermark().clock() != 0 ? frame.watermark().clock() : frame.watermark().time();
    case v1::Frame::kLifecycle:
      switch (frame.lifecycle().reason()) {
        case v1::Lifecycle::REASON_WILL:
        case v1::Lifecycle::REASON_HOST_LINK_LOST:
        case v1::Lifecycle::REASON_HOST_LINK_RESTORED: return frame.lifecycle().time();
        default: return std::nullopt;
      }
    default: return std::nullopt;
  }
}

}  // namespace

Status FrameMerge::read_head(std::uint32_t number) {
  Input& input = *inputs_[number];
  const FrameView& view = input.view;
  const std::vector<std::uint32_t>& aliases = series_.aliases(number);
  input.row = 0;
  input.key = input.reached;
  if (view.kind == FrameKind::readings) {
    const Result<Columns> columns = input.decoder.decode(view.payload, aliases, series_.identity(number));
    if (!columns.ok()) return columns.status();
    input.columns = *columns;
    if (columns->rows() > 0) input.key = std::max(input.reached, input.counted(columns->time[0]));
    return {};
  }
  if (!looked_into(view.kind)) return {};
  v1::Stream& stream = input.stream;
  if (!stream.ParseFromArray(view.bytes.data(), static_cast<int>(view.bytes.size())) || stream.frame_size() != 1)
    return Status::error(Code::bad_data, "the frame does not parse");
  const v1::Frame& frame = stream.frame(0);
  if (Status status = check_aliases(frame, aliases.size()); !status.ok()) return status;
  const std::optional<Nanos> source = source_time(frame);
  input.key = std::max(input.reached, source ? *source : input.counted(event_time(frame)));
  return {};
}

}  // namespace twinpipe
