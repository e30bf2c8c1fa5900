// SPDX-License-Identifier: Apache-2.0
// ksub's loop: where it starts, and what retention took away before it was read.
#include <fmt/format.h>

#include "cli/cursor.hpp"
#include "cli/log_reader.hpp"
#include "wire/quantity.hpp"

namespace twinpipe::cli {

Status LogReader::open() {
  // A Position that is named is newer than the cursor: what a transaction committed just before its process died.
  if (options_.from.find('"') != std::string::npos) {
    const Result<v1::Position> from = parse_position(options_.from);
    if (!from.ok()) return from.status();
    resumed_ = *from;
  } else if (!options_.cursor.empty()) {
    Result<std::optional<v1::Position>> read = read_cursor(options_.cursor);
    if (!read.ok()) return read.status();
    resumed_ = std::move(*read);
  }
  if (resumed_) {
    if (resumed_->source() != name_)
      return Status::error(Code::bad_config, fmt::format("a Position of '{}', not of '{}'", resumed_->source(), name_));
    number_ = resumed_->number();
  }
  lead_.emplace(options_.cursor, name_, number_);
  if (options_.from == "cursor" && !resumed_) return Status::error(Code::no_input, options_.cursor + ": no such cursor");
  if (!resumed_ && options_.from != "earliest" && options_.from != "latest" && options_.from != "cursor")
    if (const Result<Nanos> time = parse_time(options_.from); !time.ok()) return time.status();
  if (Status status = consumer_.start(); !status.ok()) return status;
  const Result<std::vector<std::int32_t>> counts = consumer_.count(options_.topics);
  if (!counts.ok()) return counts.status();
  if (options_.group.empty()) return open_shard(*counts);
  return consumer_.subscribe(options_.topics, [this](const Partition& partition) {
    std::vector<Partition> one{partition};
    const Status status = start_at(one);
    if (!status.ok()) tool_->say(status);
    return one[0].from;
  });
}

/// The same partition numbers of every topic: an asset's key is in the same partition of each, so a shard has assets whole.
Status LogReader::open_shard(const std::vector<std::int32_t>& counts) {
  for (std::size_t i = 1; i < counts.size(); ++i)
    if (counts[i] != counts[0])
      return Status::error(Code::bad_config, fmt::format("topic {} has {} partitions and {} has {}: a shard needs equal counts",
                                                         options_.topics[0], counts[0], options_.topics[i], counts[i]));
  std::vector<Partition> partitions;
  for (const std::string& topic : options_.topics)
    for (std::int32_t number = static_cast<std::int32_t>(options_.shard); number < counts[0];
         number += static_cast<std::int32_t>(options_.shards))
      partitions.push_back(Partition{topic, number, RD_KAFKA_OFFSET_BEGINNING});
  if (partitions.empty())
    return Status::error(Code::bad_config,
                         fmt::format("shard {}/{} has no partition: there are {}", options_.shard, options_.shards, counts[0]));
  if (Status status = start_at(partitions); !status.ok()) return status;
  return consumer_.assign(std::move(partitions));
}

/// What lies before the range was deleted before it was read: a Gap, and it goes on with what is left.
Status LogReader::take_range(Partition& partition, std::pair<std::int64_t, std::int64_t> range) {
  const auto [low, high] = range;
  if (partition.from > high)
    return Status::error(Code::bad_data,
                         fmt::format("{} [{}]: offset {} is to be read next, and the log ends at {}: is it another topic of "
                                     "that name, or did the brokers lose records?",
                                     partition.topic, partition.number, partition.from, high));
  if (partition.from >= low) return {};
  v1::Gap& gap = gaps_.emplace_back();
  gap.set_reason(v1::Gap::REASON_EVICTED);
  gap.set_messages(static_cast<std::uint64_t>(low - partition.from));
  gap.set_detail(fmt::format("{} [{}] offsets {} to {}", partition.topic, partition.number, partition.from, low - 1));
  partition.from = low;
  return {};
}

/// Offsets as numbers, so that the first Position can name them.
Status LogReader::start_at(std::vector<Partition>& partitions) {
  const bool by_time = options_.from != "earliest" && options_.from != "latest" && options_.from != "cursor";
  if (by_time && !resumed_)
    if (Status status = consumer_.seek_by_time(partitions, *parse_time(options_.from)); !status.ok()) return status;
  for (Partition& partition : partitions) {
    const auto range = consumer_.range(partition);
    if (!range.ok()) return range.status();
    const auto [low, high] = *range;
    if (resumed_) {
      partition.from = low;
      for (const v1::Offset& offset : resumed_->offset())
        if (offset.name() == partition.topic && offset.partition() == partition.number) partition.from = offset.next();
      if (Status status = take_range(partition, *range); !status.ok()) return status;
    } else if (!by_time) {
      partition.from = options_.from == "latest" ? high : low;
    } else if (partition.from < 0) {
      partition.from = high;
    }
  }
  return {};
}

/// Retention was faster than the reader.
Status LogReader::go_on(std::size_t partition) {
  Partition at = consumer_.partitions()[partition];
  const auto range = consumer_.range(at);
  if (!range.ok()) return range.status();
  at.from = consumer_.next(partition);
  if (Status status = take_range(at, *range); !status.ok()) return status;
  put_gaps();
  return consumer_.seek(partition, at.from);
}

/// No node is named: nobody knows whose readings they were.
void LogReader::put_gaps() {
  for (v1::Gap& gap : std::exchange(gaps_, {})) {
    tool_->say(fmt::format("{}: {} records were deleted before they were read", gap.detail(), gap.messages()));
    frames_.flush(source_.out());
    v1::Frame frame;
    *frame.mutable_gap() = std::move(gap);
    source_.out().frame(frame);
  }
}

}  // namespace twinpipe::cli
