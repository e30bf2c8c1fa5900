// SPDX-License-Identifier: Apache-2.0
// MurmurHash2 as Kafka's Java clients use it.
#include "kernel/murmur2.hpp"

#include <bit>
#include <cstring>

namespace twinpipe {
namespace {

constexpr std::uint32_t kSeed = 0x9747b28c;
constexpr std::uint32_t kMultiplier = 0x5bd1e995;
static_assert(std::endian::native == std::endian::little, "blocks are read as they lie in memory");

}  // namespace

std::uint32_t murmur2(std::string_view bytes) {
  std::uint32_t hash = kSeed ^ static_cast<std::uint32_t>(bytes.size());
  while (bytes.size() >= 4) {
    std::uint32_t block = 0;
    std::memcpy(&block, bytes.data(), 4);
    block *= kMultiplier;
    block ^= block >> 24;
    block *= kMultiplier;
    hash = (hash * kMultiplier) ^ block;
    bytes.remove_prefix(4);
  }
  for (std::size_t i = bytes.size(); i > 0; --i) hash ^= std::uint32_t{static_cast<std::uint8_t>(bytes[i - 1])} << (8 * (i - 1));
  if (!bytes.empty()) hash *= kMultiplier;
  hash ^= hash >> 13;
  hash *= kMultiplier;
  return hash ^ (hash >> 15);
}

std::int32_t partition_of_key(std::string_view key, std::int32_t partitions) {
  // Java has no unsigned: its clients clear the sign bit.
  return static_cast<std::int32_t>(murmur2(key) & 0x7fffffffU) % partitions;
}

}  // namespace twinpipe
