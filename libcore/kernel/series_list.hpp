// SPDX-License-Identifier: Apache-2.0
// A list of series, to check policies against: names a line, or frames or JSON lines whose declarations say more.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "policy/listed_series.hpp"
#include "wire/status.hpp"

namespace twinpipe {

/// `content`: of a whole file. A stream (its first byte is a frame's tag) and JSON lines (they start with '{') give the
/// series that they declare, with range and sample rate, which a Waveform tells too. Otherwise each line is a name,
/// site/line/asset/sensor; empty lines and those that start with '#' say nothing. In the order of their first mention.
/// Errors (bad_data): a name that has not four levels or is not UTF-8, a frame or a line of JSON that does not parse, more
/// series than `limit`, nothing listed at all.
Result<std::vector<ListedSeries>> read_series_list(std::string_view content, std::uint32_t limit);

}  // namespace twinpipe
