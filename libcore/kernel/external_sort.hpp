// SPDX-License-Identifier: Apache-2.0
// Records sorted by a time, in bounded memory: sorted runs go to a store and are merged. Stable: records of one time stay in the
// order in which they came.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "kernel/waiting_frames.hpp"
#include "wire/frame.hpp"

namespace twinpipe {

class ExternalSort {
 public:
  /// Keeps about `memory` bytes at most, but 64 KiB for each of up to kFan runs in any case.
  ExternalSort(std::size_t memory, BlockStore& store);

  /// Errors: the store's.
  Status add(Nanos key, std::string_view record);
  /// All were added: from here on next() gives them. Errors: the store's.
  Status finish();
  /// The next record, valid until the call after; false when there is none. Errors: the store's.
  Result<bool> next(Nanos& key, std::string_view& record);

  std::uint64_t size() const { return size_; }
  std::uint64_t stored() const { return stored_; }  // bytes that went to the store

 private:
  struct Item {
    Nanos key;
    std::size_t at, size;  // in arena_
  };
  struct Place {
    std::uint64_t place;
    std::size_t size;
  };
  /// A sorted run in the store, read block by block.
  struct Run {
    std::vector<Place> blocks;
    unsigned level = 0;  // how often its records were merged
    std::size_t next_block = 0, at = 0;
    std::string block;
    Nanos key = 0;  // of the record at the front
    std::size_t record = 0, record_size = 0;
    bool over = false;
  };
  class RunWriter;

  static constexpr std::size_t kFan = 64;

  Status spill();
  Status merge_newest(std::size_t count);
  Status start(std::size_t first);
  Status advance(Run& run);
  auto behind() const;
  Result<bool> next_merged(Nanos& key, std::string_view& record);

  std::size_t memory_, block_size_;
  BlockStore* store_;
  std::string arena_;
  std::vector<Item> items_;
  std::vector<Run> runs_;          // in the order of their records' arrival
  std::vector<std::size_t> heap_;  // of the runs that are merged: the smallest in front
  std::size_t to_advance_ = kNone;
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);
  std::size_t given_ = 0;
  std::uint64_t size_ = 0, stored_ = 0;
};

}  // namespace twinpipe
