// SPDX-License-Identifier: Apache-2.0
// Memory in large pages: aligned where it is large, ordinary where it is small, and usable to its last byte.
#include "io/huge_pages.hpp"

#include <catch2/catch.hpp>
#include <cstdint>
#include <cstring>
#include <numeric>
#include <vector>

using namespace twinpipe;

TEST_CASE("pieces of memory are aligned as asked for, and large ones to a large page") {
  HugePages pages;
  constexpr std::size_t kLarge = std::size_t{2} << 20;
  for (const std::size_t bytes : {std::size_t{1}, std::size_t{100}, kLarge - 1, kLarge, kLarge + 1, 3 * kLarge + 4095}) {
    void* const piece = pages.allocate(bytes, 64);
    CHECK(reinterpret_cast<std::uintptr_t>(piece) % (bytes >= kLarge ? kLarge : 64) == 0);
    std::memset(piece, 1, bytes);
    pages.deallocate(piece, bytes, 64);
  }
}

TEST_CASE("a vector grows through small and large pieces, and may be freed by another of their kind") {
  HugePages pages, others;
  std::pmr::vector<std::uint64_t> numbers(&pages);
  for (std::uint64_t i = 0; i < 1'000'000; ++i) numbers.push_back(i);
  const std::pmr::vector<std::uint64_t> copy(numbers, &others);
  CHECK(pages == others);
  CHECK(std::accumulate(copy.begin(), copy.end(), std::uint64_t{0}) == 499'999'500'000);
}
