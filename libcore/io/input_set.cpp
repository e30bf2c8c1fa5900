// SPDX-License-Identifier: Apache-2.0
// Several inputs that are read as they become ready.
#include "io/input_set.hpp"

#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <cerrno>

namespace twinpipe {

Status InputSet::open(const std::string& path, Input& input) {
  if (path == "-") {
    input.fd = STDIN_FILENO;
    return open_for_reading(input.fd) ? Status{} : Status::error(Code::io_error, "standard input is closed");
  }
  input.file = Fd(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  if (!input.file.valid()) return system_error(Code::no_input, path, errno);
  input.fd = input.file.get();
  // The flag was for the open alone: reads are asked for when there is something, and then may block.
  (void)fcntl(input.fd, F_SETFL, fcntl(input.fd, F_GETFL) & ~O_NONBLOCK);
  return {};
}

Status InputSet::add(const std::string& path) {
  for (const Input& other : inputs_)
    if (path == "-" && other.fd == STDIN_FILENO) return Status::error(Code::usage, "standard input is named twice");
  if (!set_.valid()) {
    set_ = Fd(epoll_create1(EPOLL_CLOEXEC));
    if (!set_.valid()) return system_error(Code::internal, "cannot make an epoll descriptor", errno);
  }
  Input input;
  if (Status status = open(path, input); !status.ok()) return status;
  widen_pipe(input.fd);
  epoll_event event{};
  event.data.u64 = inputs_.size();
  // What has no readiness, the kernel refuses: regular files, directories, /dev/null.
  if (epoll_ctl(set_.get(), EPOLL_CTL_ADD, input.fd, &event) == 0) input.polled = true;
  else if (errno != EPERM) return system_error(Code::internal, path + ": cannot be watched", errno);
  if (input.polled) (void)epoll_ctl(set_.get(), EPOLL_CTL_DEL, input.fd, nullptr);
  inputs_.push_back(std::move(input));
  return {};
}

void InputSet::close(std::size_t number) {
  Input& input = inputs_[number];
  if (input.watched) (void)epoll_ctl(set_.get(), EPOLL_CTL_DEL, input.fd, nullptr);
  input.polled = input.watched = false;
  input.fd = -1;
  input.file = Fd();
}

void InputSet::watch(const std::vector<bool>& watched) {
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    Input& input = inputs_[i];
    if (!input.polled || input.watched == watched[i]) continue;
    input.watched = watched[i];
    epoll_event event{};
    // EPOLLHUP comes without being asked for: who is not watched is not in the set.
    event.events = EPOLLIN;
    event.data.u64 = i;
    (void)epoll_ctl(set_.get(), watched[i] ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, input.fd, &event);
  }
}

std::vector<std::size_t> InputSet::ready() const {
  std::vector<epoll_event> events(inputs_.size());
  const int count = epoll_wait(set_.get(), events.data(), static_cast<int>(events.size()), 0);
  std::vector<std::size_t> inputs;
  for (int i = 0; i < count; ++i) inputs.push_back(events[static_cast<std::size_t>(i)].data.u64);
  return inputs;
}

}  // namespace twinpipe
