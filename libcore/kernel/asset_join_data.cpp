// SPDX-License-Identifier: Apache-2.0
// AssetJoin: readings, and what was derived from them, on their way to the asset of their event time.
#include <algorithm>

#include "kernel/asset_join.hpp"
#include "kernel/frame_aliases.hpp"

namespace twinpipe {

/// Notes for which times nothing more is needed; false: something must be told or declared first.
bool AssetJoin::settle(std::uint32_t slot, Nanos time) {
  const Stay& stay = stay_at(slot, time);
  if (stay.alias == kNone) return false;
  const Target& owner = targets_[stay.target];
  const std::size_t at = part_at(owner, time);
  if (!owner.told[at]) return false;
  const Nanos from = std::max(stay.period.from, owner.parts[at].period.from);
  const Nanos until = std::min(stay.period.until, owner.parts[at].period.until);
  quiet_[slot] = {from, static_cast<std::uint64_t>(until) - static_cast<std::uint64_t>(from), stay.alias, stay.mounted};
  return true;
}

void AssetJoin::prepare(std::uint32_t slot, Nanos time, Output& out) {
  Stay& stay = stay_at(slot, time);
  const std::uint32_t publisher = node_of_[slot];
  if (stay.alias == kNone) {
    declare(slot, stay, out);
    const Nanos clock = nodes_[publisher].clock();
    enter(stay.target, publisher, clock == kBeginning ? time : clock, out);
  }
  tell_at(stay.target, time, out);
  settle(slot, time);
}

/// The alias under which something of an event time leaves.
std::uint32_t AssetJoin::place(std::uint32_t slot, Nanos time, Output& out) {
  if (!settle(slot, time)) prepare(slot, time, out);
  return quiet_[slot].alias;
}

void AssetJoin::follow(std::uint32_t slot, Nanos time, Output& out) {
  Node& publisher = nodes_[node_of_[slot]];
  if (moves(publisher, time)) announce(publisher, out);
}

Status AssetJoin::on_readings(const Columns& columns, const FrameView& view, Output& out) {
  const bool clocks = clockless_ > 0 && !columns.historical;
  const std::size_t rows = columns.rows();
  row_alias_.resize(rows);
  std::size_t from = 0;
  bool same = true;
  for (std::size_t row = 0; row < rows; ++row) {
    const std::uint32_t slot = columns.slot[row];
    const Nanos time = columns.time[row];
    if (clocks && moves(nodes_[node_of_[slot]], time)) {
      write_rows(columns, from, row, out);
      announce(nodes_[node_of_[slot]], out);
      from = row;
    }
    const Quiet& quiet = quiet_[slot];
    if (static_cast<std::uint64_t>(time) - static_cast<std::uint64_t>(quiet.from) >= quiet.width && !settle(slot, time)) {
      write_rows(columns, from, row, out);
      prepare(slot, time, out);
      from = row;
    }
    row_alias_[row] = quiet.alias;
    remounted_ += quiet.mounted;
    same = same && quiet.alias == columns.alias[row];
  }
  if (from == 0 && same) return pass(view, out);
  write_rows(columns, from, rows, out);
  return {};
}

/// Rows up to `to` under their own aliases.
void AssetJoin::write_rows(const Columns& columns, std::size_t from, std::size_t to, Output& out) {
  if (from == to) return;
  Columns part = rows_of(columns, from, to);
  part.alias = std::span(row_alias_).subspan(from, to - from);
  out.readings(part);
}

Status AssetJoin::on_waveform(const v1::Waveform& waveform, std::uint32_t slot, const FrameView& view, Output& out) {
  if (!waveform.historical()) follow(slot, waveform.time(), out);
  const std::uint32_t alias = place(slot, waveform.time(), out);
  remounted_ += quiet_[slot].mounted;
  if (alias == waveform.series()) return pass(view, out);
  frame_.Clear();
  *frame_.mutable_waveform() = waveform;
  frame_.mutable_waveform()->set_series(alias);
  out.frame(frame_);
  return {};
}

/// Windows are of the asset on which they began. True: an alias changed.
template <class Rows>
bool AssetJoin::rename(Rows& rows, Output& out) {
  bool changed = false;
  for (int row = 0; row < rows.series_size(); ++row) {
    const std::uint32_t slot = table().slots()[rows.series(row)];
    const std::uint32_t alias = place(slot, rows.start(row), out);
    remounted_ += quiet_[slot].mounted;
    changed = changed || alias != rows.series(row);
    rows.set_series(row, alias);
  }
  return changed;
}

Status AssetJoin::on_frame(const v1::Frame& frame, const FrameView& view, Output& out) {
  v1::Frame renamed = frame;
  bool changed = false;
  if (frame.has_exception()) {
    const std::uint32_t alias = place(table().slots()[frame.exception().series()], frame.exception().time(), out);
    changed = alias != frame.exception().series();
    renamed.mutable_exception()->set_series(alias);
  } else if (frame.has_aggregates()) {
    if (Status status = check_spans(frame.aggregates()); !status.ok()) return status;
    changed = rename(*renamed.mutable_aggregates(), out);
  } else {
    if (Status status = check_spans(frame.spectra()); !status.ok()) return status;
    changed = rename(*renamed.mutable_spectra(), out);
  }
  if (!changed) return pass(view, out);
  out.frame(renamed);
  return {};
}

Status AssetJoin::on_lifecycle(const v1::Lifecycle& lifecycle, const FrameView& view, Output& out) {
  out.forward(view);
  if (lifecycle.asset().empty()) return {};
  const MountRow* now = registry_->renumbered(lifecycle.site(), lifecycle.line(), lifecycle.asset(), lifecycle.time());
  if (now == nullptr) return {};
  frame_.Clear();
  v1::Lifecycle& of = *frame_.mutable_lifecycle();
  of = lifecycle;
  of.set_site(now->site);
  of.set_line(now->line);
  of.set_asset(now->asset);
  out.frame(frame_);
  return {};
}

}  // namespace twinpipe
