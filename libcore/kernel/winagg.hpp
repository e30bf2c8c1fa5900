// SPDX-License-Identifier: Apache-2.0
// Windowed aggregates: tumbling and sliding event-time windows over readings and waveforms.
//
// A window [start, end) begins at a multiple of the slide since the epoch. Values are kept by panes, one a slide, so that a
// sliding window is the merge of its panes. A pane holds its readings until they are older than the allowed lateness, sorts
// them by (time, seq, index) and takes them in blocks of 16 in that order: so a row has the same bits whatever the grouping
// into frames and, within the lateness, whatever the order of arrival. What comes later still, into a window that is still
// open, is merged as it comes.
//
// Each source node has a watermark of its own in each lane (live, historical), and no other clock closes its windows. A
// window's row leaves when the watermark passes its end; late readings raise its revision with the next advance of the
// watermark, until the lateness is over. Historical rows leave once, when both lanes have passed the window's end by the
// lateness; where the window has a row already they are deltas.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <memory_resource>
#include <vector>

#include "kernel/covered_time.hpp"
#include "kernel/last_aliases.hpp"
#include "kernel/moments.hpp"
#include "kernel/sent_windows.hpp"
#include "kernel/stage.hpp"
#include "policy/in_force.hpp"
#include "policy/rule_book.hpp"

namespace twinpipe {

namespace v1 {
class WinAggNode;
class WinAggPane;
class WinAggSlot;
}  // namespace v1

struct WinAggOptions {
  bool keep = false;                                                   // forward the raw that is aggregated, too
  std::size_t max_open = 1024;                                         // panes of one series and lane
  std::size_t memory = std::size_t{4} << 30;                           // bytes of readings in open windows
  std::pmr::memory_resource* pages = std::pmr::new_delete_resource();  // where they lie, and what every reading looks at
};

class WinAgg final : public Stage {
 public:
  /// Series that no rule of section "winagg" matches pass whole. Table, policy and `late` must outlive the stage. `late` gets
  /// what came too late as a stream of its own, an unsealed segment; nullptr: it is only counted.
  WinAgg(const SeriesTable& table, const Policy& policy, WinAggOptions options, Output* late = nullptr);
  ~WinAgg() override;

  /// What the rules of section "winagg" must hold beside their form. Errors (bad_config) name the rule: no window, a window or
  /// slide of length zero, a slide that does not divide the window, more than 10,000 slides a window.
  static Status check(const Policy& policy);

  bool reads(FrameKind kind) const override;
  void on_open(Output& out) override;
  Status on_series(const std::vector<Declared>& declared, const FrameView& frame, Output& out) override;
  /// Errors (bad_data): more open windows, or more readings in them, than the options allow.
  Status on_readings(const Columns& columns, const FrameView& frame, Output& out) override;
  /// Waveforms without a sensible period are left out and passed on.
  Status on_waveform(const v1::Waveform& waveform, std::uint32_t slot, const FrameView& frame, Output& out) override;
  Status on_watermark(const v1::Watermark& watermark, const FrameView& frame, Output& out) override;
  /// A node or device that goes offline, or that we no longer see: its windows leave, marked as cut short.
  Status on_lifecycle(const v1::Lifecycle& lifecycle, const FrameView& frame, Output& out) override;
  /// Gap, Applied, Resume.
  Status on_frame(const v1::Frame& frame, const FrameView& view, Output& out) override;
  Status finish(Output& out) override;

  bool stateful() const override { return true; }
  std::string save() const override;
  Status load(std::string_view state) override;
  std::vector<Counter> counters() const override;

  /// Bytes of the late stream since its beginning, before a restart included.
  std::uint64_t late_bytes() const { return late_bytes_; }
  /// True once a state was loaded: late_bytes() then counts what the run before wrote.
  bool resumed() const { return resumed_; }

 private:
  enum LaneNumber : std::size_t { kLive = 0, kHistorical = 1, kLanes = 2 };
  enum class Fate { taken, passed, late };
  struct Setting;
  struct Reading;
  struct Numbered;
  struct Slice;
  struct Slices;
  struct Pane;
  struct Head;
  struct Track;
  struct Lane;
  struct Mark;
  struct Clock;
  struct Node;
  struct Content;
  class Ahead;

  // winagg_rules.cpp: which rule, which weighting
  void configure(std::uint32_t slot, Nanos at);
  bool is_over(std::size_t lane, std::uint32_t slot, Nanos time) const;
  void ask_again(std::uint32_t slot);
  static void set_rule(Setting& setting, const Rule& rule);
  void take_applied(const v1::Applied& applied);

  // winagg.cpp: what comes in
  void grow();
  std::uint32_t node_of(std::uint32_t slot) const;
  template <class T>
  Status take(std::size_t lane, const Columns& columns, std::span<const T> values);
  Status insert(std::size_t lane, std::uint32_t slot, const Numbered& reading, Fate& fate);
  Fate admit(std::size_t lane, std::uint32_t slot, Nanos pane) const;
  Status pane_for(std::size_t lane, std::uint32_t slot, Nanos start, Pane*& pane);
  Status append(std::size_t lane, std::uint32_t slot, Pane& pane, const Numbered& reading);
  void reopen(std::size_t lane, std::uint32_t slot, Nanos time);
  void saw(std::size_t lane, std::uint32_t node, Nanos time);
  void pass_texts(std::size_t lane, const Columns& columns);

  // winagg_repeats.cpp
  bool is_repeated(std::size_t lane, std::uint32_t slot, const Numbered& reading);
  bool has_live(std::uint32_t slot, Nanos start) const;
  bool still_has(std::size_t lane, std::uint32_t slot, const Reading& reading);

  // winagg_waveform.cpp, winagg_late.cpp
  Status insert_slice(std::size_t lane, std::uint32_t slot, Nanos pane, const Slice& slice, Fate& fate);
  void late(std::size_t lane, const Columns& columns, std::size_t row);
  void late(const v1::Waveform& waveform, std::uint32_t slot, std::size_t from, std::size_t to);
  std::uint32_t late_alias(std::uint32_t slot);
  void write_late();

  // winagg_panes.cpp: one pane
  void park(std::size_t lane, std::uint32_t slot);
  void settle(Pane& pane);
  void seal(Pane& pane, Nanos before);
  Content fold(Pane& pane);
  Status add_slice(Pane& pane, const Slice& slice, Nanos before);
  void forget(Pane& pane);
  Status enlarge(Pane& pane, std::uint32_t readings);
  Status add_orders(Pane& pane);
  void* buffer_of(std::size_t bytes);
  void give_back(void* buffer, std::size_t bytes);
  Status too_much() const;

  // winagg_windows.cpp: when windows close
  void schedule(std::size_t lane, std::uint32_t slot, Nanos time);
  void advance(std::uint32_t node);
  void fetch_track(std::size_t lane, std::uint32_t slot) const;
  void fetch_panes(std::size_t lane, std::uint32_t slot) const;
  void fetch_readings(std::size_t lane, std::uint32_t slot) const;
  void fetch_ahead(std::size_t lane, const std::vector<std::uint32_t>& slots, std::size_t at) const;
  Nanos reached(std::size_t lane, const Node& node) const;
  Nanos known(std::size_t lane, const Node& node) const;
  void process(std::size_t lane, std::uint32_t slot, bool all);
  void hold_on(std::size_t lane, std::uint32_t slot);
  static bool only_adds(std::size_t lane, const Setting& setting);
  Nanos first_end(std::size_t lane, std::uint32_t slot, bool once) const;
  void emit_window(std::size_t lane, std::uint32_t slot, Nanos end, bool once);
  bool make_room(std::uint32_t slot);
  void emit_due(std::size_t lane, std::uint32_t slot, bool once, bool all);
  bool is_due(std::size_t lane, std::uint32_t slot, Nanos end, bool once) const;
  void drop_final(std::size_t lane, std::uint32_t slot);
  bool is_final(std::size_t lane, std::uint32_t slot, const Pane& pane) const;
  Nanos next_due(std::size_t lane, std::uint32_t slot) const;
  static bool holds_on(std::size_t lane, const Setting& setting);
  static std::uint32_t final_before(const Setting& setting, Nanos pane, Nanos watermark);

  // winagg_rows.cpp: what they come to
  void emit(std::size_t lane, std::uint32_t slot, Nanos end, bool once);
  Content sum(std::size_t lane, std::uint32_t slot, Nanos start, Nanos end, bool once);
  Content curve(std::size_t lane, std::uint32_t slot, Nanos start, Nanos end, bool once, const CoveredTime& covered);
  Nanos covered_until(std::uint32_t slot, const Reading& reading) const;
  void keep_in_panes(const Track& track, Nanos slide);
  CoveredTime covered_before(std::uint32_t slot, Nanos end) const;
  void cover(std::uint32_t slot);
  void cover_deltas(std::size_t lane, std::uint32_t slot, bool all);
  void add_row(std::size_t lane, std::uint32_t slot, Nanos start, Nanos end, bool delta, const Content& content);
  void write_rows(Output& out);

  // winagg_source.cpp: sessions, deaths, gaps, the end
  void begin_session(std::uint32_t node, const v1::Session& session);
  void begin_empty();
  void restart(std::uint32_t slot, Nanos at);
  void close_all(std::uint32_t node, std::uint32_t asset);
  void add_mark(std::uint32_t node, const Mark& mark);
  bool concerns(const Mark& mark, std::uint32_t slot) const;
  Mark open_span(std::uint32_t node, std::uint32_t cut) const;
  std::uint32_t cut_of(std::uint32_t slot, Nanos start, Nanos end) const;
  void declare_missing(Output& out);

  // winagg_state.cpp
  static void save_pane(const Pane& pane, const Head& head, v1::WinAggPane& to);
  bool load_pane(const v1::WinAggPane& from, Pane& pane);
  bool load_slot(const v1::WinAggSlot& from, std::uint32_t slot);
  static void load_node(const v1::WinAggNode& from, Node& node);

  RuleBook rules_;
  WinAggOptions options_;
  std::pmr::vector<Setting> settings_;  // by slot
  std::pmr::vector<SentWindows> sent_;  // by slot
  std::vector<CoveredTime> covered_;    // by slot, of rows weighted by time
  std::vector<Reading> told_;           // by slot, the last birth's, long after its window is gone
  std::array<std::unique_ptr<Lane>, kLanes> lanes_;
  std::vector<Node> nodes_;                                       // by the table's node number
  std::map<std::string, std::array<Nanos, kLanes>> early_ticks_;  // watermarks of nodes that have no series yet
  PoliciesInForce upstream_;                                      // of deadbands
  std::vector<std::uint32_t> waiting_;              // slots with rows to send whose alias is not declared in this segment
  Output* out_ = nullptr;                           // during a handler
  std::map<std::pair<int, bool>, v1::Frame> rows_;  // by weighting and lane, until the end of the handler
  std::vector<std::uint32_t> passed_;
  std::vector<Stretch> stretches_;        // of the curve asked for last
  std::vector<CoveredTime::Run> points_;  // the readings in it, and where it goes on
  LastAliases last_aliases_{table()};     // at the end, of series that the last segment does not declare
  Nanos longest_ = 0;                     // window and lateness of any rule
  bool told_late_ = false;                // history, on standard error
  bool loaded_ = false, resumed_ = false, restarted_ = false, finishing_ = false;
  std::size_t held_ = 0;                         // bytes of readings and slices
  std::pmr::monotonic_buffer_resource buffers_;  // of panes
  std::array<std::vector<void*>, 48> spare_;     // buffers without a pane, by the binary logarithm of their bytes
  std::vector<Numbered> unsorted_;               // during settle()

  Output* late_;
  std::uint64_t late_bytes_ = 0;
  std::map<std::uint32_t, std::uint32_t> late_alias_;  // by slot
  std::map<std::pair<int, std::size_t>, ReadingsBuilder> late_rows_;

  std::uint64_t taken_ = 0, excluded_ = 0, duplicates_ = 0, late_count_ = 0, not_numeric_ = 0, out_of_order_ = 0;
  std::uint64_t samples_taken_ = 0, samples_excluded_ = 0, samples_duplicate_ = 0, samples_late_ = 0;
  std::uint64_t rows_sent_ = 0, corrections_ = 0, deltas_ = 0;
};

}  // namespace twinpipe
