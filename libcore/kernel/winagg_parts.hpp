// SPDX-License-Identifier: Apache-2.0
// The parts of the window aggregates' state. Private to the winagg*.cpp files.
#pragma once

#include "kernel/event_clock.hpp"
#include "kernel/winagg.hpp"

namespace twinpipe {

inline constexpr char kWinAggSection[] = "winagg";
inline constexpr std::uint32_t kEverything = ~0U;         // every asset, every slot
inline constexpr std::uint32_t kMostReadings = 1U << 31;  // of one pane
/// Event times beyond this (the year 2043), and they are mistakes, would overflow what is added to them.
inline constexpr Nanos kFarthest = Nanos{1} << 61;

constexpr Nanos floor_to(Nanos time, Nanos step) { return time - (time % step + step) % step; }

/// The rule in force for a series.
struct WinAgg::Setting {
  const Rule* rule = nullptr;  // none: the series passes whole
  Nanos until = kBeginning;    // from this event time on it is asked for again
  Nanos window = 0, slide = 0, lateness = 0;
  Nanos period = 0;  // between readings, as expected; 0: nobody says
  Nanos hold = 0;    // longest silence that a curve bridges
  v1::Weighting weighting = v1::WEIGHTING_COUNT;
  std::uint64_t segment = 0;  // of the series' last declaration
  bool told = false;          // that its waveforms cannot be aggregated
  bool declared = false;      // since its last live reading: the next one may be told by a birth

  std::uint32_t slides() const { return static_cast<std::uint32_t>(window / slide); }
  bool is_curve() const { return weighting != v1::WEIGHTING_COUNT; }
};

struct WinAgg::Reading {
  Nanos time = kBeginning;
  double value = 0;  // not a number: excluded, and the end of what was held before

  /// The same fact, perhaps told in another message.
  bool repeats(const Reading& other) const { return time == other.time && value == other.value; }
};

/// As it comes.
struct WinAgg::Numbered : Reading {
  std::uint64_t order = 0;  // message number and index, where the stream has them
};

/// What a pane or a window comes to.
struct WinAgg::Content {
  Moments moments;
  std::uint64_t excluded = 0;
  double samples = 0, covered = 0;  // of waveforms: number, and seconds
  bool empty() const { return moments.count == 0 && excluded == 0 && moments.empty(); }
  void merge(const Content& other) {
    moments.merge(other.moments);
    excluded += other.excluded;
    samples += other.samples;
    covered += other.covered;
  }
};

/// The samples of one waveform that lie in one pane.
struct WinAgg::Slice {
  Nanos time = 0;
  std::uint64_t order = 0;
  Content content;
};

/// Slices are kept in order of time; what has been taken out of them for good, and up to which time.
struct WinAgg::Slices {
  std::vector<Slice> kept;
  Content sealed;
  Nanos until = kBeginning;

  std::size_t bytes() const { return kept.capacity() * sizeof(Slice); }
};

/// One slide's worth of one series in one lane. It is moved when windows open and close, and fetched from memory each time: what
/// few panes have lies elsewhere.
struct WinAgg::Pane {
  Nanos start = 0;
  // Buffers of `capacity`, until forget(); the head may be writing behind size. Orders have a place of their own, and only where
  // some reading has one: a third less goes through the memory without them.
  Reading* data = nullptr;
  std::uint64_t* orders = nullptr;  // nullptr: all are 0
  std::uint32_t size = 0, capacity = 0;
  std::uint32_t emitted = 0;  // of the windows that contain it, in order of time: so many rows have what it holds
  bool unsorted = false;      // data is out of order, or holds equal times
  bool once = false;          // its windows' rows leave once, when the lateness is over; see WinAgg
  Nanos sealed_until = kBeginning;
  Content sealed;                  // what has been taken out of `data` for good, and up to when
  std::unique_ptr<Slices> slices;  // none: no waveform has samples here
  std::unique_ptr<Content> total;  // all of it, when known

  Numbered reading(std::size_t i) const { return {data[i], orders != nullptr ? orders[i] : 0}; }
  /// Has the window that ends there left with what the pane holds?
  bool told(Nanos end, Nanos slide) const { return start + emitted * slide >= end; }
};

/// Where the readings of a series go while they come in order: one cache line. The place that they go to is another one, mostly
/// of another page: two wait here for a third, and then all go.
struct alignas(64) WinAgg::Head {
  static constexpr std::uint32_t kMostWaiting = 2, kMostNodes = (1U << 28) - 1;  // far beyond the table's limit

  Nanos start = 0, end = 0;  // readings from here to there; closed: equal
  Reading* next = nullptr;   // behind what the pane holds without those that wait
  std::uint32_t room = 0;    // how many more the pane holds, without those that wait
  std::uint32_t node : 28 = 0, ruled : 1 = 0, ordered : 1 = 0, waiting : 2 = 0;
  union {
    std::array<Reading, kMostWaiting> waits{};  // of order 0
    std::uint64_t* next_order;                  // where the pane has orders: then none waits
  };

  bool writes_to(const Pane& pane) const {
    return start != end && pane.data != nullptr && next + waiting + room == pane.data + pane.capacity;
  }
  bool takes(Nanos time, std::uint64_t order) const {
    return time >= start && time < end && room > 0 && (order == 0 || ordered != 0);
  }
  void put(const Reading& reading) {
    // Field by field: a struct made on the stack would be read back before its halves have left the store buffer.
    next->time = reading.time;
    next->value = reading.value;
    ++next;
  }
  void put_waiting() {
    for (std::uint32_t i = 0; i < waiting; ++i) put(waits[i]);
    waiting = 0;
  }
  void take(const Reading& reading, std::uint64_t order) {
    --room;
    const std::uint32_t before = waiting;
    if (ordered != 0) {
      put(reading);
      *next_order++ = order;
    } else if (before < kMostWaiting) {
      waits[before].time = reading.time;
      waits[before].value = reading.value;
      waiting = (before + 1) & 3U;
    } else {
      put_waiting();
      put(reading);
    }
  }
};

struct WinAgg::Track {
  std::vector<Pane> panes;  // in order of time
  std::uint32_t usual = 8;  // readings that a pane had
  Nanos scheduled = kForever;
  Nanos processed = kBeginning;  // up to where windows have been closed
  Nanos filled = kForever;       // of a curve: start of the first pane that may still have to be made without a reading
  Reading before;                // the last one of the panes that are gone, for curves
  Nanos before_until = kBeginning;

  /// The first pane that starts behind `start`: mostly the end, so it is sought from there.
  std::vector<Pane>::iterator first_behind(Nanos start) {
    auto at = panes.end();
    while (at != panes.begin() && (at - 1)->start > start) --at;
    return at;
  }
  /// The pane that starts there, the newest of several; nullptr: none.
  Pane* pane_at(Nanos start) {
    const auto behind = first_behind(start);
    return behind != panes.begin() && (behind - 1)->start == start ? &*(behind - 1) : nullptr;
  }
};

struct WinAgg::Lane {
  explicit Lane(std::pmr::memory_resource* pages) : heads(pages), tracks(pages) {}

  std::pmr::vector<Head> heads;    // by slot
  std::pmr::vector<Track> tracks;  // by slot
};

/// As the table says; the head is at hand.
inline std::uint32_t WinAgg::node_of(std::uint32_t slot) const { return lanes_[kLive]->heads[slot].node; }

/// A time span of a node that its windows do not cover.
struct WinAgg::Mark {
  Nanos from = 0, to = 0;
  Nanos breaks = kForever;  // what was held ends here; kForever: it does not
  std::uint32_t asset = kEverything, slot = kEverything;
  std::uint32_t cut = 0;
};

struct WinAgg::Clock {
  EventClock data;          // of event times
  Nanos tick = kBeginning;  // of Watermark frames
  Nanos due = kForever;     // there is something to do when the data gets here
  bool ticking = false;
  bool restarted = false;  // began empty: what comes first has missed something
  Nanos watermark() const { return ticking ? tick : data.newest(); }
};

struct WinAgg::Node {
  std::array<Clock, kLanes> clock;
  std::array<std::map<Nanos, std::vector<std::uint32_t>>, kLanes> agenda;  // event time → slots to look at
  std::vector<Mark> marks;
  std::vector<std::uint32_t> slots;
  std::vector<v1::Session> sessions;  // the newest few
};

}  // namespace twinpipe
