// SPDX-License-Identifier: Apache-2.0
// What a stream holds, counted.
#include "kernel/stream_stat.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "kernel/waveform_split.hpp"
#include "wire/quantity.hpp"

namespace twinpipe {

std::string_view ending_name(Ending ending) {
  switch (ending) {
    case Ending::finished: return "finished";
    case Ending::stopped: return "stopped";
    case Ending::unsealed: return "unsealed";
    case Ending::cut: return "cut";
  }
  return "cut";
}

void StreamStat::count(const FrameView& view) {
  ++frames_[static_cast<std::size_t>(view.kind)];
  bytes_ += view.bytes.size();
}

void StreamStat::seen(Nanos time) {
  first_ = std::min(first_.value_or(time), time);
  last_ = std::max(last_.value_or(time), time);
}

Status StreamStat::on_readings(const Columns& columns, Rows rows, const FrameView& view, Output&) {
  count(view);
  readings_[value_type_name(columns.type)] += rows.size();
  rows_ += rows.size();
  for (const std::uint32_t row : rows) {
    seen(columns.time[row]);
    not_good_ += is_good(columns.quality_at(row)) ? 0 : 1;
  }
  if (columns.historical) historical_ += rows.size();
  if (columns.pinned) pinned_ += rows.size();
  return {};
}

Status StreamStat::on_frame(const v1::Frame& frame, bool, const FrameView& view, Output&) {
  count(view);
  if (frame.has_open()) sealed_ += frame.open().sealed() ? 1 : 0;
  if (!frame.has_waveform()) return {};
  seen(frame.waveform().time());
  waveform_samples_ += sample_count(frame.waveform());
  return {};
}

Status StreamStat::finish(Ending ending, Output& out) {
  if (json_) write_json(ending, out.text());
  else write_text(ending, out.text());
  return {};
}

void StreamStat::write_text(Ending ending, std::string& text) const {
  const auto line = [&text](std::string_view what, const auto& value) { text += fmt::format("{:<20}{}\n", what, value); };
  line("ending", ending_name(ending));
  line("bytes", bytes_);
  line("segments", frames_[v1::Frame::kOpen]);
  line("  sealed", sealed_);
  line("frames", std::accumulate(frames_.begin(), frames_.end(), std::uint64_t{0}));
  for (std::size_t kind = 1; kind <= kFrameKinds; ++kind) {
    const std::size_t at = kind % kFrameKinds;  // unknown ones last
    if (frames_[at] > 0) line(fmt::format("  {}", frame_kind_name(static_cast<FrameKind>(at))), frames_[at]);
  }
  line("readings", rows_);
  for (const auto& [type, rows] : readings_) line(fmt::format("  {}", type), rows);
  if (historical_ > 0) line("  (historical)", historical_);
  if (pinned_ > 0) line("  (pinned)", pinned_);
  if (not_good_ > 0) line("  (not good)", not_good_);
  if (waveform_samples_ > 0) line("waveform samples", waveform_samples_);
  line("series", table().size());
  line("assets", table().assets());
  line("nodes", table().nodes());
  if (first_) line("first", format_time(*first_));
  if (last_) line("last", format_time(*last_));
}

void StreamStat::write_json(Ending ending, std::string& text) const {
  text += fmt::format(R"({{"ending":"{}","bytes":{},"segments":{},"sealed":{},"frames":{{)", ending_name(ending), bytes_,
                      frames_[v1::Frame::kOpen], sealed_);
  const char* comma = "";
  for (std::size_t kind = 1; kind <= kFrameKinds; ++kind) {
    const std::size_t at = kind % kFrameKinds;
    if (frames_[at] == 0) continue;
    text += fmt::format(R"({}"{}":{})", comma, frame_kind_name(static_cast<FrameKind>(at)), frames_[at]);
    comma = ",";
  }
  text += "},\"readings\":{";
  comma = "";
  for (const auto& [type, rows] : readings_) {
    text += fmt::format(R"({}"{}":{})", comma, type, rows);
    comma = ",";
  }
  text += fmt::format(R"(}},"historical":{},"pinned":{},"not_good":{},"waveform_samples":{},"series":{},"assets":{},"nodes":{})",
                      historical_, pinned_, not_good_, waveform_samples_, table().size(), table().assets(), table().nodes());
  if (first_) text += fmt::format(R"(,"first":"{}","last":"{}")", format_time(*first_), format_time(*last_));
  text += "}\n";
}

}  // namespace twinpipe
