// SPDX-License-Identifier: Apache-2.0
// The episodes of one asset and failure mode: when predictions begin to be one piece of work, and when it is over.
//
// Only the newest row by its event time speaks; an older one, and one of the same time that is no later revision, says nothing. A
// row that is revised stands in the place of what it was. An episode opens with the row that makes `needed` fired ones among the
// last `of`, and stays open until no row has fired for `clear` of event time, or until the work is done. Behind its end, and
// behind any work that was done, no other opens for `cool_down`. Everything counts in event time, so a replay finds the same
// episodes.
//
// An order is due once in an episode, at its first fired row that is not in the past: a backlog opens and closes episodes without
// a word, and what still holds when it has caught up is told once.
#pragma once

#include <cstdint>

#include "kernel/work_order_rules.hpp"
#include "wire/frame.hpp"

namespace twinpipe {

struct WorkOrderEpisode {
  struct Row {
    Nanos as_of = 0;
    std::uint32_t revision = 0;
    bool fired = false;
    bool past = false;  // known so long after its event time that nobody wants to be told
  };
  enum class Outcome : std::uint8_t {
    quiet,
    stale,  // the row said nothing: older than the newest, or known
    due,    // an order, of the episode that opened at `opened`
  };
  Outcome take(const Row& row, const WorkOrderRule& rule);
  /// Work on the asset was done at this event time. True: that ended the open episode. Work that was done before it opened does
  /// not.
  bool complete(Nanos time);

  // What is known; a saved state holds all of it.
  Nanos newest = kBeginning;  // as_of of the row that speaks
  std::uint32_t revision = 0;
  std::uint64_t fired = 0;  // a bit a row, the newest lowest
  bool open = false, ordered = false;
  Nanos opened = kBeginning;      // of the last episode
  Nanos last_fired = kBeginning;  // in it
  Nanos ended = kBeginning;       // of the last one that was ordered, or the last work done
  Nanos serviced = kBeginning;    // the last work done
};

}  // namespace twinpipe
