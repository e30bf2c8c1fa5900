// SPDX-License-Identifier: Apache-2.0
// A lock on an open file.
#include "io/file_lock.hpp"

#include <sys/file.h>

#include <cerrno>

#include "io/fd.hpp"

namespace twinpipe {

Status lock_file(int fd, const std::string& path) {
  if (flock(fd, LOCK_EX | LOCK_NB) == 0) return {};
  if (errno == EWOULDBLOCK) return Status::error(Code::temporary, path + ": another process is at work on it");
  return system_error(Code::io_error, "cannot lock " + path, errno);
}

}  // namespace twinpipe
