// SPDX-License-Identifier: Apache-2.0
// Numbers by the names that they stand for, found by hash without copies of the names.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

namespace twinpipe {

/// Of `number` and the names behind it, each by itself: ("a","bc") is not ("ab","c").
template <class... Names>
std::uint32_t name_hash(std::uint64_t number, const Names&... names) {
  const auto mix = [&number](std::string_view name) {
    number = (number ^ std::hash<std::string_view>()(name)) * 0x9E3779B97F4A7C15;  // 2^64 over the golden ratio: spreads upwards
    number ^= number >> 32;
  };
  (mix(names), ...);
  return static_cast<std::uint32_t>(number);
}

/// Numbers by the hash of the name that each stands for; its owner keeps the names. Open addresses, linear probing, at most
/// half full: one declaration costs no allocation of its own and one or two cache misses.
class NameIndex {
 public:
  /// `is(number)`: does that one stand for the name?
  template <class Is>
  std::optional<std::uint32_t> find(std::uint32_t hash, Is&& is) const {
    if (places_.empty()) return std::nullopt;
    for (std::size_t at = hash & mask(); places_[at].number != kNone; at = (at + 1) & mask())
      if (places_[at].hash == hash && is(places_[at].number)) return places_[at].number;
    return std::nullopt;
  }
  /// Of a name that is not there yet.
  void add(std::uint32_t hash, std::uint32_t number);

 private:
  static constexpr std::uint32_t kNone = ~0U;
  struct Place {
    std::uint32_t hash = 0, number = kNone;
  };
  std::size_t mask() const { return places_.size() - 1; }

  std::vector<Place> places_;  // none, or a power of two
  std::size_t taken_ = 0;
};

}  // namespace twinpipe
