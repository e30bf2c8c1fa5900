// SPDX-License-Identifier: Apache-2.0
// Kafka records out.
#include "client/kafka_producer.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <charconv>

#include "client/kafka_positions.hpp"
#include "io/waiter.hpp"
#include "kernel/murmur2.hpp"
#include "wire/quantity.hpp"

namespace twinpipe {
namespace {

constexpr int kPollMilliseconds = 100;
/// How long one call may wait for the answer to a commit: a request to stop waits as long.
constexpr Nanos kCommitPatience = kSecond;
constexpr Nanos kAbortPatience = 2 * kSecond;
/// How far stamps may run ahead of the clock: a broker refuses whole batches for a stamp in the future (one hour by default).
constexpr std::int64_t kMostAhead = 60'000;

/// Decimal text of a time, for headers that any client can read.
struct Decimal {
  std::array<char, 24> text;
  std::size_t size;
  explicit Decimal(Nanos value)
      : size(static_cast<std::size_t>(std::to_chars(text.data(), text.data() + text.size(), value).ptr - text.data())) {}
};

}  // namespace

KafkaProducer::~KafkaProducer() {
  // What is still queued was reported as not delivered; waiting for it here would only delay the exit.
  if (handle_) rd_kafka_purge(handle_.get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
}

KafkaProperties KafkaProducer::properties() const {
  KafkaProperties properties{
      {"enable.idempotence", "true"},
      {"acks", "all"},
      {"compression.type", options_.compression},
      {"linger.ms", "5"},
      {"queue.buffering.max.messages", "1000000"},
      // What one frame of the input can make beyond the bound that the owner keeps.
      {"queue.buffering.max.kbytes", std::to_string((options_.memory >> 10) + (std::size_t{256} << 10))},
      {"message.max.bytes", "2000000"},
      {"client.id", "kbridge"},
  };
  properties.insert(properties.end(), options_.properties.begin(), options_.properties.end());
  if (options_.transactional_id.empty()) {
    // Never given up by librdkafka, which would go on with what comes after.
    properties.emplace_back("message.timeout.ms", "0");
  } else {
    properties.emplace_back("transactional.id", options_.transactional_id);
    properties.emplace_back("transaction.timeout.ms", std::to_string(as_milliseconds(options_.delivery_timeout)));
  }
  return properties;
}

Status KafkaProducer::connect(const std::vector<std::string>& topics) {
  Result<Kafka<rd_kafka_t>> handle = make_kafka(RD_KAFKA_PRODUCER, properties(), *this);
  if (!handle.ok()) return handle.status();
  handle_ = std::move(*handle);
  int ends[2];
  if (pipe2(ends, O_NONBLOCK | O_CLOEXEC) != 0) return system_error(Code::internal, "cannot make a pipe", errno);
  wake_read_ = Fd(ends[0]);
  wake_write_ = Fd(ends[1]);
  const Kafka<rd_kafka_queue_t> reports(rd_kafka_queue_get_main(handle_.get()));
  rd_kafka_queue_io_event_enable(reports.get(), wake_write_.get(), "r", 1);
  if (Status status = find_topics(topics); !status.ok() || options_.transactional_id.empty()) return status;
  transaction_.emplace(options_.transactional_id, options_.delivery_timeout);
  return transaction_->start(handle_.get(), options_.connect_timeout);
}

Status KafkaProducer::find_topics(std::vector<std::string> topics) {
  const auto create = [&](const std::vector<std::string>& names, const TopicSettings& settings) {
    return options_.create_topics ? create_topics(handle_.get(), names, settings, options_.connect_timeout, trouble) : Status{};
  };
  if (Status status = create(topics, options_.topic_settings); !status.ok()) return status;
  if (!options_.transactional_id.empty()) {
    TopicSettings settings = options_.topic_settings;
    settings.partitions = 1;
    settings.compact = true;
    if (Status status = create({options_.positions_topic}, settings); !status.ok()) return status;
    topics.push_back(options_.positions_topic);
  }
  Result<std::vector<std::int32_t>> partitions = count_partitions(handle_.get(), topics, options_.connect_timeout, trouble);
  if (!partitions.ok()) return partitions.status();
  partitions_ = std::move(*partitions);
  for (const std::string& name : topics) topics_.emplace_back(rd_kafka_topic_new(handle_.get(), name.c_str(), nullptr));
  if (options_.transactional_id.empty()) return {};
  positions_partition_ = partition_of_key(options_.transactional_id, partitions_.back());
  partitions_.pop_back();
  return {};
}

KafkaProducer::Epoch& KafkaProducer::epoch() {
  // The clock is asked now and then: an epoch may last a little longer, but never begin before its first record.
  constexpr std::uint64_t kAskEvery = 64;
  if (!epochs_.empty() && !epochs_.back().position && epochs_.back().waiting > 0 && ++since_asked_ % kAskEvery != 0)
    return epochs_.back();
  const Nanos now = monotonic_now();
  if (epochs_.empty() || epochs_.back().position || now - epochs_.back().begun > kSecond) epochs_.push_back(Epoch{now, 0, {}});
  return epochs_.back();
}

Status KafkaProducer::put(const KafkaRecord& record) {
  if (!failure_.ok()) return failure_;
  if (transaction_ && !transaction_->open())
    if (Status status = begin(); !status.ok()) return status;
  std::int64_t now = wall_now() / kMillisecond;
  const std::int64_t stamp = stamps_.stamp(record, now);
  for (; stamp - now > kMostAhead; now = wall_now() / kMillisecond)
    if (Status status = serve(kPollMilliseconds); !status.ok()) return status;
  return produce(record, stamp);
}

Status KafkaProducer::produce(const KafkaRecord& record, std::int64_t stamp) {
  Epoch& current = epoch();
  const Decimal earliest(record.earliest), latest(record.latest);
  std::array<rd_kafka_vu_t, 9> fields;
  std::size_t count = 0;
  const auto add = [&](rd_kafka_vtype_t type) -> rd_kafka_vu_t& {
    fields[count].vtype = type;
    return fields[count++];
  };
  const auto header = [&](const char* name, const void* value, std::size_t size) {
    rd_kafka_vu_t& field = add(RD_KAFKA_VTYPE_HEADER);
    field.u.header.name = name;
    field.u.header.val = value;
    field.u.header.size = static_cast<ssize_t>(size);
  };
  add(RD_KAFKA_VTYPE_RKT).u.rkt = topics_[record.topic].get();
  add(RD_KAFKA_VTYPE_PARTITION).u.i32 = record.partition;
  add(RD_KAFKA_VTYPE_MSGFLAGS).u.i = RD_KAFKA_MSG_F_COPY;
  add(RD_KAFKA_VTYPE_TIMESTAMP).u.i64 = stamp;
  add(RD_KAFKA_VTYPE_OPAQUE).u.ptr = &current;
  rd_kafka_vu_t& value = add(RD_KAFKA_VTYPE_VALUE);
  value.u.mem.ptr = record.tombstone ? nullptr : const_cast<char*>(record.value.data());
  value.u.mem.size = record.value.size();
  if (!record.key.empty()) {
    rd_kafka_vu_t& key = add(RD_KAFKA_VTYPE_KEY);
    key.u.mem.ptr = const_cast<char*>(record.key.data());
    key.u.mem.size = record.key.size();
  }
  if (record.earliest != 0 || record.latest != 0) {
    header("event-time-min", earliest.text.data(), earliest.size);
    header("event-time-max", latest.text.data(), latest.size);
  }
  for (;;) {
    rd_kafka_error_t* error = rd_kafka_produceva(handle_.get(), fields.data(), count);
    if (error == nullptr) break;
    const rd_kafka_resp_err_t code = rd_kafka_error_code(error);
    const std::string text = rd_kafka_error_string(error);
    rd_kafka_error_destroy(error);
    if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
      failure_ = kafka_error(fmt::format("cannot produce to {}", rd_kafka_topic_name(topics_[record.topic].get())), code, text);
      return failure_;
    }
    if (Status status = serve(kPollMilliseconds); !status.ok()) return status;
  }
  ++current.waiting;
  waiting_bytes_ += record.key.size() + record.value.size();
  // Reports are taken now and then, not for each record: the queue of reports is short of nothing but memory.
  constexpr std::uint64_t kEvery = 256;
  ++uncommitted_;
  return current.waiting % kEvery == 0 ? serve(0) : Status{};
}

void KafkaProducer::delivered(const rd_kafka_message_t& message) {
  Epoch& at = *static_cast<Epoch*>(message._private);
  --at.waiting;
  waiting_bytes_ -= message.len + message.key_len;
  if (message.err == RD_KAFKA_RESP_ERR_NO_ERROR) {
    ++acknowledged_;
    return;
  }
  if (failure_.ok() && message.err != RD_KAFKA_RESP_ERR__PURGE_QUEUE && message.err != RD_KAFKA_RESP_ERR__PURGE_INFLIGHT)
    failure_ = kafka_error(
        fmt::format("a record for {} [{}] was not delivered", rd_kafka_topic_name(message.rkt), message.partition), message.err);
}

Status KafkaProducer::serve(int milliseconds) {
  rd_kafka_poll(handle_.get(), milliseconds);
  return settle();
}

Status KafkaProducer::poll() {
  for (char bytes[64]; read(wake_read_.get(), bytes, sizeof bytes) == sizeof bytes;) {
  }
  if (Status status = serve(0); !status.ok()) return status;
  return advance();
}

/// Confirms Positions in order, and finds out that the broker is gone for good.
Status KafkaProducer::settle() {
  while (failure_.ok() && !epochs_.empty() && epochs_.front().waiting == 0) {
    if (epochs_.front().position && confirmed_) failure_ = confirmed_(*epochs_.front().position);
    // The newest epoch stays while records may still join it.
    if (epochs_.size() == 1 && !epochs_.front().position) break;
    epochs_.pop_front();
  }
  if (failure_.ok()) failure_ = trouble.fatal;
  if (failure_.ok() && !epochs_.empty() && epochs_.front().waiting > 0 &&
      monotonic_now() - epochs_.front().begun > options_.delivery_timeout)
    failure_ =
        Status::error(Code::temporary, fmt::format("not delivered within {}: {}", format_duration(options_.delivery_timeout),
                                                   trouble.cause.empty() ? "the broker does not answer" : trouble.cause));
  return failure_;
}

Status KafkaProducer::flush() {
  // Without this librdkafka lets the last records linger for company that does not come.
  while (waiting()) {
    rd_kafka_flush(handle_.get(), kPollMilliseconds);
    if (Status status = settle(); !status.ok()) return status;
    if (Status status = advance(); !status.ok()) return status;
  }
  return poll();
}

// ---- transactions ---------------------------------------------------------------------------------------------------

Status KafkaProducer::begin() {
  failure_ = transaction_->begin();
  uncommitted_ = 0;
  return failure_;
}

Status KafkaProducer::mark(const v1::Position& position) {
  if (!transaction_) {
    epoch().position = position;
    return {};
  }
  const std::string value = position_value(position, options_.program);
  const auto topic = static_cast<std::uint32_t>(topics_.size() - 1);
  if (Status status = put({topic, positions_partition_, options_.transactional_id, value}); !status.ok()) return status;
  committed_with_ = position;
  committing_ = true;
  return {};
}

Status KafkaProducer::commit() {
  committing_ = committing_ || (transaction_ && transaction_->open());
  return flush();
}

/// Commits what is to be committed, once all of it is acknowledged.
Status KafkaProducer::advance() {
  if (!failure_.ok() || !transaction_ || !transaction_->open()) return failure_;
  if (options_.commit_every > 0 && monotonic_now() - transaction_->begun() >= options_.commit_every) committing_ = true;
  if (committing_ && waiting_bytes_ == 0) {
    const Result<bool> done = transaction_->commit(kCommitPatience);
    if (!done.ok()) return failure_ = done.status();
    if (*done) {
      committing_ = false;
      uncommitted_ = 0;
      ++transactions_;
      if (const auto position = std::exchange(committed_with_, std::nullopt); position && confirmed_)
        failure_ = confirmed_(*position);
      return failure_;
    }
  }
  if (transaction_->expired())
    failure_ = Status::error(Code::temporary,
                             committing_ ? fmt::format("not committed within {}", format_duration(options_.delivery_timeout))
                                         : fmt::format("no Position to commit at came within {} (--commit-every commits without)",
                                                       format_duration(options_.delivery_timeout)));
  return failure_;
}

Status KafkaProducer::roll_back(Status cause) {
  if (!transaction_) return cause;
  committing_ = false;
  const Status aborted = transaction_->abort(kAbortPatience);
  return aborted.code == Code::bad_config ? aborted : cause;
}

std::optional<std::string> KafkaProducer::take_notice() {
  if (std::exchange(trouble.all_down, false) && !reported_down_) {
    reported_down_ = true;
    acknowledged_at_report_ = acknowledged_;
    return fmt::format("no Kafka broker can be reached, records wait: {}", trouble.cause);
  }
  if (reported_down_ && acknowledged_ != acknowledged_at_report_) {
    reported_down_ = false;
    return "Kafka acknowledges records again";
  }
  return {};
}

}  // namespace twinpipe
