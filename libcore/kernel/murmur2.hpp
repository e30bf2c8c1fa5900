// SPDX-License-Identifier: Apache-2.0
// MurmurHash2 as Kafka's Java clients use it to choose a key's partition.
#pragma once

#include <cstdint>
#include <string_view>

namespace twinpipe {

/// Austin Appleby's MurmurHash2, 32 bits, with the seed of Kafka's Java clients.
std::uint32_t murmur2(std::string_view bytes);

/// Where a Java producer, and librdkafka's murmur2_random, put a record with this key. `partitions` > 0.
std::int32_t partition_of_key(std::string_view key, std::int32_t partitions);

}  // namespace twinpipe
