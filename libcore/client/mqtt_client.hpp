// SPDX-License-Identifier: Apache-2.0
// One MQTT 3.1.1 session over a list of brokers, for loops that poll: reading, writing and keeping alive are separate
// calls, so that a QoS 1 message is acknowledged only when its reader says so.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "wire/frame.hpp"
#include "wire/status.hpp"

struct mosquitto;

namespace twinpipe {

struct Broker {
  std::string host;
  int port = 1883;
  bool tls = false;
  /// "mqtt://host:1883", for messages.
  std::string text() const;
};

/// "host", "host:port", "[::1]:port", "mqtt://…" or "mqtts://…" (TLS, port 8883). Errors: usage.
Result<Broker> parse_broker(std::string_view text);

struct MqttMessage {
  std::string_view topic, payload;
  int qos = 0;
  bool retained = false;
};

struct MqttWill {
  std::string topic, payload;
  int qos = 0;
  bool retain = false;
};

struct MqttOptions {
  std::vector<Broker> brokers;                      // tried in turn, from the first
  std::string client_id;                            // empty: random; only for clean sessions
  bool clean = true;                                // false: the broker keeps subscriptions and QoS 1 messages while we are away
  std::string user, password;                       // empty user: anonymous
  std::string ca_file, certificate_file, key_file;  // PEM; without a CA file the system's are used
  int keep_alive = 15;                              // seconds, at least 5
  Nanos first_timeout = kSecond;  // for a connection, from TCP to CONNACK; doubled each time that all brokers have failed
};

struct MqttCallbacks {
  /// Before every attempt: the place to set a will anew.
  std::function<void()> on_connecting;
  /// The broker accepted; `session_present`: it still knows this client's subscriptions.
  std::function<void(bool session_present)> on_connected;
  /// The link is lost, after on_connected; the next attempt follows by itself.
  std::function<void(const std::string& reason)> on_disconnected;
  /// The views live until the call returns.
  std::function<void(const MqttMessage&)> on_message;
  /// A message of publish() is out (QoS 0) or acknowledged (QoS 1, 2).
  std::function<void(int id)> on_published;
  /// The broker answered subscribe(); `granted` holds a QoS per filter, 0x80 where it refused.
  std::function<void(int id, const std::vector<int>& granted)> on_subscribed;
};

/// The loop of its owner:
///
///   start();
///   for (;;) { wait for fd() readable, for fd() writable if wants_write(), until deadline();
///              read(); make what came durable; write(); keep_alive(now); }
///
/// read() never writes: acknowledgements wait until write(). Callbacks run inside read(), write() and keep_alive(), and
/// may call publish() and subscribe(). Times are of the monotonic clock.
class MqttClient {
 public:
  MqttClient(MqttOptions options, MqttCallbacks callbacks);
  ~MqttClient();
  MqttClient(const MqttClient&) = delete;
  MqttClient& operator=(const MqttClient&) = delete;

  /// Checks the options and begins to connect. Errors: usage, no_input (a TLS file), internal.
  Status start();

  int fd() const;  // -1 between two attempts
  bool wants_write() const;
  bool connected() const { return state_ == State::up; }
  /// keep_alive() is due then at the latest.
  Nanos deadline() const { return deadline_; }
  const Broker& broker() const { return options_.brokers[broker_]; }
  /// Why there is no connection; empty when there never was a failure.
  const std::string& last_error() const { return last_error_; }
  /// Attempts that failed and links that were lost.
  std::uint64_t failures() const { return failures_; }

  /// Takes what has arrived, at most `packets` of it. Never blocks.
  void read(int packets = 4096);
  /// Sends what waits, acknowledgements included, as far as the socket takes it.
  void write();
  /// Pings, gives up attempts that take too long, connects anew: to the next broker after a failure.
  void keep_alive(Nanos now);

  /// Replaces the will, from the next connection on.
  void set_will(const MqttWill& will);
  /// Queues; write() sends. The id comes back in on_published. Errors: temporary (not connected), usage (bad topic), bad_data
  /// (too large).
  Result<int> publish(const std::string& topic, std::string_view payload, int qos, bool retain);
  /// Errors as publish().
  Result<int> subscribe(const std::vector<std::string>& filters, int qos);
  /// Messages of publish() that are not yet out (QoS 0) or not yet acknowledged: for back-pressure.
  std::size_t unfinished() const { return unsent_.size(); }

  /// Waits, reading and writing, until every message of publish() is finished, at most `timeout`. False: some are not.
  bool drain(Nanos timeout);
  /// Sends DISCONNECT, so that the broker publishes no will, and stays away. Waits at most `timeout`.
  void disconnect(Nanos timeout);
  /// Leaves without a word: the broker publishes the will.
  void drop();

 private:
  enum class State { idle, connecting, up, stopped };
  struct Hooks;

  Status configure();
  Status configure_tls();
  void attempt(Nanos now);
  void failed(std::string reason);
  bool wait(Nanos until);

  MqttOptions options_;
  MqttCallbacks callbacks_;
  MqttWill will_;
  struct Destroy {
    void operator()(mosquitto* client) const;
  };
  std::unique_ptr<mosquitto, Destroy> client_;
  State state_ = State::idle;
  bool leaving_ = false;
  std::size_t broker_ = 0, tried_ = 0;  // tried_: in a row, without success
  Nanos timeout_ = kSecond, attempt_until_ = 0, deadline_ = 0;
  std::string last_error_;
  std::uint64_t failures_ = 0;
  std::unordered_set<int> unsent_;
  std::unordered_set<int> unsent_plain_;  // those of QoS 0: a lost link forgets them
};

}  // namespace twinpipe
