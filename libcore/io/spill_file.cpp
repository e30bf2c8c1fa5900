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

}  // namespace

Status SpillFile::go_to(std::uint64_t place) {
  return lseek(file_.get(), static_cast<off_t>(place), SEEK_SET) >= 0 ? Status{}
                                                                      : system_error(Code::io_error, "cannot seek", errno);
}

/// Says where it is that something waits.
Status SpillFile::placed(const Status& status) const {
  return Status::error(status.code, directory_ + ", where frames wait: " + status.message);
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
  if (Status status = go_to(place); !status.ok()) return placed(status);
  if (const Result<Written> written = write_all(file_.get(), block); !written.ok()) return placed(written.status());
  sizes_[place] = size;
  return place;
}

Status SpillFile::take(std::uint64_t place, std::size_t size, std::string& block) {
  block.resize(size);
  if (Status status = go_to(place); !status.ok()) return placed(status);
  for (std::size_t have = 0; have < size;) {
    const Result<std::size_t> got = read_some(file_.get(), block.data() + have, size - have);
    if (!got.ok()) return placed(got.status());
    if (*got == 0) return placed(Status::error(Code::io_error, "the file is shorter than it was"));
    have += *got;
  }
  const auto used = sizes_.find(place);
  free_.emplace(used->second, place);
  sizes_.erase(used);
  return {};
}

}  // namespace twinpipe
