// SPDX-License-Identifier: Apache-2.0
// Readings that come to the window aggregates once more, in the same lane or in the other one.
#include <algorithm>

#include "kernel/winagg_parts.hpp"

namespace twinpipe {

/// A reading once more, which need not be in the lane's newest pane: a birth repeats current values with the times that they
/// had, and a backlog brings as history what a birth told.
bool WinAgg::is_repeated(std::size_t lane, std::uint32_t slot, const Reading& reading) {
  Track& track = lanes_[lane]->tracks[slot];
  if (reading.is_again(track.before)) return true;
  if (lane == kHistorical && (reading.is_again(told_[slot]) || still_has(kLive, slot, reading))) return true;
  const Nanos start = floor_to(reading.time, settings_[slot].slide);
  const auto pane = std::find_if(track.panes.rbegin(), track.panes.rend(), [start](const Pane& it) { return it.start <= start; });
  if (pane == track.panes.rend() || pane->start != start) return false;
  park(lane, slot);
  if (pane->size == 0 || !reading.is_again(pane->data[pane->size - 1])) return false;
  Reading& last = pane->data[pane->size - 1];
  last.order = std::max(last.order, reading.order);
  return true;
}

/// Does the live lane know readings of the pane?
bool WinAgg::has_live(std::uint32_t slot, Nanos start) const {
  const Track& track = lanes_[kLive]->tracks[slot];
  const auto is_in = [&](const Reading& of) {
    return of.time != kBeginning && floor_to(of.time, settings_[slot].slide) == start;
  };
  return is_in(track.before) || is_in(told_[slot]) || std::ranges::find(track.panes, start, &Pane::start) != track.panes.end();
}

/// As far as the lane still has its readings.
bool WinAgg::still_has(std::size_t lane, std::uint32_t slot, const Reading& reading) {
  Track& track = lanes_[lane]->tracks[slot];
  if (reading.is_again(track.before)) return true;
  const Nanos start = floor_to(reading.time, settings_[slot].slide);
  const auto pane = std::ranges::find(track.panes, start, &Pane::start);
  if (pane == track.panes.end()) return false;
  park(lane, slot);
  return std::any_of(pane->data.get(), pane->data.get() + pane->size,
                     [&](const Reading& held) { return reading.is_again(held); });
}

}  // namespace twinpipe
