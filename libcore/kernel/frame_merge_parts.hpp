// SPDX-License-Identifier: Apache-2.0
// What a merge knows of one input. Private to its own files.
#pragma once

#include <tuple>

#include "kernel/frame_merge.hpp"

namespace twinpipe {

struct FrameMerge::Input {
  std::string name;
  SegmentGuard guard;
  bool ended = false;  // no more frames come
  bool over = false;   // and none waits
  Status status;       // why it ended too early

  // How far it has come: the greatest time so far, and what was taken since.
  Nanos reached = kBeginning;
  std::uint64_t marks = 0, units = 0;
  std::optional<Nanos> arrival;  // its source's clock

  // Its head, once has_head.
  bool has_head = false;
  FrameView view;
  Columns columns;    // of Readings
  v1::Stream stream;  // its one frame, of the kinds that are looked into
  std::size_t row = 0;
  Nanos key = kBeginning;
  ReadingsDecoder decoder;

  // Patience.
  std::optional<Nanos> tick;          // of the newest Watermark that came
  std::optional<Nanos> silent_since;  // the others' greatest tick when there was nothing left of it
  bool silent = false, absent = false;

  std::vector<bool> historical;  // by alias of the output: its node has been seen in that lane

  /// An event time, as far as it counts.
  Nanos counted(Nanos time) const { return arrival ? std::min(time, *arrival) : time; }
  /// Whose head is least has its turn. Of inputs that have come equally far, those that have declared, born and ticked alike go
  /// on together: what one says behind a mark follows what the others say in front of it.
  using Turn = std::tuple<Nanos, std::uint64_t, bool, std::uint64_t>;
  Turn turn() const {
    const bool further = key > reached, mark = is_mark(view.kind);
    return {key, (further ? 0 : marks) + (mark ? 1 : 0), !mark, further ? 0 : units};
  }
  static bool is_mark(FrameKind kind) {
    return kind == FrameKind::series || kind == FrameKind::lifecycle || kind == FrameKind::watermark;
  }
};

/// How far an input may go before another's turn comes.
struct FrameMerge::Limit {
  Nanos time = kForever;
  bool inclusive = true;
};

}  // namespace twinpipe
