// SPDX-License-Identifier: Apache-2.0
// The deadband's memory: what the shortest interval held back, and the state that a checkpoint keeps.
#include <algorithm>
#include <bit>

#include "kernel/deadband_parts.hpp"
#include "state.pb.h"

namespace twinpipe {

void Deadband::StoredRows::add_to(ReadingsBuilder& rows, std::uint32_t alias, const Stored& what, std::uint32_t quality,
                                  std::string_view text) {
  switch (rows.type()) {
    case v1::VALUE_TYPE_INT64: rows.add(alias, what.time, static_cast<std::int64_t>(what.value), quality); break;
    case v1::VALUE_TYPE_UINT64: rows.add(alias, what.time, what.value, quality); break;
    case v1::VALUE_TYPE_BOOL: rows.add(alias, what.time, what.value != 0, quality); break;
    case v1::VALUE_TYPE_STRING:
    case v1::VALUE_TYPE_BYTES: rows.add(alias, what.time, text, quality); break;
    default: rows.add(alias, what.time, std::bit_cast<double>(what.value), quality); break;
  }
  if (what.origin) rows.set_origin(what.seq, what.index);
}

void Deadband::StoredRows::add(ValueType type, std::uint32_t alias, const Stored& what, std::uint32_t quality,
                               std::string_view text) {
  ReadingsBuilder& rows = builders_.try_emplace({type, what.origin}, type).first->second;
  add_to(rows, alias, what, quality, text);
  if (rows.rows() >= kRows) write();
}

void Deadband::StoredRows::write() {
  for (auto& [kind, rows] : builders_) {
    rows.set_historical(historical_);
    out_->readings(rows.columns());
    rows.clear();
  }
}

void Deadband::Waiting::add(std::uint32_t slot, Nanos at) {
  if (entries.size() == entries.capacity()) {
    std::ranges::sort(entries, {}, [](const Entry& entry) { return std::pair(entry.slot, entry.due); });
    const auto again = std::ranges::unique(entries, {}, &Entry::slot);
    entries.erase(again.begin(), again.end());
    entries.reserve(2 * entries.size() + 8);
  }
  entries.push_back({at, slot});
  due = std::min(due, at);
}

std::vector<Deadband::Waiting::Entry> Deadband::Waiting::take(Nanos until) {
  if (until < due) return {};
  Nanos least = kForever;  // a local, so that it stays in a register
  const auto first = std::partition(entries.begin(), entries.end(), [&](const Entry& entry) {
    if (entry.due <= until) return false;
    least = std::min(least, entry.due);
    return true;
  });
  due = least;
  const std::vector<Entry> taken(first, entries.end());
  entries.erase(first, entries.end());
  return taken;
}

EventClock::Sight Deadband::Lane::weigh(std::uint32_t slot, Nanos time) {
  Held& state = held[slot];
  EventClock clock(state.seen, state.flags & kLeapt ? leapt[slot] : kBeginning);
  const EventClock::Sight sight = clock.take(time);
  state.seen = clock.newest();
  leapt[slot] = clock.leapt();
  forget(slot, kLeapt);
  if (clock.leapt() != kBeginning) state.flags |= kLeapt;
  return sight;
}

/// The shortest interval holds a change back until a tick.
void Deadband::suppress(Lane& lane, std::uint32_t slot, const Stored& what, std::string_view text) {
  if (lane.suppressed.size() < lane.held.size()) lane.suppressed.resize(lane.held.size());
  lane.suppressed[slot] = Suppressed{what, std::string(text)};
  Held& held = lane.held[slot];
  held.flags |= kSuppressed;
  if (!(held.flags & kListed)) lane.list(slot, table().node_of(slot));
}

/// An asset may come to another node with any declaration, and all of its series with it, whichever that one names: from
/// then on the other node's ticks and death release what they hold back.
void Deadband::follow_node(std::uint32_t asset) {
  const std::uint32_t from = nodes_[asset], to = table().asset(asset).node;
  if (from == to) return;
  nodes_[asset] = to;
  for (const auto& lane : lanes_) {
    if (from >= lane->waiting.size()) continue;
    if (lane->waiting.size() <= to) lane->waiting.resize(to + std::size_t{1});
    std::erase_if(lane->waiting[from].entries, [&](const Waiting::Entry& entry) {
      if (table().series(entry.slot).asset != asset) return false;
      lane->waiting[to].add(entry.slot, entry.due);
      return true;
    });
  }
}

/// Sends what `node` holds back and is due by `until`, in the order of slots.
void Deadband::release(bool historical, std::uint32_t node, Nanos until, Output& out) {
  Lane& lane = *lanes_[historical ? 1 : 0];
  if (node >= lane.waiting.size()) return;
  std::vector<std::uint32_t> leaving;
  for (const auto& [due, slot] : lane.waiting[node].take(until)) {
    const Held& held = lane.held[slot];
    const bool holds = held.flags & kHeldBack;
    const Nanos again = holds && held.shortest == 0 ? held.due() : held.first_due();
    if (held.due() <= until && last_aliases_.of(slot)) leaving.push_back(slot);
    else if (holds || again > until) lane.waiting[node].add(slot, again);  // sent lately: it will hold something back again
    else lane.forget(slot, kListed);
  }
  std::ranges::sort(leaving);
  leaving.erase(std::ranges::unique(leaving).begin(), leaving.end());
  StoredRows rows(historical, out);
  const bool all = until == kForever;
  for (const std::uint32_t slot : leaving) {
    lane.forget(slot, kListed);
    release(lane, slot, all, rows);
    if (!all) lane.list(slot, node);  // at once: to find the node of a slot costs two cache misses
  }
  rows.write();
}

/// One series' part of that: what is sent becomes what is held. `all`: no reading will follow.
void Deadband::release(Lane& lane, std::uint32_t slot, bool all, StoredRows& to) {
  Held& held = lane.held[slot];
  const std::uint32_t alias = *last_aliases_.of(slot);
  const auto leave = [&](const Stored& what, std::string_view text = {}) {
    to.add(static_cast<ValueType>(held.type), alias, what, held.quality, text);
    --dropped_;
  };
  if (held.flags & kSuppressed) {
    const Suppressed& what = lane.suppressed[slot];
    leave(what.reading, what.text);
    if (held.type == v1::VALUE_TYPE_STRING || held.type == v1::VALUE_TYPE_BYTES) lane.text[slot] = what.text;
    return lane.hold(slot, what.reading.value, what.reading.time);
  }
  const bool remembers = held.flags & kPrevious;
  if (!all) lane.forget(slot, kPrevious);
  lane.flush(slot, leave);
  if (!all && remembers) held.flags |= kPrevious;  // newer than what the door held
}

/// The last segment may not name every series that an earlier one left something of. In the order of slots, as after load().
void Deadband::declare_absent(Output& out) {
  for (const auto& lane : lanes_)
    for (std::uint32_t slot = 0; slot < lane->held.size(); ++slot)
      if (lane->held[slot].flags & kHeldBack) last_aliases_.declare(slot, out);
}

void Deadband::save(const Stored& reading, v1::DeadbandStored& to) {
  to.set_value(reading.value);
  to.set_time(reading.time);
  to.set_seq(reading.seq);
  to.set_index(reading.index);
  to.set_origin(reading.origin);
}

Deadband::Stored Deadband::restored(const v1::DeadbandStored& from) {
  Stored reading;
  reading.value = from.value();
  reading.time = from.time();
  reading.seq = from.seq();
  reading.index = from.index();
  reading.origin = from.origin();
  return reading;
}

std::string Deadband::save() const {
  v1::DeadbandState state;
  state.set_policy_digest(rules_.digest());
  for (const auto& lane : lanes_) {
    v1::DeadbandLane& to = *state.add_lane();
    for (std::uint32_t slot = 0; slot < lane->held.size(); ++slot) {
      const Held& held = lane->held[slot];
      to.add_held(held.value);
      to.add_sent(held.sent);
      to.add_seen(held.seen);
      to.add_quality(held.quality);
      to.add_flags(held.flags & ~kListed);
      to.add_type(held.type);
      if (held.flags & kLeapt) to.add_leapt(lane->leapt[slot]);
      if (held.flags & kSuppressed) {
        v1::DeadbandPending& pending = (*to.mutable_pending())[slot];
        save(lane->suppressed[slot].reading, *pending.mutable_reading());
        pending.set_text(lane->suppressed[slot].text);
      }
      if (held.flags & kPrevious) save(lane->previous[slot], *to.add_previous());
      if (held.flags & kDoor) {
        save(lane->doors[slot].newest, *to.add_door());
        to.add_low(lane->doors[slot].window.low());
        to.add_high(lane->doors[slot].window.high());
      }
    }
    for (const auto& [slot, text] : lane->text) (*to.mutable_text())[slot] = text;
  }
  return state.SerializeAsString();
}

Status Deadband::load(std::string_view bytes) {
  v1::DeadbandState state;
  if (!state.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) || state.lane_size() != static_cast<int>(lanes_.size()))
    return Status::error(Code::bad_config, "the saved state is not a deadband's");
  const bool same_policy = state.policy_digest() == rules_.digest();
  if (!same_policy) notice("the state was saved under another policy: what is held stays, the new rules apply from here on");
  nodes_.clear();
  for (std::size_t i = 0; i < lanes_.size(); ++i) {
    *lanes_[i] = Lane{};
    grow();
    if (Status status = load(state.lane(static_cast<int>(i)), same_policy, *lanes_[i]); !status.ok()) return status;
  }
  return {};
}

Status Deadband::load(const v1::DeadbandLane& from, bool same_policy, Lane& lane) {
  const auto wrong = [] { return Status::error(Code::bad_config, "the saved state does not fit its series table"); };
  const auto slots = static_cast<int>(lane.held.size());
  if (from.held_size() != slots || from.sent_size() != slots || from.seen_size() != slots || from.quality_size() != slots ||
      from.flags_size() != slots || from.type_size() != slots || from.low_size() != from.door_size() ||
      from.high_size() != from.door_size())
    return wrong();
  if (from.door_size() + from.previous_size() > 0) {  // another policy may have drawn lines where this one does not
    lane.doors.resize(lane.held.size());
    lane.previous.resize(lane.held.size());
  }
  int doors = 0, previous = 0, leapt = 0;
  for (int row = 0; row < slots; ++row) {
    const auto slot = static_cast<std::uint32_t>(row);
    Held& held = lane.held[slot];
    held.value = from.held(row);
    held.sent = from.sent(row);
    held.seen = from.seen(row);
    held.quality = from.quality(row);
    held.type = static_cast<std::uint8_t>(from.type(row));
    // The rule that held something back goes on; another one comes with the next reading, after what was held back.
    const auto flags = static_cast<std::uint8_t>(from.flags(row) & (kHeld | kHeldBack | kLeapt));
    if (same_policy && (flags & kHeldBack))
      if (Status status = configure(slot, held.seen, lane); !status.ok()) return status;
    held.flags = flags;
    if (flags & kLeapt) {
      if (leapt == from.leapt_size()) return wrong();
      lane.leapt[slot] = from.leapt(leapt++);
    }
    if (flags & kSuppressed) {
      const auto at = from.pending().find(slot);
      if (at == from.pending().end()) return wrong();
      suppress(lane, slot, restored(at->second.reading()), at->second.text());
    }
    if ((flags & kDoor && doors == from.door_size()) || (flags & kPrevious && previous == from.previous_size())) return wrong();
    if (flags & kDoor) {
      lane.doors[slot].newest = restored(from.door(doors));
      lane.doors[slot].window = SlopeWindow::restored(from.low(doors), from.high(doors));
      ++doors;
    }
    if (flags & kPrevious) lane.previous[slot] = restored(from.previous(previous++));
    if ((flags & kHeldBack) && !(held.flags & kListed)) lane.list(slot, table().node_of(slot));
  }
  for (const auto& [slot, text] : from.text()) lane.text[slot] = text;
  return {};
}

}  // namespace twinpipe
