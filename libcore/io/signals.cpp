// SPDX-License-Identifier: Apache-2.0
// Signals as a descriptor to poll.
#include "io/signals.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>

namespace twinpipe {
namespace {

// All that a handler may touch. Lock-free atomics, because a library's thread may be the one that is interrupted.
std::atomic<int> wake_fd = -1;
std::atomic<bool> stop_asked = false, statistics_asked = false;
static_assert(std::atomic<bool>::is_always_lock_free && std::atomic<int>::is_always_lock_free);

void wake() {
  const int kept = errno;
  const std::uint64_t one = 1;
  (void)!write(wake_fd, &one, sizeof one);
  errno = kept;
}

void on_stop(int) {
  std::signal(SIGTERM, SIG_DFL);
  std::signal(SIGINT, SIG_DFL);
  stop_asked = true;
  wake();
}

void on_statistics(int) {
  statistics_asked = true;
  wake();
}

void handle(int signal, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART;  // poll returns EINTR all the same; what a library does meanwhile goes on
  sigaction(signal, &action, nullptr);
}

}  // namespace

Signals::Signals() : fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  stop_asked = statistics_asked = false;
  wake_fd = fd_.get();
  std::signal(SIGPIPE, SIG_IGN);
  handle(SIGTERM, on_stop);
  handle(SIGINT, on_stop);
  handle(SIGUSR1, on_statistics);
}

Signals::~Signals() {
  for (const int signal : {SIGTERM, SIGINT, SIGUSR1}) std::signal(signal, SIG_DFL);
  wake_fd = -1;
}

void Signals::drain() {
  std::uint64_t count = 0;
  while (read(fd_.get(), &count, sizeof count) < 0 && errno == EINTR) {
  }
  stop_ = stop_ || stop_asked;
  statistics_ = statistics_asked.exchange(false) || statistics_;
}

}  // namespace twinpipe
