// SPDX-License-Identifier: Apache-2.0
// The parts of the quarantine's state. Private to the quarantine*.cpp files.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "kernel/quarantine.hpp"

namespace twinpipe {

/// What the hot path holds a row against: the narrowest of the rules of a series. A row that breaks none of this breaks no rule;
/// otherwise its rules are asked one by one. Shared by all series of the same rules.
struct alignas(64) Quarantine::Program {
  double low = -std::numeric_limits<double>::infinity(), high = std::numeric_limits<double>::infinity();
  double per_second = std::numeric_limits<double>::max();
  Nanos stuck = kForever, skew = kForever;
  Nanos earliest = kBeginning;  // times up to this are looked at
  Nanos until = kForever;       // the rules apply before this event time
  bool silent = true;           // nothing is expected
  bool always = false;          // every row is looked at
};

/// A rule of one program.
struct Quarantine::Check {
  const Expectation* expectation;
  bool wrong_unit;
  Nanos stuck_after;
};

enum QuarantineFlag : std::uint32_t {
  kHasLast = 1,  // `value`, `time` and `since` are those of a good value
  kOdd = 2,      // Lane::clock has the clock of the series; otherwise it is at `time`
  kBorn = 4,     // a session began since the last reading: its clock may have been set back
};
/// Above the flags stands the type of the value.
constexpr std::uint32_t state_of(ValueType type, std::uint32_t flags) { return static_cast<std::uint32_t>(type) << 8 | flags; }

/// One series in one lane: half a cache line, and all that a reading touches.
struct Quarantine::Track {
  std::uint64_t value = 0;  // bits of the last good value that passed
  Nanos time = 0;           // its time
  Nanos since = 0;          // from when on it was the same
  std::uint32_t program = 0;
  std::uint32_t state = 0;  // state_of()
};

struct Quarantine::Lane {
  std::vector<Track> tracks;                            // by slot
  std::vector<EventClock> clock;                        // by slot, where kOdd
  std::unordered_map<std::uint32_t, std::string> text;  // last values of strings
};

/// A broken rule.
struct Quarantine::Hit {
  std::uint32_t row;
  Breach breach;
};

/// What breaks a rule.
struct Quarantine::Offence {
  Sighting seen;
  std::string where;           // "sample 17: "
  std::uint64_t position = 0;  // of the sample
};

/// What the time of a reading, waveform or window does to the clock of its series.
struct Quarantine::Entry {
  EventClock clock;  // afterwards
  EventClock::Sight sight;
  bool believed() const { return sight == EventClock::Sight::in_order || sight == EventClock::Sight::anew; }
  bool anew() const { return sight == EventClock::Sight::anew; }
};

/// Asks the rules in order: `breaks(check, offence)`. The one that keeps it from passing; nullptr: it passes.
template <class Breaks>
const Expectation* Quarantine::judge(Id program, std::uint32_t slot, std::size_t row, const Breaks& breaks) {
  for (const Check& check : checks_[program]) {
    Offence offence;
    if (!breaks(check, offence)) continue;
    tell(*check.expectation, slot, row, offence);
    if (!goes_on(check.expectation->action)) return check.expectation;
  }
  return nullptr;
}

template <class Write>
void Quarantine::to_side(const Write& write) {
  const std::size_t before = side_.out->pending().size();
  if (side_bytes_ == 0) side_.out->open("quarantine rejects", false);
  write(*side_.out);
  side_bytes_ += side_.out->pending().size() - before;
}

template <class Write>
void Quarantine::reject(Output& out, const Write& write) {
  if (side_.out == nullptr) write(out);
  else to_side(write);
}

/// Whose broken rule says that the time is wrong: it tells nothing to the clock.
constexpr bool is_about_time(const Expectation* broken) {
  return broken != nullptr && (broken->what == Expect::future || broken->what == Expect::timestamp);
}

}  // namespace twinpipe
