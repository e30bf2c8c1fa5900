// SPDX-License-Identifier: Apache-2.0
// The deadband's memory: what the shortest interval held back, and the state that a checkpoint keeps.
#include <algorithm>
#include <bit>

#include "kernel/deadband_parts.hpp"
#include "state.pb.h"

namespace twinpipe {

/// Sends what was suppressed on `node` (all nodes: the table's count of them) and whose interval ended by `until`, in the
/// order of slots: a frame per value type.
void Deadband::release(bool historical, std::uint32_t node, Nanos until, Output& out) {
  Lane& lane = *lanes_[historical ? 1 : 0];
  std::ranges::sort(lane.waiting);
  std::map<ValueType, ReadingsBuilder> builders;
  std::size_t kept = 0;
  for (const std::uint32_t slot : lane.waiting) {
    Held& held = lane.held[slot];
    const bool concerned = node == table().nodes() || table().node_of(slot) == node;
    const bool due = until == kForever || saturating_add(held.sent, held.shortest) <= until;
    const std::optional<std::uint32_t> alias = table().alias_of(slot);
    if (!(held.flags & kSuppressed)) {
      held.flags &= static_cast<std::uint8_t>(~kListed);
    } else if (!concerned || !due || !alias) {
      lane.waiting[kept++] = slot;
    } else {
      const auto type = static_cast<ValueType>(held.type);
      send(lane, slot, *alias, builders.try_emplace(type, type).first->second);
    }
  }
  lane.waiting.resize(kept);
  for (auto& [type, rows] : builders) {
    rows.set_historical(historical);
    out.readings(rows.columns());
  }
}

/// What was suppressed becomes what is held.
void Deadband::send(Lane& lane, std::uint32_t slot, std::uint32_t alias, ReadingsBuilder& rows) {
  Held& held = lane.held[slot];
  const Suppressed& what = lane.suppressed[slot];
  switch (rows.type()) {
    case v1::VALUE_TYPE_INT64: rows.add(alias, what.time, static_cast<std::int64_t>(what.value), what.quality); break;
    case v1::VALUE_TYPE_UINT64: rows.add(alias, what.time, what.value, what.quality); break;
    case v1::VALUE_TYPE_BOOL: rows.add(alias, what.time, what.value != 0, what.quality); break;
    case v1::VALUE_TYPE_STRING:
    case v1::VALUE_TYPE_BYTES:
      rows.add(alias, what.time, std::string_view(what.text), what.quality);
      lane.text[slot] = what.text;
      break;
    default: rows.add(alias, what.time, std::bit_cast<double>(what.value), what.quality); break;
  }
  held.value = what.value;
  held.sent = what.time;
  held.flags = kHeld;
  --dropped_;
}

std::string Deadband::save() const {
  v1::DeadbandState state;
  state.set_policy_digest(rules_.digest());
  for (const auto& lane : lanes_) {
    v1::DeadbandLane& to = *state.add_lane();
    for (const Held& held : lane->held) {
      to.add_held(held.value);
      to.add_sent(held.sent);
      to.add_seen(held.seen);
      to.add_quality(held.quality);
      to.add_flags(held.flags & kHeld);
      to.add_type(held.type);
    }
    for (const auto& [slot, text] : lane->text) (*to.mutable_text())[slot] = text;
    for (const std::uint32_t slot : lane->waiting) {
      if (!(lane->held[slot].flags & kSuppressed)) continue;
      const Suppressed& suppressed = lane->suppressed[slot];
      v1::DeadbandPending& pending = (*to.mutable_pending())[slot];
      pending.set_value(suppressed.value);
      pending.set_text(suppressed.text);
      pending.set_time(suppressed.time);
      pending.set_quality(suppressed.quality);
    }
  }
  return state.SerializeAsString();
}

Status Deadband::load(std::string_view bytes) {
  v1::DeadbandState state;
  if (!state.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) || state.lane_size() != static_cast<int>(lanes_.size()))
    return Status::error(Code::bad_config, "the saved state is not a deadband's");
  if (state.policy_digest() != rules_.digest())
    notice("the state was saved under another policy: what is held stays, the new rules apply from here on");
  for (std::size_t i = 0; i < lanes_.size(); ++i) {
    const v1::DeadbandLane& from = state.lane(static_cast<int>(i));
    *lanes_[i] = Lane{};
    Lane& lane = *lanes_[i];
    lane.held.resize(table().size());
    if (from.held_size() != static_cast<int>(lane.held.size()) || from.sent_size() != from.held_size() ||
        from.seen_size() != from.held_size() || from.quality_size() != from.held_size() ||
        from.flags_size() != from.held_size() || from.type_size() != from.held_size())
      return Status::error(Code::bad_config, "the saved state does not fit its series table");
    for (int slot = 0; slot < from.held_size(); ++slot) {
      Held& held = lane.held[static_cast<std::size_t>(slot)];
      held.value = from.held(slot);
      held.sent = from.sent(slot);
      held.seen = from.seen(slot);
      held.quality = from.quality(slot);
      held.flags = static_cast<std::uint8_t>(from.flags(slot) & kHeld);
      held.type = static_cast<std::uint8_t>(from.type(slot));
    }
    for (const auto& [slot, text] : from.text()) lane.text[slot] = text;
    for (const auto& [slot, pending] : from.pending())
      if (slot < lane.held.size())
        lane.suppress(slot, Suppressed{pending.value(), pending.text(), pending.time(), pending.quality()});
  }
  return {};
}

}  // namespace twinpipe
