// SPDX-License-Identifier: Apache-2.0
// One Sparkplug B 3.0 edge node: its devices and metrics, and the messages of its sessions in the order that the
// specification demands. Knows neither the stream nor the broker.
#pragma once

#include <cstdint>
#include <deque>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/sparkplug_repeat.hpp"
#include "kernel/sparkplug_topic.hpp"
#include "kernel/sparkplug_value.hpp"

namespace twinpipe::sparkplug {

/// What an edge node publishes; never retained.
struct EdgeMessage {
  std::uint32_t node = 0;
  std::string topic, payload;
  int qos = 0;
};

/// One row of a data message. The value lies in EdgeRows::values as the value field of a serialized Metric.
struct EdgeRow {
  std::uint32_t metric = 0;
  std::uint32_t quality = kGood;  // v1::Quality; a null has no value
  Nanos time = 0;
  std::size_t offset = 0, size = 0;
  double sample_period = 0;  // seconds, of a waveform
  bool historical = false;
};

struct EdgeRows {
  std::vector<EdgeRow> rows;
  std::string values;
};

/// Devices and metrics are numbered by the caller, densely, and device 0 is the node itself. Aliases are unique in the whole
/// node, devices included, and never 0, which some decoders take for absent. An NBIRTH hands them out anew; a device that is
/// born once more without one gets fresh ones, because Tahu's host refuses a birth with an alias that it knows already.
///
/// A birth carries current values, so it waits until every metric of its device has its first one, which then is in the
/// birth and in no data message. It leaves early, with nulls for the rest, when a second value of a metric comes, or
/// when it has waited for long enough.
class EdgeNode {
 public:
  /// `group`, `edge`: as they stand in topics.
  EdgeNode(std::uint32_t number, std::string group, std::string edge);

  // ---- store and forward: QoS 0 loses what is on its way when a connection breaks
  /// Keeps what was published in the last `span`. A session that follows another one begins, behind its births, with that, as
  /// history (see sparkplug_repeat.hpp); what comes behind is history too until it is no later than it was before.
  void forward(Nanos span) { forward_ = span; }
  /// Event time as it should be now, and how much later than usual a reading may be.
  void set_event_clock(Nanos now, Nanos slack) {
    event_now_ = now;
    slack_ = slack;
  }

  // ---- sessions: one MQTT connection each
  /// The will to connect with.
  EdgeMessage will(std::uint8_t bdseq, Nanos now) const;
  /// Connected with that will, and a host that must be waited for is online. What was born before is born again at once.
  void open(std::uint8_t bdseq, Nanos now, std::vector<EdgeMessage>& out);
  /// The connection is gone.
  void lose() { open_ = false; }
  bool is_open() const { return open_; }
  /// NDEATH, to be sent before a DISCONNECT. What the node knew is kept: see forget().
  void die(Nanos now, std::vector<EdgeMessage>& out);

  // ---- content; data, deaths and births want an open session
  void declare(std::uint32_t device, std::string_view name, std::uint32_t metric, const v1::Sensor& sensor, Nanos now);
  void data(std::uint32_t device, const EdgeRows& rows, Nanos now, std::vector<EdgeMessage>& out);
  void device_death(std::uint32_t device, Nanos now, std::vector<EdgeMessage>& out);
  /// The node itself went offline: its values are no longer current.
  void forget(Nanos now);
  /// NBIRTH and a DBIRTH of every device that is not offline.
  void rebirth(Nanos now, std::vector<EdgeMessage>& out);
  /// Sends births that have waited since `before` or longer.
  void settle(Nanos before, Nanos now, std::vector<EdgeMessage>& out);
  /// True while a birth waits that has values which no message carried yet.
  bool owes() const;

  const std::string& group() const { return group_; }
  const std::string& edge() const { return edge_; }
  std::string topic(Verb verb, std::uint32_t device = 0) const;
  std::uint64_t births() const { return births_; }
  std::uint64_t repeated() const { return repeated_; }

 private:
  enum class State { pending, born, offline };

  struct Metric {
    bool declared = false;
    std::uint64_t alias = 0;            // of the last birth
    std::string definition;             // name and datatype, as fields of a serialized Metric
    std::string properties;             // fields of a serialized PropertySet, without Quality
    std::string properties_but_period;  // the same without samplePeriod
    double declared_period = 0;         // samplePeriod in `properties`; 0: it is not there
    bool is_waveform = false;
    // The current value.
    bool known = false;
    bool absorbed = false;  // the birth that waits has it
    std::string value;
    Nanos time = 0;
    std::uint32_t quality = kGood;
    double period = 0;       // seconds, of the newest waveform
    double born_period = 0;  // what the last birth said
  };

  struct Device {
    std::string name;
    std::vector<std::uint32_t> metrics;
    State state = State::pending;
    std::size_t missing = 0;  // metrics without a value, while pending
    Nanos since = 0;          // pending since
    MessageName birth;        // the last one
  };

  void pend(Device& device, Nanos now);
  bool has_absorbed(const Device& device) const {
    return device.state == State::pending && device.missing < device.metrics.size();
  }
  static bool absorbable(const Metric& metric, const EdgeRow& row);
  static void hold(Metric& metric, const EdgeRow& row, const EdgeRows& rows);
  void clear_values(Device& device);
  void birth_if_complete(std::uint32_t device, Nanos now, std::vector<EdgeMessage>& out);
  void node_birth(Nanos now, std::vector<EdgeMessage>& out);
  void birth(std::uint32_t device, Nanos now, std::vector<EdgeMessage>& out);
  void publish_device_birth(std::uint32_t device, Nanos now, std::vector<EdgeMessage>& out);
  void append_birth_metrics(const Device& device, Nanos now, std::string& payload);
  void append_data_metric(const EdgeRow& row, const EdgeRows& rows, bool past, std::string& payload) const;
  static void add_row(const EdgeRow& row, const EdgeRows& from, EdgeRows& to);
  void keep(std::uint32_t device, EdgeRows rows, Nanos now);
  void keep_told(std::uint32_t device, Nanos now);
  void carry(std::uint32_t device);
  void repeat(Nanos now, std::vector<EdgeMessage>& out);
  bool is_past(const EdgeRow& row);
  void send(Verb verb, std::uint32_t device, std::string payload, Nanos now, std::vector<EdgeMessage>& out);

  std::uint32_t number_;
  std::string group_, edge_;
  std::vector<Device> devices_;
  std::vector<Metric> metrics_;
  bool open_ = false;
  bool born_ = false;      // NBIRTH was sent in this session
  bool was_born_ = false;  // in this session or one before, and not forgotten
  std::uint8_t bdseq_ = 0;
  std::uint8_t seq_ = 0;  // of the next message
  std::uint64_t next_alias_ = 1;
  std::uint64_t births_ = 0, repeated_ = 0;

  /// Rows of one message, or those of them that the same messages carried since. All may have been lost.
  struct Kept {
    std::vector<MessageName> carriers;  // the messages that had all of its rows
    Nanos sent = 0;
    std::uint32_t device = 0;
    EdgeRows rows;
  };
  Nanos forward_ = 0;  // 0: nothing is kept
  std::deque<Kept> kept_;
  MessageName next_;             // of the next message
  std::uint64_t last_sent_ = 0;  // time of the last message, in ms
  Nanos event_now_ = 0, slack_ = 0;
  Nanos usual_ = std::numeric_limits<Nanos>::max();  // least delay of a reading so far
  bool catching_up_ = false;
};

}  // namespace twinpipe::sparkplug
