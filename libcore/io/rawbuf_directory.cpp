// SPDX-License-Identifier: Apache-2.0
// A buffer's directory on a real disk.
#include "io/rawbuf_directory.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>

#include "io/file_lock.hpp"
#include "kernel/rawbuf_format.hpp"

namespace twinpipe {
namespace {

class File final : public rawbuf::DiskFile {
 public:
  File(Fd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}

  Result<std::uint64_t> size() override {
    struct stat info {};
    if (fstat(fd_.get(), &info) != 0) return system_error(Code::io_error, path_, errno);
    return static_cast<std::uint64_t>(info.st_size);
  }

  Status read(std::uint64_t offset, std::size_t length, std::string& out) override {
    out.resize(length);
    std::size_t have = 0;
    while (have < length) {
      const ssize_t got = pread(fd_.get(), out.data() + have, length - have, static_cast<off_t>(offset + have));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return system_error(Code::io_error, path_ + ": cannot read", errno);
      if (got == 0) break;
      have += static_cast<std::size_t>(got);
    }
    out.resize(have);
    return {};
  }

  Status append(std::string_view bytes) override {
    const Result<Written> written = write_all(fd_.get(), bytes);
    return written.ok() ? Status{} : Status::error(written.status().code, path_ + ": " + written.status().message);
  }

  Status truncate(std::uint64_t size) override {
    if (ftruncate(fd_.get(), static_cast<off_t>(size)) != 0) return system_error(Code::io_error, "cannot cut " + path_, errno);
    return {};
  }

  Status sync() override {
    if (fsync(fd_.get()) != 0) return system_error(Code::io_error, "cannot sync " + path_, errno);
    return {};
  }

 private:
  Fd fd_;
  std::string path_;
};

/// Ours, or of a file system that was made for us.
bool may_be_in_a_buffer(const std::string& name) {
  return name == rawbuf::kCatalogName || name == "lock" || name == "cursors" || name == "lost+found" ||
         rawbuf::parse_segment_name(name);
}

}  // namespace

Status RawbufDirectory::lock() {
  if (Status status = make_directory(path_); !status.ok()) return status;
  Result<Fd> file = open_lock(path_of("lock"), path_ + ": another process writes to this buffer");
  if (!file.ok()) return file.status();
  lock_ = std::move(*file);
  return {};
}

bool RawbufDirectory::being_written() const {
  const Fd file(::open(path_of("lock").c_str(), O_RDONLY | O_CLOEXEC));
  return file.valid() && flock(file.get(), LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

Result<std::uint64_t> RawbufDirectory::room() const {
  struct statvfs info {};
  if (statvfs(path_.c_str(), &info) != 0) return system_error(Code::io_error, path_, errno);
  return static_cast<std::uint64_t>(info.f_bavail) * info.f_frsize;
}

Status RawbufDirectory::watch() {
  Fd fd(inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (!fd.valid() || inotify_add_watch(fd.get(), path_.c_str(), IN_MODIFY | IN_CREATE | IN_DELETE | IN_MOVED_TO) < 0)
    return system_error(errno == ENOENT ? Code::no_input : Code::io_error, "cannot watch " + path_, errno);
  watch_ = std::move(fd);
  return {};
}

void RawbufDirectory::drain() {
  char events[4096];
  while (watch_.valid() && ::read(watch_.get(), events, sizeof events) > 0) {
  }
}

Result<std::vector<std::string>> RawbufDirectory::list() {
  std::vector<std::string> names;
  std::error_code error;
  for (std::filesystem::directory_iterator at(path_, error), end; !error && at != end; at.increment(error))
    names.push_back(at->path().filename().string());
  if (error) return system_error(Code::no_input, path_, error.value());
  if (!names.empty() && std::ranges::none_of(names, may_be_in_a_buffer))
    return Status::error(Code::no_input, path_ + ": not a buffer: it has other files, and neither segments nor a catalog");
  return names;
}

Result<std::unique_ptr<rawbuf::DiskFile>> RawbufDirectory::open(const std::string& name) {
  const std::string path = path_of(name);
  Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return system_error(Code::no_input, path, errno);
  return std::unique_ptr<rawbuf::DiskFile>(std::make_unique<File>(std::move(file), path));
}

Result<std::unique_ptr<rawbuf::DiskFile>> RawbufDirectory::open_to_append(const std::string& name) {
  const std::string path = path_of(name);
  Fd file(::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
  if (!file.valid()) return system_error(Code::cant_create, path, errno);
  return std::unique_ptr<rawbuf::DiskFile>(std::make_unique<File>(std::move(file), path));
}

Status RawbufDirectory::remove(const std::string& name) {
  if (unlink(path_of(name).c_str()) != 0 && errno != ENOENT)
    return system_error(Code::io_error, "cannot remove " + path_of(name), errno);
  return {};
}

Status RawbufDirectory::rename(const std::string& from, const std::string& to) {
  if (::rename(path_of(from).c_str(), path_of(to).c_str()) != 0)
    return system_error(Code::io_error, "cannot rename " + path_of(from), errno);
  return {};
}

Status RawbufDirectory::sync_names() {
  const Fd directory(::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.valid() || fsync(directory.get()) != 0) return system_error(Code::io_error, "cannot sync " + path_, errno);
  return {};
}

}  // namespace twinpipe
