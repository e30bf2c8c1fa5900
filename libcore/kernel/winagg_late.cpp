// SPDX-License-Identifier: Apache-2.0
// What came too late for the window aggregates: a stream of its own, with aliases of its own.
#include <utility>

#include "kernel/waveform_split.hpp"
#include "kernel/winagg_parts.hpp"

namespace twinpipe {

/// The alias of a series in the late stream, which is begun and in which it is declared where that has not happened yet.
std::uint32_t WinAgg::late_alias(std::uint32_t slot) {
  const auto [at, is_new] = late_alias_.try_emplace(slot, static_cast<std::uint32_t>(late_alias_.size()));
  if (is_new) {
    if (at->second == 0) late_->open("winagg late", false);
    v1::Frame frame;
    *frame.mutable_series() = table().declaration(slot, at->second);
    late_->frame(frame);
  }
  return at->second;
}

void WinAgg::late(std::size_t lane, const Columns& columns, std::size_t row) {
  ++late_count_;
  if (lane == kHistorical && !std::exchange(told_late_, true))
    notice(
        table().name(columns.slot[row]) +
        ": history came behind its node's historical watermark, and rows weighted by time cannot take it: it is counted as late");
  if (late_ == nullptr) return;
  const std::size_t before = late_->pending().size();
  const std::uint32_t alias = late_alias(columns.slot[row]);
  ReadingsBuilder& rows = late_rows_.try_emplace({columns.type, lane}, columns.type).first->second;
  rows.add_row(columns, row, alias);
  rows.set_historical(lane == kHistorical);
  late_bytes_ += late_->pending().size() - before;
}

void WinAgg::late(const v1::Waveform& waveform, std::uint32_t slot, std::size_t from, std::size_t to) {
  samples_late_ += to - from;
  if (late_ == nullptr) return;
  const std::size_t before = late_->pending().size();
  v1::Frame frame;
  *frame.mutable_waveform() = samples_between(waveform, from, to);
  frame.mutable_waveform()->set_series(late_alias(slot));
  late_->frame(frame);
  late_bytes_ += late_->pending().size() - before;
}

/// At the end of each handler: a frame a type and lane.
void WinAgg::write_late() {
  for (auto& [key, rows] : late_rows_) {
    if (rows.empty()) continue;
    const std::size_t before = late_->pending().size();
    late_->readings(rows.columns());
    late_bytes_ += late_->pending().size() - before;
    rows.clear();
  }
}

}  // namespace twinpipe
