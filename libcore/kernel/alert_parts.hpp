// SPDX-License-Identifier: Apache-2.0
// The parts of an Alert's state. Private to the alert*.cpp files.
#pragma once

#include <array>

#include "kernel/alert.hpp"

namespace twinpipe {

struct Alert::Node {
  std::string name;
  Nanos tick = kBeginning;  // live watermark of the newest session
  EventClock clock;         // of what it says, where it has no watermarks
  // The source's clock when it was further behind than `past_after`, or came nearer, last; and how far. kBeginning: it is not.
  Nanos behind_since = kBeginning;
  Nanos behind = 0;
  Nanos rules_at = kBeginning;        // event time at which its subjects' rules were found
  std::vector<v1::Session> sessions;  // the last few, newest last
  std::vector<Index> assets;          // sorted
  std::vector<Index> attended;        // watches that differ from what was told, or end by themselves

  Nanos time() const { return tick != kBeginning ? tick : clock.newest(); }
};

struct Alert::AssetState {
  std::string site, line, asset;
  Index node = kNone;
  bool has_twin = false;  // its twin says what there is to know
  std::array<Index, kConditions - kSensorConditions> rule{kNone, kNone};
  std::vector<Index> watches;  // sorted
  std::vector<Index> sensors;  // by name
  std::vector<Index> in_twin;  // its sensors in the order of its last Twin frame
};

struct Alert::Sensor {
  Index asset = kNone;
  std::string name;
  std::array<Index, kSensorConditions> rule{kNone, kNone, kNone, kNone};
  std::vector<Index> watches;   // sorted
  Nanos observed = kBeginning;  // time of the newest value that an alarm rule looked at
  std::vector<Nanos> rejects;   // event times of the newest, sorted
};

struct Alert::Watch {
  Condition on = Condition::alarm;
  Index subject = kNone;  // sensor or asset; none: a free place
  Index rule = kNone;
  std::string detail;
  bool active = false;    // as the frames say
  bool told = false;      // as was told
  bool attended = false;  // in its node's list
  bool pending = false;   // news of it waits for company
  Nanos since = 0;        // the episode's beginning
  Nanos ended = 0;
  Nanos noticed = kBeginning;  // when `active` changed, on the source's clock
  Nanos remind_at = kForever;
  std::uint32_t reminders = 0;
  std::uint64_t episode = 0;
  std::string value;
};

struct Alert::Pending {
  AlertPhase phase;
  Index watch, rule;
  std::string group;
  Nanos queued;  // on the source's clock
  AlertMember member;
};

}  // namespace twinpipe
