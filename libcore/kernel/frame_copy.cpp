// SPDX-License-Identifier: Apache-2.0
// Frames as frames again.
#include "kernel/frame_copy.hpp"

namespace twinpipe {
namespace {

constexpr std::size_t kCloseSize = 32;  // room for the Close that ends a stream

}  // namespace

bool FrameCopy::needs(FrameKind kind) const {
  return kind == FrameKind::open || kind == FrameKind::close || kind == FrameKind::series;
}

bool FrameCopy::decodes(FrameKind kind) const { return needs(kind) || (split_.bytes > 0 && kind == FrameKind::applied); }

void FrameCopy::open(Output& out) {
  const std::size_t before = out.pending().size();
  out.open(open_.producer(), open_.sealed());
  inside_ = true;
  bytes_ += out.pending().size() - before;
}

/// What a reader of the next stream has to know: the series of this segment, an asset's neighbours in one frame, and the
/// policies.
void FrameCopy::declare_again(Output& out) {
  v1::Frame frame;
  const auto& slots = table().slots();
  for (std::uint32_t alias = 0; alias < slots.size(); ++alias) {
    v1::Series one = table().declaration(slots[alias], alias);
    v1::Series& series = *frame.mutable_series();
    const bool same_asset = alias > 0 && table().series(slots[alias]).asset == table().series(slots[alias - 1]).asset;
    if (same_asset) {
      *series.add_sensor() = std::move(*one.mutable_sensor(0));
      continue;
    }
    if (alias > 0) out.frame(frame);
    series = std::move(one);
  }
  if (!slots.empty()) out.frame(frame);
  for (v1::Applied& applied : applied_.words()) {
    frame.Clear();
    *frame.mutable_applied() = std::move(applied);
    out.frame(frame);
  }
}

Status FrameCopy::make_room(std::size_t bytes, Output& out) {
  if (split_.bytes == 0 || frames_ == 0 || bytes_ + bytes + kCloseSize <= split_.bytes) return {};
  if (open_.sealed()) out.close(true);
  if (Status status = split_.next(out); !status.ok()) return status;
  bytes_ = frames_ = 0;
  open(out);
  const std::size_t before = out.pending().size();
  declare_again(out);
  bytes_ += out.pending().size() - before;
  return {};
}

Status FrameCopy::on_readings(const Columns& columns, Rows rows, const FrameView& view, Output& out) {
  if (rows.size() == columns.rows()) return on_bytes(view, out);
  if (Status status = make_room(view.bytes.size(), out); !status.ok()) return status;
  const std::size_t before = out.pending().size();
  out.readings(columns, rows);
  bytes_ += out.pending().size() - before;
  ++frames_;
  return {};
}

Status FrameCopy::on_frame(const v1::Frame& frame, bool whole, const FrameView& view, Output& out) {
  if (view.kind == FrameKind::open) {
    applied_.clear();
    open_ = frame.open();
    open(out);
    return {};
  }
  if (view.kind == FrameKind::close) {
    out.close(frame.close().final());  // with the counts of what was selected
    inside_ = false;
    return {};
  }
  if (view.kind == FrameKind::applied && split_.bytes > 0) applied_.take(frame.applied());
  if (whole) return on_bytes(view, out);
  if (Status status = make_room(view.bytes.size(), out); !status.ok()) return status;
  const std::size_t before = out.pending().size();
  out.frame(frame);
  bytes_ += out.pending().size() - before;
  ++frames_;
  return {};
}

Status FrameCopy::on_bytes(const FrameView& view, Output& out) {
  if (Status status = make_room(view.bytes.size(), out); !status.ok()) return status;
  out.forward(view);
  bytes_ += view.bytes.size();
  ++frames_;
  return {};
}

Status FrameCopy::finish(Ending ending, Output& out) {
  if (inside_ && open_.sealed() && ending != Ending::cut) out.close(ending == Ending::finished);
  inside_ = false;
  return {};
}

}  // namespace twinpipe
