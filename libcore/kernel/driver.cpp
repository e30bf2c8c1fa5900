// SPDX-License-Identifier: Apache-2.0
// Takes frames from memory through a stage into an output.
#include "kernel/driver.hpp"

#include <fmt/format.h>

#include "kernel/ending.hpp"
#include "kernel/frame_aliases.hpp"
#include "wire/fields.hpp"

namespace twinpipe {
namespace {

template <class Message>
bool parse(Message& message, std::string_view bytes) {
  return message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

Status unreadable(const char* what) { return Status::error(Code::bad_data, fmt::format("{} frame does not parse", what)); }

}  // namespace

Driver::Driver(Stage& stage, SeriesTable& table, std::string producer)
    : stage_(&stage), table_(&table), producer_(std::move(producer)) {
  for (std::size_t kind = 0; kind < kFrameKinds; ++kind) reads_[kind] = stage.reads(static_cast<FrameKind>(kind));
}

void Driver::open(Output& out) {
  out.open(producer_);
  writing_ = true;
  stage_->on_open(out);
}

void Driver::close(bool final, Output& out) {
  if (writing_) out.close(final);
  writing_ = false;
}

Status Driver::take(const FrameView& frame, Output& out) {
  Status status = guard_.observe(frame);
  const bool framing_ok = status.ok();
  if (framing_ok) status = dispatch(frame, out);
  if (!status.ok() && framing_ok && skip_bad_ && status.code == Code::bad_data) {
    ++skipped_;
    return {};
  }
  if (!status.ok() && !status.offset) {
    status.frame = frame.number;
    status.offset = frame.offset;
  }
  return status;
}

Status Driver::dispatch(const FrameView& frame, Output& out) {
  switch (frame.kind) {
    case FrameKind::open:
      // The filter's own Open and Close stand for the input's: aliases are cleared here and there at the same place.
      close(true, out);
      table_->open_segment();
      open(out);
      return {};
    case FrameKind::close: return {};  // written by the next open(), end() or stop()
    case FrameKind::series:
      series_.Clear();
      if (!parse(series_, frame.payload)) return unreadable("Series");
      if (Status status = table_->declare(series_, declared_); !status.ok()) return status;
      if (reads_[static_cast<std::size_t>(frame.kind)]) return stage_->on_series(declared_, frame, out);
      break;
    default:
      if (reads_[static_cast<std::size_t>(frame.kind)]) return dispatch_decoded(frame, out);
  }
  out.forward(frame);
  return {};
}

Status Driver::dispatch_decoded(const FrameView& frame, Output& out) {
  switch (frame.kind) {
    case FrameKind::readings: {
      Result<Columns> columns = decoder_.decode(frame.payload, *table_);
      return columns.ok() ? stage_->on_readings(*columns, frame, out) : columns.status();
    }
    case FrameKind::waveform:
      if (!parse(waveform_, frame.payload)) return unreadable("Waveform");
      if (waveform_.series() >= table_->slots().size()) return undeclared_alias(waveform_.series(), table_->slots().size());
      if (waveform_.float_sample_size() > 0 && waveform_.double_sample_size() > 0)
        return Status::error(Code::bad_data, "Waveform frame with float and double samples");
      return stage_->on_waveform(waveform_, table_->slots()[waveform_.series()], frame, out);
    case FrameKind::lifecycle:
      if (!parse(lifecycle_, frame.payload)) return unreadable("Lifecycle");
      return stage_->on_lifecycle(lifecycle_, frame, out);
    case FrameKind::watermark:
      if (!parse(watermark_, frame.payload)) return unreadable("Watermark");
      return stage_->on_watermark(watermark_, frame, out);
    case FrameKind::features:
      if (stage_->reads_feature_rows()) return stage_->on_features(frame, out);
      [[fallthrough]];
    default: {
      std::string_view body = frame.bytes.substr(1);
      std::uint64_t length = 0;
      body.remove_prefix(static_cast<std::size_t>(read_varint(body, length)));
      if (!parse(frame_, body)) return unreadable("the");
      if (Status status = check_aliases(frame_, table_->slots().size()); !status.ok()) return status;
      return stage_->on_frame(frame_, frame, out);
    }
  }
}

Status Driver::end(bool finish_unsealed, Output& out) {
  const bool really = guard_.ending() == Ending::finished || (guard_.ending() == Ending::unsealed && finish_unsealed);
  if (guard_.ending() == Ending::cut) return cut_status(guard_);
  if (really)
    if (Status status = stage_->finish(out); !status.ok()) return status;
  close(really, out);
  return {};
}

void Driver::stop(Output& out) { close(false, out); }

}  // namespace twinpipe
