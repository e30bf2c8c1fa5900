// SPDX-License-Identifier: Apache-2.0
// The canonical form of a stream, as JSON lines: equal for two streams that say the same, however readings were grouped into
// frames, aliases given, series declared together, or segments cut.
//
// 1. Declarations, a line a sensor, without alias; one that repeats the series' last says nothing and is left out.
//    Ordered by series' name, then as they came.
// 2. Readings, ordered by series' name, event time, live before historical, message number, index, then as they came.
// 3. Every other frame but Open and Close, in the order in which it came.
// 4. One close with the number of readings, unless the stream is cut; final when the stream is finished.
// Names are ordered by their bytes. Law: the canonical form of the stream that --from json makes of it is itself.
#pragma once

#include <string>
#include <vector>

#include "kernel/frame_json.hpp"

namespace twinpipe {

class Canonical final : public Form {
 public:
  /// `most_bytes`: greatest size of what is kept until the end.
  Canonical(const SeriesTable& table, std::size_t most_bytes)
      : Form(table), most_bytes_(most_bytes), message_(table, JsonStyle::canonical), reading_(table, JsonStyle::canonical) {}

  Status on_readings(const Columns& columns, Rows rows, const FrameView& view, Output& out) override;
  Status on_frame(const v1::Frame& frame, bool whole, const FrameView& view, Output& out) override;
  Status finish(Ending ending, Output& out) override;

 private:
  struct Line {  // one reading's line in `readings_`
    std::uint32_t slot = 0, index = 0, length = 0;
    bool historical = false;
    Nanos time = 0;
    std::uint64_t seq = 0;
    std::size_t at = 0;
  };
  struct Declaration {
    std::uint32_t slot = 0;
    std::string line;
  };

  Status declare(const v1::Frame& frame, const FrameView& view);
  Status check_size() const;
  std::vector<std::uint32_t> ranks() const;

  std::size_t most_bytes_;
  MessageJson message_;
  ReadingJson reading_;
  std::vector<Line> lines_;
  std::string readings_, others_;
  std::vector<Declaration> declarations_;
  std::vector<std::size_t> last_declared_;  // by slot: place in declarations_, behind one
};

}  // namespace twinpipe
