// SPDX-License-Identifier: Apache-2.0
// What a stream holds, counted.
#pragma once

#include <array>
#include <map>
#include <optional>

#include "kernel/form.hpp"

namespace twinpipe {

class StreamStat final : public Form {
 public:
  /// `json`: one object instead of lines for people.
  StreamStat(const SeriesTable& table, bool json) : Form(table), json_(json) {}

  Status on_readings(const Columns& columns, Rows rows, const FrameView& view, Output& out) override;
  Status on_frame(const v1::Frame& frame, bool whole, const FrameView& view, Output& out) override;
  Status finish(Ending ending, Output& out) override;

 private:
  void count(const FrameView& view);
  void seen(Nanos time);
  void write_text(Ending ending, std::string& text) const;
  void write_json(Ending ending, std::string& text) const;

  bool json_;
  std::array<std::uint64_t, kFrameKinds> frames_{};
  std::map<std::string_view, std::uint64_t> readings_;  // by type
  std::uint64_t rows_ = 0, bytes_ = 0, sealed_ = 0, waveform_samples_ = 0;
  std::uint64_t historical_ = 0, pinned_ = 0, not_good_ = 0;
  std::optional<Nanos> first_, last_;
};

std::string_view ending_name(Ending ending);

}  // namespace twinpipe
