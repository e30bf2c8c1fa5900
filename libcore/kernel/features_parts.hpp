// SPDX-License-Identifier: Apache-2.0
// The parts of the features' state. Private to the features*.cpp files.
#pragma once

#include <limits>

#include "kernel/fact_spans.hpp"
#include "kernel/features.hpp"
#include "kernel/sent_windows.hpp"
#include "kernel/sliding_panes.hpp"

namespace twinpipe {

inline constexpr std::uint32_t kNobody = std::numeric_limits<std::uint32_t>::max();
inline constexpr std::int64_t kNoPane = -1;
/// Event times beyond this (the year 2043), and they are mistakes, would overflow what is added to them.
inline constexpr Nanos kLastTime = Nanos{1} << 61;

/// One step's worth of one source, as it came.
struct Features::RawPane {
  std::int64_t pane = 0;
  bool of_older_session = false;  // of a session before the one that has no watermark yet
  bool in_order = true;
  std::vector<FeaturePoint> points;
};

/// One value of one series: what it reads, and what of it may still be corrected.
struct Features::Source {
  Id slot = 0;
  Kind kind = Kind::number;
  const Signal* of = nullptr;                 // of rows: which value
  const ValueList* values = nullptr;          // of a state: those that count as on
  bool lined = false;                         // a straight line may come from its newest pane
  std::vector<std::unique_ptr<RawPane>> raw;  // ascending
  FeaturePoint before, known_before;          // the last point, and the last that is a number, in front of `raw`
  std::int64_t dirty = kNoPane;               // the first closed pane that changed
  Nanos since = kForever;                     // of its first point

  bool same(const Source& other) const {
    return slot == other.slot && kind == other.kind &&
           (of == nullptr ? "" : of->name) == (other.of == nullptr ? "" : other.of->name) &&
           (values == nullptr ? ValueList() : *values) == (other.values == nullptr ? ValueList() : *other.values);
  }
};

/// Panes of one source under one weighting.
struct Features::Track {
  Id source = 0;
  v1::Weighting weighting = v1::WEIGHTING_COUNT;
  Nanos hold = 0, period = 0;
  std::int64_t reach = 1;  // the longest window
  bool counts_cycles = false;
  SlidingPanes<SeriesSums> panes;
  std::vector<Nanos> entered;   // times at which the state was entered, in order
  std::uint64_t forgotten = 0;  // older ones that there was no room for
};

struct Features::PairTrack {
  Id x = 0, y = 0;  // sources
  Nanos hold_x = kForever, hold_y = kForever;
  std::int64_t reach = 1;
  SlidingPanes<PairSums> panes;
};

/// Makes room for `reach` panes and for those that corrections reach back to. False: that is no window.
template <class Panes>
bool Features::fit(Panes& panes, std::int64_t reach) const {
  if (reach < 1 || reach > FeatureDefinitions::kMostPanes) return false;
  panes.reach = std::max(panes.reach, reach);
  const std::int64_t room = panes.reach + definitions_->late_panes + 1;
  if (panes.panes.panes() < room) panes.panes = {room, step_seconds_};
  return true;
}

/// One column of an asset's rows.
struct Features::Cell {
  const FeatureDefinition* definition = nullptr;
  Id track = kNobody;  // or pair, or neither
};

struct Features::AssetState {
  std::string key;
  Id node = kNobody;
  std::vector<Id> slots;
  std::vector<Source> sources;
  std::vector<Track> tracks;
  std::vector<PairTrack> pairs;
  std::vector<Cell> cells;
  std::int64_t closed = kNoPane;                              // the last pane that a row was due for
  std::int64_t changed_from = kNoPane, changed_to = kNoPane;  // rows that are to be sent again
  bool bound = false, corrected = false;                      // corrected: listed in its node's `corrected`
  SentWindows sent;                                           // by as_of
  std::vector<Nanos> births, deaths, services;                // the newest, in order
  FactSpans facts;
};

struct Features::Node {
  std::string name;
  Nanos watermark = kBeginning;
  bool anew = false;  // a session that has no watermark yet
  std::vector<Id> assets, corrected;
  std::vector<v1::Session> sessions;
  Nanos renew_at = kForever;      // a rule expires, or a fact changes
  std::int64_t closed = kNoPane;  // the last pane that its watermark has passed
  std::int64_t newest = kNoPane;  // the last one of those with an input
};

/// Where the next reading of a series that feeds one source goes, as long as it falls into the pane that begins at `start`.
struct Features::Head {
  Nanos start = 0;
  RawPane* raw = nullptr;
};

struct Features::Feed {
  Id asset = 0, source = 0;
};

}  // namespace twinpipe
