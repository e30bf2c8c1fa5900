// SPDX-License-Identifier: Apache-2.0
// librdkafka's mock cluster.
#include "client/kafka_mock.hpp"

namespace twinpipe {

Status KafkaMock::start(int brokers) {
  Result<Kafka<rd_kafka_t>> handle = make_kafka(RD_KAFKA_PRODUCER, {{"client.id", "kmock"}}, *this);
  if (!handle.ok()) return handle.status();
  handle_ = std::move(*handle);
  cluster_.reset(rd_kafka_mock_cluster_new(handle_.get(), brokers));
  if (!cluster_) return Status::error(Code::unavailable, "cannot start the mock cluster");
  brokers_ = brokers;
  return {};
}

Status KafkaMock::create_topic(const std::string& name, int partitions) {
  const rd_kafka_resp_err_t error = rd_kafka_mock_topic_create(cluster_.get(), name.c_str(), partitions, brokers_);
  return error == RD_KAFKA_RESP_ERR_NO_ERROR ? Status{} : kafka_error("cannot create topic " + name, error);
}

std::string KafkaMock::bootstrap() const { return rd_kafka_mock_cluster_bootstraps(cluster_.get()); }

}  // namespace twinpipe
