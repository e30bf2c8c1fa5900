// SPDX-License-Identifier: Apache-2.0
// One place to wait.
#include "io/waiter.hpp"

#include <poll.h>

#include <array>
#include <chrono>

namespace twinpipe {

Ready wait_ready(int input, int output, int extra, Signals& signals, Nanos timeout) {
  // A negative descriptor is ignored by poll; an output is watched for errors alone.
  std::array<pollfd, 4> entries{{{input, POLLIN, 0}, {output, 0, 0}, {extra, POLLIN, 0}, {signals.fd(), POLLIN, 0}}};
  timespec limit{timeout / kSecond, timeout % kSecond};
  const int count = ppoll(entries.data(), entries.size(), timeout < 0 ? nullptr : &limit, nullptr);
  if (count > 0 && entries[3].revents != 0) signals.drain();
  Ready ready;
  ready.stop = signals.stop();
  if (count <= 0) return ready;
  // A closed descriptor is readable too: the read says what is wrong.
  ready.input = entries[0].revents != 0;
  ready.reader_left = (entries[1].revents & (POLLERR | POLLHUP)) != 0;
  ready.extra = entries[2].revents != 0;
  return ready;
}

Nanos monotonic_now() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

Nanos wall_now() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace twinpipe
