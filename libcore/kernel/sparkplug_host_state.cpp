// SPDX-License-Identifier: Apache-2.0
// The STATE message of a Sparkplug host application.
#include "kernel/sparkplug_host_state.hpp"

#include <simdjson.h>

namespace twinpipe::sparkplug {

std::optional<HostState> parse_host_state(std::string_view payload) {
  simdjson::dom::parser parser;
  simdjson::dom::element document;
  HostState state;
  if (parser.parse(payload.data(), payload.size()).get(document) != simdjson::SUCCESS) return std::nullopt;
  if (document["online"].get(state.online) != simdjson::SUCCESS) return std::nullopt;
  if (document["timestamp"].get(state.timestamp) != simdjson::SUCCESS) return std::nullopt;
  return state;
}

std::string host_state_topic(std::string_view host_id) { return "spBv1.0/STATE/" + std::string(host_id); }

}  // namespace twinpipe::sparkplug
