// SPDX-License-Identifier: Apache-2.0
// Kafka records in.
#include "client/kafka_consumer.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

namespace twinpipe {
namespace {

constexpr std::size_t kBatch = 1000;
constexpr int kQueryMilliseconds = 10'000;

Kafka<rd_kafka_topic_partition_list_t> as_list(const std::vector<Partition>& partitions) {
  Kafka<rd_kafka_topic_partition_list_t> list(rd_kafka_topic_partition_list_new(static_cast<int>(partitions.size())));
  for (const Partition& partition : partitions)
    rd_kafka_topic_partition_list_add(list.get(), partition.topic.c_str(), partition.number)->offset = partition.from;
  return list;
}

}  // namespace

KafkaConsumer::~KafkaConsumer() {
  close_queues();
  if (handle_) rd_kafka_consumer_close(handle_.get());
}

Status KafkaConsumer::start() {
  int ends[2];
  if (pipe2(ends, O_NONBLOCK | O_CLOEXEC) != 0) return system_error(Code::internal, "cannot make a pipe", errno);
  wake_read_ = Fd(ends[0]);
  wake_write_ = Fd(ends[1]);
  KafkaProperties properties{
      {"client.id", "ksub"},
      {"group.id", options_.group.empty() ? "twinpipe-unused" : options_.group},
      {"fetch.wait.max.ms", "100"},
      {"queued.max.messages.kbytes", std::to_string(std::max<std::size_t>(options_.fetch_ahead >> 10, 64))},
      {"isolation.level", "read_committed"},
  };
  properties.insert(properties.end(), options_.properties.begin(), options_.properties.end());
  // What the order of the output and the cursor rest on.
  properties.insert(properties.end(), {{"enable.partition.eof", "true"},
                                       {"enable.auto.commit", "false"},
                                       {"enable.auto.offset.store", "false"},
                                       {"auto.offset.reset", "error"}});
  Result<Kafka<rd_kafka_t>> handle = make_kafka(RD_KAFKA_CONSUMER, properties, *this);
  if (!handle.ok()) return handle.status();
  handle_ = std::move(*handle);
  rd_kafka_poll_set_consumer(handle_.get());
  return {};
}

Result<std::pair<std::int64_t, std::int64_t>> KafkaConsumer::range(const Partition& partition) {
  std::int64_t low = 0, high = 0;
  const rd_kafka_resp_err_t error =
      rd_kafka_query_watermark_offsets(handle_.get(), partition.topic.c_str(), partition.number, &low, &high, kQueryMilliseconds);
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR)
    return kafka_error(fmt::format("offsets of {} [{}]", partition.topic, partition.number), error);
  return std::pair{low, high};
}

Status KafkaConsumer::seek_by_time(std::vector<Partition>& partitions, Nanos time) {
  std::vector<Partition> wanted = partitions;
  for (Partition& partition : wanted) partition.from = time / kMillisecond;
  const Kafka<rd_kafka_topic_partition_list_t> list = as_list(wanted);
  const rd_kafka_resp_err_t error = rd_kafka_offsets_for_times(handle_.get(), list.get(), kQueryMilliseconds);
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return kafka_error("offsets by time", error);
  for (std::size_t i = 0; i < partitions.size(); ++i) {
    const rd_kafka_topic_partition_t& found = list->elems[i];
    if (found.err != RD_KAFKA_RESP_ERR_NO_ERROR)
      return kafka_error(fmt::format("offset by time of {} [{}]", found.topic, found.partition), found.err);
    partitions[i].from = found.offset;  // RD_KAFKA_OFFSET_END when all records are older
  }
  return {};
}

Status KafkaConsumer::assign(std::vector<Partition> partitions) {
  close_queues();
  partitions_ = std::move(partitions);
  const Kafka<rd_kafka_topic_partition_list_t> list = as_list(partitions_);
  open_queues(list.get());
  const rd_kafka_resp_err_t error = rd_kafka_assign(handle_.get(), list.get());
  return error == RD_KAFKA_RESP_ERR_NO_ERROR ? Status{} : kafka_error("cannot read the partitions", error);
}

/// Each partition's records go to a queue of their own, from before the first of them is fetched.
void KafkaConsumer::open_queues(const rd_kafka_topic_partition_list_t* list) {
  ++generation_;
  queues_.resize(partitions_.size());
  for (std::size_t i = 0; i < partitions_.size(); ++i) {
    Queue& queue = queues_[i];
    queue.queue.reset(rd_kafka_queue_get_partition(handle_.get(), list->elems[i].topic, list->elems[i].partition));
    rd_kafka_queue_forward(queue.queue.get(), nullptr);
    rd_kafka_queue_io_event_enable(queue.queue.get(), wake_write_.get(), "r", 1);
    queue.next = partitions_[i].from;
  }
}

void KafkaConsumer::close_queues() {
  for (Queue& queue : queues_)
    for (std::size_t i = queue.at; i < queue.batch.size(); ++i) rd_kafka_message_destroy(queue.batch[i]);
  queues_.clear();
}

Status KafkaConsumer::subscribe(const std::vector<std::string>& topics, std::function<std::int64_t(const Partition&)> from) {
  start_of_ = std::move(from);
  Kafka<rd_kafka_topic_partition_list_t> list(rd_kafka_topic_partition_list_new(static_cast<int>(topics.size())));
  for (const std::string& topic : topics) rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), RD_KAFKA_PARTITION_UA);
  const rd_kafka_resp_err_t error = rd_kafka_subscribe(handle_.get(), list.get());
  return error == RD_KAFKA_RESP_ERR_NO_ERROR ? Status{} : kafka_error("cannot join group " + options_.group, error);
}

void KafkaConsumer::rebalanced(rd_kafka_resp_err_t event, rd_kafka_topic_partition_list_t& list) {
  close_queues();
  partitions_.clear();
  if (event != RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
    ++generation_;
    rd_kafka_assign(handle_.get(), nullptr);
    return;
  }
  rd_kafka_topic_partition_list_sort(&list, nullptr, nullptr);
  const rd_kafka_resp_err_t error = rd_kafka_committed(handle_.get(), &list, kQueryMilliseconds);
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) failure_ = kafka_error("committed offsets of group " + options_.group, error);
  for (int i = 0; i < list.cnt; ++i) {
    rd_kafka_topic_partition_t& at = list.elems[i];
    if (at.offset < 0) at.offset = start_of_(Partition{at.topic, at.partition, 0});
    partitions_.push_back(Partition{at.topic, at.partition, at.offset});
  }
  open_queues(&list);
  rd_kafka_assign(handle_.get(), &list);
}

void KafkaConsumer::commit(const v1::Position& position) {
  std::vector<Partition> ours;
  for (const v1::Offset& offset : position.offset())
    if (std::ranges::any_of(partitions_,
                            [&](const Partition& p) { return p.topic == offset.name() && p.number == offset.partition(); }))
      ours.push_back(Partition{offset.name(), offset.partition(), offset.next()});
  if (!ours.empty()) rd_kafka_commit(handle_.get(), as_list(ours).get(), 1);
}

void KafkaConsumer::refill(Queue& queue) {
  queue.batch.resize(kBatch);
  queue.at = 0;
  const ssize_t got = rd_kafka_consume_batch_queue(queue.queue.get(), 0, queue.batch.data(), queue.batch.size());
  queue.batch.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
}

const rd_kafka_message_t* KafkaConsumer::front(std::size_t partition) {
  Queue& queue = queues_[partition];
  for (;;) {
    if (queue.at == queue.batch.size()) {
      refill(queue);
      if (queue.batch.empty()) return nullptr;
    }
    const rd_kafka_message_t* message = queue.batch[queue.at];
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
      queue.at_end = false;
      reported_down_ = false;
      return message;
    }
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
      queue.at_end = true;
      queue.next = message->offset;
    } else if (message->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET) {
      queue.out_of_range = true;
    } else {
      failed(*message);
    }
    rd_kafka_message_destroy(queue.batch[queue.at++]);
  }
}

void KafkaConsumer::pop(std::size_t partition) {
  Queue& queue = queues_[partition];
  rd_kafka_message_t* message = queue.batch[queue.at++];
  queue.next = message->offset + 1;
  rd_kafka_message_destroy(message);
}

Status KafkaConsumer::seek(std::size_t partition, std::int64_t offset) {
  // librdkafka does not seek in a partition that it has given up, so all of them are assigned anew.
  std::vector<Partition> partitions = partitions_;
  for (std::size_t i = 0; i < partitions.size(); ++i) partitions[i].from = i == partition ? offset : queues_[i].next;
  return assign(std::move(partitions));
}

void KafkaConsumer::failed(const rd_kafka_message_t& message) {
  if (!failure_.ok()) return;
  const std::string what =
      message.rkt == nullptr ? "Kafka" : fmt::format("{} [{}]", rd_kafka_topic_name(message.rkt), message.partition);
  const char* detail = rd_kafka_message_errstr(&message);
  if (message.err != RD_KAFKA_RESP_ERR__TRANSPORT && message.err != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN &&
      message.err != RD_KAFKA_RESP_ERR__RESOLVE && message.err != RD_KAFKA_RESP_ERR__TIMED_OUT)
    failure_ = kafka_error(what, message.err, detail == nullptr ? "" : detail);
}

Status KafkaConsumer::poll() {
  // Rebalances and errors: records never come here.
  while (rd_kafka_message_t* message = rd_kafka_consumer_poll(handle_.get(), 0)) {
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR && message->err != RD_KAFKA_RESP_ERR__PARTITION_EOF) failed(*message);
    rd_kafka_message_destroy(message);
  }
  if (failure_.ok()) failure_ = trouble.fatal;
  if (std::exchange(trouble.all_down, false) && !std::exchange(reported_down_, true))
    notice_ = "no Kafka broker can be reached, trying again: " + trouble.cause;
  return failure_;
}

bool KafkaConsumer::clear() {
  char bytes[4096];
  return read(wake_read_.get(), bytes, sizeof bytes) > 0;
}

std::optional<std::string> KafkaConsumer::take_notice() { return std::exchange(notice_, std::nullopt); }

}  // namespace twinpipe
