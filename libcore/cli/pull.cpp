// SPDX-License-Identifier: Apache-2.0
// Reading for programs that decide themselves what they read next.
#include "cli/pull.hpp"

#include <algorithm>

namespace twinpipe::cli {
namespace {

constexpr std::size_t kFlushAt = std::size_t{256} << 10;

}  // namespace

Status Pull::look(const Ready& ready) {
  stop_ = stop_ || ready.stop;
  reader_left_ = reader_left_ || ready.reader_left || sink_.reader_left();
  const bool asked = signals_.take_statistics();
  const Nanos now = monotonic_now();
  return asked || statistics_.due(now) ? statistics_.publish(counters_(), now, asked) : Status{};
}

Result<Pull::Got> Pull::read(int fd, const std::function<bool()>& refill) {
  for (Nanos timeout = 0;;) {
    const Ready ready = wait_ready(fd, sink_.fd(), -1, signals_, timeout);
    if (Status status = look(ready); !status.ok()) return status;
    if (stopped()) return Got::stopped;
    if (ready.input) {
      const bool more = refill();
      if (on_read_) on_read_();
      return more ? Got::more : Got::ended;
    }
    if (Status status = flush(); !status.ok()) return status;
    timeout = statistics_.until_due(monotonic_now());
    if (timeout == 0) timeout = 1;
  }
}

Status Pull::pump() {
  if (out_.pending().size() < kFlushAt) return {};
  if (Status status = flush(); !status.ok()) return status;
  return look(wait_ready(-1, sink_.fd(), -1, signals_, 0));
}

}  // namespace twinpipe::cli
