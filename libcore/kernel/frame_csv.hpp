// SPDX-License-Identifier: Apache-2.0
// Readings as CSV (RFC 4180), for spreadsheets and for programs that know nothing else: what FramesFromCsv reads back.
// A row a reading; other frames, the lane and the pin are left out.
#pragma once

#include <vector>

#include "kernel/form.hpp"
#include "kernel/text_values.hpp"

namespace twinpipe {

/// The columns, in the order in which they are written.
inline constexpr std::string_view kCsvHeader = "series,time,value,quality,unit,type\n";

class CsvForm final : public Form {
 public:
  explicit CsvForm(const SeriesTable& table) : Form(table) {}

  bool decodes(FrameKind kind) const override { return kind == FrameKind::readings; }
  bool needs(FrameKind kind) const override { return kind == FrameKind::series; }
  Status on_readings(const Columns& columns, Rows rows, const FrameView& view, Output& out) override;
  Status on_frame(const v1::Frame& frame, bool whole, const FrameView& view, Output& out) override;
  Status finish(Ending, Output& out) override;

 private:
  void begin(Output& out);

  bool begun_ = false;
  std::vector<std::string> names_;  // by slot, as fields
  std::vector<std::string> units_;  // by slot, with the comma before; empty: not yet looked up
  TimeText time_;
};

}  // namespace twinpipe
