// SPDX-License-Identifier: Apache-2.0
// One record's frames in event-time order, or as they came.
#include "kernel/rawbuf_content.hpp"

#include <algorithm>
#include <cstring>
#include <queue>

#include "kernel/rawbuf_reader.hpp"
#include "wire/columns.hpp"
#include "wire/fields.hpp"

namespace twinpipe::rawbuf {
namespace {

Nanos time_at(const char* times, std::uint32_t row) {
  Nanos time = 0;
  std::memcpy(&time, times + std::size_t{row} * sizeof time, sizeof time);
  return time;
}

/// The packed column of times, when it is the only one and all other columns are as long as the usual writers make them.
const char* packed_times(std::string_view payload, std::uint32_t& rows) {
  std::string_view times;
  std::size_t aliases = 0;
  int columns = 0;
  for (Field field; !payload.empty() && take_field(payload, field);) {
    if (field.number == v1::Readings::kTimeFieldNumber) {
      ++columns;
      times = field.value;
    }
    if (field.number == v1::Readings::kSeriesFieldNumber) aliases += field.value.size() / sizeof(std::uint32_t);
  }
  rows = static_cast<std::uint32_t>(times.size() / sizeof(Nanos));
  return columns == 1 && rows > 0 && rows == aliases ? times.data() : nullptr;
}

}  // namespace

Status RecordContent::load(Segment& segment, const RecordPlace& record, BlockDecoder& decoder, Order order, Nanos from, Nanos to,
                           const Rank& start, bool others) {
  order_ = order;
  if (Status status = segment.read(record, decoder, bytes_, others ? &numbers_ : nullptr); !status.ok()) return status;
  if (Status status = split(record.header, others); !status.ok()) return status;
  if (order == Order::event_time) sort();
  cut(from, to, start);
  if (order == Order::arrival) join();
  return {};
}

/// A frame without a time of its own has that of what came before it.
Status RecordContent::split(const RecordHeader& header, bool others) {
  first_ = header.first;
  frames_.clear();
  runs_.clear();
  next_ = 0;
  Nanos last = header.min, arrival = header.arrival;
  std::uint32_t stream = 0;
  std::size_t at = 0;
  return for_each_frame(bytes_, [&](const FrameView& view) -> Status {
    if (others) frames_.resize(numbers_[at++]);  // of those that were not read, nothing is asked
    const auto number = static_cast<std::uint32_t>(frames_.size());
    if (view.kind == FrameKind::open) {
      arrival = kBeginning;
      ++stream;
    }
    if (view.kind == FrameKind::arrival) {
      v1::Arrival message;
      if (message.ParseFromArray(view.payload.data(), static_cast<int>(view.payload.size()))) arrival = message.time();
    }
    Frame& frame = frames_.emplace_back();
    frame.view = view;
    frame.arrival = arrival;
    frame.stream = stream;
    if (view.kind == FrameKind::readings) frame.times = packed_times(view.payload, frame.rows);
    if (frame.times != nullptr) {
      add_rows(number);
      last = time_at(frame.times, frame.rows - 1);
      return {};
    }
    const auto times = event_times(view);
    if (times) last = times->min;
    runs_.push_back({last, view.kind == FrameKind::readings && times ? times->max : last, number, 0, 0});
    return {};
  });
}

/// The stretches of a frame whose times do not go back.
void RecordContent::add_rows(std::uint32_t number) {
  const Frame& frame = frames_[number];
  std::uint32_t begin = 0;
  Nanos first = time_at(frame.times, 0), last = first;
  for (std::uint32_t row = 1; row <= frame.rows; ++row) {
    const Nanos time = row < frame.rows ? time_at(frame.times, row) : kBeginning;
    if (row < frame.rows && time >= last) {
      last = time;
      continue;
    }
    runs_.push_back({first, last, number, begin, row - begin});
    begin = row;
    first = last = time;
  }
}

void RecordContent::sort() {
  const auto follows = [](const Run& a, const Run& b) { return a.last <= b.first; };
  bool ordered = true;
  for (std::size_t i = 1; i < runs_.size() && ordered; ++i) ordered = follows(runs_[i - 1], runs_[i]);
  if (ordered) return;
  // Merges the stretches: each piece ends where another stretch comes first.
  const auto later = [](const Run& a, const Run& b) {
    return std::tie(a.first, a.frame, a.row) > std::tie(b.first, b.frame, b.row);
  };
  std::vector<Run> merged;
  merged.reserve(runs_.size() * 2);
  std::priority_queue<Run, std::vector<Run>, decltype(later)> heap(later, std::move(runs_));
  while (!heap.empty()) {
    Run run = heap.top();
    heap.pop();
    const Rank limit =
        heap.empty() ? Rank{kForever, UINT64_MAX, 0} : Rank{heap.top().first, first_ + heap.top().frame, heap.top().row};
    const Run piece = take_prefix(run, limit);
    // What follows the piece before in the same frame is one with it.
    if (!merged.empty() && piece.rows > 0 && merged.back().frame == piece.frame &&
        merged.back().row + merged.back().rows == piece.row) {
      merged.back().rows += piece.rows;
      merged.back().last = piece.last;
    } else {
      merged.push_back(piece);
    }
    if (run.rows > 0) heap.push(run);
  }
  runs_ = std::move(merged);
}

/// Stretches of a frame that stand side by side leave as one.
void RecordContent::join() {
  std::size_t kept = 0;
  for (const Run& run : runs_) {
    Run* before = kept > 0 ? &runs_[kept - 1] : nullptr;
    if (before == nullptr || run.rows == 0 || before->frame != run.frame || before->row + before->rows != run.row) {
      runs_[kept++] = run;
      continue;
    }
    before->rows += run.rows;
    before->last = run.last;
  }
  runs_.resize(kept);
}

Nanos RecordContent::time(const Run& run, std::uint32_t row) const { return time_at(frames_[run.frame].times, row); }

/// Takes the rows that rank before `limit` off the front of a run; at least one.
Run RecordContent::take_prefix(Run& run, const Rank& limit) const {
  Run piece = run;
  if (run.rows == 0) return piece;
  const Rank end{run.last, first_ + run.frame, run.row + run.rows - 1};
  if (end < limit) {
    run.rows = 0;
    return piece;
  }
  std::uint32_t low = 1, high = run.rows;
  while (low < high) {
    const std::uint32_t middle = low + (high - low) / 2;
    if (Rank{time(run, run.row + middle), first_ + run.frame, run.row + middle} < limit) low = middle + 1;
    else high = middle;
  }
  piece.rows = low;
  piece.last = time(run, run.row + low - 1);
  run.row += low;
  run.rows -= low;
  if (run.rows > 0) run.first = time(run, run.row);
  return piece;
}

Run RecordContent::take(const Rank& limit) {
  if (order_ == Order::arrival) return runs_[next_++];
  Run& run = runs_[next_];
  const bool whole = run.rows == 0;
  const Run piece = take_prefix(run, limit);
  if (whole || run.rows == 0) ++next_;
  return piece;
}

void RecordContent::cut(Nanos from, Nanos to, const Rank& start) {
  std::vector<Run> kept;
  const auto keep = [&](Run run) {
    if (run.rows == 0) {
      // A frame that is not cut is in when any of its rows is; what was declared before the span is in force in it.
      const FrameKind kind = frames_[run.frame].view.kind;
      const bool declares = kind == FrameKind::series || kind == FrameKind::applied;
      const bool told = declares && order_ == Order::arrival;  // and what is declared behind it, for a row that comes later
      const bool in = told || ((declares || run.last >= from) && (to == kForever || run.first < to));
      if (in && Rank{run.first, first_ + run.frame, 0} >= start) kept.push_back(run);
      return;
    }
    const Rank low = std::max(Rank{from, 0, 0}, start);
    if (Rank{run.first, first_ + run.frame, run.row} < low) (void)take_prefix(run, low);
    if (run.rows == 0 || (to != kForever && run.first >= to)) return;
    if (to != kForever && run.last >= to) {
      Run rest = run;
      run = take_prefix(rest, Rank{to, 0, 0});
    }
    kept.push_back(run);
  };
  if (from == kBeginning && to == kForever && start == Rank{}) return;
  for (const Run& run : runs_) keep(run);
  runs_ = std::move(kept);
}

}  // namespace twinpipe::rawbuf
