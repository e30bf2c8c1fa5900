// SPDX-License-Identifier: Apache-2.0
// The plant that measures other tools: quantised random walks, as many a second as possible.
#pragma once

#include <memory>

#include "kernel/plant.hpp"

namespace twinpipe {

/// `sensors` doubles an asset, temp-01, vibration-02, temp-03, …: every `period` each walks a step of −0.125, 0 (as often
/// as both others together) or 0.125 in its range of 0 to 125. Readings come in the order of their times.
/// Errors (usage): as make_plant; faults and waveforms do not exist here.
Result<std::unique_ptr<PlantSource>> make_simple_plant(const PlantOptions& options, std::uint32_t sensors);

}  // namespace twinpipe
