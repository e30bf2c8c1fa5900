// SPDX-License-Identifier: Apache-2.0
// What the host knows of one edge node. Private to the host's own files.
#pragma once

#include <limits>

#include "kernel/sparkplug_host.hpp"
#include "kernel/sparkplug_repeat.hpp"

namespace twinpipe::sparkplug {

inline constexpr Nanos kNever = std::numeric_limits<Nanos>::max();
inline constexpr Nanos kLongAgo = std::numeric_limits<Nanos>::min() / 4;

struct SparkplugHost::Node {
  enum class Life { unborn, online, dead };

  std::string group, edge, name;  // name: "group/edge"
  Life life = Life::unborn;
  bool restored = false;  // its table is from disk and no message has fitted it yet
  bool blind = false;     // our link was lost while it lived
  bool resync = false;    // messages may be missing because we were blind
  bool knows_bdseq = false;
  v1::Session session;
  BirthTable births;
  std::unique_ptr<BirthTable> previous;  // of the session before
  Sequence sequence;
  NodeClock clock;
  std::uint64_t birth = 0;  // time of the NBIRTH, ms
  HadMessages had;

  Nanos born_at = kLongAgo;  // arrivals
  Nanos died_at = kLongAgo;
  bool rebirth = false;                        // the last birth had the bdSeq of the one before
  Nanos suspect_since = 0, suspect_until = 0;  // a death that a birth may have overtaken; 0: none
  Nanos early_death_until = 0;                 // a death whose birth was not yet seen, and its bdSeq
  std::uint64_t early_death = 0;

  bool wants_rebirth = false;  // is in wanting_
  Nanos rebirth_after = 0;     // not before
  Nanos last_request = kLongAgo;
  bool watched = false, changed = false;

  Nanos watermark = kLongAgo;
  Nanos newest_historical = kLongAgo, historical_watermark = kLongAgo;
  bool historical_now = false;  // some since the last tick

  std::uint64_t shed_messages = 0, shed_readings = 0;
  Nanos shed_from = 0, shed_to = 0;
};

}  // namespace twinpipe::sparkplug
