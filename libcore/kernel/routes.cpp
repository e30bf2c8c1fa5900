// SPDX-License-Identifier: Apache-2.0
// Which Kafka topic a series goes to.
#include "kernel/routes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

namespace twinpipe {

Status check_topic_name(std::string_view topic) {
  constexpr std::size_t kLongest = 249;
  const bool legal =
      std::ranges::all_of(topic, [](unsigned char c) { return std::isalnum(c) || c == '.' || c == '_' || c == '-'; });
  if (topic.empty() || topic.size() > kLongest || topic == "." || topic == ".." || !legal)
    return Status::error(Code::usage,
                         fmt::format("'{}' is not a Kafka topic name: at most {} of A-Z a-z 0-9 . _ -", topic, kLongest));
  return {};
}

std::vector<std::string> Routes::defaults() {
  return {"plant-*/line-*/+/vibration-*=telemetry.vibration", "plant-*/line-*/+/temp-*=telemetry.thermal",
          "plant-*/line-*/+/state=asset.state", "plant-*/line-*/+/alarm=asset.alarms"};
}

std::uint32_t Routes::index_of(const std::string& topic) {
  const auto at = std::ranges::find(topics_, topic);
  if (at == topics_.end()) topics_.push_back(topic);
  return static_cast<std::uint32_t>(std::ranges::find(topics_, topic) - topics_.begin());
}

Result<Routes> Routes::parse(const std::vector<std::string>& routes, const std::string& dead_letter) {
  Routes made;
  for (const std::string& route : routes) {
    // The last '=': a pattern may have one, a topic may not.
    const std::size_t equals = route.rfind('=');
    if (equals == std::string::npos)
      return Status::error(Code::usage, fmt::format("route '{}' has no '=': write PATTERN=TOPIC", route));
    Result<Pattern> pattern = Pattern::parse(std::string_view(route).substr(0, equals));
    if (!pattern.ok()) return pattern.status();
    const std::string topic = route.substr(equals + 1);
    if (Status status = check_topic_name(topic); !status.ok()) return status;
    made.routes_.emplace_back(std::move(*pattern), made.index_of(topic));
  }
  if (Status status = check_topic_name(dead_letter); !status.ok()) return status;
  made.dead_letter_ = made.index_of(dead_letter);
  return made;
}

std::uint32_t Routes::topic_of(std::string_view site, std::string_view line, std::string_view asset,
                               std::string_view sensor) const {
  for (const auto& [pattern, topic] : routes_)
    if (pattern.matches(site, line, asset, sensor)) return topic;
  return dead_letter_;
}

}  // namespace twinpipe
