// SPDX-License-Identifier: Apache-2.0
// What producer and consumer share of librdkafka.
#include "client/kafka_client.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "io/fd.hpp"
#include "io/waiter.hpp"

namespace twinpipe {
namespace {

constexpr std::size_t kReason = 512;
constexpr Nanos kRetryEvery = 100 * kMillisecond;

std::string_view trim(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const std::size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

/// Without "(after 3ms in state CONNECT)": an event is told in the same words every time.
std::string_view without_duration(std::string_view reason) { return reason.substr(0, reason.find(" (after ")); }

void on_error(rd_kafka_t* handle, int code, const char* reason, void* opaque) {
  KafkaTrouble& trouble = static_cast<KafkaOwner*>(opaque)->trouble;
  const auto error = static_cast<rd_kafka_resp_err_t>(code);
  // "All brokers are down" follows the errors of the brokers, which say why.
  if (error == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) trouble.all_down = true;
  else trouble.cause = without_duration(reason);
  if (error == RD_KAFKA_RESP_ERR__FATAL) {
    char text[kReason];
    const rd_kafka_resp_err_t cause = rd_kafka_fatal_error(handle, text, sizeof text);
    trouble.fatal = kafka_error("Kafka", cause, fmt::format("{}: {}", rd_kafka_err2name(cause), text));
  }
}

void on_delivery(rd_kafka_t*, const rd_kafka_message_t* message, void* opaque) {
  static_cast<KafkaOwner*>(opaque)->delivered(*message);
}

void on_rebalance(rd_kafka_t*, rd_kafka_resp_err_t error, rd_kafka_topic_partition_list_t* partitions, void* opaque) {
  static_cast<KafkaOwner*>(opaque)->rebalanced(error, *partitions);
}

/// Standard error is the tool's: librdkafka's own lines would be neither in its format nor answerable.
void on_log(const rd_kafka_t*, int, const char*, const char*) {}

}  // namespace

int as_milliseconds(Nanos duration) {
  return static_cast<int>(std::min<Nanos>(duration / kMillisecond, std::numeric_limits<int>::max()));
}

Result<KafkaProperties> read_kafka_properties(const std::string& path) {
  const Result<std::string> content = read_file(path);
  if (!content.ok()) return content.status();
  KafkaProperties properties;
  std::string_view rest = *content;
  for (int number = 1; !rest.empty(); ++number) {
    const std::size_t end = rest.find('\n');
    const std::string_view line = trim(rest.substr(0, end));
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    if (line.empty() || line[0] == '#') continue;
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos || equals == 0)
      return Status::error(Code::bad_config, fmt::format("{} line {}: not property=value", path, number));
    properties.emplace_back(trim(line.substr(0, equals)), trim(line.substr(equals + 1)));
  }
  return properties;
}

Status set_properties(rd_kafka_conf_t* conf, const KafkaProperties& properties) {
  char reason[kReason];
  for (const auto& [name, value] : properties)
    if (rd_kafka_conf_set(conf, name.c_str(), value.c_str(), reason, sizeof reason) != RD_KAFKA_CONF_OK)
      return Status::error(Code::bad_config, fmt::format("Kafka property {}: {}", name, trim(reason)));
  return {};
}

Result<Kafka<rd_kafka_t>> make_kafka(rd_kafka_type_t type, const KafkaProperties& properties, KafkaOwner& owner) {
  Kafka<rd_kafka_conf_t> conf(rd_kafka_conf_new());
  if (Status status = set_properties(conf.get(), properties); !status.ok()) return status;
  rd_kafka_conf_set_error_cb(conf.get(), on_error);
  rd_kafka_conf_set_log_cb(conf.get(), on_log);
  if (type == RD_KAFKA_PRODUCER) rd_kafka_conf_set_dr_msg_cb(conf.get(), on_delivery);
  else rd_kafka_conf_set_rebalance_cb(conf.get(), on_rebalance);
  rd_kafka_conf_set_opaque(conf.get(), &owner);
  char reason[kReason];
  rd_kafka_t* handle = rd_kafka_new(type, conf.get(), reason, sizeof reason);
  if (handle == nullptr) return Status::error(Code::bad_config, fmt::format("Kafka client: {}", reason));
  (void)conf.release();  // the handle owns it now
  return Kafka<rd_kafka_t>(handle);
}

Status kafka_error(const std::string& what, rd_kafka_resp_err_t error, const std::string& detail) {
  Code code = Code::temporary;
  switch (error) {
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
    case RD_KAFKA_RESP_ERR__AUTHENTICATION: code = Code::no_permission; break;
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
    case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
    case RD_KAFKA_RESP_ERR_INVALID_PARTITIONS:
    case RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR:
    case RD_KAFKA_RESP_ERR_INVALID_CONFIG:
    case RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT:
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_POLICY_VIOLATION: code = Code::bad_config; break;
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
    case RD_KAFKA_RESP_ERR__RESOLVE:
    case RD_KAFKA_RESP_ERR__TIMED_OUT: code = Code::unavailable; break;
    default: break;
  }
  return Status::error(code, fmt::format("{}: {}", what, detail.empty() ? rd_kafka_err2str(error) : detail));
}

Result<std::int32_t> partitions_of(rd_kafka_t* handle, const std::string& name, Nanos timeout, const KafkaTrouble& trouble) {
  const Kafka<rd_kafka_topic_t> topic(rd_kafka_topic_new(handle, name.c_str(), nullptr));
  const rd_kafka_metadata_t* metadata = nullptr;
  const rd_kafka_resp_err_t error = rd_kafka_metadata(handle, 0, topic.get(), &metadata, std::max(1, as_milliseconds(timeout)));
  rd_kafka_poll(handle, 0);  // what the callbacks know about the cause
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR)
    return kafka_error("no Kafka broker answers", RD_KAFKA_RESP_ERR__TRANSPORT,
                       trouble.cause.empty() ? rd_kafka_err2str(error) : trouble.cause);
  const rd_kafka_metadata_topic_t& found = metadata->topics[0];
  const rd_kafka_resp_err_t of_topic = metadata->topic_cnt == 1 ? found.err : RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
  const std::int32_t count = metadata->topic_cnt == 1 ? found.partition_cnt : 0;
  rd_kafka_metadata_destroy(metadata);
  if (of_topic == RD_KAFKA_RESP_ERR_NO_ERROR) return count;
  if (of_topic == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART || of_topic == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE) return 0;
  return kafka_error(fmt::format("topic {}", name), of_topic);
}

Result<std::vector<std::int32_t>> count_partitions(rd_kafka_t* handle, const std::vector<std::string>& topics, Nanos timeout,
                                                   const KafkaTrouble& trouble) {
  const Nanos deadline = monotonic_now() + timeout;
  std::vector<std::int32_t> counts;
  for (const std::string& name : topics) {
    for (;;) {
      const Result<std::int32_t> count = partitions_of(handle, name, deadline - monotonic_now(), trouble);
      if (!count.ok()) return count.status();
      if (*count > 0) {
        counts.push_back(*count);
        break;
      }
      // A topic that was created just now, or that the broker creates because we asked, takes a moment.
      if (monotonic_now() + kRetryEvery >= deadline)
        return Status::error(Code::bad_config, fmt::format("topic {} does not exist", name));
      rd_kafka_poll(handle, as_milliseconds(kRetryEvery));
    }
  }
  return counts;
}

namespace {

struct AdminDeleter {
  void operator()(rd_kafka_NewTopic_t* topic) const { rd_kafka_NewTopic_destroy(topic); }
  void operator()(rd_kafka_AdminOptions_t* options) const { rd_kafka_AdminOptions_destroy(options); }
  void operator()(rd_kafka_event_t* event) const { rd_kafka_event_destroy(event); }
};

Result<std::unique_ptr<rd_kafka_NewTopic_t, AdminDeleter>> new_topic(const std::string& name, const TopicSettings& settings) {
  char reason[kReason];
  std::unique_ptr<rd_kafka_NewTopic_t, AdminDeleter> topic(
      rd_kafka_NewTopic_new(name.c_str(), settings.partitions, settings.replication, reason, sizeof reason));
  if (!topic) return Status::error(Code::bad_config, fmt::format("cannot create topic {}: {}", name, reason));
  if (settings.min_insync_replicas > 0)
    rd_kafka_NewTopic_set_config(topic.get(), "min.insync.replicas", std::to_string(settings.min_insync_replicas).c_str());
  if (settings.compact) {
    rd_kafka_NewTopic_set_config(topic.get(), "cleanup.policy", "compact");
  } else if (settings.retention > 0) {
    rd_kafka_NewTopic_set_config(topic.get(), "retention.ms", std::to_string(settings.retention / kMillisecond).c_str());
  }
  return topic;
}

}  // namespace

Status create_topics(rd_kafka_t* handle, const std::vector<std::string>& topics, const TopicSettings& settings, Nanos timeout,
                     const KafkaTrouble& trouble) {
  char reason[kReason];
  std::vector<std::unique_ptr<rd_kafka_NewTopic_t, AdminDeleter>> owned;
  std::vector<rd_kafka_NewTopic_t*> wanted;
  for (const std::string& name : topics) {
    auto topic = new_topic(name, settings);
    if (!topic.ok()) return topic.status();
    wanted.push_back(topic->get());
    owned.push_back(std::move(*topic));
  }
  std::unique_ptr<rd_kafka_AdminOptions_t, AdminDeleter> options(
      rd_kafka_AdminOptions_new(handle, RD_KAFKA_ADMIN_OP_CREATETOPICS));
  rd_kafka_AdminOptions_set_request_timeout(options.get(), as_milliseconds(timeout), reason, sizeof reason);
  rd_kafka_AdminOptions_set_operation_timeout(options.get(), as_milliseconds(timeout), reason, sizeof reason);
  Kafka<rd_kafka_queue_t> queue(rd_kafka_queue_new(handle));
  rd_kafka_CreateTopics(handle, wanted.data(), wanted.size(), options.get(), queue.get());
  std::unique_ptr<rd_kafka_event_t, AdminDeleter> event(rd_kafka_queue_poll(queue.get(), as_milliseconds(timeout + kSecond)));
  rd_kafka_poll(handle, 0);
  if (!event) return kafka_error("cannot create topics", RD_KAFKA_RESP_ERR__TIMED_OUT, trouble.cause);
  if (const rd_kafka_resp_err_t error = rd_kafka_event_error(event.get()); error != RD_KAFKA_RESP_ERR_NO_ERROR)
    return kafka_error("cannot create topics", error,
                       trouble.cause.empty() ? rd_kafka_event_error_string(event.get()) : trouble.cause);
  std::size_t count = 0;
  const rd_kafka_topic_result_t** results =
      rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event.get()), &count);
  for (std::size_t i = 0; i < count; ++i) {
    const rd_kafka_resp_err_t error = rd_kafka_topic_result_error(results[i]);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR || error == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) continue;
    const char* detail = rd_kafka_topic_result_error_string(results[i]);
    return kafka_error(fmt::format("cannot create topic {}", rd_kafka_topic_result_name(results[i])), error,
                       detail == nullptr ? "" : detail);
  }
  return {};
}

}  // namespace twinpipe
