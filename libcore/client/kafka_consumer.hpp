// SPDX-License-Identifier: Apache-2.0
// Kafka records in, a queue a partition, so that the reader decides from which one to take next.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client/kafka_client.hpp"
#include "io/fd.hpp"

namespace twinpipe {

struct ConsumerOptions {
  KafkaProperties properties;
  Nanos connect_timeout = 10 * kSecond;
  std::size_t fetch_ahead = std::size_t{8} << 20;  // bytes a partition
  std::string group;                               // empty: partitions are assigned by hand
};

/// A partition of a topic, and where to read from: an offset, or RD_KAFKA_OFFSET_BEGINNING or _END.
struct Partition {
  std::string topic;
  std::int32_t number = 0;
  std::int64_t from = RD_KAFKA_OFFSET_BEGINNING;
};

class KafkaConsumer final : private KafkaOwner {
 public:
  explicit KafkaConsumer(ConsumerOptions options) : options_(std::move(options)) {}
  ~KafkaConsumer() override;

  /// Errors: bad_config; the broker is not asked yet.
  Status start();
  /// Partitions of each topic. Errors: unavailable, bad_config.
  Result<std::vector<std::int32_t>> count(const std::vector<std::string>& topics) {
    return count_partitions(handle_.get(), topics, options_.connect_timeout, trouble);
  }
  /// Partitions of one topic; 0: there is no such topic. Errors: unavailable.
  Result<std::int32_t> count(const std::string& topic) {
    return partitions_of(handle_.get(), topic, options_.connect_timeout, trouble);
  }
  /// First and next offset of a partition. Errors: unavailable, temporary.
  Result<std::pair<std::int64_t, std::int64_t>> range(const Partition& partition);
  /// Sets each `from` to the first record with a timestamp of at least `time`. Errors: unavailable, temporary.
  Status seek_by_time(std::vector<Partition>& partitions, Nanos time);

  /// Reads these from now on. Errors: temporary.
  Status assign(std::vector<Partition> partitions);
  /// Joins the group; `from` says where to start a partition without a committed offset. The partitions follow by themselves: see
  /// generation(). Errors: temporary.
  Status subscribe(const std::vector<std::string>& topics, std::function<std::int64_t(const Partition&)> from);
  const std::vector<Partition>& partitions() const { return partitions_; }
  /// Changes whenever partitions() does.
  std::uint64_t generation() const { return generation_; }
  /// Commits offsets of the group, those of its present partitions among them. Does not wait.
  void commit(const v1::Position& position);

  /// The records to read next were deleted, or never were: nothing comes until seek().
  bool out_of_range(std::size_t partition) const { return queues_[partition].out_of_range; }
  /// Goes on there, and in the others behind what was popped: a new generation(). Errors: temporary.
  Status seek(std::size_t partition, std::int64_t offset);

  /// The next record of a partition, if one was fetched; it stays until pop().
  const rd_kafka_message_t* front(std::size_t partition);
  void pop(std::size_t partition);
  /// Nothing more to fetch, as far as the broker has said since the last record.
  bool at_end(std::size_t partition) const { return queues_[partition].at_end; }
  /// The offset behind the last record popped or, at the end, behind all.
  std::int64_t next(std::size_t partition) const { return queues_[partition].next; }

  /// Serves the connection, and learns of errors. Errors: temporary, no_permission, bad_config.
  Status poll();
  /// Readable when something may have been fetched; clear() before looking says whether it was.
  int fd() const { return wake_read_.get(); }
  bool clear();
  std::optional<std::string> take_notice();

 private:
  struct Queue {
    Kafka<rd_kafka_queue_t> queue;
    std::vector<rd_kafka_message_t*> batch;
    std::size_t at = 0;
    std::int64_t next = RD_KAFKA_OFFSET_INVALID;
    bool at_end = false;
    bool out_of_range = false;
  };

  void rebalanced(rd_kafka_resp_err_t event, rd_kafka_topic_partition_list_t& list) override;
  void open_queues(const rd_kafka_topic_partition_list_t* list);
  void close_queues();
  void refill(Queue& queue);
  void failed(const rd_kafka_message_t& message);

  ConsumerOptions options_;
  Fd wake_read_, wake_write_;
  Kafka<rd_kafka_t> handle_;
  std::vector<Partition> partitions_;
  std::vector<Queue> queues_;
  std::function<std::int64_t(const Partition&)> start_of_;
  std::uint64_t generation_ = 0;
  std::optional<std::string> notice_;
  bool reported_down_ = false;
  Status failure_;
};

}  // namespace twinpipe
