// SPDX-License-Identifier: Apache-2.0
// What a filter is, seen from the stream: handlers for the frames it reads. Knows no descriptor, clock or log.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "wire/columns.hpp"
#include "wire/output.hpp"
#include "wire/series_table.hpp"
#include "wire/status.hpp"

namespace twinpipe {

/// A named number for statistics.
struct Counter {
  std::string name;  // snake_case, e.g. "dropped"
  std::uint64_t value = 0;
};

/// A stage gets the frames whose kinds it reads(), decoded; all other frames go from input to output as the bytes that
/// came. A handler that wants its frame to go on calls out.forward(frame). Law: what comes out never depends on how the
/// input was cut into reads.
///
/// Handlers return bad_data to refuse content; the driver adds the place. What was written to `out` before is kept.
class Stage {
 public:
  explicit Stage(const SeriesTable& table) : table_(&table) {}
  virtual ~Stage() = default;
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;

  virtual bool reads(FrameKind kind) const = 0;

  /// Behind every Open that the filter writes: the place for Applied frames.
  virtual void on_open(Output&) {}
  /// Declarations, already in the table; `declared` has an entry per sensor of the frame.
  virtual Status on_series(const std::vector<Declared>&, const FrameView& frame, Output& out) { return pass(frame, out); }
  virtual Status on_readings(const Columns&, const FrameView& frame, Output& out) { return pass(frame, out); }
  virtual Status on_waveform(const v1::Waveform&, std::uint32_t /*slot*/, const FrameView& frame, Output& out) {
    return pass(frame, out);
  }
  virtual Status on_lifecycle(const v1::Lifecycle&, const FrameView& frame, Output& out) { return pass(frame, out); }
  virtual Status on_watermark(const v1::Watermark&, const FrameView& frame, Output& out) { return pass(frame, out); }
  /// Feature rows, not decoded, for who says so; kernel/feature_rows.hpp reads them. All others have them in on_frame().
  virtual bool reads_feature_rows() const { return false; }
  virtual Status on_features(const FrameView& frame, Output& out) { return pass(frame, out); }
  /// Every other kind that reads() names.
  virtual Status on_frame(const v1::Frame&, const FrameView& frame, Output& out) { return pass(frame, out); }

  /// The input really ended: release what was held back.
  virtual Status finish(Output&) { return {}; }

  /// State between two frames, so that load(save()) goes on as if nothing had happened. The series table is saved and
  /// restored with it, so slots mean the same series. Stateless stages say so.
  virtual bool stateful() const { return false; }
  virtual std::string save() const { return {}; }
  /// Errors (bad_config): not a state that this stage wrote.
  virtual Status load(std::string_view) { return {}; }

  virtual std::vector<Counter> counters() const { return {}; }

  /// Lines for standard error that came up since the last call; the runner prints them.
  std::vector<std::string> take_notices() { return std::exchange(notices_, {}); }

 protected:
  const SeriesTable& table() const { return *table_; }
  void notice(std::string line) { notices_.push_back(std::move(line)); }
  static Status pass(const FrameView& frame, Output& out) {
    out.forward(frame);
    return {};
  }

 private:
  const SeriesTable* table_;
  std::vector<std::string> notices_;
};

}  // namespace twinpipe
