// SPDX-License-Identifier: Apache-2.0
// The STATE message of a Sparkplug host application: {"online": true, "timestamp": 1700000000000}.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace twinpipe::sparkplug {

struct StatePayload {
  bool online = false;
  std::uint64_t timestamp = 0;  // ms since 1970, UTC
};

/// Nothing when it is not such a message.
std::optional<StatePayload> parse_state(std::string_view payload);

}  // namespace twinpipe::sparkplug
