// SPDX-License-Identifier: Apache-2.0
// ksub's loop: Kafka partitions, merged by record timestamp, to standard output.
//
// Of all partitions the record with the least timestamp is next, so that a replay gives the same bytes whatever the order in
// which the brokers answer, and Arrival never goes back. A partition that has more to read is waited for. One that has
// been read to its end is not, but for one thing: a birth, a death or a gap waits up to `settle` until every partition that
// is known to hold the node's series has come as far.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/cursor.hpp"
#include "cli/source.hpp"
#include "client/kafka_consumer.hpp"
#include "kernel/log_frames.hpp"

namespace twinpipe::cli {

struct LogOptions {
  std::vector<std::string> topics;
  std::string group;  // empty: the shard
  std::uint32_t shard = 0, shards = 1;
  std::string from = "earliest";
  std::string cursor;
  bool until_end = false;
  bool skip_bad = false;
  Nanos settle = 2 * kSecond;
  std::uint32_t max_series = SeriesTable::kDefaultLimit;
  std::size_t max_frame = kDefaultFrameLimit;
};

class LogReader {
 public:
  LogReader(Tool& tool, LogOptions options, ConsumerOptions consumer);
  Status run();

 private:
  Status open();
  Status open_shard(const std::vector<std::int32_t>& counts);
  Status start_at(std::vector<Partition>& partitions);
  Status take_range(Partition& partition, std::pair<std::int64_t, std::int64_t> range);
  Status restart();
  Status loop();
  Status step(bool& took);
  Status take(std::size_t partition);
  Status wait();
  Status look();
  Status find_head(std::size_t partition);
  Status go_on(std::size_t partition);
  void put_gaps();
  bool finished(std::size_t partition) const;
  bool all_finished() const;
  bool behind() const;
  bool must_wait_for_copies(std::size_t partition);
  Status put_position(bool last = false);
  void commit();
  v1::Position position() const;
  std::string where(std::size_t partition, std::int64_t offset) const;

  Tool* tool_;
  LogOptions options_;
  KafkaConsumer consumer_;
  Source source_;
  LogFrames frames_;
  std::optional<v1::Position> resumed_;
  std::optional<CursorLead> lead_;
  std::string name_;
  std::uint64_t generation_ = 0, number_ = 0, skipped_ = 0;
  std::vector<const rd_kafka_message_t*> heads_;
  std::vector<Nanos> stamps_;           // of the heads; the greatest time where there is none
  std::vector<Nanos> passed_;           // timestamp of the last record taken, by partition
  std::vector<std::int64_t> ends_;      // --until-end: where each partition ends
  std::vector<bool> lagging_;           // waited for in vain
  std::size_t empty_ = 0;               // partitions without a head
  bool look_due_ = true;                // something may have been fetched for them
  std::optional<Nanos> stamp_;          // of the last record taken
  std::optional<Nanos> waiting_since_;  // monotonic
  Nanos next_position_ = 0;
  std::string last_position_, committed_;
  std::vector<v1::Gap> gaps_;  // records deleted unread, not yet told
};

}  // namespace twinpipe::cli
