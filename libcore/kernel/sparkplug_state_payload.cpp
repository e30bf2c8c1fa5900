// SPDX-License-Identifier: Apache-2.0
// The STATE message of a Sparkplug host application.
#include "kernel/sparkplug_state_payload.hpp"

#include <simdjson.h>

namespace twinpipe::sparkplug {

std::optional<StatePayload> parse_state(std::string_view payload) {
  simdjson::dom::parser parser;
  simdjson::dom::element document;
  StatePayload state;
  if (parser.parse(payload.data(), payload.size()).get(document) != simdjson::SUCCESS) return std::nullopt;
  if (document["online"].get(state.online) != simdjson::SUCCESS) return std::nullopt;
  if (document["timestamp"].get(state.timestamp) != simdjson::SUCCESS) return std::nullopt;
  return state;
}

}  // namespace twinpipe::sparkplug
