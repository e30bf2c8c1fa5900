// SPDX-License-Identifier: Apache-2.0
// Blocks that memory has no room for, in a file without a name.
#include "io/spill_file.hpp"

#include <cstdlib>

namespace twinpipe {
namespace {

constexpr std::size_t kUnit = 64 * 1024;  // places are multiples of it, so that one block's fits the next

}  // namespace

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
  if (Status status = write_at(file_.get(), place, block); !status.ok())
    return Status::error(status.code, "what waits, in " + directory_ + ": " + status.message);
  sizes_[place] = size;
  return place;
}

Status SpillFile::take(std::uint64_t place, std::size_t size, std::string& block) {
  block.resize(size);
  if (Status status = read_at(file_.get(), place, block.data(), size); !status.ok())
    return Status::error(status.code, "what waits, in " + directory_ + ": " + status.message);
  const auto used = sizes_.find(place);
  free_.emplace(used->second, place);
  sizes_.erase(used);
  return {};
}

}  // namespace twinpipe
