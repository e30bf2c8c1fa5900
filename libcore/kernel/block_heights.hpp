// SPDX-License-Identifier: Apache-2.0
// Heights in a line of text.
#pragma once

#include <array>
#include <string_view>

namespace twinpipe {

/// From one eighth of a line to all of it.
inline constexpr std::array<std::string_view, 8> kBlockHeights{"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};

}  // namespace twinpipe
