// SPDX-License-Identifier: Apache-2.0
// A lock on an open file.
#include "io/file_lock.hpp"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>

namespace twinpipe {

Status lock_file(int fd, const std::string& path, const std::string& busy) {
  if (flock(fd, LOCK_EX | LOCK_NB) == 0) return {};
  if (errno == EWOULDBLOCK) return Status::error(Code::temporary, busy);
  return system_error(Code::io_error, "cannot lock " + path, errno);
}

Result<Fd> open_lock(const std::string& path, const std::string& busy) {
  Fd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  if (!file.valid()) return system_error(Code::cant_create, path, errno);
  if (Status status = lock_file(file.get(), path, busy); !status.ok()) return status;
  return file;
}

}  // namespace twinpipe
