// SPDX-License-Identifier: Apache-2.0
// Records sorted by a time, in bounded memory.
#include "kernel/external_sort.hpp"

#include <algorithm>

#include "kernel/bytes_of.hpp"

namespace twinpipe {

/// Cuts a run into blocks of whole records: the key, the size, the bytes.
class ExternalSort::RunWriter {
 public:
  explicit RunWriter(ExternalSort& sort) : sort_(&sort) {}

  Status add(Nanos key, std::string_view record) {
    append_bytes_of(key, block_);
    append_bytes_of(record.size(), block_);
    block_ += record;
    return block_.size() >= sort_->block_size_ ? flush() : Status{};
  }
  Status finish(unsigned level, Run& run) {
    if (Status status = block_.empty() ? Status{} : flush(); !status.ok()) return status;
    run.blocks = std::move(blocks_);
    run.level = level;
    return {};
  }

 private:
  Status flush() {
    Result<std::uint64_t> place = sort_->store_->put(block_);
    if (!place.ok()) return place.status();
    blocks_.push_back({*place, block_.size()});
    sort_->stored_ += block_.size();
    block_.clear();
    return {};
  }

  ExternalSort* sort_;
  std::string block_;
  std::vector<Place> blocks_;
};

ExternalSort::ExternalSort(std::size_t memory, BlockStore& store)
    : memory_(memory),
      block_size_(std::clamp<std::size_t>(memory / kFan / 2, std::size_t{64} << 10, std::size_t{1} << 20)),
      store_(&store) {}

Status ExternalSort::add(Nanos key, std::string_view record) {
  ++size_;
  items_.push_back({key, arena_.size(), record.size()});
  arena_ += record;
  // Vectors and strings grow by doubling: half of what they take may be spare.
  return 2 * (arena_.size() + items_.size() * sizeof(Item)) > memory_ ? spill() : Status{};
}

Status ExternalSort::spill() {
  std::ranges::stable_sort(items_, {}, &Item::key);
  RunWriter writer(*this);
  for (const Item& item : items_)
    if (Status status = writer.add(item.key, std::string_view(arena_).substr(item.at, item.size)); !status.ok()) return status;
  if (Status status = writer.finish(0, runs_.emplace_back()); !status.ok()) return status;
  items_.clear();
  arena_.clear();
  // As many runs of one level as may be merged at once become one of the next: each record is merged a logarithm of times.
  while (runs_.size() >= kFan && runs_[runs_.size() - kFan].level == runs_.back().level)
    if (Status status = merge_newest(kFan); !status.ok()) return status;
  return {};
}

Status ExternalSort::merge_newest(std::size_t count) {
  const std::size_t first = runs_.size() - count;
  const unsigned level = runs_.back().level + 1;
  if (Status status = start(first); !status.ok()) return status;
  RunWriter writer(*this);
  for (;;) {
    Nanos key = 0;
    std::string_view record;
    Result<bool> more = next_merged(key, record);
    if (!more.ok()) return more.status();
    if (!*more) break;
    if (Status status = writer.add(key, record); !status.ok()) return status;
  }
  runs_.resize(first);
  return writer.finish(level, runs_.emplace_back());
}

/// Says which of two runs has its turn later; of one time, the one whose records came later.
auto ExternalSort::behind() const {
  return [this](std::size_t a, std::size_t b) { return std::pair(runs_[a].key, a) > std::pair(runs_[b].key, b); };
}

Status ExternalSort::start(std::size_t first) {
  heap_.clear();
  to_advance_ = kNone;
  for (std::size_t i = first; i < runs_.size(); ++i) {
    if (Status status = advance(runs_[i]); !status.ok()) return status;
    if (!runs_[i].over) heap_.push_back(i);
  }
  std::ranges::make_heap(heap_, behind());
  return {};
}

Status ExternalSort::advance(Run& run) {
  run.at = run.record + run.record_size;
  if (run.at >= run.block.size()) {
    run.at = 0;
    if (run.next_block == run.blocks.size()) {
      run.over = true;
      run.block = {};
      return {};
    }
    const Place& place = run.blocks[run.next_block++];
    if (Status status = store_->take(place.place, place.size, run.block); !status.ok()) return status;
  }
  std::string_view rest = std::string_view(run.block).substr(run.at);
  run.key = take_bytes_of<Nanos>(rest);
  run.record_size = take_bytes_of<std::size_t>(rest);
  run.record = run.block.size() - rest.size();
  return {};
}

Result<bool> ExternalSort::next_merged(Nanos& key, std::string_view& record) {
  if (to_advance_ != kNone) {
    // Only now: until here somebody looked at its record.
    Run& run = runs_[to_advance_];
    if (Status status = advance(run); !status.ok()) return status;
    if (!run.over) {
      heap_.push_back(to_advance_);
      std::ranges::push_heap(heap_, behind());
    }
    to_advance_ = kNone;
  }
  if (heap_.empty()) return false;
  std::ranges::pop_heap(heap_, behind());
  to_advance_ = heap_.back();
  heap_.pop_back();
  const Run& run = runs_[to_advance_];
  key = run.key;
  record = std::string_view(run.block).substr(run.record, run.record_size);
  return true;
}

Status ExternalSort::finish() {
  if (runs_.empty()) {
    std::ranges::stable_sort(items_, {}, &Item::key);
    return {};
  }
  if (Status status = items_.empty() ? Status{} : spill(); !status.ok()) return status;
  items_ = {};
  arena_ = {};
  while (runs_.size() > kFan)
    if (Status status = merge_newest(std::min(kFan, runs_.size() - kFan + 1)); !status.ok()) return status;
  return start(0);
}

Result<bool> ExternalSort::next(Nanos& key, std::string_view& record) {
  if (!runs_.empty()) return next_merged(key, record);
  if (given_ == items_.size()) return false;
  const Item& item = items_[given_++];
  key = item.key;
  record = std::string_view(arena_).substr(item.at, item.size);
  return true;
}

}  // namespace twinpipe
