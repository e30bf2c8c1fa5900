// SPDX-License-Identifier: Apache-2.0
// How two patterns lie to each other: whether one matches all that the other does, and a series that both match.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "policy/pattern.hpp"

namespace twinpipe {

/// The four levels of a series' name, decoded.
using SeriesLevels = std::array<std::string, 4>;

/// True when every text that `inner` matches is matched by `outer` too.
bool glob_covers(std::string_view outer, std::string_view inner);
bool covers(const Pattern& outer, const Pattern& inner);

/// A text that both match, with `fill` where they leave it open; nothing when there is none.
std::optional<std::string> common_text(std::string_view one, std::string_view other, char fill);
std::optional<SeriesLevels> common_series(const Pattern& one, const Pattern& other, char fill);
inline bool overlap(const Pattern& one, const Pattern& other) { return common_series(one, other, 'x').has_value(); }

}  // namespace twinpipe
