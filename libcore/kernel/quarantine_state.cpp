// SPDX-License-Identifier: Apache-2.0
// Quarantine: the state that a checkpoint keeps.
#include <algorithm>

#include "kernel/quarantine_parts.hpp"
#include "state.pb.h"

namespace twinpipe {

std::string Quarantine::save() const {
  v1::QuarantineState state;
  state.set_policy_digest(rules_.digest());
  state.set_now_newest(now_.newest());
  state.set_now_leapt(now_.leapt());
  state.set_side_bytes(side_bytes_);
  const std::vector<v1::Applied> upstream = upstream_.words();
  state.mutable_upstream()->Assign(upstream.begin(), upstream.end());
  for (const auto& lane : lanes_) {
    v1::QuarantineLane& to = *state.add_lane();
    for (std::size_t slot = 0; slot < lane->tracks.size(); ++slot) {
      const Track& track = lane->tracks[slot];
      to.add_value(track.value);
      to.add_time(track.time);
      to.add_since(track.since);
      to.add_state(track.state);
      if (!(track.state & kOdd)) continue;
      to.add_newest(lane->clock[slot].newest());
      to.add_leapt(lane->clock[slot].leapt());
    }
    for (const auto& [slot, text] : lane->text) (*to.mutable_text())[slot] = text;
  }
  return state.SerializeAsString();
}

Status Quarantine::load(std::string_view bytes) {
  v1::QuarantineState state;
  if (!state.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) || state.lane_size() != static_cast<int>(lanes_.size()))
    return Status::error(Code::bad_config, "the saved state is not a quarantine's");
  if (state.policy_digest() != rules_.digest())
    notice("the state was saved under another policy: values are remembered, the new rules apply from here on");
  now_ = EventClock(state.now_newest(), state.now_leapt());
  side_bytes_ = state.side_bytes();
  resumed_ = true;
  upstream_.clear();
  for (const v1::Applied& applied : state.upstream()) upstream_.take(applied);
  upstream_.open_segment();  // a filter upstream says anew what it does
  for (std::size_t number = 0; number < lanes_.size(); ++number) {
    *lanes_[number] = Lane{};
    grow();
    if (Status status = load(state.lane(static_cast<int>(number)), *lanes_[number]); !status.ok()) return status;
  }
  return {};
}

Status Quarantine::load(const v1::QuarantineLane& from, Lane& lane) {
  const auto wrong = [] { return Status::error(Code::bad_config, "the saved state does not fit its series table"); };
  const auto slots = static_cast<int>(lane.tracks.size());
  const auto odd = std::ranges::count_if(from.state(), [](std::uint32_t state) { return (state & kOdd) != 0; });
  if (from.value_size() != slots || from.time_size() != slots || from.since_size() != slots || from.state_size() != slots ||
      from.newest_size() != odd || from.leapt_size() != odd)
    return wrong();
  int at = 0;
  for (const auto& [slot, text] : from.text()) lane.text[slot] = text;
  for (int row = 0; row < slots; ++row) {
    const auto slot = static_cast<std::uint32_t>(row);
    lane.tracks[slot] = {from.value(row), from.time(row), from.since(row), 0, from.state(row)};
    if (from.state(row) & kOdd) {
      lane.clock[slot] = EventClock(from.newest(at), from.leapt(at));
      ++at;
    }
    const auto type = static_cast<ValueType>(from.state(row) >> 8);
    if (from.state(row) & kHasLast && is_text(type) && !lane.text.contains(slot)) return wrong();
    configure(lane, slot, clock_of(lane, slot).newest());
  }
  return {};
}

}  // namespace twinpipe
