// SPDX-License-Identifier: Apache-2.0
// AssetJoin: a left join of the stream with the asset registry, as of event time.
//
// Facts of an asset travel as AssetFacts frames. Law: before anything of an asset at event time t leaves, a frame has told what
// the registry says of it at t, once a segment; and when the clock of its node passes a date from which something else holds, a
// frame tells that, data or not. The clock is the node's Watermarks, or, where it sends none, its live readings.
//
// A sensor that the registry puts on another asset (a remount, a device under its old number) has one output series for each
// asset that it was on, and its data go to the one of their event time. An alias stands for the asset that the sensor is on when
// the alias is declared; another one gets an alias of its own when the first datum needs it. Aliases stay as they came until
// then, and frames whose aliases need no change are forwarded byte for byte.
#pragma once

#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "kernel/asset_registry.hpp"
#include "kernel/event_clock.hpp"
#include "kernel/stage.hpp"

namespace twinpipe {

class AssetJoin final : public Stage {
 public:
  /// Both must outlive the stage.
  AssetJoin(const SeriesTable& table, const AssetRegistry& registry);

  bool reads(FrameKind kind) const override;
  void on_open(Output& out) override;
  Status on_series(const std::vector<Declared>& declared, const FrameView& frame, Output& out) override;
  Status on_readings(const Columns& columns, const FrameView& frame, Output& out) override;
  Status on_waveform(const v1::Waveform& waveform, std::uint32_t slot, const FrameView& frame, Output& out) override;
  /// The death of a device under its old number is the death of the asset that it is now.
  Status on_lifecycle(const v1::Lifecycle& lifecycle, const FrameView& frame, Output& out) override;
  Status on_watermark(const v1::Watermark& watermark, const FrameView& frame, Output& out) override;
  Status on_frame(const v1::Frame& frame, const FrameView& view, Output& out) override;

  bool stateful() const override { return true; }
  std::string save() const override;
  Status load(std::string_view state) override;
  std::vector<Counter> counters() const override;

  /// Keys of the assets in the stream that the registry has no row of at their event time, sorted.
  const std::set<std::string>& unknown() const { return unknown_; }

 private:
  static constexpr std::uint32_t kNone = ~0U;

  /// An asset that something of the stream belongs to.
  struct Target {
    std::string site, line, asset;
    std::vector<AssetRegistry::Part> parts;
    std::vector<bool> told;        // of each part: in this segment
    std::uint32_t device = kNone;  // SeriesTable's number; none: no device of this name was declared
    std::uint32_t node = kNone;    // whose clock it goes by, once
    bool entered = false;          // into this segment
    bool silent = false;           // a node's own metrics, which are of no asset
  };
  /// Where a sensor is in a part of its time.
  struct Stay {
    Period period;
    std::uint32_t target = 0;
    std::string sensor;
    bool mounted = false;
    std::uint32_t alias = kNone;  // in the output, in this segment
  };
  /// What on_readings looks at: in which event times a reading needs nothing but perhaps another alias.
  struct Quiet {
    Nanos from = 0;
    std::uint64_t width = 0;
    std::uint32_t alias = 0;
    std::uint32_t mounted = 0;
  };
  struct Node {
    std::string name;
    EventClock data;
    Nanos tick = kBeginning;
    bool ticking = false;
    bool waiting = true;                              // nothing was announced yet in this segment
    bool restored = false;                            // nothing was told yet since the state was loaded
    Nanos announced = kBeginning, due = kBeginning;   // the clock when something was told last, and when something is next
    std::vector<std::uint32_t> targets;               // of this segment
    std::set<std::pair<Nanos, std::uint32_t>> dates;  // from which something else holds of which
    Nanos clock() const { return ticking ? tick : data.newest(); }
  };

  // asset_join.cpp: who belongs where.
  std::uint32_t target(std::string_view site, std::string_view line, std::string_view asset);
  std::uint32_t target_of_device(std::uint32_t device);
  std::uint32_t node(const std::string& name);
  void bind(std::uint32_t slot);
  Stay& stay_at(std::uint32_t slot, Nanos time);
  bool goes_by(const Target& target, std::uint32_t node) const;
  void enter(std::uint32_t target, std::uint32_t node, Nanos time, Output& out);
  Nanos time_of_declaration(std::uint32_t node, const v1::Series& series) const;
  v1::Series header_of(const v1::Series& declared, std::uint32_t target) const;
  std::uint32_t alias_for(std::uint32_t slot, Stay& stay);
  void declare(std::uint32_t slot, Stay& stay, Output& out);
  void write_series(const v1::Series& declared, const std::vector<Declared>& slots, Output& out);

  // asset_join_facts.cpp: what is told when.
  void tell(std::uint32_t target, std::size_t part, Output& out);
  static std::size_t part_at(const Target& target, Nanos time);
  std::size_t tell_at(std::uint32_t target, Nanos time, Output& out);
  void tell_again(Node& node, Nanos time, Output& out);
  void schedule(Node& node, std::uint32_t target, std::size_t part);
  static bool moves(Node& node, Nanos time);
  static bool is_due(const Node& node);
  void announce(Node& node, Output& out);

  // asset_join_data.cpp: data on their way through.
  bool settle(std::uint32_t slot, Nanos time);
  void prepare(std::uint32_t slot, Nanos time, Output& out);
  std::uint32_t place(std::uint32_t slot, Nanos time, Output& out);
  void follow(std::uint32_t slot, Nanos time, Output& out);
  void write_rows(const Columns& columns, std::size_t from, std::size_t to, Output& out);
  template <class Rows>
  bool rename(Rows& rows, Output& out);

  const AssetRegistry* registry_;
  std::vector<Target> targets_;
  std::unordered_map<std::string, std::uint32_t> target_index_;
  std::vector<std::uint32_t> devices_;  // by SeriesTable's number of the asset: target, or none
  std::vector<Node> nodes_;
  std::unordered_map<std::string, std::uint32_t> node_index_;
  std::size_t clockless_ = 0;  // nodes whose clock is their readings

  std::vector<Quiet> quiet_;              // by slot
  std::vector<std::vector<Stay>> stays_;  // by slot
  std::vector<std::uint32_t> node_of_;    // by slot
  std::vector<std::uint32_t> slots_;      // declared in this segment
  std::vector<std::uint32_t> aliases_;    // of this segment: alias in the input → in the output
  std::uint32_t next_alias_ = 0;          // in the output

  std::set<std::string> unknown_, stale_;
  std::uint64_t facts_ = 0, remounted_ = 0;
  bool told_stale_ = false;
  // Reused from frame to frame.
  std::vector<std::uint32_t> row_alias_;
  v1::Frame frame_;
};

}  // namespace twinpipe
