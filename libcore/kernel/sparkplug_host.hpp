// SPDX-License-Identifier: Apache-2.0
// A Sparkplug B 3.0 host application as a pure state machine: messages and the time in, frames and publications out.
//
// It promises that no loss is silent, not that nothing is lost: Sparkplug's data are QoS 0. Every message that is missing,
// unreadable or without meaning is a Gap, and every Gap that a birth can mend asks for one.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/source_batch.hpp"
#include "kernel/sparkplug_births.hpp"
#include "kernel/sparkplug_clock.hpp"
#include "kernel/sparkplug_sequence.hpp"
#include "kernel/sparkplug_topic.hpp"
#include "kernel/stage.hpp"

namespace twinpipe::sparkplug {

enum class Role {
  passive,  // never publishes; learns from the births that it sees
  active,   // may request births
  primary,  // active, and publishes STATE (sparkplug_state.hpp)
};

struct HostOptions {
  Role role = Role::active;
  IdentityMap map;
  bool origin = false;  // seq and index in Readings
  PayloadLimits payload;
  ClockLimits clock;
  std::size_t max_nodes = 10'000;
  std::size_t max_devices = 200'000;  // of all nodes
  std::size_t max_aliases = 100'000;  // of a node
  std::uint32_t max_series = SeriesTable::kDefaultLimit;
  Nanos reorder_timeout = 2 * kSecond;
  std::size_t reorder_messages = 256;                 // of a node
  std::size_t reorder_bytes = std::size_t{16} << 20;  // of a node
  std::size_t reorder_total = std::size_t{1} << 30;
  Nanos rebirth_interval = 5 * kSecond;  // of a node
  std::uint32_t rebirth_rate = 200;      // a second, in all
  Nanos tick = kSecond;
  Nanos delay = 2 * kSecond;  // between a node's clock and its watermark
};

/// A message to publish.
struct Publication {
  std::string topic, payload;
  int qos = 0;
  bool retain = false;
};
using Publications = std::vector<Publication>;

struct Message {
  std::string_view topic, payload;
  bool retained = false;
  Nanos arrival = 0;  // wall clock
};

struct HostCounts {
  std::uint64_t messages = 0, readings = 0, births = 0, deaths = 0;
  std::uint64_t foreign_topics = 0, commands_seen = 0, retained = 0;
  std::uint64_t gaps = 0, missing = 0, reordered = 0, late = 0, twice = 0, without_seq = 0, stragglers = 0;
  std::uint64_t unknown_alias = 0, before_birth = 0, births_without_nbirth = 0, disagreeing = 0, bad_values = 0, future = 0;
  std::uint64_t nodes_refused = 0, devices_refused = 0, metrics_refused = 0, stolen_aliases = 0;
  std::uint64_t foreign_deaths = 0, suspected_deaths = 0, stale_readings = 0, controls = 0, no_values = 0;
  std::uint64_t rebirth_requests = 0, sessions_by_clock = 0, shed_messages = 0, shed_readings = 0, unconfirmed_tables = 0,
                repeated = 0;
};

class SparkplugHost {
 public:
  explicit SparkplugHost(HostOptions options);
  ~SparkplugHost();

  /// Takes one message that the broker delivered. Readings may stay inside until flush().
  void message(const Message& message, Output& out, Publications& publish);
  /// Time passes: reorder timeouts, rebirth requests, watermarks. To be called by deadline() at the latest.
  void tick(Nanos now, Output& out, Publications& publish);
  Nanos deadline() const;
  /// Writes the readings that were collected: before every wait.
  void flush(Output& out);

  /// Our own link: every node that lives is blind from here on, none is dead.
  void link_lost(Nanos now, Output& out);
  /// It is back. A node is seen again with its first message; those that keep silent are asked for a birth.
  void link_restored(Nanos now);

  /// While set, readings are counted as lost instead of written (Gap, overflow); births and deaths are not. Clearing it writes
  /// the Gaps.
  void set_shedding(bool shedding, Output& out);
  bool shedding() const { return shedding_; }

  /// A birth table that changed since the last call: its node's name and its bytes. False: none did.
  bool take_changed_table(std::string& node, std::string& bytes);
  /// A table of take_changed_table(). It counts as unconfirmed until the node's next birth or first message that fits it.
  /// Errors (bad_config): not such a table.
  Status load_table(std::string_view bytes);

  const HostCounts& counts() const { return counts_; }
  std::vector<Counter> counters() const;
  std::size_t nodes() const { return nodes_.size(); }

  /// Series and readings that share this stream: plain topics use the same aliases and batch.
  SeriesAliases& aliases() { return aliases_; }
  SourceBatch& batch() { return batch_; }

 private:
  struct Node;
  struct Route {
    Node* node = nullptr;
    std::uint32_t device = 0;
    Verb verb = Verb::ndata;
  };
  /// How a message's readings are to be taken.
  struct Reading {
    Nanos arrival = 0;
    std::uint64_t count = 0;  // number of the message in its session
    std::uint32_t flags = 0;  // Quality flags of all
    bool names_only = false;  // its aliases are of a birth that nobody saw
    bool previous = false;    // of the session before: its aliases are of the birth before
    bool birth = false;       // the values in a birth: by name, and what was refused was reported
  };
  /// What could not be read in one message.
  struct Trouble {
    std::uint64_t unknown = 0, bad = 0;
    std::string first_unknown, first_bad;
  };

  // Routing and order (sparkplug_host.cpp).
  const Route* route(std::string_view topic);
  Node* node(std::string_view group, std::string_view edge);
  void sequenced(Node& node, const Route& route, PayloadFault fault, const Message& message, Output& out);
  void unordered(Node& node, const Route& route, PayloadFault fault, const Message& message, Output& out);
  void take(Node& node, Verb verb, std::uint32_t device, PayloadFault fault, const Reading& how, Output& out);
  void take_held(Node& node, HeldMessage held, std::uint32_t flags, Output& out);
  void drain(Node& node, Output& out);
  void hold(Node& node, const Route& route, const Message& message, Output& out);
  void release(Node& node, Output& out);
  void release_unborn(Node& node, Output& out);

  // Births and deaths (sparkplug_host_births.cpp).
  void node_birth(Node& node, PayloadFault fault, const Message& message, Output& out);
  void node_death(Node& node, PayloadFault fault, const Message& message, Output& out);
  void device_birth(Node& node, std::uint32_t device, const Reading& how, Output& out);
  void device_death(Node& node, std::uint32_t device, const Reading& how, Output& out);
  void begin_session(Node& node, Nanos birth, std::uint64_t bdseq, bool knows_bdseq, Nanos arrival, Output& out);
  void declare(Node& node, std::uint32_t device, const Reading& how, Output& out);
  void declare_all(Node& node, Output& out);
  void die(Node& node, v1::Lifecycle::Reason reason, Nanos time, Nanos arrival, Output& out);
  void suspect(Node& node, Nanos arrival);
  bool confirm(Node& node, Verb verb, std::uint32_t device, const Message& message, Output& out);
  void see_again(Node& node, Nanos arrival, Output& out);

  // Readings (sparkplug_host_data.cpp).
  void data(Node& node, std::uint32_t device, const Reading& how, Output& out);
  void readings(Node& node, const BirthTable& table, std::uint32_t device, const Reading& how, Output& out);
  const BornMetric* resolve(const Node& node, const BirthTable& table, std::uint32_t device, const WireMetric& wire,
                            const Reading& how, Trouble& trouble);
  bool emit(Node& node, const BornMetric& metric, const WireMetric& wire, const Reading& how, std::uint32_t index, bool stale,
            Nanos horizon, Trouble& trouble, Output& out);
  bool emit_waveform(const BornMetric& metric, const WireMetric& wire, const ReadingPlace& place, const Reading& how,
                     std::uint32_t index, Output& out);
  void report(Node& node, const Reading& how, const Trouble& trouble, Output& out);
  void gap(const Node& node, const v1::Gap& gap, Output& out);
  void lifecycle(const Node& node, const BornDevice* device, bool online, v1::Lifecycle::Reason reason, Nanos time, Output& out);
  void shed(Node& node, std::uint64_t readings, Nanos time);

  // Time (sparkplug_host_time.cpp).
  void observe_clock(Node& node, Nanos arrival, Output& out);
  void want_rebirth(Node& node);
  void request_rebirths(Nanos now, Publications& publish);
  void watermarks(Nanos now, Output& out);
  void watch(Node& node);
  Nanos time_of(Nanos arrival) const;

  HostOptions options_;
  SeriesAliases aliases_;
  SourceBatch batch_;
  PayloadReader reader_;
  std::vector<std::unique_ptr<Node>> nodes_;
  TextMap<Node*> node_index_;
  TextMap<Route> routes_;
  std::size_t devices_ = 0, held_bytes_ = 0;
  std::vector<Node*> watched_;  // with a timeout running
  std::vector<Node*> wanting_;  // want a birth
  std::vector<Node*> changed_;  // their table is not yet saved
  Nanos now_ = 0, next_tick_ = 0, second_ = 0;
  std::uint32_t requested_ = 0;  // in this second
  bool shedding_ = false;
  std::array<std::uint64_t, kPayloadFaults> faults_{};
  HostCounts counts_;
};

}  // namespace twinpipe::sparkplug
