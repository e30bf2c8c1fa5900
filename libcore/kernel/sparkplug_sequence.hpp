// SPDX-License-Identifier: Apache-2.0
// A node's message order: seq runs 0..255 and wraps; MQTT keeps order within a topic only, so messages that are ahead of
// their turn wait for the others.
#pragma once

#include <bitset>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "kernel/sparkplug_topic.hpp"
#include "wire/frame.hpp"

namespace twinpipe::sparkplug {

/// A message that waits: copied, because the client's buffer is gone when its turn comes.
struct HeldMessage {
  Verb verb = Verb::ndata;
  std::uint32_t device = 0;
  std::string payload;
  Nanos arrival = 0;
  Nanos time = 0;  // of the payload; 0: it has none
  std::uint8_t seq = 0;
  std::size_t bytes() const { return payload.size() + sizeof *this; }
};

class Sequence {
 public:
  enum class Place { next, ahead, late, twice, unknown };

  /// Where a message with this seq stands. late: its range was given up, and it comes after all. twice: a seq that was had
  /// already; `resync` then says that a second one in a row proves a loss of nearly a whole round instead.
  Place place(std::uint8_t seq) const {
    if (!based_) return Place::unknown;
    const auto distance = static_cast<std::uint8_t>(seq - next_);
    if (distance == 0) return Place::next;
    if (distance < 256 - kBehind) return Place::ahead;
    return missing_[seq] ? Place::late : Place::twice;
  }
  /// Behind place() == twice: true when this is the second in a row, with consecutive numbers.
  bool looks_like_loss(std::uint8_t seq) {
    const bool second = twice_run_ && static_cast<std::uint8_t>(seq - twice_) == 1;
    twice_ = seq;
    twice_run_ = true;
    return second;
  }

  /// The message with next() was had.
  void advance() {
    missing_[next_] = false;
    ++next_;
    ++count_;
    twice_run_ = false;
  }
  /// Gives up what lies before `seq`; messages in the hole.
  std::uint8_t skip_to(std::uint8_t seq) {
    const auto hole = static_cast<std::uint8_t>(seq - next_);
    for (std::uint8_t i = next_; i != seq; ++i) missing_[i] = true;
    count_ += hole;
    next_ = seq;
    return hole;
  }
  void came_late(std::uint8_t seq) { missing_[seq] = false; }
  /// A birth's seq: what follows counts from there. The count starts anew with a session.
  void base(std::uint8_t seq, bool new_session) {
    next_ = seq;
    based_ = true;
    twice_run_ = false;
    missing_.reset();
    if (new_session) count_ = seq;
  }
  void unbase() { based_ = false; }
  bool based() const { return based_; }
  std::uint8_t next() const { return next_; }
  /// Number of the message with next() in its session, counted on beyond 255.
  std::uint64_t count() const { return count_; }
  /// Number of a message that came late or twice.
  std::uint64_t count_of(std::uint8_t seq) const {
    const auto behind = static_cast<std::uint8_t>(next_ - seq);
    return count_ >= behind ? count_ - behind : seq;
  }

  // Messages that wait, in seq order from next() on; while nothing is based, in order of arrival.
  std::deque<HeldMessage>& held() { return held_; }
  const std::deque<HeldMessage>& held() const { return held_; }
  std::size_t held_bytes() const { return held_bytes_; }
  /// False: one with this seq waits already.
  bool hold(HeldMessage message);
  HeldMessage take_front();
  /// Sorts what waits by distance from next(): after a base.
  void sort_held();
  /// Oldest arrival among those that wait.
  Nanos oldest() const;

 private:
  /// How far behind a number may be and still be taken for late or double, rather than for the far side of a big loss.
  static constexpr int kBehind = 16;

  bool based_ = false, twice_run_ = false;
  std::uint8_t next_ = 0, twice_ = 0;
  std::uint64_t count_ = 0;
  std::bitset<256> missing_;
  std::deque<HeldMessage> held_;
  std::size_t held_bytes_ = 0;
};

}  // namespace twinpipe::sparkplug
