// SPDX-License-Identifier: Apache-2.0
// Signals wake the loop once each, and the first request to stop makes way for the second.
#include "io/signals.hpp"

#include <catch2/catch.hpp>
#include <csignal>

#include "io/waiter.hpp"

using namespace twinpipe;

namespace {

bool has_default_action(int signal) {
  struct sigaction action {};
  sigaction(signal, nullptr, &action);
  return action.sa_handler == SIG_DFL;
}

}  // namespace

TEST_CASE("a request to stop is seen, stays, and restores the default") {
  for (const int signal : {SIGTERM, SIGINT}) {
    Signals signals;
    CHECK_FALSE(wait_ready(-1, -1, -1, signals, 0).stop);
    CHECK_FALSE(has_default_action(SIGTERM));
    raise(signal);
    CHECK(has_default_action(SIGTERM));
    CHECK(has_default_action(SIGINT));
    CHECK(wait_ready(-1, -1, -1, signals, -1).stop);
    CHECK(wait_ready(-1, -1, -1, signals, 0).stop);
  }
}

TEST_CASE("statistics are asked for once each time") {
  Signals signals;
  for (int time = 0; time < 2; ++time) {
    raise(SIGUSR1);
    (void)wait_ready(-1, -1, -1, signals, -1);
    CHECK(signals.take_statistics());
    CHECK_FALSE(signals.take_statistics());
  }
  CHECK_FALSE(signals.stop());
}

TEST_CASE("a second object starts afresh") {
  {
    Signals signals;
    raise(SIGTERM);
  }
  CHECK(has_default_action(SIGTERM));
  Signals signals;
  CHECK_FALSE(wait_ready(-1, -1, -1, signals, 0).stop);
}
