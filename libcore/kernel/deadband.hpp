// SPDX-License-Identifier: Apache-2.0
// Deadband: sends a reading when it differs from what the last ones sent let a reader expect by more than a bound, and is
// silent otherwise.
//
// Terms as in process historians. Exception reporting: absolute deadband, percent of engineering range, previous value.
// Compression: swinging door. Both: heartbeat (longest silence), shortest interval. Laws, at every good reading outside
// the shortest interval's blackout, by the comparison that decided:
//   step            |value − held| ≤ bound
//   previous value  |value − straight line| ≤ 2 bounds
//   swinging door   |value − straight line| ≤ deviation; behind exception reporting ≤ deviation + 2 bounds
// Births, and changes of quality, type, unit, to and from infinity and not-a-number always pass. Strings and booleans pass
// when they change. Output is a part of the input; within a series and lane it keeps the input's order, though a door
// holds its newest reading back, so that between series times may be out of order.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "kernel/event_clock.hpp"
#include "kernel/last_aliases.hpp"
#include "kernel/stage.hpp"
#include "policy/rule_book.hpp"

namespace twinpipe {

namespace v1 {
class DeadbandLane;
class DeadbandStored;
}  // namespace v1

class Deadband final : public Stage {
 public:
  /// Series that no rule of section "deadband" matches pass whole. Both references must outlive the stage. The policy must
  /// have passed check().
  Deadband(const SeriesTable& table, const Policy& policy);
  ~Deadband() override;

  /// What the rules of section "deadband" must hold beside their form. Errors (bad_config) name the rule: a bound given twice,
  /// bounds that do not add up, a shortest interval that the heartbeat could not break.
  static Status check(const Policy& policy);
  /// What `rule` asks of the engineering range and it cannot give; nothing when all is well.
  static std::optional<std::string> range_complaint(const Rule& rule, std::optional<double> low, std::optional<double> high);

  bool reads(FrameKind kind) const override;
  void on_open(Output& out) override;
  /// Errors (bad_config): per cent without an engineering range, or of one so wide that the bound is not finite.
  Status on_series(const std::vector<Declared>& declared, const FrameView& frame, Output& out) override;
  Status on_readings(const Columns& columns, const FrameView& frame, Output& out) override;
  /// Releases what the shortest interval suppressed and nothing replaced since, and what a door held for a heartbeat.
  Status on_watermark(const v1::Watermark& watermark, const FrameView& frame, Output& out) override;
  /// A node that goes offline sends no more: what was held back leaves before the news of its death.
  Status on_lifecycle(const v1::Lifecycle& lifecycle, const FrameView& frame, Output& out) override;
  Status finish(Output& out) override;

  bool stateful() const override { return true; }
  std::string save() const override;
  Status load(std::string_view state) override;
  std::vector<Counter> counters() const override;

 private:
  struct Held;
  struct Stored;
  struct Suppressed;
  struct Door;
  struct Waiting;
  struct Lane;
  class StoredRows;
  struct Selection;

  // deadband.cpp
  Status configure(std::uint32_t slot, Nanos at, Lane& lane);
  void grow();
  Status begin_anew(Lane& lane, std::size_t row, EventClock::Sight sight, Selection& to);
  template <class Values>
  Status select(Lane& lane, const Values& values, Selection& to);

  // deadband_line.cpp
  template <class Values>
  static bool extend(const Held& held, Door& door, const Stored& what);
  template <class Values>
  std::size_t extend_on(Lane& lane, const Values& values, std::size_t row, const Columns& columns);
  template <class Values>
  bool follow(Lane& lane, const Values& values, std::size_t row, Selection& to);
  template <class Values>
  void offer(Lane& lane, const Stored& what, bool from_memory, std::size_t row, Selection& to);
  void end_line(Lane& lane, std::size_t row, Selection& to);
  void end_lines(const std::vector<Declared>& declared, bool behind, Output& out);
  template <class Values>
  void hold_pinned(Lane& lane, const Values& values, Selection& to);

  // deadband_state.cpp
  void suppress(Lane& lane, std::uint32_t slot, const Stored& what, std::string_view text);
  void follow_node(std::uint32_t asset);
  void release(bool historical, std::uint32_t node, Nanos until, Output& out);
  void release(Lane& lane, std::uint32_t slot, bool all, StoredRows& to);
  void declare_absent(Output& out);
  static void save(const Stored& reading, v1::DeadbandStored& to);
  static Stored restored(const v1::DeadbandStored& from);
  Status load(const v1::DeadbandLane& from, bool same_policy, Lane& lane);

  RuleBook rules_;
  bool lines_ = false;                          // the policy has rules of mode line
  std::array<std::unique_ptr<Lane>, 2> lanes_;  // live and historical: neither changes what the other holds
  std::unique_ptr<Selection> selection_;
  std::vector<std::uint32_t> nodes_;  // by asset: whose ticks release what it holds back
  LastAliases last_aliases_{table()};
  std::uint32_t segment_ = 0;
  std::uint64_t dropped_ = 0, blacked_out_ = 0, lost_ = 0;
};

}  // namespace twinpipe
