// SPDX-License-Identifier: Apache-2.0
// How the readings of a series are to be weighed: as a rule says, or as the deadband upstream says how to read between those that
// it kept.
#pragma once

#include "policy/in_force.hpp"
#include "policy/policy.hpp"
#include "wire/series_table.hpp"

namespace twinpipe {

struct Thinning {
  v1::Weighting weighting = v1::WEIGHTING_COUNT;
  Nanos heartbeat = 0;  // longest silence; 0: nobody says

  /// How long a value may hold. A deadband sends the first reading that comes a heartbeat after the last one: up to one period
  /// later. `period`: between readings, 0: unknown.
  Nanos hold(Nanos period) const {
    return heartbeat == 0 ? kForever : saturating_add(heartbeat, period > 0 ? period : heartbeat / 2);
  }
};

/// By the parameters `weighting` (auto, count, step, linear) and `heartbeat` of the rule, at event time `at`.
Thinning thinned_by(const Rule& rule, const PoliciesInForce& upstream, const SeriesTable& table, std::uint32_t slot, Nanos at);

}  // namespace twinpipe
