// SPDX-License-Identifier: Apache-2.0
// Labels of a rule.
#include "kernel/rule_labels.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace twinpipe {
namespace {

/// "a, b" → {"a", "b"}
std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const std::size_t comma = std::min(text.find(','), text.size());
    std::string_view part = text.substr(0, comma);
    while (part.starts_with(' ')) part.remove_prefix(1);
    while (part.ends_with(' ')) part.remove_suffix(1);
    if (!part.empty()) parts.emplace_back(part);
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return parts;
}

}  // namespace

Result<RuleLabels> parse_labels(std::string_view text) {
  RuleLabels labels;
  for (const std::string& label : split(text)) {
    const std::size_t equals = label.find('=');
    if (equals == 0 || equals == label.npos)
      return Status::error(Code::bad_config, fmt::format("label '{}' is not NAME=VALUE", label));
    const std::string name = label.substr(0, equals);
    if (std::ranges::find(labels, name, [](const auto& other) { return other.first; }) != labels.end())
      return Status::error(Code::bad_config, fmt::format("label '{}' stands there twice", name));
    labels.emplace_back(name, label.substr(equals + 1));
  }
  return labels;
}

}  // namespace twinpipe
