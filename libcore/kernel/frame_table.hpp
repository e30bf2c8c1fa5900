// SPDX-License-Identifier: Apache-2.0
// Frames as aligned tables, for people: readings as they come or the last of each series, twins sensor by sensor. Not to be
// parsed: widths and layout may change.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "kernel/form.hpp"
#include "kernel/frame_json.hpp"

namespace twinpipe {

class TableForm final : public Form {
 public:
  /// `last`: only at the end, the last value of each series and the last twin of each asset.
  TableForm(const SeriesTable& table, bool last) : Form(table), last_(last), message_(table, JsonStyle::lines) {}

  Status on_readings(const Columns& columns, Rows rows, const FrameView& view, Output& out) override;
  Status on_frame(const v1::Frame& frame, bool whole, const FrameView& view, Output& out) override;
  Status finish(Ending, Output& out) override;

 private:
  struct Reading {
    bool seen = false;
    Nanos time = 0;
    std::string value;
    std::uint32_t quality = kGood;
  };
  void append_reading(std::uint32_t slot, const Reading& reading, std::string& text);
  void append_header(std::string& text);
  void append_twin(const v1::Twin& twin, std::string& text);
  std::size_t name_width();

  bool last_;
  MessageJson message_;
  bool header_ = false;
  std::size_t known_ = 0, width_ = 6;  // series measured so far, and the longest name among them
  std::vector<Reading> readings_;      // by slot
  std::map<std::string, v1::Twin> twins_;
};

/// "good", "bad", "stale, after gap", or the Sparkplug code as a number.
std::string quality_text(std::uint32_t quality);

}  // namespace twinpipe
