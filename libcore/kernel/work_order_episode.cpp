// SPDX-License-Identifier: Apache-2.0
// The episodes of one asset and failure mode.
#include "kernel/work_order_episode.hpp"

#include <algorithm>
#include <bit>
#include <utility>

namespace twinpipe {

WorkOrderEpisode::Outcome WorkOrderEpisode::take(const Row& row, const WorkOrderRule& rule) {
  const bool again = newest != kBeginning && row.as_of == newest;
  if (row.as_of < newest || (again && row.revision <= revision)) return Outcome::stale;
  newest = row.as_of;
  revision = row.revision;
  if (open && saturating_sub(row.as_of, last_fired) >= rule.clear) {
    open = false;
    fired = 0;
    if (ordered) ended = std::max(ended, saturating_add(last_fired, rule.clear));
  }
  const bool fires = row.fired && row.as_of > serviced;  // what was so before the work was done is history
  fired = (again ? fired & ~std::uint64_t{1} : fired << 1) | (fires ? 1 : 0);
  if (!fires) return Outcome::quiet;
  const std::uint64_t last = rule.of >= kConfirmMost ? ~std::uint64_t{0} : (std::uint64_t{1} << rule.of) - 1;
  if (!open) {
    const bool cooled = ended == kBeginning || row.as_of >= saturating_add(ended, rule.cool_down);
    if (!cooled || static_cast<std::uint32_t>(std::popcount(fired & last)) < rule.needed) return Outcome::quiet;
    open = true;
    ordered = false;
    opened = row.as_of;
  }
  last_fired = row.as_of;
  if (ordered || row.past) return Outcome::quiet;
  ordered = true;
  return Outcome::due;
}

bool WorkOrderEpisode::complete(Nanos time) {
  if (time <= serviced || (open && time < opened)) return false;
  serviced = time;
  ended = std::max(ended, time);
  fired = 0;
  return std::exchange(open, false);
}

}  // namespace twinpipe
