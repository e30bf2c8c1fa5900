// SPDX-License-Identifier: Apache-2.0
// sp-sub's loop: two MQTT sessions in, frames out, publications back. It never stops reading Sparkplug, because a subscriber
// that stalls loses QoS 0 messages without a word.
#pragma once

#include <memory>
#include <optional>
#include <string>

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
  Nanos connect_timeout = 10 * kSecond;
  std::size_t buffer_memory = std::size_t{64} << 20;
  std::uint64_t count = 0;  // end after so many readings; 0: never
  Nanos duration = 0;       // end after so long; 0: never
};

class SparkplugSource {
 public:
  SparkplugSource(Tool& tool, SparkplugSourceOptions options);
  /// Until told to stop, the reader left, or count or duration are reached. Errors: usage, unavailable (no broker at the start),
  /// no_permission (the broker refuses the subscription), bad_config (another host has our id), io_error.
  Status run();

 private:
  Status prepare();
  Status start();
  Status loop();
  Status step();
  Status check_start();
  Status end();
  MqttCallbacks sparkplug_callbacks();
  MqttCallbacks plain_callbacks();
  void on_connected();
  void on_state(const sparkplug::Message& message);
  void publish(bool now);
  void bound_memory();
  Status load_tables();
  Status save_table();
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
  bool was_up_ = false, plain_was_up_ = false, said_down_ = false, more_tables_ = false;
  std::uint64_t acknowledge_at_ = 0;  // bytes that must be written before plain messages are acknowledged; 0: none wait
  Nanos started_ = 0, next_plain_tick_ = 0;
};

}  // namespace twinpipe::cli
