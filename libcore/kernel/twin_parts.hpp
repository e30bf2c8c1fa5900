// SPDX-License-Identifier: Apache-2.0
// The parts of the twin fold's state. Private to the twin_*.cpp files.
#pragma once

#include "kernel/event_clock.hpp"
#include "kernel/twin_fold.hpp"

namespace twinpipe {

/// One series. 64 bytes: readings come in any order of series, so a reading costs one cache miss.
struct alignas(64) TwinFold::Metric {
  std::uint64_t value = 0;  // bits; of a text its index in texts_
  Nanos time = kBeginning;
  Nanos first_seen = kForever;
  std::uint64_t order = 0;  // seq and index of the value, where the stream has them
  Nanos slo = 0;            // 0: as fresh as its node
  std::uint32_t asset = 0;
  std::uint32_t quality = kGood;
  std::uint32_t session = 0;  // ordinal of the session of `value`
  std::uint32_t current = 0;  // ordinal of the session in which the series is declared now
  std::uint8_t type = 0;
  std::uint8_t freshness = v1::FRESHNESS_NEVER;
  bool seen = false;
  bool queued : 1 = false;    // in its node's deadlines
  bool tickless : 1 = false;  // its node has sent no Watermark
  std::uint32_t rejects = 0;  // of rejects_, from 1; 0: none
};

struct TwinFold::AssetState {
  std::uint32_t node = 0;            // index in nodes_
  std::uint32_t rank = 0;            // among its node's assets by name, once the node is ranked
  std::vector<std::uint32_t> slots;  // ordered by sensor name
  bool dead = false;                 // a device death since its last birth
  v1::Lifecycle::Reason reason = v1::Lifecycle::REASON_UNSPECIFIED;
  Nanos since = 0;
  Nanos as_of = kBeginning;
  std::uint32_t declared = 0;    // ordinal of the newest session that declared it
  bool retired = false;          // and told so
  Nanos gone_since = kForever;   // on clock_, kBeginning before the first tick; kForever: it is not gone
  Nanos retires = kForever;      // when it is looked at next, on clock_
  Nanos facts_until = kForever;  // event time at which other facts come into force
  FactSpans facts;
  TwinLayout layout;  // made when it is first told, and again after a declaration
};

/// Readings of a series that broke an expectation and are newer than its value.
struct TwinFold::RejectLog {
  static constexpr std::size_t kMost = 1000;
  std::uint32_t session = 0;  // ordinal
  std::vector<Nanos> times;   // ascending, each once: what comes twice counts once
  std::string rule;           // of the newest
};
struct TwinFold::Rejected {
  std::uint32_t count = 0;
  Nanos newest = kBeginning;
  std::string_view rule;
};

/// When to look whether an asset that is gone has retired.
struct TwinFold::Retirement {
  Nanos time;  // on clock_
  std::uint32_t asset;
  bool operator<(const Retirement& other) const { return time > other.time; }  // std heaps keep the greatest on top
};

struct TwinFold::Node {
  struct Deadline {
    Nanos time;
    std::uint32_t slot;
    bool operator<(const Deadline& other) const { return time > other.time; }  // std heaps keep the greatest on top
  };

  std::string name;
  std::vector<v1::Session> sessions;  // by ordinal − 1, in order of first appearance
  std::uint32_t current = 0;          // ordinal of the newest session; 0: no sessions here
  bool offline = false;
  bool blind = false;
  v1::Lifecycle::Reason reason = v1::Lifecycle::REASON_UNSPECIFIED;
  Nanos since = 0;
  Nanos watermark = kBeginning;     // live lane, of the newest session
  bool ticks = false;               // it has sent a Watermark
  EventClock data;                  // while it has not: the time that its readings tell
  Nanos due = kForever;             // when they make the next tick
  Nanos facts_due = kForever;       // the least of its assets' facts_until
  Nanos rules_until = kForever;     // a temporary freshness rule expires then
  std::vector<Deadline> deadlines;  // a heap; entries may be out of date, which popping finds out
  std::vector<std::uint32_t> assets;
  bool ranked = false;               // AssetState::rank is up to date
  std::vector<std::uint32_t> dirty;  // assets to tell at the next tick
  std::string policies;              // fields of its twins, made when one is first told, and again after an Applied
};

}  // namespace twinpipe
