// SPDX-License-Identifier: Apache-2.0
// The newest panes of something that merges, and sums over any run of them.
//
// Beside the panes stand blocks of 2, 4, 8 … of them, aligned to multiples of their length since the epoch. A sum over n panes is
// made of at most 2·log2(n) blocks, always the same ones for the same n panes: so it is a pure function of what the panes hold,
// with the same bits wherever a stream began, was cut or was resumed. Rejected: subtracting what leaves from a running sum, which
// drifts; two stacks that turn over, which cost O(1) and give bits that depend on where the stream began, one pair of stacks a
// window, and a turn-over of all assets' stacks in the same step.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <vector>

namespace twinpipe {

template <class Content>
class SlidingPanes {
 public:
  static constexpr std::int64_t kNone = -1;

  SlidingPanes() = default;
  /// Keeps the newest `panes`; each lasts `seconds`.
  SlidingPanes(std::int64_t panes, double seconds) : panes_(panes), seconds_(seconds) {}

  std::int64_t panes() const { return panes_; }
  std::int64_t newest() const { return newest_; }
  bool has(std::int64_t pane) const { return pane <= newest_ && pane > newest_ - panes_ && pane >= 0; }
  const Content& at(std::int64_t pane) const { return blocks_[place(0, pane)]; }

  /// Panes are numbered from the epoch and come in ascending order; those left out are empty.
  void add(std::int64_t pane, const Content& content) {
    if (newest_ == kNone || pane - newest_ > panes_) {
      begin(pane);
      return put(pane, content);
    }
    while (newest_ + 1 < pane) put(++newest_, Content());
    newest_ = pane;
    put(pane, content);
  }
  /// Empty panes up to `newest`.
  void begin(std::int64_t newest) {
    if (newest == kNone) return clear();
    if (blocks_.empty()) allocate();
    else std::ranges::fill(blocks_, Content());
    newest_ = newest;
  }
  /// Of a pane that it has().
  void replace(std::int64_t pane, const Content& content) { put(pane, content); }

  /// Panes [from, to); what is not there is empty. `to` is at most newest() + 1.
  Content over(std::int64_t from, std::int64_t to) const {
    Content sum;
    if (newest_ == kNone) return sum;
    const std::int64_t begin = from;
    for (from = std::max({from, newest_ - panes_ + 1, std::int64_t{0}}); from < to;) {
      const int fitting = static_cast<int>(std::bit_width(static_cast<std::uint64_t>(to - from))) - 1;
      const int level = std::min({std::countr_zero(static_cast<std::uint64_t>(from)), fitting, levels() - 1});
      const Content& block = blocks_[place(level, from >> level)];
      if (!block.empty()) sum.merge(block, static_cast<double>(from - begin) * seconds_);
      from += std::int64_t{1} << level;
    }
    return sum;
  }

  void clear() { *this = SlidingPanes(panes_, seconds_); }
  std::size_t bytes() const { return blocks_.capacity() * sizeof(Content); }

 private:
  int levels() const { return static_cast<int>(begins_.size()) - 1; }
  std::size_t place(int level, std::int64_t block) const {
    const auto l = static_cast<std::size_t>(level);
    const std::size_t begin = begins_[l];
    return begin + static_cast<std::uint64_t>(block) % (begins_[l + 1] - begin);
  }
  void allocate() {
    begins_.assign(1, 0);
    for (int level = 0; panes_ >> level > 0; ++level)
      begins_.push_back(begins_.back() + static_cast<std::size_t>(panes_ >> level) + (level > 0 ? 1 : 0));
    blocks_.resize(begins_.back());
  }
  /// Writes a pane, and the blocks of which it is a part as far as they are whole.
  void put(std::int64_t pane, const Content& content) {
    blocks_[place(0, pane)] = content;
    for (int level = 1; level < levels(); ++level) {
      const std::int64_t block = pane >> level;
      if (((block + 1) << level) - 1 > newest_) break;
      Content both = blocks_[place(level - 1, 2 * block)];
      both.merge(blocks_[place(level - 1, 2 * block + 1)], static_cast<double>(std::int64_t{1} << (level - 1)) * seconds_);
      blocks_[place(level, block)] = both;
    }
  }

  std::int64_t panes_ = 0;
  double seconds_ = 0;
  std::int64_t newest_ = kNone;
  std::vector<Content> blocks_;      // level after level
  std::vector<std::size_t> begins_;  // of each level in blocks_, and the end
};

}  // namespace twinpipe
