// SPDX-License-Identifier: Apache-2.0
// Faults to inject into the simulated plant: what a sensor, a bearing or a node's link and clock can do wrong.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/plant_physics.hpp"
#include "policy/pattern.hpp"
#include "wire/status.hpp"

namespace twinpipe {

enum class FaultKind : std::uint8_t {
  spike,    // a series: value + VALUE
  drift,    // a series: value + VALUE an hour
  stuck,    // a series: the value it had
  silence,  // a series: does not report
  bearing,  // a waveform's bearing: damage grows to VALUE over the duration and stays
  outage,   // a node: link down; what it read meanwhile follows, as historical readings or as its own delayed stream
  kill,     // a node: dead; what it would have read never was
  skew,     // a node: clock ahead by VALUE
  step,     // a node: clock set back by VALUE
};

/// How the readings of an outage come when it is over.
enum class Backlog : std::uint8_t { historical, delayed };

struct Fault {
  FaultKind kind = FaultKind::spike;
  std::string text;  // as given
  Pattern pattern;   // of a node: site/line/*/*
  Nanos from = 0;    // since the plant's start
  Nanos until = std::numeric_limits<Nanos>::max();
  double value = 0;
  Nanos offset = 0;  // skew, step
  BearingFault bearing = BearingFault::outer;
  Backlog backlog = Backlog::historical;

  /// "KIND:PATTERN:START:DURATION[:VALUE]"; a duration of 0 lasts to the end. Errors: usage.
  static Result<Fault> parse(std::string_view text);

  bool on_node() const { return kind >= FaultKind::outage; }
  bool active(Nanos since_start) const { return since_start >= from && since_start < until; }
  bool matches_node(std::string_view site, std::string_view line) const;
  bool matches_series(std::string_view site, std::string_view line, std::string_view asset, std::string_view sensor) const;
  /// Of a bearing's damage: 0 before, 1 from `until` on, exponential growth between. With no end: 1 at once.
  double growth(Nanos since_start) const;
};

/// Something that happens to a node at a moment.
struct NodeEvent {
  enum class Kind : std::uint8_t { link_down, link_up, die, revive, clock };
  Nanos at = 0;  // since the plant's start
  Kind kind = Kind::clock;
  Backlog backlog = Backlog::historical;  // of link_down
  Nanos offset = 0;                       // of clock: what the node's clock is ahead from here on
};

/// Events of one node in order of time; those of the same time in the order in which they take effect.
/// Errors (usage): outages and kills of one node that overlap.
Result<std::vector<NodeEvent>> node_events(const std::vector<Fault>& faults, std::string_view site, std::string_view line);

}  // namespace twinpipe
