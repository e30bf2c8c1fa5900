// SPDX-License-Identifier: Apache-2.0
// The time that readings tell: of a series, or of a node that sends no Watermarks. One reading with a wrong time does not
// move it.
#pragma once

#include <algorithm>
#include <cstdint>

#include "wire/frame.hpp"

namespace twinpipe {

/// The newest event time that can be believed. A time up to a day ahead of it is. One that is further ahead is a leap: it
/// counts when a second reading is a leap ahead as well, and as far as both have come. A reading between the two shows that the
/// leap was a mistake, and it is forgotten. The very first time is believed at once, and taken back when the second reading lies
/// more than a day before it.
///
/// Law: as long as readings come at most a day apart, one more behind the first of them, with a time more than a day ahead,
/// changes neither newest() nor what take() says of any other.
///
/// A day: most wrong clocks are wrong by years. One that is wrong by less is passed by the right time within a day. Rejected:
/// comparing with the clock of the host, which no replay has.
class EventClock {
 public:
  static constexpr Nanos kLeap = 24 * 3600 * kSecond;

  enum class Sight : std::uint8_t {
    in_order,  // not before the newest time, and the newest now
    late,      // before it
    leap,      // too far ahead of it to be believed yet
    anew,      // believed after a leap, this one's or that of a reading before
  };

  EventClock() = default;
  /// As newest() and leapt() said.
  EventClock(Nanos newest, Nanos leapt) : newest_(newest), leapt_(leapt) {}

  /// kBeginning: there was none.
  Nanos newest() const { return newest_; }
  /// A time that waits for a second reading; kBeginning: none does.
  Nanos leapt() const { return leapt_; }

  /// True: with nothing waiting, take(time) says in_order.
  static bool follows(Nanos newest, Nanos time) {
    return static_cast<std::uint64_t>(time) - static_cast<std::uint64_t>(newest) <= static_cast<std::uint64_t>(kLeap);
  }
  /// take(), where it is that simple; otherwise false, and nothing is done.
  bool advance(Nanos time) {
    if (leapt_ != kBeginning || !follows(newest_, time)) return false;
    newest_ = time;
    return true;
  }
  Sight take(Nanos time) { return advance(time) ? Sight::in_order : weigh(time); }
  /// True: take(time) says in_order and changes nothing.
  bool stands_at(Nanos time) const { return time == newest_ && leapt_ == kBeginning; }
  /// Would take() call it a leap?
  bool doubts(Nanos time) const { return EventClock(*this).take(time) == Sight::leap; }

 private:
  Sight weigh(Nanos time) {
    if (newest_ == kBeginning) {
      newest_ = leapt_ = time;
      return Sight::in_order;
    }
    const bool newest_is_first = leapt_ == newest_;
    if (time < newest_) {
      if (!newest_is_first) return Sight::late;
      if (follows(time, newest_)) {
        leapt_ = kBeginning;
        return Sight::late;
      }
      newest_ = time;
      return Sight::anew;
    }
    if (follows(newest_, time)) {
      // A time that stands still says nothing of the others.
      if (time > newest_ || newest_is_first) leapt_ = kBeginning;
      newest_ = time;
      return Sight::in_order;
    }
    if (newest_is_first || leapt_ == kBeginning) {
      leapt_ = time;
      return Sight::leap;
    }
    newest_ = std::min(time, leapt_);
    leapt_ = std::max(time, leapt_);
    const bool ahead = time == leapt_;
    if (follows(newest_, leapt_)) {
      if (ahead) newest_ = time;
      leapt_ = kBeginning;
      return Sight::anew;
    }
    return ahead ? Sight::leap : Sight::anew;
  }

  Nanos newest_ = kBeginning;
  Nanos leapt_ = kBeginning;  // equal to newest_: that is the first time, which nothing has confirmed yet
};

}  // namespace twinpipe
