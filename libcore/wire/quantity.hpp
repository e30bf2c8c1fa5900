// SPDX-License-Identifier: Apache-2.0
// Quantities with units as people write them: durations, sizes, times.
#pragma once

#include <string>
#include <string_view>

#include "wire/frame.hpp"
#include "wire/status.hpp"

namespace twinpipe {

/// "5m", "250ms", "1h30m", "2d", "0" → nanoseconds ≥ 0. Units: ns us ms s m h d. Errors: usage.
Result<Nanos> parse_duration(std::string_view text);
/// The shortest such text: "90s" gives "1m30s".
std::string format_duration(Nanos duration);

/// "64k", "16M", "1G" (powers of 1024), or plain bytes. Errors: usage.
Result<std::uint64_t> parse_bytes(std::string_view text);

/// "1x", "60x", "0.5" → seconds of event time a second; "max" → 0. Errors: usage.
Result<double> parse_speed(std::string_view text);

/// RFC 3339 in UTC ("2026-01-31T23:59:59.123456789Z", fraction optional, "Z" optional) or nanoseconds since the epoch as a plain
/// integer. Errors: usage.
Result<Nanos> parse_time(std::string_view text);
/// RFC 3339 in UTC with as many of 0, 3, 6 or 9 digits of fraction as the time needs.
std::string format_time(Nanos time);

}  // namespace twinpipe
