// SPDX-License-Identifier: Apache-2.0
// Frames of several inputs that wait for their turn: as many as memory has room for, the others in a store.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "wire/scanner.hpp"

namespace twinpipe {

/// Where blocks of bytes go that memory has no room for. Each is taken back once.
class BlockStore {
 public:
  BlockStore() = default;
  virtual ~BlockStore() = default;
  BlockStore(const BlockStore&) = delete;
  BlockStore& operator=(const BlockStore&) = delete;

  /// Keeps a block; the number to ask for it with. Errors: io_error, cant_create.
  virtual Result<std::uint64_t> put(std::string_view block) = 0;
  /// Replaces `block` by the one kept under `place`, of `size` bytes, and forgets it there. Errors: io_error.
  virtual Status take(std::uint64_t place, std::size_t size, std::string& block) = 0;
};

class WaitingFrames {
 public:
  /// Keeps about `memory` bytes at most, but two blocks an input in any case.
  WaitingFrames(std::size_t inputs, std::size_t memory, std::size_t frame_limit, BlockStore& store);

  /// A whole frame behind those that wait for this input. Errors: the store's.
  Status push(std::uint32_t input, std::string_view frame);
  bool empty(std::uint32_t input) const { return queues_[input].blocks.empty(); }
  /// The first frame of a queue that is not empty, numbered and placed as in its input. Valid until pop(). Errors: the store's.
  Status front(std::uint32_t input, FrameView& frame);
  void pop(std::uint32_t input);
  /// Forgets all that waits for the input; what the store has of it stays there.
  void clear(std::uint32_t input);

  std::size_t memory() const { return memory_; }
  std::uint64_t stored() const { return stored_; }  // bytes that went to the store so far
  std::size_t block_size() const { return block_; }

 private:
  struct Block {
    std::string bytes;
    std::size_t size = 0;
    std::uint64_t place = 0;
    bool stored = false;
  };
  struct Queue {
    std::deque<Block> blocks;
    std::size_t at = 0;     // in the first block
    std::size_t taken = 0;  // length of the frame at the front, once front() was asked
    FrameView view;
    Scanner scanner;
  };

  Status make_room();

  std::size_t limit_, block_;
  BlockStore* store_;
  std::vector<Queue> queues_;
  std::vector<std::string> spare_;
  std::size_t memory_ = 0;
  std::uint64_t stored_ = 0;
};

}  // namespace twinpipe
