// SPDX-License-Identifier: Apache-2.0
// The toolkit's version.
#pragma once

#include <string_view>

namespace twinpipe::cli {

inline constexpr std::string_view kVersion = "0.1.0";

}  // namespace twinpipe::cli
