// SPDX-License-Identifier: Apache-2.0
// The rules that a tool goes by while it runs.
#include "policy/rule_book.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "wire/quantity.hpp"

namespace twinpipe {

RuleBook::RuleBook(const Policy& policy, std::string tool, Describe describe, std::string_view section)
    : policy_(&policy),
      rules_(&policy.rules(section.empty() ? std::string_view(tool) : section)),
      tool_(std::move(tool)),
      describe_(std::move(describe)) {}

/// One that is not has expired from here on.
bool RuleBook::in_force(const Rule& rule, Nanos at) {
  if (!rule.expires || at < *rule.expires) return true;
  if (std::ranges::find(expired_, &rule) == expired_.end()) expired_.push_back(&rule);
  return false;
}

RuleBook::Match RuleBook::find(const SeriesTable& table, std::uint32_t slot, Nanos at,
                               const std::function<bool(const Rule&)>& among) {
  const Asset& asset = table.asset_of(slot);
  return find({asset.site, asset.line, asset.asset, table.series(slot).sensor.name()}, at, among);
}

RuleBook::Match RuleBook::find(const std::array<std::string_view, 4>& levels, Nanos at,
                               const std::function<bool(const Rule&)>& among) {
  for (const Rule& rule : *rules_) {
    if (among && !among(rule)) continue;
    if (!rule.pattern.matches(levels[0], levels[1], levels[2], levels[3])) continue;
    if (in_force(rule, at)) return {&rule, rule.expires.value_or(kForever)};
  }
  return {};
}

const Rule* RuleBook::find(std::span<const Rule* const> matching, Nanos at) {
  const auto found = std::ranges::find_if(matching, [&](const Rule* rule) { return in_force(*rule, at); });
  return found == matching.end() ? nullptr : *found;
}

v1::Frame RuleBook::applied() const { return applied(expired_.size()); }

v1::Frame RuleBook::applied(std::size_t expired) const {
  const auto told = std::span(expired_).first(expired);
  v1::Frame frame;
  v1::Applied& applied = *frame.mutable_applied();
  applied.set_tool(tool_);
  applied.set_policy(policy_->name());
  applied.set_version(policy_->version());
  applied.set_owner(policy_->owner());
  applied.set_digest(policy_->digest());
  for (const Rule& rule : *rules_) {
    v1::AppliedRule& to = *applied.add_rule();
    to.set_name(rule.name);
    to.set_pattern(rule.pattern.text());
    to.set_settings(rule.settings());
    to.set_expires(rule.expires.value_or(0));
    to.set_reason(rule.reason);
    to.set_expired(std::ranges::find(told, &rule) != told.end());
    if (describe_) describe_(rule, to);
  }
  return frame;
}

std::vector<std::string> RuleBook::announce(Output& out) {
  std::vector<std::string> lines;
  while (has_news()) {
    const Rule& rule = *expired_[announced_];
    out.frame(applied(++announced_));
    lines.push_back(fmt::format("temporary rule '{}' has expired at {} ({}): its series fall back to the next match", rule.name,
                                format_time(*rule.expires), rule.reason));
  }
  return lines;
}

}  // namespace twinpipe
