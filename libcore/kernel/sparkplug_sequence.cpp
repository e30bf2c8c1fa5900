// SPDX-License-Identifier: Apache-2.0
// A node's message order: those that wait.
#include "kernel/sparkplug_sequence.hpp"

#include <algorithm>

namespace twinpipe::sparkplug {

bool Sequence::hold(HeldMessage message) {
  auto at = held_.end();
  if (based_) {
    const auto distance = [this](const HeldMessage& m) { return static_cast<std::uint8_t>(m.seq - next_); };
    at = std::ranges::upper_bound(held_, distance(message), {}, distance);
    if (at != held_.begin() && std::prev(at)->seq == message.seq) return false;
  }
  held_bytes_ += message.bytes();
  held_.insert(at, std::move(message));
  return true;
}

HeldMessage Sequence::take_front() {
  HeldMessage message = std::move(held_.front());
  held_.pop_front();
  held_bytes_ -= message.bytes();
  return message;
}

void Sequence::sort_held() {
  std::ranges::stable_sort(held_, {}, [this](const HeldMessage& m) { return static_cast<std::uint8_t>(m.seq - next_); });
}

Nanos Sequence::oldest() const {
  Nanos oldest = std::numeric_limits<Nanos>::max();
  for (const HeldMessage& message : held_) oldest = std::min(oldest, message.arrival);
  return oldest;
}

}  // namespace twinpipe::sparkplug
