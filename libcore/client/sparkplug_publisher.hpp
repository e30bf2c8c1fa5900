// SPDX-License-Identifier: Apache-2.0
// Publishes what a SparkplugEdge has to say: one MQTT connection a node, because each has its own will.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client/mqtt_client.hpp"
#include "io/poll_set.hpp"
#include "kernel/sparkplug_edge.hpp"

namespace twinpipe {

struct PublisherOptions {
  MqttOptions mqtt;                // a client id gets "-GROUP-EDGE" appended
  std::string state_directory;     // keeps each node's bdSeq; empty: every run starts at 0
  std::string primary_host;        // births wait until this host is online; empty: they do not
  double speed = 0;                // event time per time; 0: as fast as it goes
  Nanos birth_wait = kSecond;      // for a value of every metric
  Nanos host_wait = 10 * kSecond;  // for the primary host at one of several brokers
  Nanos linger = 0;                // after the end of the input
  std::size_t queue = 1000;        // messages of a node that are not finished
};

class SparkplugPublisher {
 public:
  /// `say` takes lines for people.
  SparkplugPublisher(sparkplug::SparkplugEdge& edge, PublisherOptions options, std::function<void(const std::string&)> say);
  ~SparkplugPublisher();

  /// Errors: usage, internal.
  Status start();
  /// Readable when there is something to do.
  int fd() const { return poll_.fd(); }

  /// Publishes what is due. How long until there may be more to do, at most; 0: all is published, and where `ended` also
  /// acknowledged, and the time to linger is over. Errors: unavailable (no broker took the first connection of a node),
  /// cant_create and io_error (the state directory), usage (a topic or a client id that MQTT does not allow).
  Result<Nanos> work(bool ended);
  /// Publishes the rest without pacing, NDEATH for each node, and disconnects, each step with its own deadline.
  Status stop();

  std::vector<Counter> counters() const;

 private:
  struct Session;

  Session& session(std::uint32_t node);
  Status connect(std::uint32_t node);
  Status choose_bdseq(std::uint32_t node);
  void on_connected(std::uint32_t node);
  void on_subscribed(std::uint32_t node, const std::vector<int>& granted);
  void on_message(std::uint32_t node, const MqttMessage& message);
  void on_host_state(std::uint32_t node, const MqttMessage& message);
  void open(std::uint32_t node);
  void leave(std::uint32_t node);
  void walk(std::uint32_t node, const std::string& why);

  Status service();
  Status service(std::uint32_t node);
  void settle(Nanos before);
  Result<Nanos> publish_due();
  bool ready(const sparkplug::SparkplugEdge::Work& work, Status& status);
  Nanos event_now() const;
  Nanos due_in(const sparkplug::SparkplugEdge::Work& work);
  void publish(const std::vector<sparkplug::EdgeMessage>& messages);
  Nanos until_deadline() const;
  std::size_t unfinished() const;

  sparkplug::SparkplugEdge* edge_;
  PublisherOptions options_;
  std::function<void(const std::string&)> say_;
  PollSet poll_;
  std::vector<std::unique_ptr<Session>> sessions_;  // by node
  std::vector<sparkplug::EdgeMessage> out_;
  Status failure_;                   // from inside a callback
  std::optional<Nanos> first_time_;  // event time of the first reading, and when it was published
  Nanos first_at_ = 0;
  std::optional<Nanos> linger_until_;
  std::uint64_t messages_ = 0, bytes_ = 0, lost_ = 0, connects_ = 0;
};

}  // namespace twinpipe
