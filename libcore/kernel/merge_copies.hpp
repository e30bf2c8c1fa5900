// SPDX-License-Identifier: Apache-2.0
// Frames that several inputs of a merge have in common, told by their bytes: what comes more often than through any one input
// is a copy. So an input's own repetitions stay, and a stream merged with itself is itself.
#pragma once

#include <cstdint>
#include <deque>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace twinpipe {

class MergeCopies {
 public:
  static constexpr std::size_t kRemembered = 65536;  // different frames

  /// False: another input had it.
  bool fresh(std::uint32_t input, std::string_view bytes) {
    const std::size_t hash = std::hash<std::string_view>()(bytes);
    const auto [at, is_new] = known_.try_emplace(hash);
    if (is_new) {
      order_.push_back(hash);
      if (order_.size() > kRemembered) {
        known_.erase(order_.front());
        order_.pop_front();
      }
    }
    Frame& frame = at->second;
    for (auto& [who, count] : frame.came)
      if (who == input) return written(frame, ++count);
    frame.came.emplace_back(input, 1);
    return written(frame, 1);
  }

 private:
  struct Frame {
    std::uint32_t count = 0;                                    // written
    std::vector<std::pair<std::uint32_t, std::uint32_t>> came;  // input, how often
  };
  static bool written(Frame& frame, std::uint32_t times) {
    if (times <= frame.count) return false;
    frame.count = times;
    return true;
  }

  std::unordered_map<std::size_t, Frame> known_;
  std::deque<std::size_t> order_;  // oldest first
};

}  // namespace twinpipe
