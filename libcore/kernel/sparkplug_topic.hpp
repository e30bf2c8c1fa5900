// SPDX-License-Identifier: Apache-2.0
// Sparkplug topics: spBv1.0/group/verb/edge node[/device] and spBv1.0/STATE/host id. All verbs are in one table.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace twinpipe::sparkplug {

inline constexpr std::string_view kNamespace = "spBv1.0";

enum class Verb : std::uint8_t { nbirth, ndeath, dbirth, ddeath, ndata, ddata, ncmd, dcmd, state };

struct Topic {
  Verb verb = Verb::ndata;
  std::string_view group, edge, device;  // device: the host id of STATE
};

/// Nothing for topics that are not Sparkplug's: another namespace, an unknown verb, too many or empty levels, a device
/// where the verb has none.
std::optional<Topic> parse_topic(std::string_view topic);

/// "spBv1.0/group/verb/edge[/device]".
std::string make_topic(Verb verb, std::string_view group, std::string_view edge, std::string_view device = {});
/// "spBv1.0/STATE/host".
std::string state_topic(std::string_view host_id);

/// Ids are UTF-8 without '/', '+' and '#', and not empty (tck-id-intro-group-id-chars and its likes).
bool valid_id(std::string_view id);

}  // namespace twinpipe::sparkplug
