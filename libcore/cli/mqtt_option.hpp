// SPDX-License-Identifier: Apache-2.0
// How to reach MQTT brokers: the options that sp-sub and sp-pub share. Secrets come from files or the environment.
#pragma once

#include <string>
#include <vector>

#include "cli/tool.hpp"
#include "client/mqtt_client.hpp"

namespace twinpipe::cli {

class MqttOption {
 public:
  /// Declares --broker, --client-id, --user, --password-file, --ca, --cert, --key, --keep-alive.
  explicit MqttOption(Tool& tool);

  /// Brokers parsed and the password read: --password-file, or the environment's MQTT_PASSWORD.
  /// Errors: usage, no_input, no_permission.
  Result<MqttOptions> load() const;

 private:
  std::vector<std::string> brokers_{"mqtt://127.0.0.1:1883"};
  std::string client_id_, user_, password_file_, ca_, certificate_, key_;
  int keep_alive_ = 15;
};

}  // namespace twinpipe::cli
