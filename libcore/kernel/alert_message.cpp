// SPDX-License-Identifier: Apache-2.0
// News as messages in JSON.
#include "kernel/alert_message.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "policy/digest.hpp"
#include "wire/json_string.hpp"
#include "wire/quantity.hpp"

namespace twinpipe {
namespace {

std::string_view name_of(AlertPhase phase) {
  return phase == AlertPhase::raise ? "raise" : phase == AlertPhase::remind ? "remind" : "recover";
}

std::string quoted(std::string_view text) {
  std::string json;
  append_json_string(text, json);
  return json;
}
std::string quoted(Nanos time) { return quoted(format_time(time)); }

/// The same episode has the same name in every message about it.
std::string episode(const AlertNews& news, const AlertMember& member) {
  return sha256_hex(fmt::format("{}\n{}\n{}\n{}\n{}\n{}", news.rule->name, name_of(news.rule->on), member.subject, member.detail,
                                member.since, member.episode))
      .substr(0, 16);
}

std::string predicate(const AlertNews& news) {
  const AlertMember& first = news.members.front();
  const bool one = news.members.size() == 1;
  switch (news.rule->on) {
    case Condition::alarm: return one ? fmt::format("in alarm: {}", first.value) : "in alarm";
    case Condition::stale: return "stale";
    case Condition::exception: return one ? fmt::format("in exception {} at {}", first.detail, first.value) : "in exception";
    case Condition::quarantine:
      return fmt::format("rejected {} times within {}", news.rule->count, format_duration(news.rule->span));
    case Condition::dead: return "dead";
    case Condition::blind: return "out of sight: our own link is lost";
  }
  return {};
}

/// One line for people.
std::string sentence(const AlertNews& news, std::string_view subject) {
  const std::size_t count = news.members.size();
  const bool one = count == 1;
  const std::string who =
      one ? std::string(subject) : fmt::format("{} {} of {}", count, is_of_asset(news.rule->on) ? "assets" : "sensors", subject);
  const auto oldest = std::ranges::min_element(news.members, {}, &AlertMember::since);
  switch (news.phase) {
    case AlertPhase::raise:
      return fmt::format("{}: {} {} {}, since {}", news.rule->severity, who, one ? "is" : "are", predicate(news),
                         format_time(oldest->since));
    case AlertPhase::remind:
      return fmt::format("{}: {} {} still {}, since {}", news.rule->severity, who, one ? "is" : "are", predicate(news),
                         format_time(oldest->since));
    case AlertPhase::recover: break;
  }
  const auto newest = std::ranges::max_element(news.members, {}, &AlertMember::until);
  return fmt::format("over: {} {} no longer {}, since {}", who, one ? "is" : "are", name_of(news.rule->on),
                     format_time(newest->until));
}

void append_member(const AlertNews& news, const AlertMember& member, std::string& json) {
  json += fmt::format(R"({{"subject":{},"episode":"{}","since":{})", quoted(member.subject), episode(news, member),
                      quoted(member.since));
  if (news.phase == AlertPhase::recover) json += fmt::format(R"(,"until":{})", quoted(member.until));
  if (news.phase == AlertPhase::remind) json += fmt::format(R"(,"reminder":{})", member.reminder);
  if (!member.detail.empty()) json += fmt::format(R"(,"exception":{})", quoted(member.detail));
  if (!member.value.empty()) json += fmt::format(R"(,"value":{})", quoted(member.value));
  json += '}';
}

std::string id_of(const AlertNews& news) {
  std::string said = fmt::format("{}\n{}\n", name_of(news.phase), news.rule->name);
  std::vector<std::string> members;
  for (const AlertMember& member : news.members)
    members.push_back(fmt::format("{} {}\n", episode(news, member), member.reminder));
  std::ranges::sort(members);  // whichever came first
  for (const std::string& member : members) said += member;
  return sha256_hex(said).substr(0, 32);
}

}  // namespace

AlertMessage alert_message(const AlertNews& news, const Policy& policy) {
  const AlertRule& rule = *news.rule;
  const bool one = news.members.size() == 1;
  const std::string_view subject = one ? news.members.front().subject : news.group;
  AlertMessage message;
  message.id = id_of(news);
  message.key = fmt::format("{} {}", rule.group == AlertGroup::site ? "site" : "node", news.group);
  std::string& json = message.json;
  json =
      fmt::format(R"({{"schema":1,"id":"{}","phase":"{}","condition":"{}","severity":{},"text":{},"subject":{})", message.id,
                  name_of(news.phase), name_of(rule.on), quoted(rule.severity), quoted(sentence(news, subject)), quoted(subject));
  json += fmt::format(R"(,"{}":{},"count":{})", rule.group == AlertGroup::site ? "site" : "node", quoted(news.group),
                      news.members.size());
  if (news.known_at != kBeginning) json += fmt::format(R"(,"known_at":{})", quoted(news.known_at));
  json += fmt::format(R"(,"rule":{},"policy":{},"policy_version":{},"policy_digest":"{}","notify":[)", quoted(rule.name),
                      quoted(policy.name()), quoted(policy.version()), policy.digest());
  for (const std::string& whom : rule.notify) json += (json.ends_with('[') ? "" : ",") + quoted(whom);
  json += R"(],"labels":{)";
  for (const auto& [name, value] : rule.labels)
    json += fmt::format("{}{}:{}", json.ends_with('{') ? "" : ",", quoted(name), quoted(value));
  json += R"(},"members":[)";
  for (std::size_t i = 0; i < std::min(news.members.size(), kMembersNamed); ++i) {
    if (i > 0) json += ',';
    append_member(news, news.members[i], json);
  }
  json += "]}";
  return message;
}

}  // namespace twinpipe
