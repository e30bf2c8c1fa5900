// SPDX-License-Identifier: Apache-2.0
// What is told: conditions of one rule that come together, as one message in JSON.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernel/alert_rules.hpp"
#include "policy/policy.hpp"
#include "wire/frame.hpp"

namespace twinpipe {

enum class AlertPhase : std::uint8_t { raise, remind, recover };

/// One condition of one subject.
struct AlertMember {
  std::string subject;        // site/line/asset/sensor, or site/line/asset
  std::string detail;         // an exception's rule
  std::uint64_t episode = 0;  // rises with every one that is told: two may have begun at the same time
  Nanos since = 0;
  Nanos until = 0;             // when it is over
  std::uint32_t reminder = 0;  // how many were sent before
  std::string value;           // for people: of the alarm, the exception
};

struct AlertNews {
  AlertPhase phase = AlertPhase::raise;
  const AlertRule* rule = nullptr;
  std::string group;  // node or site, as the rule says
  Nanos known_at = 0;
  std::vector<AlertMember> members;  // at least one
};

struct AlertMessage {
  std::string id;    // the same for the same news, whenever it is made
  std::string key;   // messages of one key are delivered in order
  std::string json;  // one line, without its end
};

/// Members beyond so many are counted and not named.
inline constexpr std::size_t kMembersNamed = 100;

AlertMessage alert_message(const AlertNews& news, const Policy& policy);

}  // namespace twinpipe
