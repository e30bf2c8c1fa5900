// SPDX-License-Identifier: Apache-2.0
// Signals as a descriptor to poll.
#include "io/signals.hpp"

#include <sys/signalfd.h>
#include <unistd.h>

#include <csignal>

namespace twinpipe {
namespace {

sigset_t stops() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  return set;
}

}  // namespace

Signals::Signals() {
  std::signal(SIGPIPE, SIG_IGN);
  sigset_t set = stops();
  sigaddset(&set, SIGUSR1);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  fd_ = Fd(signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
}

void Signals::drain() {
  signalfd_siginfo info{};
  while (read(fd_.get(), &info, sizeof info) == sizeof info) {
    if (info.ssi_signo == SIGUSR1) {
      statistics_ = true;
      continue;
    }
    stop_ = true;
    const sigset_t set = stops();
    pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
  }
}

}  // namespace twinpipe
