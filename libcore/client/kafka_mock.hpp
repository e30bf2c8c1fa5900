// SPDX-License-Identifier: Apache-2.0
// librdkafka's mock cluster: a Kafka in memory, for demonstrations and tests.
#pragma once

// clang-format off: the second needs the first
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
// clang-format on

#include <memory>
#include <string>

#include "client/kafka_client.hpp"

namespace twinpipe {

class KafkaMock final : private KafkaOwner {
 public:
  /// Errors: unavailable (no port to listen on).
  Status start(int brokers);
  /// Errors: bad_config.
  Status create_topic(const std::string& name, int partitions);
  /// "127.0.0.1:1234,127.0.0.1:1235"
  std::string bootstrap() const;

 private:
  struct Deleter {
    void operator()(rd_kafka_mock_cluster_t* cluster) const { rd_kafka_mock_cluster_destroy(cluster); }
  };
  Kafka<rd_kafka_t> handle_;
  std::unique_ptr<rd_kafka_mock_cluster_t, Deleter> cluster_;
  int brokers_ = 0;
};

}  // namespace twinpipe
