// SPDX-License-Identifier: Apache-2.0
// Exception pass: when a value, a rate, an aggregate or a band's energy crosses a threshold, raw passes pinned and at full
// rate for a while, with what came before it from a bounded ring.
//
// Law. A window is a span of event time, from..until, both inclusive, that Exception frames announce. Raw of a series that
// the window's rule passes leaves pinned exactly when its event time lies in such a window (a waveform: when any of its
// samples does), however late it comes, at most once, and otherwise as it came. With the gate it otherwise does not leave.
// What the ring had to give up before a window asked for it, and what a budget refused, is said in the stream.
//
// A frame of Exception always stands in front of the raw that it lets through. Within one frame of the input raw that is
// pinned leaves in front of raw that is not; per series the order of event time is kept.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "kernel/event_clock.hpp"
#include "kernel/exception_rules.hpp"
#include "kernel/last_aliases.hpp"
#include "kernel/raw_ring.hpp"
#include "kernel/stage.hpp"
#include "policy/rule_book.hpp"

namespace twinpipe::v1 {
class ExcPassAsset;
class ExcPassLane;
}  // namespace twinpipe::v1

namespace twinpipe {

struct ExcPassOptions {
  bool gate = false;
  std::size_t ring = std::size_t{256} << 20;  // bytes
  Nanos reach = 120 * kSecond;                // how far what a rule looks at may lie behind the raw: window + lateness
};

class ExcPass final : public Stage {
 public:
  /// All references must outlive the stage.
  ExcPass(const SeriesTable& table, const ExceptionRules& rules, ExcPassOptions options);
  ~ExcPass() override;

  bool reads(FrameKind kind) const override;
  void on_open(Output& out) override;
  Status on_series(const std::vector<Declared>& declared, const FrameView& frame, Output& out) override;
  Status on_readings(const Columns& columns, const FrameView& frame, Output& out) override;
  Status on_waveform(const v1::Waveform& waveform, std::uint32_t slot, const FrameView& frame, Output& out) override;
  Status on_lifecycle(const v1::Lifecycle& lifecycle, const FrameView& frame, Output& out) override;
  Status on_watermark(const v1::Watermark& watermark, const FrameView& frame, Output& out) override;
  /// Aggregates, Spectra, Gap, Resume.
  Status on_frame(const v1::Frame& frame, const FrameView& view, Output& out) override;
  Status finish(Output& out) override;

  bool stateful() const override { return true; }
  std::string save() const override;
  Status load(std::string_view state) override;
  std::vector<Counter> counters() const override;

 private:
  struct Hot;
  struct Sensor;
  struct Watch;
  struct Window;
  struct AssetState;
  struct Node;
  struct Lane;
  struct Sample;
  struct Budget;
  class Writer;
  using Sight = EventClock::Sight;
  enum class Verdict { outside, pinned, refused };
  using Id = std::uint32_t;

  // exc_pass.cpp: frames
  template <class Values>
  void take_rows(Lane& lane, const Columns& columns, const Values& values);
  template <class Values>
  std::size_t quiet_rows(Lane& lane, const Columns& columns, const Values& values) const;
  template <class Values>
  void take_row(Lane& lane, const Columns& columns, std::size_t row, const Values& values);
  void reconfigure(Lane& lane, Id slot, Nanos at);
  Sight see(Lane& lane, Id slot, Nanos time);
  void leap(Lane& lane, Id slot, const std::vector<Id>& watches);
  void tick(Lane& lane, Id slot, Nanos time);
  template <class Rows>
  Status check_derived(const Rows& rows) const;
  template <class Rows>
  Status take_derived(const Rows& rows, const FrameView& view, Output& out);
  Id ring_of(const Lane& lane, Id slot) const { return slot * 2 + (&lane == lanes_[1].get() ? 1U : 0U); }

  // exc_pass_rules.cpp: which rule works where, and whether its condition is met
  void grow(Lane& lane);
  void take_in(Lane& lane, Id first);
  Lane& use(bool historical);
  void configure(Lane& lane, Id asset, Nanos at);
  void announce();
  void configure_watch(Lane& lane, Id slot, Id signal, Nanos at, AssetState& asset);
  void link(Lane& lane, Id asset);
  void rebound(Lane& lane, Id slot);
  void begin_again(Lane& lane, Id slot);
  void restart_conditions(Lane& lane, Id node, const v1::Lifecycle* of_device);
  bool is_of(Id slot, const v1::Lifecycle& lifecycle) const;
  void judge_raw(Lane& lane, Id slot, Nanos time, double value, bool good, Sight sight);
  bool rate(Watch& watch, Nanos time, double value, double& result) const;
  void judge(Lane& lane, Id watch, Sample sample, Sight sight);

  // exc_pass_windows.cpp
  void cross(Lane& lane, Id watch, const Sample& sample, Nanos until);
  void forget_alone(Lane& lane);
  void cross_alone(Lane& lane, Id watch, const Sample& sample, Nanos until);
  Id open_window(Lane& lane, Id watch, Nanos from, Nanos until);
  void close_window(Lane& lane, Id window);
  void forget_window(Lane& lane, Id window);
  void close_due(Lane& lane, Id node);
  bool reads_data_clock(const Lane& lane) const;
  Verdict verdict(Lane& lane, Id slot, Nanos first, Nanos last, std::size_t bytes);
  bool charge(Lane& lane, const Window& window, Id slot, Nanos time, std::size_t bytes);
  void release(Lane& lane, Id window);
  void release_series(Lane& lane, Id slot, Nanos from);
  Nanos lost_until(const Lane& lane, const Window& window) const;
  bool tell(const Lane& lane, const Window& window, v1::Exception::Phase phase);
  void write(const Lane& lane, v1::Exception exception, Id rule);

  // exc_pass_state.cpp
  static void save_lane(const Lane& lane, v1::ExcPassLane& to);
  Status load_lane(const v1::ExcPassLane& from, bool same_policy, Lane& lane);
  Status load_windows(const v1::ExcPassLane& from, Lane& lane);
  bool load_budgets(const v1::ExcPassAsset& from, AssetState& asset) const;

  const ExceptionRules* rules_;
  ExcPassOptions options_;
  RuleBook book_;
  std::array<std::unique_ptr<Lane>, 2> lanes_;  // live and historical: the past is selected too, by itself
  RawRing ring_;
  std::unique_ptr<Writer> writer_;
  std::vector<Id> alone_;  // windows of the reading in hand alone: see cross_alone()
  LastAliases last_aliases_{table()};
  bool loaded_ = false;     // a state, since the last Resume
  bool restarted_ = false;  // by a Resume without a state
  std::uint64_t gated_ = 0, released_ = 0, pinned_ = 0, refused_ = 0, not_finite_ = 0, exceptions_ = 0;
};

}  // namespace twinpipe
