// SPDX-License-Identifier: Apache-2.0
// CRC-32C (Castagnoli, RFC 3720 appendix B.4): the check over everything that rawbuf keeps on disk.
#pragma once

#include <cstdint>
#include <string_view>

namespace twinpipe {

/// `seed`: the CRC of the bytes before, so that crc32c(b, crc32c(a)) is the CRC of both.
std::uint32_t crc32c(std::string_view bytes, std::uint32_t seed = 0);
/// The same by tables, for processors without the instruction.
std::uint32_t crc32c_by_tables(std::string_view bytes, std::uint32_t seed = 0);

}  // namespace twinpipe
