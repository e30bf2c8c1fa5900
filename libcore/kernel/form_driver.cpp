// SPDX-License-Identifier: Apache-2.0
// Takes frames from memory through a selection into a form.
#include "kernel/form_driver.hpp"

#include <fmt/format.h>

#include "kernel/ending.hpp"
#include "kernel/frame_aliases.hpp"

namespace twinpipe {
namespace {

/// Forms and selections look up the series of a frame, and the spans of its rows, without asking again.
Status check(const v1::Frame& frame, std::size_t declared) {
  Status status;
  if (frame.has_aggregates()) status = check_spans(frame.aggregates());
  if (frame.has_spectra()) status = check_spans(frame.spectra());
  return status.ok() ? check_aliases(frame, declared) : status;
}

}  // namespace

Status FormDriver::take(const FrameView& view, Output& out) {
  Status status = guard_.observe(view);
  const bool framing_ok = status.ok();
  if (framing_ok) status = dispatch(view, out);
  if (!status.ok() && framing_ok && skip_bad_ && status.code == Code::bad_data) {
    ++skipped_;
    return {};
  }
  if (!status.ok() && !status.offset) {
    status.frame = view.number;
    status.offset = view.offset;
  }
  return status;
}

Status FormDriver::dispatch(const FrameView& view, Output& out) {
  if (view.kind == FrameKind::open) table_->open_segment();
  const bool wanted = selection_->wants(view.kind) || form_->needs(view.kind);
  if (!wanted && view.kind != FrameKind::series) return {};
  const bool decode = form_->decodes(view.kind) || selection_->looks_into(view.kind);
  if (view.kind == FrameKind::readings && decode) {
    Result<Columns> columns = decoder_.decode(view.payload, *table_);
    if (!columns.ok()) return columns.status();
    const Rows rows = selection_->rows(*columns);
    return rows.empty() && columns->rows() > 0 ? Status{} : form_->on_readings(*columns, rows, view, out);
  }
  if (!decode && view.kind != FrameKind::series) return form_->on_bytes(view, out);
  const std::string_view body = frame_body(view.bytes);
  if (!frame_.ParseFromArray(body.data(), static_cast<int>(body.size())))
    return Status::error(Code::bad_data, fmt::format("{} frame does not parse", frame_kind_name(view.kind)));
  if (view.kind == FrameKind::series)
    if (Status status = table_->declare(frame_.series(), declared_); !status.ok()) return status;
  if (Status status = check(frame_, table_->slots().size()); !status.ok()) return status;
  bool whole = true;
  if (!wanted || (!form_->needs(view.kind) && !selection_->keep(frame_, whole))) return {};
  selection_->count(view.kind);
  return form_->on_frame(frame_, whole, view, out);
}

Status FormDriver::end(bool finish_unsealed, Output& out) {
  Ending ending = guard_.ending();
  if (ending == Ending::unsealed && finish_unsealed) ending = Ending::finished;
  if (Status status = form_->finish(ending, out); !status.ok()) return status;
  if (ending != Ending::cut) return {};
  return cut_status(guard_);
}

}  // namespace twinpipe
