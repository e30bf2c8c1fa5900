// SPDX-License-Identifier: Apache-2.0
// How to reach Kafka.
#include "cli/kafka_option.hpp"

#include <algorithm>

namespace twinpipe::cli {

KafkaOption::KafkaOption(Tool& tool) {
  tool.option("--brokers", brokers_, "HOST:PORT,...", "Kafka brokers to ask first");
  tool.option("--kafka-config", file_, "FILE", "librdkafka properties (TLS, SASL, ...), one property=value a line");
  duration_option(tool, "--connect-timeout", connect_timeout_, "Longest wait for a broker at the start");
}

Result<KafkaProperties> KafkaOption::load() const {
  KafkaProperties properties;
  if (!file_.empty()) {
    Result<KafkaProperties> read = read_kafka_properties(file_);
    if (!read.ok()) return read.status();
    properties = std::move(*read);
  }
  if (!brokers_.empty()) properties.emplace_back("bootstrap.servers", brokers_);
  const auto named = [](const auto& property) {
    return property.first == "bootstrap.servers" || property.first == "metadata.broker.list";
  };
  if (std::ranges::none_of(properties, named)) return Status::error(Code::usage, "no Kafka broker is named: use --brokers");
  return properties;
}

}  // namespace twinpipe::cli
