// SPDX-License-Identifier: Apache-2.0
// --policy FILE, --check and --explain SERIES.
#include "cli/policy_option.hpp"

#include <fmt/format.h>

#include "io/fd.hpp"
#include "wire/names.hpp"
#include "wire/quantity.hpp"

namespace twinpipe::cli {
PolicyOption::PolicyOption(Tool& tool, std::string section, Need need)
    : section_(section.empty() ? tool.name() : std::move(section)) {
  tool.option("--policy", file_, "FILE", "Policy file (JSON) whose section '" + section_ + "' has the rules; see policy(5)")
      ->required(need == Need::required);
  tool.flag("--check", check_, "Validate the policy and exit");
  tool.option("--explain", series_, "SERIES", "Print the rule that applies to site/line/asset/sensor and exit");
}

Status PolicyOption::load() {
  if (file_.empty()) {
    if (check_ || !series_.empty()) return Status::error(Code::usage, "--check and --explain need --policy");
    return {};
  }
  Result<std::string> text = read_file(file_);
  if (!text.ok()) return text.status();
  Result<Policy> policy = Policy::parse(*text);
  if (!policy.ok()) return Status::error(policy.status().code, file_ + ": " + policy.status().message);
  policy_ = std::move(*policy);
  answered_ = check_ || !series_.empty();
  return series_.empty() ? Status{} : explain();
}

Status PolicyOption::explain() const {
  const auto levels = split_series_name(series_);
  if (!levels) return Status::error(Code::usage, fmt::format("'{}' is not a series: write site/line/asset/sensor", series_));
  const auto& [site, line, asset, sensor] = *levels;
  std::string text = fmt::format("policy {} version {} owner {} digest {}\n", policy_.name(), policy_.version(), policy_.owner(),
                                 policy_.digest());
  bool found = false;
  for (const Rule& rule : policy_.rules(section_)) {
    if (!rule.pattern.matches(site, line, asset, sensor)) continue;
    text += fmt::format("rule {} matches {}{}{}", rule.name, rule.pattern.text(), rule.parameters.empty() ? "" : ", ",
                        rule.settings());
    found = !rule.expires;
    if (rule.expires) text += fmt::format(", until {} ({}), then the next match", format_time(*rule.expires), rule.reason);
    text += "\n";
    if (found) break;
  }
  if (!found)
    text += fmt::format("no {}rule of section {} matches: the series passes whole\n",
                        text.find("rule ") == text.npos ? "" : "other ", section_);
  return print(text);
}

}  // namespace twinpipe::cli
