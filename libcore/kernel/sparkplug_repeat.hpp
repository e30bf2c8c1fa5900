// SPDX-License-Identifier: Apache-2.0
// Messages that an edge node publishes again after an outage, because nobody knows which of the last ones arrived.
//
// Sparkplug's data are QoS 0. The repetition names the messages that carried its values before, in the payload's uuid, which the
// specification leaves to applications: a host that had one of them drops the repetition, every other host takes it as history.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace twinpipe::sparkplug {

/// A message: its session by the time of the NBIRTH in ms, and its number in it, counted on beyond 255.
struct MessageName {
  std::uint64_t birth = 0, count = 0;
};

/// "twinpipe-repeat BIRTH COUNT BIRTH COUNT…"
std::string repeat_mark(const std::vector<MessageName>& names);
/// Empty: the uuid is no such mark.
std::vector<MessageName> parse_repeat_mark(std::string_view uuid);

/// Which messages of a node's last sessions a host had. A bounded number of sessions and of runs in each: what is forgotten
/// counts as not had.
class HadMessages {
 public:
  // A host asks for a birth every five seconds at most, and each one begins a session: minutes of them, while a network fails.
  static constexpr std::size_t kSessions = 32, kRuns = 32;

  void add(const MessageName& name);
  bool has(const MessageName& name) const;

 private:
  struct Session {
    std::uint64_t birth = 0;
    std::vector<std::pair<std::uint64_t, std::uint64_t>> runs;  // in order, first and last
  };
  std::deque<Session> sessions_;  // the newest in front
};

}  // namespace twinpipe::sparkplug
