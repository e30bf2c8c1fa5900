// SPDX-License-Identifier: Apache-2.0
// Sparkplug topics.
#include "kernel/sparkplug_topic.hpp"

#include <array>

#include "kernel/sparkplug_wire.hpp"

namespace twinpipe::sparkplug {
namespace {

struct VerbRow {
  std::string_view name;
  Verb verb;
  bool of_device;
};
constexpr std::array<VerbRow, 8> kVerbs{{{"NDATA", Verb::ndata, false},
                                         {"DDATA", Verb::ddata, true},
                                         {"NBIRTH", Verb::nbirth, false},
                                         {"NDEATH", Verb::ndeath, false},
                                         {"DBIRTH", Verb::dbirth, true},
                                         {"DDEATH", Verb::ddeath, true},
                                         {"NCMD", Verb::ncmd, false},
                                         {"DCMD", Verb::dcmd, true}}};

std::string_view take_level(std::string_view& rest) {
  const std::size_t slash = rest.find('/');
  const std::string_view level = rest.substr(0, slash);
  rest.remove_prefix(slash == std::string_view::npos ? rest.size() : slash + 1);
  return level;
}

}  // namespace

bool valid_id(std::string_view id) { return !id.empty() && id.find_first_of("/+#") == std::string_view::npos && is_utf8(id); }

std::optional<Topic> parse_topic(std::string_view text) {
  if (text.ends_with('/') || take_level(text) != kNamespace) return std::nullopt;
  Topic topic;
  topic.group = take_level(text);
  const std::string_view verb = take_level(text);
  if (topic.group == "STATE") {
    topic = {Verb::state, {}, {}, verb};
    return text.empty() && valid_id(verb) ? std::optional(topic) : std::nullopt;
  }
  for (const VerbRow& row : kVerbs) {
    if (row.name != verb) continue;
    topic.verb = row.verb;
    topic.edge = take_level(text);
    topic.device = text;
    if (!valid_id(topic.group) || !valid_id(topic.edge)) return std::nullopt;
    return (row.of_device ? valid_id(text) : text.empty()) ? std::optional(topic) : std::nullopt;
  }
  return std::nullopt;
}

std::string make_topic(Verb verb, std::string_view group, std::string_view edge, std::string_view device) {
  std::string topic(kNamespace);
  ((topic += '/') += group) += '/';
  for (const VerbRow& row : kVerbs)
    if (row.verb == verb) topic += row.name;
  (topic += '/') += edge;
  if (!device.empty()) (topic += '/') += device;
  return topic;
}

std::string state_topic(std::string_view host_id) { return std::string(kNamespace) + "/STATE/" + std::string(host_id); }

}  // namespace twinpipe::sparkplug
