// SPDX-License-Identifier: Apache-2.0
// Writes to a descriptor without ever waiting for its reader.
#include "io/bounded_writer.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace twinpipe {

/// O_NONBLOCK belongs to the open file, which the shell and the other end of a socket may share. A pipe is opened anew under
/// the same number, so that the flag is ours alone; where that is not allowed it is set for a while. Files never wait for a
/// reader.
BoundedWriter::BoundedWriter(int fd) : fd_(fd) {
  struct stat info {};
  if (fstat(fd, &info) != 0 || S_ISREG(info.st_mode)) return;
  if (S_ISFIFO(info.st_mode)) {
    const Fd own(open(fmt::format("/proc/self/fd/{}", fd).c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC));
    if (own.valid() && dup2(own.get(), fd) == fd) return;
  }
  flags_ = fcntl(fd, F_GETFL);
  if (flags_ >= 0) (void)fcntl(fd, F_SETFL, flags_ | O_NONBLOCK);
}

BoundedWriter::~BoundedWriter() {
  if (flags_ >= 0) (void)fcntl(fd_, F_SETFL, flags_);
}

/// Bytes that were taken; 0 when the descriptor is full.
Result<std::size_t> BoundedWriter::write_some(std::string_view bytes) {
  std::size_t done = 0;
  while (done < bytes.size() && !reader_left_) {
    const ssize_t put = write(fd_, bytes.data() + done, bytes.size() - done);
    if (put >= 0) done += static_cast<std::size_t>(put);
    else if (errno == EPIPE) reader_left_ = true;
    else if (errno == EAGAIN) break;
    else if (errno != EINTR) return system_error(Code::io_error, "standard output: cannot write", errno);
  }
  written_ += done;
  return done;
}

Status BoundedWriter::put(std::string_view bytes) {
  std::size_t done = 0;
  if (waiting() == 0) {
    Result<std::size_t> taken = write_some(bytes);
    if (!taken.ok()) return taken.status();
    done = *taken;
  }
  if (!reader_left_) buffer_.append(bytes.substr(done));
  return {};
}

Status BoundedWriter::write_more() {
  if (waiting() == 0) return {};
  Result<std::size_t> taken = write_some(std::string_view(buffer_).substr(begin_));
  if (!taken.ok()) return taken.status();
  begin_ += *taken;
  if (begin_ == buffer_.size() || reader_left_) {
    buffer_ = {};  // a stall's memory is given back
    begin_ = 0;
  } else if (begin_ > buffer_.size() / 2) {
    buffer_.erase(0, begin_);
    begin_ = 0;
  }
  return {};
}

Status BoundedWriter::finish() {
  while (waiting() > 0) {
    pollfd entry{fd_, POLLOUT, 0};
    if (poll(&entry, 1, -1) < 0 && errno != EINTR) return system_error(Code::io_error, "standard output", errno);
    if (Status status = write_more(); !status.ok()) return status;
  }
  return {};
}

}  // namespace twinpipe
