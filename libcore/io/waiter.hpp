// SPDX-License-Identifier: Apache-2.0
// One place to wait: for input, for a signal, for a deadline, and for the reader of standard output to leave.
#pragma once

#include <poll.h>

#include <span>

#include "io/signals.hpp"
#include "wire/frame.hpp"

namespace twinpipe {

struct Ready {
  bool input = false;        // readable, or at its end
  bool reader_left = false;  // nobody reads standard output any more
  bool stop = false;         // SIGTERM or SIGINT has arrived, now or before
  bool extra = false;        // the extra descriptor is readable
};

/// Waits until something is ready, at most `timeout` (negative: for ever; 0: only looks). `input`, `output` and `extra`
/// may be -1. Drains `signals`.
Ready wait_ready(int input, int output, int extra, Signals& signals, Nanos timeout);

/// The same for several descriptors, at most six, each with the events of poll(2) that it is watched for; their `revents` are
/// set. Ready::input says that there are any.
Ready wait_ready(std::span<pollfd> watched, int output, Signals& signals, Nanos timeout);

/// Monotonic clock, for deadlines only: no result depends on it.
Nanos monotonic_now();
/// Wall clock: sources stamp arrival with it, nothing else reads it.
Nanos wall_now();

}  // namespace twinpipe
