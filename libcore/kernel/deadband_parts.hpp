// SPDX-License-Identifier: Apache-2.0
// The parts of the deadband's state. Private to the deadband*.cpp files.
#pragma once

#include <algorithm>
#include <map>
#include <string>

#include "kernel/deadband.hpp"
#include "kernel/swinging_door.hpp"

namespace twinpipe {

enum DeadbandFlag : std::uint8_t {
  kHeld = 1,        // something was sent since the last birth
  kSuppressed = 2,  // the shortest interval holds a value back
  kListed = 4,      // in Lane::waiting
  kDoor = 8,        // the swinging door holds its newest reading back
  kPrevious = 16,   // exception reporting keeps the last reading that it left out
  kLeapt = 32,      // Lane::leapt has the time of a reading that is not believed yet, or the first one
};
constexpr std::uint8_t kHeldBack = kSuppressed | kDoor | kPrevious;

/// How the readings of a series are chosen.
enum class DeadbandMode : std::uint8_t {
  all,   // no rule: everything passes
  step,  // compared with the last one sent
  line,  // so that a straight line between what was sent is true: previous value, swinging door, or both
};

/// State of one series in one lane. 64 bytes: readings come in any order of series, so a reading costs one cache miss.
struct alignas(64) Deadband::Held {
  std::uint64_t value = 0;   // bits of the value that was sent last
  Nanos sent = 0;            // its time
  Nanos seen = kBeginning;   // time of the newest reading, sent or not: see EventClock
  Nanos until = kBeginning;  // the rule below applies before this event time
  Nanos heartbeat = kForever;
  Nanos shortest = 0;
  double bound = 0;  // of exception reporting, in the value's unit; negative: none
  std::uint32_t quality = kGood;
  std::uint8_t flags = 0;
  std::uint8_t type = 0;  // v1::ValueType of `value`
  DeadbandMode mode = DeadbandMode::all;

  /// When what is held back leaves with a tick: after the shortest interval, at the heartbeat, or only with a change.
  Nanos due() const {
    return flags & kSuppressed ? saturating_add(sent, shortest) : flags & kDoor ? saturating_add(sent, heartbeat) : kForever;
  }
  /// Not later than that, whatever will be held back from now on.
  Nanos first_due() const { return saturating_add(sent, shortest > 0 ? std::min(shortest, heartbeat) : heartbeat); }
};

/// A reading that may leave later, with all that its row said but type and quality: those are what is held.
struct Deadband::Stored {
  std::uint64_t value = 0;  // bits
  Nanos time = 0;
  std::uint64_t seq = 0;
  std::uint32_t index = 0;
  std::uint32_t alias = 0;    // in the segment that it came in
  std::uint32_t segment = 0;  // counted by on_open; 0: before a restart
  bool origin = false;        // seq and index were given

  Stored() = default;
  Stored(const Columns& columns, std::size_t row, std::uint64_t bits, std::uint32_t in_segment)
      : value(bits), time(columns.time[row]), alias(columns.alias[row]), segment(in_segment), origin(!columns.seq.empty()) {
    if (!origin) return;
    seq = columns.seq[row];
    index = columns.index.empty() ? 0 : columns.index[row];
  }
};

/// What the shortest interval suppressed last; its quality is the held one.
struct Deadband::Suppressed {
  Stored reading;
  std::string text;
};

/// The swinging door of one series: a second cache line, which only such series have.
struct alignas(64) Deadband::Door {
  Stored newest;       // where kDoor: fits the window, and is archived when its successor does not
  SlopeWindow window;  // where kDoor: of the readings since the archived one, `newest` included
  double bound = -1;   // compression deviation, in the value's unit; negative: no door

  /// Holds `what` back, `run` ns behind the archived value: the line that comes must pass it.
  template <class Values>
  void take(const Stored& what, std::uint64_t archived, Nanos run) {
    if (run > 0)
      window.narrow(Values::rise(archived, what.value), static_cast<double>(run),
                    std::fabs(Values::number(archived)) + std::fabs(Values::number(what.value)), bound);
    newest = what;
  }
};

/// Slots of one node that hold something back; some no longer do, or not yet again.
struct Deadband::Waiting {
  struct Entry {
    Nanos due;  // nothing of the slot leaves by a tick before this
    std::uint32_t slot;
  };
  std::vector<Entry> entries;  // in any order; a slot whose rule or birth changed may stand here twice
  Nanos due = kForever;        // the least of them

  void add(std::uint32_t slot, Nanos at);
  /// Removes and returns the entries that are due by `until`.
  std::vector<Entry> take(Nanos until);
};

struct Deadband::Lane {
  std::vector<Held> held;                     // by slot
  std::vector<Door> doors;                    // by slot; empty in a policy without lines
  std::vector<Stored> previous;               // by slot, where kPrevious; empty as the doors
  std::vector<Nanos> leapt;                   // by slot, where kLeapt: EventClock::leapt()
  std::vector<Suppressed> suppressed;         // by slot, where kSuppressed; empty as long as nothing ever was
  std::vector<Waiting> waiting;               // by node
  std::map<std::uint32_t, std::string> text;  // held values of string series

  const std::string* text_of(std::uint32_t slot) const {
    const auto at = text.find(slot);
    return at == text.end() ? nullptr : &at->second;
  }

  /// Makes a reading that is sent what later ones are compared with; whatever was held back is forgotten.
  void hold(std::uint32_t slot, std::uint64_t bits, Nanos time) {
    Held& state = held[slot];
    state.value = bits;
    state.sent = time;
    state.flags = static_cast<std::uint8_t>(kHeld | (state.flags & (kListed | kLeapt)));
  }
  template <class Values>
  void hold(std::uint32_t slot, const Values& values, std::size_t row, Nanos time, std::uint32_t quality, ValueType type) {
    Held& state = held[slot];
    state.quality = quality;
    state.type = static_cast<std::uint8_t>(type);
    if constexpr (Values::kText) text[slot] = values.text(row);
    hold(slot, values.bits(row), time);
  }

  /// A slot of `node` holds something back. What is sent later is due later, so one entry is enough until it is.
  void list(std::uint32_t slot, std::uint32_t node) {
    if (waiting.size() <= node) waiting.resize(node + std::size_t{1});
    waiting[node].add(slot, held[slot].first_due());
    held[slot].flags |= kListed;
  }

  /// Takes the time of a reading into account.
  EventClock::Sight see(std::uint32_t slot, Nanos time) {
    Held& state = held[slot];
    if (state.flags & kLeapt || !EventClock::follows(state.seen, time)) [[unlikely]]
      return weigh(slot, time);
    state.seen = time;
    return EventClock::Sight::in_order;
  }
  EventClock::Sight weigh(std::uint32_t slot, Nanos time);

  void forget(std::uint32_t slot, std::uint8_t flag) { held[slot].flags &= static_cast<std::uint8_t>(~flag); }

  /// Sends what a line holds back, oldest first, by calling `leave(Stored)`.
  void flush(std::uint32_t slot, auto&& leave) {
    const std::uint8_t flags = held[slot].flags;
    if (flags & kDoor) leave(doors[slot].newest), hold(slot, doors[slot].newest.value, doors[slot].newest.time);
    if (flags & kPrevious) leave(previous[slot]), hold(slot, previous[slot].value, previous[slot].time);
  }

  /// What a line holds back of a series that is declared again, after an Open or a restart, is of that segment from here on.
  void carry_over(std::uint32_t slot, std::uint32_t alias, std::uint32_t segment) {
    const std::uint8_t flags = held[slot].flags;
    const auto carry = [&](Stored& what) {
      if (what.segment == segment) return;
      what.alias = alias;
      what.segment = segment;
    };
    if (flags & kDoor) carry(doors[slot].newest);
    if (flags & kPrevious) carry(previous[slot]);
  }
};

/// Rows from memory on their way out as frames of their own, a frame per type.
class Deadband::StoredRows {
 public:
  StoredRows(bool historical, Output& out) : historical_(historical), out_(&out) {}
  void add(ValueType type, std::uint32_t alias, const Stored& what, std::uint32_t quality, std::string_view text = {});
  void write();

  static void add_to(ReadingsBuilder& rows, std::uint32_t alias, const Stored& what, std::uint32_t quality,
                     std::string_view text);

 private:
  static constexpr std::size_t kRows = 4096;  // of a frame
  bool historical_;
  Output* out_;
  std::map<std::pair<ValueType, bool>, ReadingsBuilder> builders_;  // by type and whether rows have an origin
};

/// What leaves in place of a frame: rows of its own, and rows from memory among them.
struct Deadband::Selection {
  struct Leaving {
    Stored reading;
    std::uint32_t alias, quality;
  };
  const Columns* columns = nullptr;
  StoredRows* earlier = nullptr;    // rows from memory that the frame has no column for: they leave before it
  std::vector<std::uint32_t> rows;  // of the frame; from columns->rows() on, of `memory`
  std::size_t count = 0;            // of `rows`
  std::vector<Leaving> memory;
  std::size_t count_earlier = 0;  // of rows in `earlier`

  void start(const Columns& frame, StoredRows& before, std::size_t most) {
    columns = &frame;
    earlier = &before;
    rows.resize(most);
    count = count_earlier = 0;
    memory.clear();
  }
  void keep(std::size_t row) { rows[count++] = static_cast<std::uint32_t>(row); }
  /// A reading from memory, of the series of `row`, leaves before that row.
  void leave(const Stored& what, const Held& held, std::size_t row);
  void write(Output& out);
};

}  // namespace twinpipe
