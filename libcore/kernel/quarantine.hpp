// SPDX-License-Identifier: Apache-2.0
// Quarantine: holds readings, waveforms and aggregates against what a policy expects of them, and sets aside what cannot be.
//
// All rules that apply to a series are asked in order. A broken one of action `warn` tells and goes on; the first of another
// action decides: what is dropped, quarantined or fails leaves the stream, everything else passes as the bytes that came. So
//   in = passed + quarantined + dropped (+ the one that failed, behind which nothing follows),
// and each broken rule is one Reject frame with the original, the rule, the policy and what is known of its origin.
//
// Rate and stuck value compare with the last good value of the series that passed, in its own lane and in event time: what
// comes late, or whose time leaps (see EventClock), is not compared and remembered. What was rejected is not remembered either.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "kernel/event_clock.hpp"
#include "kernel/expectations.hpp"
#include "kernel/rejects.hpp"
#include "kernel/stage.hpp"
#include "policy/in_force.hpp"
#include "policy/rule_book.hpp"

namespace twinpipe {

namespace v1 {
class QuarantineLane;
}  // namespace v1

/// Where Reject frames go instead of the stream that they were taken from: a stream of its own, an unsealed segment.
struct RejectSide {
  Output* out = nullptr;  // nullptr: they stay in the stream
  bool live = false;      // whoever reads it waits: it gets the ticks and Positions of the stream, too
};

class Quarantine final : public Stage {
 public:
  /// Series that no rule of section "quarantine" matches pass whole. `expectations` are those of `policy`. All references must
  /// outlive the stage.
  Quarantine(const SeriesTable& table, const Policy& policy, std::vector<Expectation> expectations, RejectSide side = {});
  ~Quarantine() override;

  /// As read_expectations().
  static Status check(const Policy& policy);

  bool reads(FrameKind kind) const override;
  void on_open(Output& out) override;
  Status on_series(const std::vector<Declared>& declared, const FrameView& frame, Output& out) override;
  /// Errors here and below (finding): a rule of action `fail` is broken. Everything before has been written, and a Close.
  Status on_readings(const Columns& columns, const FrameView& frame, Output& out) override;
  Status on_waveform(const v1::Waveform& waveform, std::uint32_t slot, const FrameView& frame, Output& out) override;
  Status on_watermark(const v1::Watermark& watermark, const FrameView& frame, Output& out) override;
  /// Aggregates, Spectra, Arrival, Applied, Position, Resume.
  Status on_frame(const v1::Frame& frame, const FrameView& view, Output& out) override;

  bool stateful() const override { return true; }
  std::string save() const override;
  Status load(std::string_view state) override;
  std::vector<Counter> counters() const override;

  /// Bytes of the side stream since its beginning, before a restart included.
  std::uint64_t side_bytes() const { return side_bytes_; }
  /// True once a state was loaded: side_bytes() then counts what the run before wrote.
  bool resumed() const { return resumed_; }

 private:
  using Id = std::uint32_t;
  struct Track;
  struct Lane;
  struct Program;
  struct Check;
  struct Hit;
  struct Entry;
  struct Offence;

  // quarantine_rules.cpp: what is expected of whom
  void configure(Lane& lane, std::uint32_t slot, Nanos at);
  Id program_for(std::uint32_t slot, Nanos at);
  Id compile(const std::vector<const Expectation*>& rules, const v1::Sensor& sensor, Nanos silence);
  Nanos silence_of(std::uint32_t slot, Nanos at) const;
  void take_applied(const v1::Applied& applied);

  // quarantine.cpp: readings
  void grow();
  template <class Values>
  Status hold(Lane& lane, const Values& values, const Columns& columns, const FrameView& view, Output& out);
  template <class Values>
  Status look(Lane& lane, const Values& values, std::size_t row, const Columns& columns, const FrameView& view, Output& out);
  template <class Values>
  Sighting sighting(const Lane& lane, const Values& values, std::size_t row, const Columns& columns, bool follows) const;
  void write(const Columns& columns, std::size_t until, const FrameView& view, Output& out);
  EventClock clock_of(const Lane& lane, std::uint32_t slot) const;
  Entry enter(const Lane& lane, std::uint32_t slot, Nanos time) const;
  bool is_over(const Lane& lane, std::uint32_t slot, Nanos time, const Entry& entry) const;
  void leave(Lane& lane, std::uint32_t slot, const Entry& entry);
  void announce(Output& out);
  template <class Breaks>
  const Expectation* judge(Id program, std::uint32_t slot, std::size_t row, const Breaks& breaks);
  void tell(const Expectation& expected, std::uint32_t slot, std::size_t row, const Offence& offence);
  bool goes_on(v1::Reject::Action action);
  Status failed(Output& out);
  template <class Write>
  void to_side(const Write& write);
  template <class Write>
  void reject(Output& out, const Write& write);
  std::optional<Nanos> now() const;

  // quarantine_rows.cpp: waveforms and windows
  template <class Rows>
  Status on_rows(const Rows& rows, const v1::Frame& frame, const FrameView& view, Output& out);
  template <class Rows>
  void put_rows(const Rows& rows, const v1::Frame& frame, std::size_t until, const FrameView& view, Output& out);

  // quarantine_state.cpp
  Status load(const v1::QuarantineLane& from, Lane& lane);

  RuleBook rules_;
  std::vector<Expectation> expectations_;
  std::vector<std::uint32_t> group_;  // of each: those alike are rivals
  std::uint32_t groups_ = 0;
  Rejects rejects_;
  RejectSide side_;
  std::uint64_t side_bytes_ = 0;
  bool resumed_ = false;

  using Key = std::tuple<std::vector<const Expectation*>, std::string, Nanos>;
  std::map<Key, Id> known_;
  std::vector<Program> programs_;               // [0] expects nothing
  std::vector<std::vector<Check>> checks_;      // of each
  std::array<std::unique_ptr<Lane>, 2> lanes_;  // live and historical: neither disturbs the other
  PoliciesInForce upstream_;                    // of deadbands
  EventClock now_;                              // of the source
  std::vector<bool> told_;                      // by expectation: a stuck rule that cannot tell as soon as it says

  // Of the frame at hand.
  std::vector<Hit> hits_;
  std::vector<std::uint32_t> gone_, kept_;  // rows
  std::size_t written_ = 0;                 // rows before this have left
  bool stop_ = false;                       // a rule of action `fail` is broken
  std::string failure_;                     // which, and how
  std::uint64_t passed_ = 0, quarantined_ = 0, dropped_ = 0, warned_ = 0;
};

}  // namespace twinpipe
