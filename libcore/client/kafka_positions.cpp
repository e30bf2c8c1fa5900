// SPDX-License-Identifier: Apache-2.0
// Positions in a compacted Kafka topic.
#include "client/kafka_positions.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "client/kafka_consumer.hpp"
#include "io/waiter.hpp"
#include "kernel/murmur2.hpp"
#include "wire/output.hpp"
#include "wire/scanner.hpp"

namespace twinpipe {
namespace {

using Found = std::optional<v1::Position>;

Result<Found> position_in(const Partition& partition, const rd_kafka_message_t& message) {
  std::string_view value(static_cast<const char*>(message.payload), message.len);
  Found found;
  Scanner scanner;
  for (FrameView frame; scanner.next(value, frame) == Scanner::Outcome::whole; value.remove_prefix(frame.bytes.size()))
    if (v1::Position position; frame.kind == FrameKind::position &&
                               position.ParseFromArray(frame.payload.data(), static_cast<int>(frame.payload.size())))
      found = position;
  if (!found)
    return Status::error(Code::bad_data,
                         fmt::format("{} [{}] offset {}: no Position", partition.topic, partition.number, message.offset));
  return found;
}

/// The last one of `id` from the partition's `from` to its end.
Result<Found> newest(KafkaConsumer& consumer, const Partition& partition, const std::string& id, Nanos deadline) {
  if (Status status = consumer.assign({partition}); !status.ok()) return status;
  Found found;
  Signals signals;
  for (;;) {
    while (const rd_kafka_message_t* message = consumer.front(0)) {
      const bool ours = std::string_view(static_cast<const char*>(message->key), message->key_len) == id;
      if (ours && message->len > 0) {
        Result<Found> position = position_in(partition, *message);
        if (!position.ok()) return position.status();
        found = std::move(*position);
      } else if (ours) {
        found = v1::Position();  // deleted: what lies before it does not count
      }
      consumer.pop(0);
    }
    if (consumer.at_end(0)) return found;
    if (Status status = consumer.poll(); !status.ok()) return status;
    const Nanos left = deadline - monotonic_now();
    if (left <= 0) return Status::error(Code::unavailable, fmt::format("{}: the broker does not answer", partition.topic));
    // librdkafka leaves out wake-ups that follow each other closely.
    if (wait_ready(consumer.fd(), -1, -1, signals, std::min(left, 10 * kMillisecond)).stop)
      return Status::error(Code::temporary, "stopped");
    consumer.clear();
  }
}

}  // namespace

std::string position_value(const v1::Position& position, std::string_view producer) {
  Output out;
  out.open(producer, false);
  v1::Frame frame;
  *frame.mutable_position() = position;
  out.frame(frame);
  return std::string(out.pending());
}

Result<Found> committed_position(const KafkaProperties& properties, Nanos connect_timeout, const std::string& topic,
                                 const std::string& id) {
  ConsumerOptions options;
  options.properties = properties;
  options.properties.emplace_back("isolation.level", "read_committed");
  options.connect_timeout = connect_timeout;
  KafkaConsumer consumer(options);
  if (Status status = consumer.start(); !status.ok()) return status;
  const Result<std::int32_t> count = consumer.count(topic);
  if (!count.ok()) return count.status();
  if (*count == 0) return Found();
  Partition partition{topic, partition_of_key(id, *count), 0};
  const auto range = consumer.range(partition);
  if (!range.ok()) return range.status();
  const auto [low, high] = *range;
  // From the end backwards in growing steps: the newest segment of a compacted topic may hold a week of Positions.
  for (std::int64_t window = 64;; window *= 16) {
    partition.from = std::max(low, high - window);
    Result<Found> found = newest(consumer, partition, id, monotonic_now() + connect_timeout);
    if (found.ok() && *found && (*found)->source().empty()) return Found();
    if (!found.ok() || *found || partition.from == low) return found;
  }
}

}  // namespace twinpipe
