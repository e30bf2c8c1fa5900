// SPDX-License-Identifier: Apache-2.0
// A series that somebody lists, to see what policies do with it.
#pragma once

#include <optional>
#include <string>

#include "policy/pattern_relations.hpp"
#include "wire/names.hpp"

namespace twinpipe {

struct ListedSeries {
  SeriesLevels levels;
  bool declared = false;              // by a Series frame: an absent range is none; otherwise only the name is known
  std::optional<double> low, high;    // engineering range
  std::optional<double> sample_rate;  // of a waveform, Hz

  std::string name() const { return series_name(levels[0], levels[1], levels[2], levels[3]); }
  bool has_range() const { return low && high && *high > *low; }
};

}  // namespace twinpipe
