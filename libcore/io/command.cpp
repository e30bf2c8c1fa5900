// SPDX-License-Identifier: Apache-2.0
// Runs a command of the shell and hands it text.
#include "io/command.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "io/fd.hpp"
#include "io/waiter.hpp"
#include "wire/quantity.hpp"

namespace twinpipe {
namespace {

/// Starts the shell; a negative number on failure, with errno set.
pid_t spawn(const std::string& command, int input) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_init(&attributes);
  posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
  sigset_t none, ours;
  sigemptyset(&none);
  sigemptyset(&ours);
  for (const int signal : {SIGPIPE, SIGTERM, SIGINT, SIGUSR1}) sigaddset(&ours, signal);
  posix_spawnattr_setsigdefault(&attributes, &ours);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
  std::string shell = "sh", option = "-c", text = command;
  char* const arguments[] = {shell.data(), option.data(), text.data(), nullptr};
  pid_t child = -1;
  const int error = posix_spawn(&child, "/bin/sh", &actions, &attributes, arguments, environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  errno = error;
  return error == 0 ? child : -1;
}

/// Writes `input` as the pipe takes it and watches the child, until both are done or the time is over.
bool attend(Fd& pipe, int child, std::string_view input, Nanos deadline) {
  fcntl(pipe.get(), F_SETFL, O_NONBLOCK);
  for (bool ended = false; !ended || pipe.valid();) {
    if (pipe.valid() && (input.empty() || ended)) pipe = Fd();
    if (ended) continue;
    const Nanos left = deadline - monotonic_now();
    if (left <= 0) return false;
    pollfd watched[] = {{child, POLLIN, 0}, {pipe.get(), POLLOUT, 0}};
    const int milliseconds = static_cast<int>(std::min<Nanos>(left / kMillisecond + 1, 3'600'000));
    if (::poll(watched, 2, milliseconds) < 0 && errno != EINTR) return false;
    ended = watched[0].revents != 0;
    if (!pipe.valid() || watched[1].revents == 0) continue;
    const ssize_t put = ::write(pipe.get(), input.data(), input.size());
    if (put > 0) input.remove_prefix(static_cast<std::size_t>(put));
    else if (put < 0 && errno != EAGAIN && errno != EINTR) input = {};  // EPIPE: it does not want to know
  }
  return true;
}

}  // namespace

Result<int> run_command(const std::string& command, std::string_view input, Nanos timeout) {
  const Nanos deadline = saturating_add(monotonic_now(), timeout);
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return system_error(Code::internal, "cannot make a pipe", errno);
  Fd reading(ends[0]), writing(ends[1]);
  const pid_t child = spawn(command, reading.get());
  if (child < 0) return system_error(Code::internal, "cannot run /bin/sh", errno);
  reading = Fd();
  const Fd handle(static_cast<int>(syscall(SYS_pidfd_open, child, 0)));
  const bool in_time = handle.valid() && attend(writing, handle.get(), input, deadline);
  if (!in_time) ::kill(-child, SIGKILL);
  int how = 0;
  while (waitpid(child, &how, 0) < 0 && errno == EINTR) {
  }
  if (!in_time) return Status::error(Code::temporary, fmt::format("'{}' took longer than {}", command, format_duration(timeout)));
  return WIFSIGNALED(how) ? 128 + WTERMSIG(how) : WEXITSTATUS(how);
}

}  // namespace twinpipe
