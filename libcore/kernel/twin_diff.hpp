// SPDX-License-Identifier: Apache-2.0
// Two snapshots of twins compared: which assets came and went, and which of their fields differ.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "wire/frame.hpp"
#include "wire/status.hpp"

namespace twinpipe {

/// Twins by their asset keys.
using Twins = std::map<std::string, v1::Twin>;

/// Reads what twin-fold --snapshot wrote: {"twins": […]}. Errors: bad_data.
Result<Twins> read_twins(std::string_view json);

struct TwinDifference {
  std::string asset, sensor;  // the sensor is empty where the asset as such differs
  std::string field;          // empty: the whole asset, or the whole sensor
  std::string before, after;  // as JSON; empty: there is none
};

/// In the order of assets, then of fields, then of sensors. Ages follow from times, and are left out.
std::vector<TwinDifference> compare(const Twins& before, const Twins& after);

/// A line each.
std::string differences_as_text(const std::vector<TwinDifference>& differences);
/// Assets among them.
std::size_t assets_of(const std::vector<TwinDifference>& differences);

}  // namespace twinpipe
