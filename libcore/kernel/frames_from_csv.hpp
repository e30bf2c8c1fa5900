// SPDX-License-Identifier: Apache-2.0
// CSV with a header made into readings. Columns in any order: series, time, value; and, where they are there, quality, unit
// and type. A series' type is what its row says, or what was asked for, or what its first value looks like.
#pragma once

#include <vector>

#include "kernel/csv_record.hpp"
#include "kernel/frames_from_text.hpp"
#include "kernel/text_values.hpp"

namespace twinpipe {

class FramesFromCsv final : public LineParser {
 public:
  /// `type`: of all series whose rows do not say; unspecified: true and false are bool, numbers double, the rest string.
  FramesFromCsv(std::string producer, std::size_t rows, ValueType type = v1::VALUE_TYPE_UNSPECIFIED);

  Status take(std::string_view line, Output& out) override;
  void flush(Output& out) override { writer_.flush_rows(out); }
  /// Errors (bad_data): no header, a field whose quote is still open.
  Status end(Output& out) override;

 private:
  enum Column : std::size_t { kSeries, kTime, kValue, kQuality, kUnit, kType, kColumns };

  Status read_header();
  Status read_row(Output& out);
  Status add_value(const FrameWriter::Row& row, const CsvRecord::Cell& cell, Output& out);
  const CsvRecord::Cell& cell(Column column) const;

  FrameWriter writer_;
  ValueType type_;
  TimeParser time_;
  bool has_header_ = false;
  CsvRecord record_;
  std::vector<std::size_t> place_;  // column → cell; kColumns of them, npos where it is absent
  std::size_t width_ = 0;
};

}  // namespace twinpipe
