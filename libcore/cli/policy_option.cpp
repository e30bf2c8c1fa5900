// SPDX-License-Identifier: Apache-2.0
// --policy FILE, --check, --explain SERIES and --at TIME.
#include "cli/policy_option.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "cli/policy_report.hpp"
#include "io/fd.hpp"
#include "kernel/setting_checks.hpp"
#include "wire/names.hpp"
#include "wire/quantity.hpp"

namespace twinpipe::cli {

PolicyOption::PolicyOption(Tool& tool, std::string section, Need need)
    : section_(section.empty() ? tool.name() : std::move(section)) {
  tool.option("--policy", file_, "FILE", "Policy file (JSON) whose section '" + section_ + "' has the rules; see policy(5)")
      ->required(need == Need::required);
  tool.flag("--check", check_, "Validate the policy, print what is wrong with it, and exit");
  tool.option("--explain", series_, "SERIES", "Print the rule that applies to site/line/asset/sensor and exit");
  tool.option("--at", time_, "TIME", "Event time at which --check and --explain look; RFC 3339, or nanoseconds since 1970");
}

Status PolicyOption::load() {
  answered_ = check_ || !series_.empty();
  if (!time_.empty()) {
    if (!answered_) return Status::error(Code::usage, "--at needs --check or --explain");
    Result<Nanos> at = parse_time(time_);
    if (!at.ok()) return Status::error(Code::usage, "--at: " + at.status().message);
    at_ = *at;
  }
  if (file_.empty()) return answered_ ? Status::error(Code::usage, "--check and --explain need --policy") : Status{};
  Result<Policy> policy = read_policy(file_);
  if (!policy.ok()) return policy.status();
  policy_ = std::move(*policy);
  if (check_)
    if (Status status = check(); !status.ok()) return status;
  return series_.empty() ? Status{} : explain();
}

Status PolicyOption::check() const {
  const PolicyFile file{file_, policy_};
  const std::vector<Finding> findings = check_policies(std::span(&file, 1), setting_checks(), CheckScope{at_, nullptr});
  if (Status status = print(findings_as_text(findings)); !status.ok()) return status;
  return has_errors(findings) ? Status::error(Code::bad_config, file_ + ": the policy has errors") : Status{};
}

Status PolicyOption::explain() const {
  const auto levels = split_series_name(series_);
  if (!levels) return Status::error(Code::usage, fmt::format("'{}' is not a series: write site/line/asset/sensor", series_));
  const auto& [site, line, asset, sensor] = *levels;
  std::string text = fmt::format("policy {} version {} owner {} digest {}\n", policy_.name(), policy_.version(), policy_.owner(),
                                 policy_.digest());
  const auto sections = policy_sections();
  const auto section = std::ranges::find(sections, section_, &Section::name);
  std::vector<const Rule*> lasting;  // those that leave nothing to their rivals
  bool any = false;
  for (const Rule& rule : policy_.rules(section_)) {
    const auto rival = [&](const Rule* earlier) { return rivals(*section, *earlier, rule); };
    if (std::ranges::any_of(lasting, rival) || !rule.pattern.matches(site, line, asset, sensor)) continue;
    any = true;
    const std::string matches = fmt::format("rule {} matches {}", rule.name, rule.pattern.text());
    if (rule.expires && at_ && *at_ >= *rule.expires) {
      text += fmt::format("{}, and has expired at {} ({})\n", matches, format_time(*rule.expires), rule.reason);
      continue;
    }
    text += fmt::format("{}{}{}", matches, rule.parameters.empty() ? "" : ", ", rule.settings());
    if (rule.expires) text += fmt::format(", until {} ({}), then the next match", format_time(*rule.expires), rule.reason);
    else lasting.push_back(&rule);
    text += "\n";
  }
  if (lasting.empty())
    text += fmt::format("no {}rule of section {} matches: the series is left alone\n", any ? "other " : "", section_);
  return print(text);
}

Result<Policy> read_policy(const std::string& file) {
  Result<std::string> text = read_file(file);
  if (!text.ok()) return text.status();
  Result<Policy> policy = Policy::parse(*text);
  if (!policy.ok()) return Status::error(policy.status().code, file + ": " + policy.status().message);
  return policy;
}

}  // namespace twinpipe::cli
