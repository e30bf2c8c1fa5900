// SPDX-License-Identifier: Apache-2.0
// Values in plain payloads: text, and JSON by pointer (RFC 6901).
#pragma once

#include "kernel/plain_topics.hpp"

namespace twinpipe {

/// "sparkplug", "text", "json:/value/pointer" or "json:/value/pointer@/time/pointer". Errors: usage.
Status parse_plain_format(const std::string& text, PlainFormat& format);

/// A number → double; true, false → bool; anything else → string. White space around a number or a boolean is ignored.
sparkplug::ColumnValue plain_text_value(std::string_view text);

/// A time as people put it in JSON: RFC 3339, or a number of seconds, milliseconds, microseconds or nanoseconds since 1970,
/// told apart by its size.
std::optional<Nanos> plain_time(double number);
std::optional<Nanos> plain_time(std::int64_t number);

}  // namespace twinpipe
