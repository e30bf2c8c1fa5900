// SPDX-License-Identifier: Apache-2.0
// One place to wait.
#include "io/waiter.hpp"

#include <algorithm>
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

Ready wait_ready(std::span<pollfd> watched, int output, Signals& signals, Nanos timeout) {
  std::array<pollfd, 8> entries{};
  const auto end = std::ranges::copy(watched.first(std::min<std::size_t>(watched.size(), 6)), entries.begin()).out;
  end[0] = {output, 0, 0};
  end[1] = {signals.fd(), POLLIN, 0};
  const timespec limit{timeout / kSecond, timeout % kSecond};
  const int count =
      ppoll(entries.data(), static_cast<nfds_t>(end - entries.begin() + 2), timeout < 0 ? nullptr : &limit, nullptr);
  for (std::size_t i = 0; i < watched.size(); ++i) watched[i].revents = count > 0 ? entries[i].revents : short{0};
  Ready ready;
  if (count > 0) {
    if (end[1].revents != 0) signals.drain();
    ready.input = std::ranges::any_of(watched, [](const pollfd& entry) { return entry.revents != 0; });
    ready.reader_left = (end[0].revents & (POLLERR | POLLHUP)) != 0;
  }
  ready.stop = signals.stop();
  return ready;
}

Nanos monotonic_now() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

Nanos wall_now() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace twinpipe
