// SPDX-License-Identifier: Apache-2.0
// Readings that come to the window aggregates once more, in the same lane or in the other one.
#include <algorithm>

#include "kernel/winagg_parts.hpp"

namespace twinpipe {

/// A reading once more, which need not be in the lane's newest pane: a birth repeats current values with the times that they
/// had, and a backlog brings as history what a birth told.
bool WinAgg::is_repeated(std::size_t lane, std::uint32_t slot, const Numbered& reading) {
  Track& track = lanes_[lane]->tracks[slot];
  if (track.before.repeats(reading)) return true;
  if (lane == kHistorical && (told_[slot].repeats(reading) || still_has(kLive, slot, reading))) return true;
  Pane* const pane = track.pane_at(floor_to(reading.time, settings_[slot].slide));
  if (pane == nullptr) return false;
  park(lane, slot);
  if (pane->size == 0 || !pane->data[pane->size - 1].repeats(reading)) return false;
  if (pane->orders == nullptr && reading.order != 0)
    if (Status status = add_orders(*pane); !status.ok()) return false;
  if (pane->orders != nullptr) pane->orders[pane->size - 1] = std::max(pane->orders[pane->size - 1], reading.order);
  return true;
}

/// Does the live lane know readings of the pane?
bool WinAgg::has_live(std::uint32_t slot, Nanos start) const {
  Track& track = lanes_[kLive]->tracks[slot];
  const auto is_in = [&](const Reading& of) {
    return of.time != kBeginning && floor_to(of.time, settings_[slot].slide) == start;
  };
  return is_in(track.before) || is_in(told_[slot]) || track.pane_at(start) != nullptr;
}

/// As far as the lane still has its readings.
bool WinAgg::still_has(std::size_t lane, std::uint32_t slot, const Reading& reading) {
  Track& track = lanes_[lane]->tracks[slot];
  if (track.before.repeats(reading)) return true;
  const Pane* const pane = track.pane_at(floor_to(reading.time, settings_[slot].slide));
  if (pane == nullptr) return false;
  park(lane, slot);
  return std::any_of(pane->data, pane->data + pane->size, [&reading](const Reading& held) { return held.repeats(reading); });
}

}  // namespace twinpipe
