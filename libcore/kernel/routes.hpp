// SPDX-License-Identifier: Apache-2.0
// Which Kafka topic a series goes to: patterns in order, the first match wins, the rest is dead letters.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "policy/pattern.hpp"

namespace twinpipe {

class Routes {
 public:
  /// "PATTERN=TOPIC" each. Errors (usage): not of that form, a bad pattern, a name that Kafka would refuse.
  static Result<Routes> parse(const std::vector<std::string>& routes, const std::string& dead_letter);
  /// The reference design's four classes of telemetry.
  static std::vector<std::string> defaults();

  /// Distinct topics in the order of their routes; the dead-letter topic is one of them.
  const std::vector<std::string>& topics() const { return topics_; }
  std::uint32_t dead_letter() const { return dead_letter_; }
  /// Index of topics().
  std::uint32_t topic_of(std::string_view site, std::string_view line, std::string_view asset, std::string_view sensor) const;

 private:
  std::uint32_t index_of(const std::string& topic);

  std::vector<std::string> topics_;
  std::vector<std::pair<Pattern, std::uint32_t>> routes_;
  std::uint32_t dead_letter_ = 0;
};

/// Errors (usage): empty, longer than 249 characters, "." or "..", or with other characters than A-Z a-z 0-9 . _ -
Status check_topic_name(std::string_view topic);

}  // namespace twinpipe
