// SPDX-License-Identifier: Apache-2.0
// What producer and consumer share of librdkafka: settings, the handle, the topics' partitions, and errors as Status.
#pragma once

#include <librdkafka/rdkafka.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "wire/frame.hpp"
#include "wire/status.hpp"

namespace twinpipe {

/// Property names are librdkafka's; later entries win.
using KafkaProperties = std::vector<std::pair<std::string, std::string>>;

/// Lines "property=value"; empty lines and those that begin with '#' are skipped. Errors: no_input, no_permission, bad_config.
Result<KafkaProperties> read_kafka_properties(const std::string& path);

struct KafkaDeleter {
  void operator()(rd_kafka_t* handle) const { rd_kafka_destroy(handle); }
  void operator()(rd_kafka_topic_t* topic) const { rd_kafka_topic_destroy(topic); }
  void operator()(rd_kafka_conf_t* conf) const { rd_kafka_conf_destroy(conf); }
  void operator()(rd_kafka_error_t* error) const { rd_kafka_error_destroy(error); }
  void operator()(rd_kafka_queue_t* queue) const { rd_kafka_queue_destroy(queue); }
  void operator()(rd_kafka_topic_partition_list_t* list) const { rd_kafka_topic_partition_list_destroy(list); }
};
template <class T>
using Kafka = std::unique_ptr<T, KafkaDeleter>;

/// What went wrong on the connection last; librdkafka reports it from a callback.
struct KafkaTrouble {
  std::string cause;      // the newest
  bool all_down = false;  // no broker can be reached; cleared by whoever reports it
  Status fatal;           // the handle can do no more
};

/// Who owns a handle: what its callbacks reach, all of them from within its own polling.
struct KafkaOwner {
  KafkaTrouble trouble;
  virtual ~KafkaOwner() = default;
  virtual void delivered(const rd_kafka_message_t&) {}
  virtual void rebalanced(rd_kafka_resp_err_t, rd_kafka_topic_partition_list_t&) {}
};

/// Errors (bad_config): an unknown property, a value that it cannot have.
Status set_properties(rd_kafka_conf_t* conf, const KafkaProperties& properties);
/// Errors (bad_config) as set_properties(). `owner` must outlive the handle.
Result<Kafka<rd_kafka_t>> make_kafka(rd_kafka_type_t type, const KafkaProperties& properties, KafkaOwner& owner);

/// Partitions of a topic; 0: there is no such topic. Errors: unavailable (no broker within `timeout`), no_permission.
Result<std::int32_t> partitions_of(rd_kafka_t* handle, const std::string& topic, Nanos timeout, const KafkaTrouble& trouble);
/// Partitions of each topic. Errors: unavailable (no broker within `timeout`), bad_config (a topic that does not exist),
/// no_permission.
Result<std::vector<std::int32_t>> count_partitions(rd_kafka_t* handle, const std::vector<std::string>& topics, Nanos timeout,
                                                   const KafkaTrouble& trouble);

/// How topics are made.
struct TopicSettings {
  int partitions = 6;
  int replication = -1;         // -1: the broker's default
  int min_insync_replicas = 0;  // 0: the broker's default
  Nanos retention = 0;          // 0: the broker's default
  bool compact = false;         // keep the newest record of each key instead
};
/// Those that exist already stay as they are. Errors: unavailable, bad_config, no_permission.
Status create_topics(rd_kafka_t* handle, const std::vector<std::string>& topics, const TopicSettings& settings, Nanos timeout,
                     const KafkaTrouble& trouble);

/// The exit code that a Kafka error stands for, with "what: cause".
Status kafka_error(const std::string& what, rd_kafka_resp_err_t error, const std::string& detail = {});

int as_milliseconds(Nanos duration);

}  // namespace twinpipe
