// SPDX-License-Identifier: Apache-2.0
// sp-sub's loop: two MQTT sessions in, frames out, publications back. It never stops reading Sparkplug, because a subscriber
// that stalls loses QoS 0 messages without a word.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "cli/record_behind.hpp"
#include "cli/source.hpp"
#include "client/mqtt_client.hpp"
#include "kernel/plain_topics.hpp"
#include "kernel/sparkplug_host.hpp"
#include "kernel/sparkplug_state.hpp"

namespace twinpipe::cli {

struct SparkplugSourceOptions {
  MqttOptions mqtt;
  sparkplug::HostOptions host;
  PlainOptions plain;               // without patterns: no plain topics
  std::vector<std::string> groups;  // empty: all
  std::string host_id = "sp-sub";
  std::string state_directory;  // birth tables; empty: none are kept
  RecorderOptions buffer;       // its directory empty: frames go to standard output
  Nanos connect_timeout = 10 * kSecond;
  std::size_t buffer_memory = std::size_t{64} << 20;
  std::uint64_t count = 0;  // end after so many readings; 0: never
  Nanos duration = 0;       // end after so long; 0: never
};

class SparkplugSource {
 public:
  SparkplugSource(Tool& tool, SparkplugSourceOptions options);
  /// Until told to stop, the reader left, or count or duration are reached. Errors: usage, unavailable (no broker at the start),
  /// no_permission (the broker refuses the subscription), bad_config (another host has our id), temporary (the buffer has a
  /// writer), cant_create, io_error.
  Status run();

 private:
  Status prepare();
  Status open();
  Status start();
  Status loop();
  Status step();
  Status step_plain(bool readable);
  Status hand_over();
  Status check_start();
  Status end();
  MqttCallbacks sparkplug_callbacks();
  MqttCallbacks plain_callbacks();
  void on_connected();
  void on_state(const sparkplug::Message& message);
  void publish(bool now);
  void bound_memory();
  std::vector<Counter> counters() const;
  Status load_tables();
  Status take_table();
  Status save_tables(std::size_t most);
  Nanos timeout() const;
  bool finished() const;

  Tool* tool_;
  SparkplugSourceOptions options_;
  Source source_;
  sparkplug::SparkplugHost host_;
  std::unique_ptr<PlainTopics> plain_topics_;
  std::optional<sparkplug::StatePublisher> state_;
  std::unique_ptr<MqttClient> link_, plain_link_;
  sparkplug::Publications publications_;
  Status fatal_;
  bool was_up_ = false, plain_was_up_ = false, more_tables_ = false;
  const RecordBehind* buffer_ = nullptr;  // what source_ writes to
  std::uint64_t plain_messages_ = 0;      // taken from the broker
  std::uint64_t acknowledge_at_ = 0;      // bytes that must be written before they are acknowledged; 0: none wait
  struct Table {
    std::uint64_t behind;  // bytes that must be written before it is saved
    std::string path, bytes;
  };
  std::deque<Table> tables_;
  Nanos started_ = 0, next_plain_tick_ = 0;
};

}  // namespace twinpipe::cli
