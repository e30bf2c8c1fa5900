// SPDX-License-Identifier: Apache-2.0
// Kafka records out: idempotent, acknowledged by all in-sync replicas, in order, none ever skipped; if wanted in transactions,
// each with the Position that it reaches.
#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "client/kafka_client.hpp"
#include "client/kafka_transaction.hpp"
#include "io/fd.hpp"
#include "kernel/kafka_record.hpp"

namespace twinpipe {

struct ProducerOptions {
  KafkaProperties properties;  // bootstrap.servers and what the user set
  std::string compression = "lz4";
  Nanos connect_timeout = 10 * kSecond;
  Nanos delivery_timeout = 120 * kSecond;
  std::size_t memory = std::size_t{64} << 20;  // bytes that wait for their acknowledgement
  bool create_topics = false;
  TopicSettings topic_settings;
  // Transactions:
  std::string transactional_id;                        // empty: none
  std::string positions_topic = "twinpipe.positions";  // compacted; a record an id
  Nanos commit_every = 0;                              // commit this often without a Position too; 0: never
  std::string program;                                 // for the Open of the values in that topic
};

/// One thread uses it. A transaction begins with the first record and is committed at a Position: mark() puts the Position into
/// it, and until it is committed the producer is full(). Its owner stops when full(); put() waits only when librdkafka takes no
/// more. librdkafka retries without end; that nothing was acknowledged for `delivery_timeout` is noticed here, for everything at
/// once, so no record is given up alone.
class KafkaProducer final : public RecordSink, private KafkaOwner {
 public:
  explicit KafkaProducer(ProducerOptions options) : options_(std::move(options)) {}
  ~KafkaProducer() override;

  /// Finds or makes the topics; shuts out other producers of the transactional id. Errors: unavailable, bad_config,
  /// no_permission.
  Status connect(const std::vector<std::string>& topics);
  /// Partitions of each topic, after connect().
  const std::vector<std::int32_t>& partitions() const { return partitions_; }

  /// Errors: temporary (the delivery timeout, an aborted transaction), bad_config (the broker refuses the size, another producer
  /// took over the transactional id), no_permission.
  Status put(const KafkaRecord& record) override;
  /// Once all that was put before is acknowledged, or committed, `confirmed` gets the Position. Errors as put().
  Status mark(const v1::Position& position);
  void on_confirmed(std::function<Status(const v1::Position&)> confirmed) { confirmed_ = std::move(confirmed); }
  /// Takes delivery reports without waiting; waits for the broker's word when a transaction can be committed. Errors as put(),
  /// and those of `confirmed`.
  Status poll();
  /// Waits until everything is acknowledged, and committed as far as that was asked for. Errors as put().
  Status flush();
  /// flush(), with an open transaction committed as it is.
  Status commit();
  /// Takes back the open transaction. Returns `cause`, or what turned out to be the cause of it: another producer of the id.
  Status roll_back(Status cause);
  bool transactional() const { return transaction_.has_value(); }
  bool committing() const { return committing_; }
  /// Records that only the next Position will commit.
  std::uint64_t uncommitted() const { return uncommitted_; }
  /// Readable when poll() has something to do.
  int fd() const { return wake_read_.get(); }
  /// More waits for its acknowledgement than the memory allows, or anything at all.
  bool full() const { return committing_ || waiting_bytes_ > options_.memory; }
  bool waiting() const { return committing_ || waiting_bytes_ > 0; }

  /// A line for standard error about the connection, once each time it changes.
  std::optional<std::string> take_notice();
  std::uint64_t acknowledged() const { return acknowledged_; }
  std::uint64_t transactions() const { return transactions_; }

 private:
  /// What was put within about a second, or before a Position.
  struct Epoch {
    Nanos begun = 0;  // monotonic
    std::uint64_t waiting = 0;
    std::optional<v1::Position> position;
  };

  void delivered(const rd_kafka_message_t& message) override;
  Status produce(const KafkaRecord& record, std::int64_t stamp);
  Status serve(int milliseconds);
  Status settle();
  Status advance();
  Status begin();
  Status find_topics(std::vector<std::string> topics);
  KafkaProperties properties() const;
  Epoch& epoch();

  ProducerOptions options_;
  Fd wake_read_, wake_write_;
  Kafka<rd_kafka_t> handle_;
  std::vector<Kafka<rd_kafka_topic_t>> topics_;
  std::vector<std::int32_t> partitions_;
  RecordStamps stamps_;
  std::deque<Epoch> epochs_;
  std::function<Status(const v1::Position&)> confirmed_;
  std::optional<KafkaTransaction> transaction_;
  std::optional<v1::Position> committed_with_;  // what on_confirmed() hears of the commit under way
  bool committing_ = false;
  std::int32_t positions_partition_ = 0;
  Status failure_;
  bool reported_down_ = false;
  std::size_t waiting_bytes_ = 0;  // keys and values
  std::uint64_t since_asked_ = 0;
  std::uint64_t acknowledged_ = 0, acknowledged_at_report_ = 0;
  std::uint64_t uncommitted_ = 0, transactions_ = 0;
};

}  // namespace twinpipe
