// SPDX-License-Identifier: Apache-2.0
// Blocks that memory has no room for, in a file without a name.
#include "io/spill_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

namespace twinpipe {
namespace {

constexpr std::size_t kUnit = 64 * 1024;  // places are multiples of it, so that one block's fits the next

Result<Fd> create_nameless(const std::string& directory) {
  Fd file(open(directory.c_str(), O_RDWR | O_TMPFILE | O_CLOEXEC, 0600));
  if (file.valid()) return file;
  if (errno == EOPNOTSUPP || errno == EISDIR) {
    // File systems that know no such files: a name for a moment.
    std::string path = directory + "/twinpipe.XXXXXX";
    file = Fd(mkostemp(path.data(), O_CLOEXEC));
    if (file.valid()) {
      unlink(path.c_str());
      return file;
    }
  }
  return system_error(Code::cant_create, "cannot create a file in " + directory, errno);
}

/// All of a block, at its place, by pread or pwrite. False: see errno; 0 when the file ended.
template <class Call, class Byte>
bool whole(Call call, int fd, Byte* at, std::size_t size, std::uint64_t offset) {
  while (size > 0) {
    const ssize_t done = call(fd, at, size, static_cast<off_t>(offset));
    if (done == 0) errno = 0;
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) return false;
    at += done;
    size -= static_cast<std::size_t>(done);
    offset += static_cast<std::uint64_t>(done);
  }
  return true;
}

}  // namespace

Status SpillFile::failed(const char* what) const {
  if (errno == 0) return Status::error(Code::io_error, directory_ + ": what waits there is gone");
  return system_error(Code::io_error, directory_ + ": cannot " + what + " what waits", errno);
}

Result<std::uint64_t> SpillFile::put(std::string_view block) {
  if (!file_.valid()) {
    if (directory_.empty()) {
      const char* const temporary = std::getenv("TMPDIR");
      directory_ = temporary != nullptr && *temporary != '\0' ? temporary : "/tmp";
    }
    Result<Fd> file = create_nameless(directory_);
    if (!file.ok()) return file.status();
    file_ = std::move(*file);
  }
  const std::size_t size = (block.size() + kUnit - 1) / kUnit * kUnit;
  std::uint64_t place = end_;
  if (const auto free = free_.find(size); free != free_.end()) {
    place = free->second;
    free_.erase(free);
  } else {
    end_ += size;
  }
  if (!whole(pwrite, file_.get(), block.data(), block.size(), place)) return failed("write");
  sizes_[place] = size;
  return place;
}

Status SpillFile::take(std::uint64_t place, std::size_t size, std::string& block) {
  block.resize(size);
  if (!whole(pread, file_.get(), block.data(), size, place)) return failed("read");
  const auto used = sizes_.find(place);
  free_.emplace(used->second, place);
  sizes_.erase(used);
  return {};
}

}  // namespace twinpipe
