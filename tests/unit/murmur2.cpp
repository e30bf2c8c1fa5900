// SPDX-License-Identifier: Apache-2.0
// The partitioner against known answers of Kafka's own tests and against librdkafka's.
#include "kernel/murmur2.hpp"

#include <librdkafka/rdkafka.h>

#include <catch2/catch.hpp>
#include <string>

using namespace twinpipe;

TEST_CASE("murmur2 gives the answers of Kafka's Java client") {
  // org.apache.kafka.common.utils.UtilsTest.testMurmur2
  const std::pair<const char*, std::int32_t> known[] = {{"21", -973932308},
                                                        {"foobar", -790332482},
                                                        {"a-little-bit-long-string", -985981536},
                                                        {"a-little-bit-longer-string", -1486304829},
                                                        {"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971},
                                                        {"abc", 479470107}};
  for (const auto& [text, hash] : known) CHECK(static_cast<std::int32_t>(murmur2(text)) == hash);
}

TEST_CASE("keys go where librdkafka's murmur2 partitioner puts them") {
  std::string key;
  for (int i = 0; i < 2000; ++i) {
    key += static_cast<char>(i * 131 % 251);
    if (i % 40 == 0) key.clear();
    for (const std::int32_t partitions : {1, 2, 6, 7, 100})
      REQUIRE(partition_of_key(key, partitions) ==
              rd_kafka_msg_partitioner_murmur2(nullptr, key.data(), key.size(), partitions, nullptr, nullptr));
  }
}
