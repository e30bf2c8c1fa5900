// SPDX-License-Identifier: Apache-2.0
// Many descriptors behind one.
#include "io/poll_set.hpp"

#include <sys/epoll.h>

#include <cerrno>

namespace twinpipe {

Status PollSet::open() {
  fd_ = Fd(epoll_create1(EPOLL_CLOEXEC));
  return fd_.valid() ? Status{} : system_error(Code::internal, "cannot make an epoll descriptor", errno);
}

void PollSet::watch(int owner, int fd, bool write) {
  Watched& watched = watched_[owner];
  // A closed descriptor left the set by itself, and its number may have come back as somebody else's: whether a number is
  // in the set only the kernel knows.
  if (watched.fd >= 0 && watched.fd != fd) {
    bool shared = false;
    for (const auto& [other, entry] : watched_) shared = shared || (other != owner && entry.fd == watched.fd);
    if (!shared) (void)epoll_ctl(fd_.get(), EPOLL_CTL_DEL, watched.fd, nullptr);
  }
  watched = {fd, write};
  if (fd < 0) return;
  epoll_event event{};
  event.events = EPOLLIN | (write ? EPOLLOUT : 0U);
  event.data.fd = fd;
  if (epoll_ctl(fd_.get(), EPOLL_CTL_MOD, fd, &event) != 0 && errno == ENOENT)
    (void)epoll_ctl(fd_.get(), EPOLL_CTL_ADD, fd, &event);
}

}  // namespace twinpipe
