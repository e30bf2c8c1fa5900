// SPDX-License-Identifier: Apache-2.0
// kbridge's loop: frames from standard input to Kafka records, and Positions to where a restart finds them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/runner.hpp"
#include "client/kafka_producer.hpp"
#include "kernel/json_records.hpp"
#include "kernel/kafka_values.hpp"
#include "kernel/twin_records.hpp"

namespace twinpipe::cli {

struct LogWriterOptions {
  std::vector<std::string> routes;  // none: Routes::defaults()
  std::string dead_letter = "twinpipe.dead-letters";
  std::string twins;  // a compacted topic: Twin frames alone, and no routes; empty: everything, by its route
  std::string cursor;
  bool json = false;  // values are JSON objects
  ValueLimits limits;
  ProducerOptions producer;
};

class LogWriter {
 public:
  LogWriter(Tool& tool, LogWriterOptions options);
  Status run();

 private:
  Status run(Stage& stage);
  Status put_all() { return values_ ? values_->put_all() : Status{}; }
  bool waiting() const { return values_ && values_->waiting(); }
  Status on_wake();
  Status on_position(const v1::Position& position);
  Status on_resume(const v1::Position& position);
  Result<Nanos> hold(bool ended);
  Status on_end(bool final);
  Status deliver();
  Status starts_right() const;

  Tool* tool_;
  LogWriterOptions options_;
  KafkaProducer producer_;
  SeriesTable table_;
  std::optional<JsonRecords> json_;
  std::optional<KafkaValues> values_;      // when the topics are known; none with --twins
  std::optional<v1::Position> committed_;  // of the transactional id, when this started
  bool resumed_ = false;
  Nanos quiet_since_ = 0;  // monotonic; 0: nothing waits
};

}  // namespace twinpipe::cli
