// SPDX-License-Identifier: Apache-2.0
// How to reach Kafka: the options that kbridge and ksub share.
#pragma once

#include "cli/tool.hpp"
#include "client/kafka_client.hpp"

namespace twinpipe::cli {

class KafkaOption {
 public:
  explicit KafkaOption(Tool& tool);

  /// What librdkafka is told. Errors: usage (no broker named), no_input, bad_config.
  Result<KafkaProperties> load() const;
  Nanos connect_timeout() const { return connect_timeout_; }

 private:
  std::string brokers_, file_;
  Nanos connect_timeout_ = 10 * kSecond;
};

}  // namespace twinpipe::cli
