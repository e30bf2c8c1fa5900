// SPDX-License-Identifier: Apache-2.0
// SHA-256 (FIPS 180-4), as hex.
#pragma once

#include <string>
#include <string_view>

namespace twinpipe {

/// 64 lower-case hex digits.
std::string sha256_hex(std::string_view bytes);

}  // namespace twinpipe
