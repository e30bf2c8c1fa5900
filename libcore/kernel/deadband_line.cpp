// SPDX-License-Identifier: Apache-2.0
// The readings of a series that a reader joins by straight lines: exception reporting with the previous value, the
// swinging door, or the door behind exception reporting. A second cache line of state per series.
#include <fmt/format.h>

#include <cmath>

#include "kernel/column_values.hpp"
#include "kernel/deadband_parts.hpp"

namespace twinpipe {

/// Rows from asking for the state of a series to using it: about what memory takes.
constexpr std::size_t kAhead = 8;

/// Takes a reading as the newest that the door holds back, in place of the one before, which the line to it passes.
template <class Values>
inline bool Deadband::extend(const Held& held, Door& door, const Stored& what) {
  const Nanos run = saturating_sub(what.time, held.sent);
  const double rise = Values::rise(held.value, what.value);
  if (what.time <= door.newest.time || run >= held.heartbeat || !door.window.fits(rise, static_cast<double>(run))) return false;
  door.take<Values>(what, held.value, run);
  return true;
}

/// Takes rows from `row` on into the doors of their series as long as nothing else has to be done: what happens to most
/// readings. Returns the first row for which that is not enough; nothing was done with it.
///
/// A loop of its own, so that a reading goes from the columns into the door. follow() has to build it in memory first, and
/// copying it out of there at once waits for the stores.
template <class Values>
std::size_t Deadband::extend_on(Lane& lane, const Values& values, std::size_t row, const Columns& columns) {
  const std::size_t rows = columns.rows();
  for (; row < rows; ++row) {
    if (row + kAhead < rows) {
      __builtin_prefetch(&lane.held[columns.slot[row + kAhead]], 1);
      __builtin_prefetch(&lane.doors[columns.slot[row + kAhead]], 1);
    }
    const std::uint32_t slot = columns.slot[row];
    const Nanos time = columns.time[row];
    Held& held = lane.held[slot];
    constexpr std::uint8_t kOpen = kHeld | kDoor;
    if (held.mode != DeadbandMode::line || held.bound >= 0 || (held.flags & (kOpen | kLeapt)) != kOpen || time >= held.until ||
        !EventClock::follows(held.seen, time) || held.type != columns.type || held.quality != columns.quality_at(row) ||
        !extend<Values>(held, lane.doors[slot], Stored(columns, row, values.bits(row), segment_)))
      break;
    held.seen = time;
  }
  return row;
}

template std::size_t Deadband::extend_on(Lane&, const DoubleValues&, std::size_t, const Columns&);
template std::size_t Deadband::extend_on(Lane&, const IntegerValues<std::int64_t>&, std::size_t, const Columns&);
template std::size_t Deadband::extend_on(Lane&, const IntegerValues<std::uint64_t>&, std::size_t, const Columns&);

/// Decides about a number that can be compared with what is held. False, and nothing done: it cannot.
///
/// Exception reporting first: a reading within its bound of the last one reported is left out and remembered; the next
/// that is not is reported behind the remembered one, so that the line follows the level up to the change.
template <class Values>
bool Deadband::follow(Lane& lane, const Values& values, std::size_t row, Selection& to) {
  const Columns& columns = *to.columns;
  const std::uint32_t slot = columns.slot[row];
  Held& held = lane.held[slot];
  Door& door = lane.doors[slot];
  const Stored reading(columns, row, values.bits(row), segment_);
  if (!(held.flags & kHeld) || held.type != columns.type || held.quality != columns.quality_at(row) ||
      !Values::finite(reading.value) || !Values::finite(held.value))
    return false;
  if (held.bound >= 0) {
    const Nanos silence = saturating_sub(reading.time, held.sent);
    if (Values::near(reading.value, held.flags & kDoor ? door.newest.value : held.value, held.bound)) {
      lane.forget(slot, kSuppressed);
      if (silence < held.heartbeat) {
        if (door.bound < 0 && silence < held.shortest) return true;
        lane.previous[slot] = reading;
        held.flags |= kPrevious;
        if (!(held.flags & kListed)) lane.list(slot, table().node_of(slot));
        return true;
      }
      lane.forget(slot, kPrevious);  // the line to this reading keeps the level anyway
    } else if (door.bound < 0 && silence < held.shortest) {
      suppress(lane, slot, reading, {});
      ++blacked_out_;
      return true;
    } else if (held.flags & kPrevious) {
      lane.forget(slot, kPrevious);
      offer<Values>(lane, lane.previous[slot], true, row, to);
    }
  }
  offer<Values>(lane, reading, false, row, to);
  return true;
}

/// A reading that was reported comes to the door; without one it is archived at once.
///
/// Several readings of one time are several facts, and no line passes two: all are archived, but for repetitions.
/// In the shortest interval a reading that would have to be archived gives way to its successor.
template <class Values>
void Deadband::offer(Lane& lane, const Stored& what, bool from_memory, std::size_t row, Selection& to) {
  const std::uint32_t slot = to.columns->slot[row];
  Held& held = lane.held[slot];
  Door& door = lane.doors[slot];
  const auto archive = [&] {
    from_memory ? to.leave(what, held, row) : to.keep(row);
    lane.hold(slot, what.value, what.time);
  };
  if (door.bound < 0) return archive();
  if (held.flags & kDoor) {
    if (extend<Values>(held, door, what) || (what.time == door.newest.time && what.value == door.newest.value)) return;
    const Nanos run = saturating_sub(what.time, held.sent);
    const bool fits = what.time > door.newest.time && run < kForever &&
                      door.window.fits(Values::rise(held.value, what.value), static_cast<double>(run));
    if (fits) return archive();  // it is time for the heartbeat
    lane.forget(slot, kDoor);
    if (saturating_sub(door.newest.time, held.sent) < held.shortest) {
      ++blacked_out_;
    } else {
      to.leave(door.newest, held, row);
      lane.hold(slot, door.newest.value, door.newest.time);
    }
  }
  const Nanos run = saturating_sub(what.time, held.sent);
  if (run == 0 && what.value == held.value) return;
  if ((run == 0 && held.shortest == 0) || run >= held.heartbeat) return archive();
  door.window = SlopeWindow();
  door.take<Values>(what, held.value, run);
  held.flags |= kDoor;
  if (!(held.flags & kListed)) lane.list(slot, table().node_of(slot));
}

template bool Deadband::follow(Lane&, const DoubleValues&, std::size_t, Selection&);
template bool Deadband::follow(Lane&, const IntegerValues<std::int64_t>&, std::size_t, Selection&);
template bool Deadband::follow(Lane&, const IntegerValues<std::uint64_t>&, std::size_t, Selection&);

/// No line leads on to `row`: what its series holds back leaves before it.
void Deadband::end_line(Lane& lane, std::size_t row, Selection& to) {
  const std::uint32_t slot = to.columns->slot[row];
  lane.flush(slot, [&](const Stored& what) { to.leave(what, lane.held[slot], row); });
}

/// The same for series that are born or mean something else now: under the declaration that what is held back came
/// under, so before the frame (`behind` false). After an Open that one is gone: then behind the frame, if it says the same.
void Deadband::end_lines(const std::vector<Declared>& declared, bool behind, Output& out) {
  for (const bool historical : {false, true}) {
    Lane& lane = *lanes_[historical ? 1 : 0];
    StoredRows rows(historical, out);
    for (const Declared& series : declared) {
      const std::uint32_t slot = series.slot;
      const std::uint8_t flags = lane.held[slot].flags & (kDoor | kPrevious);
      if (flags == 0 || !(series.born || series.changed)) continue;
      const Stored newest = flags & kPrevious ? lane.previous[slot] : lane.doors[slot].newest;
      if (!behind && newest.segment != segment_) continue;
      if (behind && series.redefined) {
        notice(fmt::format("{}: declared anew after an Open with another type or unit: its last reading held back is lost",
                           table().name(slot)));
        ++lost_;
        continue;
      }
      const std::uint32_t alias = behind ? table().series(slot).sensor.alias() : newest.alias;
      lane.flush(slot, [&](const Stored& what) {
        const Held& held = lane.held[slot];
        rows.add(static_cast<ValueType>(held.type), alias, what, held.quality);
        --dropped_;
      });
    }
    rows.write();
  }
}

/// Pinned readings are sent as they are: what was held back leaves before them, and they are what is held.
template <class Values>
void Deadband::hold_pinned(Lane& lane, const Values& values, Selection& to) {
  const Columns& columns = *to.columns;
  for (std::size_t row = 0; row < columns.rows(); ++row) {
    const EventClock::Sight sight = lane.see(columns.slot[row], columns.time[row]);
    if (sight == EventClock::Sight::late) continue;
    end_line(lane, row, to);
    if (sight == EventClock::Sight::leap) continue;
    lane.hold(columns.slot[row], values, row, columns.time[row], columns.quality_at(row), columns.type);
  }
  to.count = columns.rows();
}

template void Deadband::hold_pinned(Lane&, const DoubleValues&, Selection&);
template void Deadband::hold_pinned(Lane&, const IntegerValues<std::int64_t>&, Selection&);
template void Deadband::hold_pinned(Lane&, const IntegerValues<std::uint64_t>&, Selection&);
template void Deadband::hold_pinned(Lane&, const BoolValues&, Selection&);
template void Deadband::hold_pinned(Lane&, const TextValues&, Selection&);

void Deadband::Selection::leave(const Stored& what, const Held& held, std::size_t row) {
  const auto type = static_cast<ValueType>(held.type);
  if (!columns->pinned && type == columns->type && what.origin == !columns->seq.empty()) {
    keep(columns->rows() + memory.size());
    memory.push_back(Leaving{what, columns->alias[row], held.quality});
  } else {
    earlier->add(type, columns->alias[row], what, held.quality);
    ++count_earlier;
  }
}

void Deadband::Selection::write(Output& out) {
  if (memory.empty()) return out.readings(*columns, std::span(rows).first(count));
  ReadingsBuilder merged(columns->type);
  merged.set_historical(columns->historical);
  for (const std::uint32_t row : std::span(rows).first(count)) {
    if (row < columns->rows()) {
      merged.add_row(*columns, row, columns->alias[row]);
    } else {
      const Leaving& from = memory[row - columns->rows()];
      StoredRows::add_to(merged, from.alias, from.reading, from.quality, {});
    }
  }
  out.readings(merged.columns());
}

}  // namespace twinpipe
