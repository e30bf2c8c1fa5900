// SPDX-License-Identifier: Apache-2.0
// Frames of several inputs that wait for their turn.
#include "kernel/waiting_frames.hpp"

#include <algorithm>

namespace twinpipe {
namespace {

constexpr std::size_t kLeast = 4096, kMost = std::size_t{1} << 20;  // of a block: the greatest reads and writes at full speed

}  // namespace

WaitingFrames::WaitingFrames(std::size_t inputs, std::size_t memory, std::size_t frame_limit, BlockStore& store)
    : limit_(memory), block_(std::clamp(memory / (4 * std::max<std::size_t>(inputs, 1)), kLeast, kMost)), store_(&store) {
  queues_.resize(inputs);
  for (Queue& queue : queues_) queue.scanner = Scanner(frame_limit);
}

/// A block holds whole frames, so that a frame lies in one piece wherever it comes from.
Status WaitingFrames::push(std::uint32_t input, std::string_view frame) {
  Queue& queue = queues_[input];
  const bool fits = !queue.blocks.empty() && !queue.blocks.back().stored && queue.blocks.back().size + frame.size() <= block_;
  if (!fits) {
    Block& block = queue.blocks.emplace_back();
    if (!spare_.empty()) {
      block.bytes = std::move(spare_.back());
      spare_.pop_back();
    }
    // Never moved while it is filled: somebody may be looking at its first frame.
    block.bytes.reserve(std::max(block_, frame.size()));
  }
  Block& block = queue.blocks.back();
  block.bytes.append(frame);
  block.size += frame.size();
  memory_ += frame.size();
  return memory_ > limit_ ? make_room() : Status{};
}

/// The newest full blocks of the longest queue leave: they are needed last. The block at the front and the one that is being
/// filled stay.
Status WaitingFrames::make_room() {
  while (memory_ > limit_) {
    Block* last = nullptr;
    std::size_t longest = 0;
    for (Queue& queue : queues_) {
      for (std::size_t i = queue.blocks.size(); i-- > 1;) {
        Block& block = queue.blocks[i];
        if (block.stored || i + 1 == queue.blocks.size()) continue;
        if (queue.blocks.size() > longest) {
          longest = queue.blocks.size();
          last = &block;
        }
        break;
      }
    }
    if (last == nullptr) return {};
    Result<std::uint64_t> place = store_->put(last->bytes);
    if (!place.ok()) return place.status();
    last->place = *place;
    last->stored = true;
    std::string().swap(last->bytes);  // assigning an empty one would keep the memory
    memory_ -= last->size;
    stored_ += last->size;
  }
  return {};
}

Status WaitingFrames::front(std::uint32_t input, FrameView& frame) {
  Queue& queue = queues_[input];
  if (queue.taken == 0) {
    Block& block = queue.blocks.front();
    if (block.stored) {
      if (Status status = store_->take(block.place, block.size, block.bytes); !status.ok()) return status;
      block.stored = false;
      memory_ += block.size;
    }
    if (queue.scanner.next(std::string_view(block.bytes).substr(queue.at), queue.view) != Scanner::Outcome::whole)
      return Status::error(Code::internal, "what waited is no frame any more");
    queue.taken = queue.view.bytes.size();
  }
  frame = queue.view;
  return {};
}

void WaitingFrames::pop(std::uint32_t input) {
  Queue& queue = queues_[input];
  queue.at += std::exchange(queue.taken, 0);
  Block& block = queue.blocks.front();
  if (queue.at < block.size) return;
  memory_ -= block.size;
  block.bytes.clear();
  if (spare_.size() < queues_.size() && block.bytes.capacity() <= 2 * block_) spare_.push_back(std::move(block.bytes));
  queue.blocks.pop_front();
  queue.at = 0;
}

void WaitingFrames::clear(std::uint32_t input) {
  Queue& queue = queues_[input];
  for (const Block& block : queue.blocks)
    if (!block.stored) memory_ -= block.size;
  queue.blocks.clear();
  queue.at = queue.taken = 0;
}

}  // namespace twinpipe
