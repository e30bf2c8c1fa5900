// SPDX-License-Identifier: Apache-2.0
// What is in quarantine, for people: a line a sensor and rule, each reject with all that is known of it, or counts a day.
#pragma once

#include <array>
#include <functional>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "kernel/form.hpp"
#include "kernel/reject_ledger.hpp"

namespace twinpipe {

/// Takes the Reject frames out of streams.
class RejectReader : public Form {
 public:
  /// `rule`: glob over the names of rules; empty: all.
  RejectReader(const SeriesTable& table, std::string rule) : Form(table), rule_(std::move(rule)) {}

  bool decodes(FrameKind kind) const override { return kind == FrameKind::reject; }
  Status on_readings(const Columns&, Rows, const FrameView&, Output&) override { return {}; }
  Status on_frame(const v1::Frame& frame, bool whole, const FrameView& view, Output& out) override;
  Status finish(Ending, Output&) override { return {}; }

 private:
  virtual void take(const v1::Reject& reject, Output& out) = 0;

  std::string rule_;
};

/// Keeps them.
class RejectCollector final : public RejectReader {
 public:
  using RejectReader::RejectReader;
  std::vector<v1::Reject>& rejects() { return rejects_; }

 private:
  void take(const v1::Reject& reject, Output&) override { rejects_.push_back(reject); }
  std::vector<v1::Reject> rejects_;
};

/// What became of a reject: `fate` of whoever has the ledgers.
using FateOf = std::function<RejectLedger::Fate(const v1::Reject&)>;

/// A line a sensor and rule: since when, how many, the worst value, and the trend.
///
/// The worst value is the one farthest from the middle of the sensor's engineering range, or from zero where it has none. The
/// trend compares how many came in the second half of the time that the whole report covers with the first half.
class RejectList final : public RejectReader {
 public:
  RejectList(const SeriesTable& table, std::string rule, FateOf fate, bool json)
      : RejectReader(table, std::move(rule)), fate_(std::move(fate)), json_(json) {}
  Status finish(Ending, Output& out) override;

 private:
  struct Line {
    Nanos first = kForever, last = kBeginning;
    std::uint64_t count = 0, open = 0, released = 0, discarded = 0;
    double distance = -1;
    std::string worst = "-";
    std::vector<Nanos> times;
  };
  static constexpr std::size_t kSlices = 12;
  using Slices = std::array<std::uint64_t, kSlices>;

  void take(const v1::Reject& reject, Output&) override;
  Slices slices_of(const Line& line, Nanos from, Nanos to) const;
  void write_text(Nanos from, Nanos to, std::string& text) const;
  void write_json(Nanos from, Nanos to, std::string& text) const;

  FateOf fate_;
  bool json_;
  std::map<std::pair<std::string, std::string>, Line> lines_;
};

/// Each reject with all that is known of it.
class RejectShow final : public RejectReader {
 public:
  RejectShow(const SeriesTable& table, std::string rule, FateOf fate)
      : RejectReader(table, std::move(rule)), fate_(std::move(fate)) {}

 private:
  void take(const v1::Reject& reject, Output& out) override;
  FateOf fate_;
  bool any_ = false;
};

/// Counts by day of the event time, rule and action.
class RejectStatistics final : public RejectReader {
 public:
  RejectStatistics(const SeriesTable& table, std::string rule, bool json) : RejectReader(table, std::move(rule)), json_(json) {}
  Status finish(Ending, Output& out) override;

 private:
  void take(const v1::Reject& reject, Output&) override;
  bool json_;
  std::map<std::array<std::string, 3>, std::uint64_t> counts_;
};

}  // namespace twinpipe
