// SPDX-License-Identifier: Apache-2.0
// A publisher's clock against ours: how far it is behind, measured on its messages, and what to believe of its times.
#pragma once

#include <algorithm>
#include <optional>

#include "wire/frame.hpp"

namespace twinpipe::sparkplug {

struct ClockLimits {
  Nanos future = 300 * kSecond;  // times further ahead of the node's own clock are not believed
  Nanos step = 10 * kSecond;     // a clock that goes back by more opens a new session
  int confirm = 3;               // messages in a row before a jump is believed: one wrong time must not move a watermark
};

/// Skew = arrival − the time that the node wrote. The smallest of the last minute is the clock's own part; what is above is the
/// way here.
class NodeClock {
 public:
  enum class Verdict { normal, stepped_back };

  /// A message that the node stamped `time` arrived.
  Verdict observe(Nanos time, Nanos arrival, const ClockLimits& limits) {
    const Nanos skew = arrival - time;
    if (!known_) {
      take(skew, time, arrival, true);
      return Verdict::normal;
    }
    const bool back = time < latest_ - limits.step;
    if (!back && believable(skew, limits.future)) {
      take(skew, time, arrival, false);
      return Verdict::normal;
    }
    // A backlog that is sent fast goes back as well, but catches up: only a constant skew over some time is a clock's.
    if (!confirmed(skew, arrival, limits, back ? kSecond : 0)) return Verdict::normal;
    take(skew, time, arrival, true);
    return back ? Verdict::stepped_back : Verdict::normal;
  }

  bool known() const { return known_; }
  Nanos skew() const { return std::min(current_, before_); }
  /// Times above this are not believed.
  Nanos horizon(Nanos arrival, const ClockLimits& limits) const { return arrival - skew() + limits.future; }
  /// A new session, or a link that was lost: the next message starts the measurement again.
  void forget() { *this = NodeClock(); }

 private:
  static constexpr Nanos kBucket = 30 * kSecond;

  /// A time not far ahead of what the skew so far explains; or nearer to our own clock, as after a correction.
  bool believable(Nanos skew, Nanos future) const {
    const Nanos now = this->skew();
    return skew >= now - future || (now > 0 && skew >= -future);
  }
  bool confirmed(Nanos skew, Nanos arrival, const ClockLimits& limits, Nanos span) {
    const bool agrees = run_ > 0 && skew - candidate_ < limits.step / 4 && candidate_ - skew < limits.step / 4;
    if (!agrees) {
      run_ = 0;
      candidate_ = skew;
      since_ = arrival;
    }
    return ++run_ >= limits.confirm && arrival - since_ >= span;
  }
  void take(Nanos skew, Nanos time, Nanos arrival, bool anew) {
    run_ = 0;
    latest_ = anew ? time : std::max(latest_, time);
    if (anew) {
      current_ = before_ = skew;
      bucket_ = arrival;
      known_ = true;
      return;
    }
    if (arrival - bucket_ >= kBucket) {
      before_ = current_;
      current_ = skew;
      bucket_ = arrival;
    }
    current_ = std::min(current_, skew);
  }

  bool known_ = false;
  Nanos current_ = 0, before_ = 0, bucket_ = 0, latest_ = 0, candidate_ = 0, since_ = 0;
  int run_ = 0;
};

}  // namespace twinpipe::sparkplug
