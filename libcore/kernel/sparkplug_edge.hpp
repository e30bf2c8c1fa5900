// SPDX-License-Identifier: Apache-2.0
// Frames → the work of Sparkplug B edge nodes, in order: declarations, rows of data messages, deaths, and plain messages.
// What is published is decided when the work is taken and not when its frame came, because births carry current values
// and sequence numbers count what was really sent.
//
// Site, line, asset and sensor become group, edge node, device and metric; asset "$node" is the node itself.
#pragma once

#include <cstdint>
#include <deque>
#include <limits>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "kernel/sparkplug_edge_node.hpp"
#include "kernel/stage.hpp"
#include "policy/pattern.hpp"

namespace twinpipe::sparkplug {

/// What a plain topic carries.
enum class PlainPayload {
  sparkplug,  // a Payload with one metric: name, type, time, value, properties
  text,       // the value alone
  json,       // {"time": …, "value": …}, and "quality" and "historical" where they say something
};

struct EdgeOptions {
  std::size_t metrics_per_message = 100;
  Nanos message_span = std::numeric_limits<Nanos>::max();  // greatest distance of event times in a message; for pacing
  std::vector<Pattern> plain;                              // series that go to topic site/line/asset/sensor, QoS 1
  PlainPayload payload = PlainPayload::sparkplug;
  Nanos forward = 0;  // see EdgeNode::forward()
};

class SparkplugEdge final : public Stage {
 public:
  SparkplugEdge(const SeriesTable& table, EdgeOptions options);

  // ---- frames in
  bool reads(FrameKind kind) const override;
  /// Errors (bad_data): a name that is empty or not UTF-8, which no topic can have.
  Status on_series(const std::vector<Declared>& declared, const FrameView& frame, Output& out) override;
  /// Errors (bad_data): a value that its series' datatype cannot hold, a time before 1970.
  Status on_readings(const Columns& columns, const FrameView& frame, Output& out) override;
  Status on_waveform(const v1::Waveform& waveform, std::uint32_t slot, const FrameView& frame, Output& out) override;
  Status on_lifecycle(const v1::Lifecycle& lifecycle, const FrameView& frame, Output& out) override;

  // ---- messages out
  enum class Needs { nothing, connection, session };
  struct Work {
    std::uint32_t node = 0;
    Nanos time = 0;  // event time, for pacing; 0: has none
    Needs needs = Needs::session;
    bool opens = false;  // a session will be needed soon: it may connect already
    bool ends = false;   // the node's session is over behind this
  };
  /// What take() does next; nothing when all is done.
  bool next(Work& work) const;
  /// What the work needs must be there. A node's death closes its session.
  void take(Nanos now, std::vector<EdgeMessage>& out);
  std::size_t backlog() const { return work_.size(); }
  /// Before take(): see EdgeNode::set_event_clock().
  void set_event_clock(std::uint32_t node, Nanos now, Nanos slack) { nodes_[node].set_event_clock(now, slack); }

  std::size_t nodes() const { return nodes_.size(); }
  EdgeNode& node(std::uint32_t number) { return nodes_[number]; }
  const EdgeNode& node(std::uint32_t number) const { return nodes_[number]; }
  /// What a node subscribes to: its commands.
  std::vector<std::string> subscriptions(std::uint32_t node) const;
  /// A message on one of those topics. Answers "Node Control/Rebirth"; other commands are counted: a stream has no way back.
  void command(std::uint32_t node, std::string_view topic, std::string_view payload, Nanos now, std::vector<EdgeMessage>& out);

  std::vector<Counter> counters() const override;

 private:
  enum class Kind { declare, data, device_death, node_death, plain };

  struct Item {
    Kind kind = Kind::data;
    std::uint32_t node = 0, device = 0;
    Nanos time = 0;
    std::string name;                                           // of the device
    std::vector<std::pair<std::uint32_t, v1::Sensor>> sensors;  // metric numbers and their declarations
    EdgeRows rows;
    std::string topic, payload;
  };

  /// A device of a node: where rows go.
  struct Target {
    std::uint32_t node = 0, device = 0;
    std::string name;
    std::uint64_t frame = 0;  // the frame that filled `item` last
    std::size_t item = 0;     // index in batch_
  };

  struct Source {  // of a slot
    std::uint32_t target = 0, metric = 0, datatype = 0;
    bool ignored = false;  // bdSeq and Node Control/Rebirth, which are the node's own
    bool plain = false;
    std::string topic;  // of a plain series
    std::string definition, properties;
  };

  std::uint32_t node_of(const std::string& site, const std::string& line, const std::string& stream_name);
  std::uint32_t target_of(const Asset& asset, const std::string& stream_name);
  Status add_source(std::uint32_t slot);
  Item& item_for(const Source& source, Nanos time);
  Status add_row(const Source& source, const ColumnValue& value, Nanos time, std::uint32_t quality, bool historical);
  Status add_plain(const Source& source, const ColumnValue& value, const EdgeRow& row, std::string_view field);
  Status end_batch(Status status);

  EdgeOptions options_;
  std::vector<EdgeNode> nodes_;
  std::vector<std::uint32_t> devices_, metrics_;                             // how many, by node
  std::map<std::pair<std::string, std::string>, std::uint32_t> node_index_;  // by site and line
  std::multimap<std::string, std::uint32_t, std::less<>> by_stream_name_;    // Lifecycle names nodes as the stream does
  std::vector<Target> targets_;
  std::map<std::pair<std::uint32_t, std::string>, std::uint32_t> target_index_;
  std::vector<Source> sources_;  // by slot
  std::vector<Item> batch_;      // of the frame at hand
  std::deque<Item> work_;
  std::uint64_t frame_ = 0;
  std::uint64_t messages_ = 0, metrics_out_ = 0, plain_out_ = 0, rebirths_ = 0, commands_ = 0, ignored_ = 0;
};

}  // namespace twinpipe::sparkplug
