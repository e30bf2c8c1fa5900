// SPDX-License-Identifier: Apache-2.0
// UnitNorm: brings readings, waveforms, aggregates and spectra to the canonical unit that a policy names for their series.
//
// A series that no rule matches passes as it is. The device's spelling stays in `declared_unit`, the engineering range is
// converted with the values. Whoever declares no unit, an unknown one, or one that does not convert, has all of its data turned
// into rejects with the reason: nothing is guessed.
//
// What is converted by which unit: the declaration in force where the data stand in the stream. A device that changed its unit
// with a birth may send a backlog from before: historical readings older than that birth are in the unit that was declared then.
#pragma once

#include <array>
#include <map>
#include <string>
#include <vector>

#include "kernel/event_clock.hpp"
#include "kernel/rejects.hpp"
#include "kernel/stage.hpp"
#include "kernel/units.hpp"
#include "policy/rule_book.hpp"

namespace twinpipe {

class UnitNorm final : public Stage {
 public:
  /// References must outlive the stage. The policy must have passed check().
  UnitNorm(const SeriesTable& table, const Policy& policy, const Units& units);

  /// Errors (bad_config) name the rule: no canonical unit, an unknown one, an assumed one that does not convert.
  static Status check(const Policy& policy);

  bool reads(FrameKind kind) const override;
  void on_open(Output& out) override { out.frame(rules_.applied()); }
  Status on_series(const std::vector<Declared>& declared, const FrameView& frame, Output& out) override;
  Status on_readings(const Columns& columns, const FrameView& frame, Output& out) override;
  Status on_waveform(const v1::Waveform& waveform, std::uint32_t slot, const FrameView& frame, Output& out) override;
  Status on_frame(const v1::Frame& frame, const FrameView& view, Output& out) override;

  bool stateful() const override { return true; }
  std::string save() const override;
  Status load(std::string_view state) override;
  std::vector<Counter> counters() const override;

 private:
  /// What is done to data of a series; many series share one.
  struct Norm {
    enum class Does : std::uint8_t { pass, convert, refuse };
    Conversion conversion;
    Does does = Does::pass;
    bool operator==(const Norm&) const = default;
  };
  /// What is said of it; apart, since rows look at Norm alone.
  struct Said {
    std::string unit;          // canonical; empty: none is known
    std::string rule, reason;  // of a refusal
    bool operator==(const Said&) const = default;
  };
  using Id = std::uint32_t;  // index of norms_; 0 passes
  struct Since {
    Nanos time;
    std::string unit;  // as declared
    Id norm;
  };

  Id norm_of(std::uint32_t slot, const Rule* rule, const std::string& declared);
  Id add(const Norm& norm, Said said);
  void configure(std::uint32_t slot, Nanos at);
  void tell(std::uint32_t slot);
  void note_change(std::uint32_t slot, const std::string& unit);
  Id norm_at(std::uint32_t slot, Nanos time, bool historical) const;
  bool is_over(std::uint32_t slot, Nanos time);
  void follow(std::uint32_t slot, Nanos time, Output& out);
  void expire(std::uint32_t slot, Nanos time, Output& out);
  v1::Sensor declared(std::uint32_t slot) const;
  void find_norms(const Columns& columns);
  Status convert(const Columns& columns, Output& out);
  template <class Value>
  void convert_all(std::span<const Value> values, const Columns& columns);
  void write_rows(const Columns& columns, Output& out);
  template <class Rows>
  Status on_rows(const Rows& rows, const v1::Frame& frame, const FrameView& view, Output& out);
  template <class Rows>
  void put_rows(const Rows& rows, const v1::Frame& frame, const std::vector<Id>& norms, std::size_t from, std::size_t to,
                Output& out);
  static bool convert_row(const Conversion& conversion, int row, v1::Aggregates& rows);
  static bool convert_row(const Conversion& conversion, int row, v1::Spectra& rows);

  RuleBook rules_;
  const Units* units_;
  Rejects rejects_;
  std::map<std::pair<const Rule*, std::string>, Id> known_;  // conversions by rule and declared unit
  std::vector<Norm> norms_{1};
  std::vector<Said> said_{1};                            // of each
  std::vector<bool> told_{true};                         // of each: a line on standard error
  std::vector<Id> norm_;                                 // by slot
  std::vector<Nanos> until_;                             // by slot: the rule applies before this event time
  std::map<std::uint32_t, EventClock> clocks_;           // by slot: of series that a temporary rule applies to
  std::vector<std::string> unit_;                        // by slot: as declared last
  std::map<std::uint32_t, std::vector<Since>> changed_;  // series that had other units before, oldest first
  // Reused from frame to frame.
  std::vector<Id> row_norm_;
  std::vector<double> converted_;
  std::vector<std::uint32_t> kept_, made_, refused_;
  std::uint64_t readings_converted_ = 0;
};

}  // namespace twinpipe
