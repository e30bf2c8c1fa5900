// SPDX-License-Identifier: Apache-2.0
// Blocks that memory has no room for, in a file without a name: whatever happens to the process, nothing is left of it.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "io/fd.hpp"
#include "kernel/waiting_frames.hpp"

namespace twinpipe {

class SpillFile final : public BlockStore {
 public:
  /// `directory`: empty: $TMPDIR, or /tmp. The file is made when the first block comes.
  explicit SpillFile(std::string directory) : directory_(std::move(directory)) {}

  Result<std::uint64_t> put(std::string_view block) override;
  Status take(std::uint64_t place, std::size_t size, std::string& block) override;

 private:
  Status go_to(std::uint64_t place);
  Status placed(const Status& status) const;

  std::string directory_;
  Fd file_;
  std::uint64_t end_ = 0;
  std::multimap<std::size_t, std::uint64_t> free_;  // places by their size: blocks are nearly all of one
  std::map<std::uint64_t, std::size_t> sizes_;      // of places in use
};

}  // namespace twinpipe
