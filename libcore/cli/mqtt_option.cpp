// SPDX-License-Identifier: Apache-2.0
// How to reach MQTT brokers.
#include "cli/mqtt_option.hpp"

#include <cstdlib>

#include "io/fd.hpp"

namespace twinpipe::cli {

MqttOption::MqttOption(Tool& tool) {
  tool.option("--broker", brokers_, "URL",
              "MQTT broker: mqtt:// or, for TLS, mqtts://HOST:PORT; several are tried in turn; default " + brokers_.front());
  tool.option("--client-id", client_id_, "ID", "MQTT client id; by default a random one");
  tool.option("--user", user_, "NAME", "MQTT user name");
  tool.option("--password-file", password_file_, "FILE",
              "Holds the MQTT password in its first line; else the environment's MQTT_PASSWORD");
  tool.option("--ca", ca_, "FILE", "CA certificates (PEM) for mqtts://; by default the system's");
  tool.option("--cert", certificate_, "FILE", "Own certificate (PEM) for mqtts://");
  tool.option("--key", key_, "FILE", "Its key (PEM)");
  tool.option("--keep-alive", keep_alive_, "SECONDS", "MQTT keep-alive, in seconds: 5 to 65535")
      ->check(CLI::Range(5, 65535).description(""))
      ->capture_default_str();
}

Result<MqttOptions> MqttOption::load() const {
  MqttOptions options;
  for (const std::string& text : brokers_) {
    Result<Broker> broker = parse_broker(text);
    if (!broker.ok()) return broker.status();
    options.brokers.push_back(std::move(*broker));
  }
  options.client_id = client_id_;
  options.user = user_;
  if (!password_file_.empty()) {
    Result<std::string> content = read_file(password_file_);
    if (!content.ok()) return content.status();
    options.password = content->substr(0, content->find_first_of("\r\n"));
  } else if (const char* password = std::getenv("MQTT_PASSWORD")) {
    options.password = password;
  }
  options.ca_file = ca_;
  options.certificate_file = certificate_;
  options.key_file = key_;
  options.keep_alive = keep_alive_;
  return options;
}

}  // namespace twinpipe::cli
