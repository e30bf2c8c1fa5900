// SPDX-License-Identifier: Apache-2.0
// The parts of exc-pass's state. Private to the exc_pass*.cpp files.
#pragma once

#include <limits>
#include <string>
#include <vector>

#include "kernel/event_clock.hpp"
#include "kernel/exc_pass.hpp"
#include "wire/columns.hpp"
#include "wire/output.hpp"

namespace twinpipe {

inline constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();
/// What a reading counts in a budget: its alias, time and value. A text counts besides.
inline constexpr std::size_t kReadingBytes = 4 + 8 + 8;
inline constexpr double kInfinity = std::numeric_limits<double>::infinity();

enum ExcFlag : std::uint8_t {
  kJudged = 1,      // a rule looks at its values
  kGated = 2,       // with the gate: a rule passes it
  kInWindow = 4,    // a window that passes it is not forgotten
  kWillChange = 8,  // a temporary rule of its asset will end
};

/// What every reading of a judged series looks at, apart from the rest.
struct ExcPass::Hot {
  double low = -kInfinity, high = kInfinity;  // a finite value in low..high leaves every condition as it is: not met
  EventClock clock;
};

struct ExcPass::Sensor {
  std::vector<Id> raw, derived;  // watches of its values; of its aggregates and spectra
  std::vector<Id> windows;       // that pass it, in the order in which they opened
  EventClock derived_clock;      // of the ends of its derived rows
  bool cold = false;             // first declared behind a Resume without a state, and not yet read
};

/// A value that may cross, and the time from which on it speaks of the series: its own, or its window's start.
struct ExcPass::Sample {
  Nanos time = 0, from = 0;
  double value = 0;
  ExceptionRule::Side side = ExceptionRule::Side::none;
};

/// One signal of one series, and the rule that applies to it.
struct ExcPass::Watch {
  Id slot = 0, signal = 0;
  Id rule = kNone;
  std::vector<Id> passes;  // slots
  // The condition.
  ExceptionRule::Side side = ExceptionRule::Side::none;
  bool raised = false;  // it held for the rule's on_delay
  bool has_previous = false;
  Sample began;               // when the condition began
  Nanos newest = kBeginning;  // of derived rows
  Nanos previous_time = 0;    // of a rate
  double previous = 0;
  // Windows.
  Id window = kNone;       // the open one
  std::vector<Id> closed;  // those that late raw may still ask for, oldest first
};

struct ExcPass::Window {
  Id watch = kNone, rule = kNone, slot = 0;
  Nanos from = 0, until = 0;
  Nanos announced = 0;      // the `until` that the stream knows
  Nanos beyond = kForever;  // least time behind `until` of raw that it did not pass: let out when it is extended
  Sample sample;            // that opened or extended it last
  bool open = false, used = false;
  std::vector<Id> passes;  // slots
};

/// Bytes that one rule let through on one asset, for the four newest hours of event time that had any. Four, because
/// a clock that jumps far ahead must not spend what the time before it has.
struct ExcPass::Budget {
  static constexpr std::size_t kHours = 4;
  struct Hour {
    std::int64_t hour = 0;
    double bytes = 0;
    bool told = false;
  };
  Id rule = 0;
  std::vector<Hour> hours;  // ascending

  Hour& of(std::int64_t hour);
};

struct ExcPass::AssetState {
  std::vector<Id> slots, watches;
  Nanos rules_until = kForever, configured = kBeginning;
  std::vector<Budget> budgets;
};

struct ExcPass::Node {
  Nanos watermark = kBeginning;
  EventClock data;
  Nanos due = kForever;  // no window of the node closes or is forgotten before
  bool ticking = false;  // it has watermarks: they alone tell its time

  Nanos clock() const { return ticking ? watermark : data.newest(); }
};

struct ExcPass::Lane {
  bool historical = false, used = false;  // a lane that nothing came in yet costs nothing
  std::vector<std::uint8_t> flags;        // by slot, apart because every reading looks at it
  std::vector<Hot> hot;                   // by slot
  std::vector<Sensor> sensors;            // by slot
  std::vector<AssetState> assets;         // by the table's asset number
  std::vector<Node> nodes;                // by the table's node number
  std::vector<Watch> watches;
  std::vector<Window> windows;
  std::vector<Id> free_windows;
  std::vector<Id> live;  // windows in use, in the order in which they opened
};

/// What leaves: rows of the frame at hand, as they came or pinned, rows of the ring, and frames in their place between them.
class ExcPass::Writer {
 public:
  /// `columns`: those of the frame at hand, if it has any. They and `out` must live until done().
  void begin(Output& out, const Columns* columns = nullptr);
  void plain(std::size_t row) { plain_.push_back(static_cast<std::uint32_t>(row)); }
  void pinned(std::size_t row) { pinned_.push_back(static_cast<std::uint32_t>(row)); }
  /// All rows of the frame before `row`.
  void plain_until(std::size_t row);
  void all_plain() { all_plain_ = true; }
  void released(std::uint32_t alias, bool historical, const RawRing::Item& item);
  /// The frame leaves behind all that was given before.
  void frame(const v1::Frame& frame);
  /// Pinned; its payload is `series` and `rest` joined.
  void waveform(std::string_view series, std::string_view rest);
  void flush();
  /// Writes what is left. True: nothing was written and every row of the frame is plain, so it may go as it came.
  bool done();
  Output& out() { return *out_; }

 private:
  Output* out_ = nullptr;
  const Columns* columns_ = nullptr;
  bool wrote_ = false, all_plain_ = false;
  std::vector<std::uint32_t> plain_, pinned_;
  ReadingsBuilder rows_;
  bool rows_have_seq_ = false;
  std::string bytes_;
};

}  // namespace twinpipe
