// SPDX-License-Identifier: Apache-2.0
// Descriptors: read, write, fsync and rename, with EINTR, EAGAIN and short counts handled.
#include "io/fd.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

namespace twinpipe {
namespace {

constexpr int kPipeSize = 1 << 20;

/// A descriptor that somebody else made non-blocking: wait until it is ready again.
void wait_for(int fd, short events) {
  pollfd entry{fd, events, 0};
  while (poll(&entry, 1, -1) < 0 && errno == EINTR) {
  }
}

Status sync_directory(const std::string& path) {
  const std::string parent = std::filesystem::path(path).parent_path().string();
  const Fd directory(open(parent.empty() ? "." : parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.valid() || fsync(directory.get()) != 0) return system_error(Code::io_error, "cannot sync " + parent, errno);
  return {};
}

Status write_and_sync(int fd, const std::string& path, std::string_view bytes) {
  const Result<Written> written = write_all(fd, bytes);
  if (!written.ok()) return Status::error(written.status().code, path + ": " + written.status().message);
  if (fsync(fd) != 0) return system_error(Code::io_error, "cannot sync " + path, errno);
  return {};
}

}  // namespace

Fd& Fd::operator=(Fd&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

Fd::~Fd() {
  if (fd_ >= 0) close(fd_);
}

std::string cause(int error) { return std::generic_category().message(error); }

Status system_error(Code otherwise, std::string_view what, int error) {
  const Code code = error == ENOENT && otherwise == Code::no_input ? Code::no_input
                    : error == EACCES || error == EPERM            ? Code::no_permission
                                                                   : otherwise;
  return Status::error(code, fmt::format("{}: {}", what, cause(error)));
}

void occupy_standard_descriptors() {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd)
    // The lowest free number is the one that is missing. Messages for a closed standard error are dropped, not misplaced.
    if (fcntl(fd, F_GETFD) < 0 && errno == EBADF) (void)open("/dev/null", fd == STDOUT_FILENO ? O_RDONLY : O_WRONLY);
}

bool open_for_reading(int fd) {
  const int flags = fcntl(fd, F_GETFL);
  return flags >= 0 && (flags & O_ACCMODE) != O_WRONLY;
}

bool open_for_writing(int fd) {
  const int flags = fcntl(fd, F_GETFL);
  return flags >= 0 && (flags & O_ACCMODE) != O_RDONLY;
}

Result<std::size_t> read_some(int fd, char* at, std::size_t size) {
  for (;;) {
    const ssize_t got = read(fd, at, size);
    if (got >= 0) return static_cast<std::size_t>(got);
    if (errno == EAGAIN) wait_for(fd, POLLIN);
    else if (errno != EINTR) return system_error(Code::io_error, "cannot read", errno);
  }
}

Result<Written> write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t put = write(fd, bytes.data(), bytes.size());
    if (put >= 0) bytes.remove_prefix(static_cast<std::size_t>(put));
    else if (errno == EPIPE) return Written::reader_left;
    else if (errno == EAGAIN) wait_for(fd, POLLOUT);
    else if (errno != EINTR) return system_error(Code::io_error, "cannot write", errno);
  }
  return Written::all;
}

Result<Fd> open_to_read(const std::string& path) {
  Fd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return system_error(Code::no_input, path, errno);
  return file;
}

Result<Fd> create_new(const std::string& path) {
  Fd file(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  if (!file.valid()) return system_error(Code::cant_create, path, errno);
  return file;
}

Result<Fd> open_to_append(const std::string& path) {
  Fd file(open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
  if (!file.valid()) return system_error(Code::cant_create, path, errno);
  return file;
}

std::uint64_t file_size(int fd) {
  struct stat info {};
  return fstat(fd, &info) == 0 && S_ISREG(info.st_mode) ? static_cast<std::uint64_t>(info.st_size) : 0;
}

Status cut_file(int fd, const std::string& path, std::uint64_t size) {
  return ftruncate(fd, static_cast<off_t>(size)) == 0 ? Status{} : system_error(Code::io_error, "cannot cut " + path, errno);
}

Status sync_file(int fd, const std::string& path) {
  if (fsync(fd) == 0 || errno == EINVAL || errno == EROFS) return {};
  return system_error(Code::io_error, "cannot sync " + path, errno);
}

Result<std::string> read_file(const std::string& path) {
  Result<Fd> opened = open_to_read(path);
  if (!opened.ok()) return opened.status();
  const Fd file = std::move(*opened);
  std::string content;
  constexpr std::size_t kChunk = 64 * 1024;
  for (;;) {
    const std::size_t have = content.size();
    content.resize(have + kChunk);
    Result<std::size_t> got = read_some(file.get(), content.data() + have, kChunk);
    if (!got.ok()) return Status::error(got.status().code, path + ": " + got.status().message);
    content.resize(have + *got);
    if (*got == 0) return content;
  }
}

Status replace_file(const std::string& path, std::string_view bytes) {
  const std::string temporary = fmt::format("{}.{}.tmp", path, getpid());
  Fd file(open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (!file.valid()) return system_error(Code::cant_create, "cannot create " + temporary, errno);
  Status status = write_and_sync(file.get(), temporary, bytes);
  if (status.ok() && rename(temporary.c_str(), path.c_str()) != 0)
    status = system_error(Code::cant_create, "cannot rename to " + path, errno);
  if (!status.ok()) {
    unlink(temporary.c_str());
    return status;
  }
  return sync_directory(path);
}

Status make_directory(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  return error ? system_error(Code::cant_create, "cannot create " + path, error.value()) : Status{};
}

void widen_pipe(int fd) {
  struct stat info {};
  if (fstat(fd, &info) == 0 && S_ISFIFO(info.st_mode)) (void)fcntl(fd, F_SETPIPE_SZ, kPipeSize);
}

}  // namespace twinpipe
