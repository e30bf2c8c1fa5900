// SPDX-License-Identifier: Apache-2.0
// Messages that an edge node publishes again after an outage.
#include "kernel/sparkplug_repeat.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace twinpipe::sparkplug {
namespace {

constexpr std::string_view kMark = "twinpipe-repeat";

}  // namespace

std::string repeat_mark(const std::vector<MessageName>& names) {
  std::string mark(kMark);
  for (const MessageName& name : names) mark += fmt::format(" {} {}", name.birth, name.count);
  return mark;
}

std::vector<MessageName> parse_repeat_mark(std::string_view uuid) {
  if (!uuid.starts_with(kMark)) return {};
  std::vector<MessageName> names;
  const char *at = uuid.data() + kMark.size(), *const end = uuid.data() + uuid.size();
  const auto number = [&at, end](std::uint64_t& value) {
    if (at == end || *at != ' ') return false;
    const auto [behind, error] = std::from_chars(at + 1, end, value);
    at = behind;
    return error == std::errc{};
  };
  while (at != end) {
    MessageName name;
    if (!number(name.birth) || !number(name.count)) return {};
    names.push_back(name);
  }
  return names;
}

void HadMessages::add(const MessageName& name) {
  auto session = std::ranges::find(sessions_, name.birth, &Session::birth);
  if (session == sessions_.end()) {
    sessions_.push_front({name.birth, {}});
    if (sessions_.size() > kSessions) sessions_.pop_back();
    session = sessions_.begin();
  }
  auto& runs = session->runs;
  // Nearly always one more than the last.
  auto at = std::find_if(runs.rbegin(), runs.rend(), [&name](const auto& run) { return run.first <= name.count; }).base();
  if (at != runs.begin() && std::prev(at)->second >= name.count) return;
  const bool joins_before = at != runs.begin() && std::prev(at)->second + 1 == name.count;
  const bool joins_behind = at != runs.end() && at->first == name.count + 1;
  if (joins_before && joins_behind) {
    std::prev(at)->second = at->second;
    runs.erase(at);
  } else if (joins_before) {
    std::prev(at)->second = name.count;
  } else if (joins_behind) {
    at->first = name.count;
  } else {
    runs.insert(at, {name.count, name.count});
    if (runs.size() > kRuns) runs.erase(runs.begin());
  }
}

bool HadMessages::has(const MessageName& name) const {
  const auto session = std::ranges::find(sessions_, name.birth, &Session::birth);
  return session != sessions_.end() && std::ranges::any_of(session->runs, [&name](const auto& run) {
           return run.first <= name.count && name.count <= run.second;
         });
}

}  // namespace twinpipe::sparkplug
