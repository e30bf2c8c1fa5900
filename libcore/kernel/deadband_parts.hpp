// SPDX-License-Identifier: Apache-2.0
// The parts of the deadband's state. Private to the deadband*.cpp files.
#pragma once

#include <map>
#include <string>

#include "kernel/deadband.hpp"

namespace twinpipe {

enum DeadbandFlag : std::uint8_t {
  kHeld = 1,        // something was sent since the last birth
  kSuppressed = 2,  // the shortest interval holds a value back
  kListed = 4,      // in Lane::waiting
};

/// State of one series in one lane. 64 bytes: readings come in any order of series, so a reading costs one cache miss.
struct alignas(64) Deadband::Held {
  std::uint64_t value = 0;   // bits of the value that was sent last
  Nanos sent = 0;            // its time
  Nanos seen = kBeginning;   // time of the newest reading, sent or not
  Nanos until = kBeginning;  // the rule below applies before this event time
  Nanos heartbeat = kForever;
  Nanos shortest = 0;
  double bound = -1;  // in the value's unit; negative: no rule, everything passes
  std::uint32_t quality = kGood;
  std::uint8_t flags = 0;
  std::uint8_t type = 0;  // v1::ValueType of `value`
};

/// What the shortest interval suppressed last.
struct Deadband::Suppressed {
  std::uint64_t value = 0;
  std::string text;
  Nanos time = 0;
  std::uint32_t quality = kGood;
};

struct Deadband::Lane {
  std::vector<Held> held;                     // by slot
  std::vector<Suppressed> suppressed;         // by slot, where kSuppressed; empty as long as nothing ever was
  std::vector<std::uint32_t> waiting;         // slots to look at on a tick; some no longer wait
  std::map<std::uint32_t, std::string> text;  // held values of string series

  const std::string* text_of(std::uint32_t slot) const {
    const auto at = text.find(slot);
    return at == text.end() ? nullptr : &at->second;
  }

  template <class Values>
  void hold(std::uint32_t slot, const Values& values, std::size_t row, Nanos time, std::uint32_t quality, ValueType type) {
    Held& state = held[slot];
    state.value = values.bits(row);
    state.sent = time;
    state.quality = quality;
    state.type = static_cast<std::uint8_t>(type);
    if constexpr (Values::kText) text[slot] = values.text(row);
    state.flags = static_cast<std::uint8_t>(kHeld | (state.flags & kListed));
  }

  void suppress(std::uint32_t slot, Suppressed what) {
    if (suppressed.size() < held.size()) suppressed.resize(held.size());
    suppressed[slot] = std::move(what);
    Held& state = held[slot];
    if (!(state.flags & kListed)) waiting.push_back(slot);
    state.flags |= kSuppressed | kListed;
  }

  void forget_suppressed(std::uint32_t slot) { held[slot].flags &= static_cast<std::uint8_t>(~kSuppressed); }
};

}  // namespace twinpipe
