// SPDX-License-Identifier: Apache-2.0
// What a point-in-time join has done, in a few lines for people.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernel/pit_join.hpp"

namespace twinpipe {

struct PitCounts {
  std::uint64_t labels = 0;
  std::uint64_t values = 0, joined = 0, never_known = 0, too_old = 0;  // with `each`: values, otherwise labels

  void add(const PitJoin::Answer& answer);
  std::uint64_t missing() const { return never_known + too_old; }
};

std::vector<std::string> pit_summary(const PitCounts& counts, const PitJoin& join, const PitOptions& options,
                                     const FeatureLayouts& layouts);

}  // namespace twinpipe
