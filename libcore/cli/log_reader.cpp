// SPDX-License-Identifier: Apache-2.0
// ksub's loop.
#include "cli/log_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "cli/cursor.hpp"

namespace twinpipe::cli {
namespace {

constexpr Nanos kPositionEvery = kSecond;
constexpr Nanos kLookEvery = 100 * kMillisecond;
constexpr Nanos kNever = std::numeric_limits<Nanos>::max();

std::string_view value_of(const rd_kafka_message_t& message) { return {static_cast<const char*>(message.payload), message.len}; }

Nanos stamp_of(const rd_kafka_message_t& message) {
  rd_kafka_timestamp_type_t type{};
  return std::max<std::int64_t>(rd_kafka_message_timestamp(&message, &type), 0) * kMillisecond;
}

}  // namespace

LogReader::LogReader(Tool& tool, LogOptions options, ConsumerOptions consumer)
    : tool_(&tool),
      options_(std::move(options)),
      consumer_(std::move(consumer)),
      source_(tool),
      frames_(0, options_.max_series, options_.max_frame) {
  name_ = "ksub";
  for (const std::string& topic : options_.topics) name_ += (name_.size() == 4 ? " " : ",") + topic;
  name_ += options_.group.empty() ? fmt::format(" {}/{}", options_.shard, options_.shards) : " group " + options_.group;
  source_.set_counters([this] {
    std::vector<Counter> all = frames_.counters();
    all.push_back({"skipped_bad", skipped_});
    return all;
  });
}

/// The partitions are others than before: at the start, and after a rebalance of the group.
Status LogReader::restart() {
  generation_ = consumer_.generation();
  const std::size_t count = consumer_.partitions().size();
  frames_.flush(source_.out());
  frames_.reset(static_cast<std::uint32_t>(count));
  heads_.assign(count, nullptr);
  stamps_.assign(count, kNever);
  passed_.assign(count, std::numeric_limits<Nanos>::min());
  lagging_.assign(count, false);
  ends_.assign(count, std::numeric_limits<std::int64_t>::max());
  empty_ = count;
  look_due_ = true;
  stamp_.reset();
  waiting_since_.reset();
  put_gaps();
  if (!options_.until_end) return {};
  for (std::size_t i = 0; i < count; ++i) {
    const auto range = consumer_.range(consumer_.partitions()[i]);
    if (!range.ok()) return range.status();
    ends_[i] = range->second;
  }
  return {};
}

// ---- the merge ------------------------------------------------------------------------------------------------------

Status LogReader::run() {
  if (Status status = open(); !status.ok()) return status;
  if (Status status = source_.open(); !status.ok()) return status;
  if (resumed_ && options_.group.empty()) {
    v1::Frame frame;
    *frame.mutable_resume()->mutable_position() = *resumed_;
    source_.out().frame(frame);
  }
  const Status looped = loop();
  frames_.flush(source_.out());
  if (!looped.ok()) {
    const Status flushed = source_.flush();
    return flushed.ok() ? looped : flushed;
  }
  if (source_.reader_left()) return {};
  frames_.settle(source_.out());
  if (Status status = put_position(true); !status.ok()) return status;
  return source_.close();
}

Status LogReader::loop() {
  next_position_ = monotonic_now() + kPositionEvery;
  while (!source_.done()) {
    bool took = false;
    if (Status status = step(took); !status.ok()) return status;
    if (took) continue;
    if (options_.until_end && generation_ != 0 && all_finished()) return {};
    if (Status status = wait(); !status.ok()) return status;
  }
  return {};
}

/// Takes the next record, if it is certain which one that is.
Status LogReader::step(bool& took) {
  if (generation_ != consumer_.generation())
    if (Status status = restart(); !status.ok()) return status;
  if (empty_ > 0 && std::exchange(look_due_, false))
    if (Status status = look(); !status.ok()) return status;
  if ((took = generation_ != consumer_.generation())) return {};
  const std::size_t least = static_cast<std::size_t>(std::ranges::min_element(stamps_) - stamps_.begin());
  if (empty_ == heads_.size()) return {};
  const Nanos stamp = stamps_[least];
  if (behind() || must_wait_for_copies(least)) {
    const Nanos now = monotonic_now();
    if (!waiting_since_) waiting_since_ = now;
    if (options_.until_end || now - *waiting_since_ < options_.settle) return {};
    for (std::size_t i = 0; i < heads_.size(); ++i) lagging_[i] = lagging_[i] || heads_[i] == nullptr;
  }
  waiting_since_.reset();
  if (stamp_ && stamp > *stamp_) {
    // Before the time moves on: has a partition that was at its end got something older meanwhile?
    if (empty_ > 0 && consumer_.clear()) {
      look_due_ = took = true;
      return {};
    }
    frames_.settle(source_.out());
    if (monotonic_now() >= next_position_)
      if (Status status = put_position(); !status.ok()) return status;
  }
  stamp_ = stamp;
  passed_[least] = stamp;
  took = true;
  return take(least);
}

Status LogReader::take(std::size_t partition) {
  const rd_kafka_message_t& message = *heads_[partition];
  Status status;
  if (message.len > 0)
    status = frames_.take(static_cast<std::uint32_t>(partition), passed_[partition], value_of(message), source_.out());
  else if (message.key_len > 0)
    frames_.take_tombstone(passed_[partition], {static_cast<const char*>(message.key), message.key_len}, source_.out());
  if (!status.ok()) {
    status = Status::error(status.code, where(partition, message.offset) + ": " + status.message);
    if (!options_.skip_bad || status.code != Code::bad_data) return status;
    if (skipped_++ == 0) tool_->say(status.message + " (skipped; more are only counted)");
  }
  consumer_.pop(partition);
  heads_[partition] = nullptr;
  stamps_[partition] = kNever;
  ++empty_;
  if (Status found = find_head(partition); !found.ok()) return found;
  return source_.pump();
}

/// Finds heads for the partitions that have none.
Status LogReader::look() {
  for (std::size_t i = 0; i < heads_.size(); ++i)
    if (heads_[i] == nullptr)
      if (Status status = find_head(i); !status.ok()) return status;
  return {};
}

Status LogReader::find_head(std::size_t partition) {
  if (finished(partition)) return {};
  const rd_kafka_message_t* message = consumer_.front(partition);
  if (message == nullptr) return consumer_.out_of_range(partition) ? go_on(partition) : Status{};
  if (message->offset >= ends_[partition]) {
    ends_[partition] = std::numeric_limits<std::int64_t>::min();  // finished: what is left came after the start
    return {};
  }
  heads_[partition] = message;
  // Within a partition the order is that of the offsets, whatever foreign writers put on their records.
  stamps_[partition] = std::max(stamp_of(*message), passed_[partition]);
  lagging_[partition] = false;
  --empty_;
  return {};
}

bool LogReader::finished(std::size_t partition) const {
  return heads_[partition] == nullptr && consumer_.next(partition) >= ends_[partition];
}

bool LogReader::all_finished() const {
  for (std::size_t i = 0; i < heads_.size(); ++i)
    if (!finished(i)) return false;
  return !heads_.empty();
}

/// Some partition has more to read and it is not here yet.
bool LogReader::behind() const {
  if (empty_ == 0) return false;
  for (std::size_t i = 0; i < heads_.size(); ++i)
    if (heads_[i] == nullptr && !consumer_.at_end(i) && !lagging_[i] && !finished(i)) return true;
  return false;
}

bool LogReader::must_wait_for_copies(std::size_t partition) {
  if (empty_ == 0 || heads_[partition]->key_len > 0) return false;
  const Nanos stamp = stamps_[partition];
  for (const std::uint32_t other : frames_.awaited(value_of(*heads_[partition])))
    if (heads_[other] == nullptr && passed_[other] < stamp && !lagging_[other] && !finished(other)) return true;
  return false;
}

// ---- between records ------------------------------------------------------------------------------------------------

/// Nothing can be taken now. What is complete leaves; what waits for a partition that is behind does not: its frames would
/// otherwise be cut where the brokers were slow.
Status LogReader::wait() {
  if (!behind()) {
    frames_.settle(source_.out());
    frames_.flush(source_.out());
    if (monotonic_now() >= next_position_)
      if (Status status = put_position(); !status.ok()) return status;
  }
  Ready ready;
  if (Status status = source_.wait(consumer_.fd(), kLookEvery, ready); !status.ok()) return status;
  consumer_.clear();
  look_due_ = true;
  const Status status = consumer_.poll();
  if (const auto notice = consumer_.take_notice()) tool_->say(*notice);
  return status;
}

v1::Position LogReader::position() const {
  v1::Position position;
  position.set_source(name_);
  for (std::size_t i = 0; i < heads_.size(); ++i) {
    const Partition& partition = consumer_.partitions()[i];
    v1::Offset& offset = *position.add_offset();
    offset.set_name(partition.topic);
    offset.set_partition(partition.number);
    offset.set_next(heads_[i] != nullptr ? heads_[i]->offset : consumer_.next(i));
  }
  return position;
}

/// Everything with a timestamp up to the last one taken was written, so a reader that starts here finds whole sets of copies.
Status LogReader::put_position(bool last) {
  next_position_ = monotonic_now() + kPositionEvery;
  if (!options_.group.empty()) commit();
  if (generation_ != consumer_.generation() || heads_.empty()) return {};
  v1::Position at = position();
  std::string text = at.SerializeAsString();
  if (text == last_position_ || (!last && !lead_->allows(number_ + 1))) return {};
  last_position_ = std::move(text);
  at.set_number(++number_);
  frames_.flush(source_.out());
  v1::Frame frame;
  *frame.mutable_position() = std::move(at);
  source_.out().frame(frame);
  return source_.pump();
}

/// What came back through the cursor is safe downstream, and only that is committed.
void LogReader::commit() {
  if (options_.cursor.empty()) return;
  const Result<std::optional<v1::Position>> read = read_cursor(options_.cursor);
  if (!read.ok() || !*read || (*read)->SerializeAsString() == committed_) return;
  committed_ = (*read)->SerializeAsString();
  consumer_.commit(**read);
}

std::string LogReader::where(std::size_t partition, std::int64_t offset) const {
  const Partition& at = consumer_.partitions()[partition];
  return fmt::format("{} [{}] offset {}", at.topic, at.number, offset);
}

}  // namespace twinpipe::cli
