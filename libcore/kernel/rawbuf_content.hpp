// SPDX-License-Identifier: Apache-2.0
// One record's frames in event-time order, or as they came: as runs of rows that may leave one behind the other.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "kernel/rawbuf_format.hpp"
#include "kernel/rawbuf_segment.hpp"

namespace twinpipe::rawbuf {

enum class Order {
  event_time,
  arrival,  // as they were recorded
};

/// Place of a row, or of a frame that has no rows, in the order of a replay: event time, then as it came. In the order of
/// arrival all times are kBeginning.
struct Rank {
  Nanos time = kBeginning;
  std::uint64_t frame = 0;  // number
  std::uint32_t row = 0;
  friend auto operator<=>(const Rank& a, const Rank& b) {
    return std::tie(a.time, a.frame, a.row) <=> std::tie(b.time, b.frame, b.row);
  }
  friend bool operator==(const Rank&, const Rank&) = default;
};

/// Rows of one frame, next to each other; in event-time order, their times do not go back.
struct Run {
  Nanos first = 0, last = 0;
  std::uint32_t frame = 0;          // within the record
  std::uint32_t row = 0, rows = 0;  // 0 rows: the whole of a frame that is not cut
};

class RecordContent {
 public:
  struct Frame {
    FrameView view;
    const char* times = nullptr;  // of Readings: the packed column; none: the frame is not cut
    std::uint32_t rows = 0;
    std::uint32_t stream = 0;    // Opens of the record so far, itself included
    Nanos arrival = kBeginning;  // the Arrival in force
  };

  /// Orders what is in [from, to) and not before `start`. `others`: only frames that name no series are wanted, and none of
  /// them needs the time of another. Errors: bad_data (damaged), io_error.
  Status load(Segment& segment, const RecordPlace& record, BlockDecoder& decoder, Order order, Nanos from, Nanos to,
              const Rank& start, bool others = false);

  bool empty() const { return next_ == runs_.size(); }
  const Run& front() const { return runs_[next_]; }
  Rank rank() const { return {order_ == Order::arrival ? kBeginning : front().first, first_ + front().frame, front().row}; }
  const Frame& frame(const Run& run) const { return frames_[run.frame]; }
  /// Takes from the front what comes before `limit`: all of the first run, or, in event-time order, as many of its rows.
  Run take(const Rank& limit);

  std::size_t bytes() const { return bytes_.size() + frames_.size() * sizeof(Frame) + runs_.size() * sizeof(Run); }

 private:
  Status split(const RecordHeader& header, bool others);
  void add_rows(std::uint32_t frame);
  void sort();
  void join();
  void cut(Nanos from, Nanos to, const Rank& start);
  Nanos time(const Run& run, std::uint32_t row) const;
  Run take_prefix(Run& run, const Rank& limit) const;

  Order order_ = Order::event_time;
  std::string bytes_;
  std::vector<std::uint32_t> numbers_;  // of the frames that were read, when not all were
  std::uint64_t first_ = 0;
  std::vector<Frame> frames_;
  std::vector<Run> runs_;
  std::size_t next_ = 0;
};

}  // namespace twinpipe::rawbuf
