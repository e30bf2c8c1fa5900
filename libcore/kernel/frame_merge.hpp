// SPDX-License-Identifier: Apache-2.0
// Several streams as one: in the order of time, without copies, each watermark as far as all inputs are.
//
// An input has come as far as the greatest time in it so far: event times, counted no further than the clock of its source (a
// node whose clock is ahead must not hold the rest back), and the clock of its ticks. The next row or frame is taken from the
// input that has come the least far; where two are even, from the one that has declared, born and ticked less since it came
// there, then from the one that has given less, then from the first. That is a merge by event time where inputs are in that
// order, and it never changes the order within an input. It waits for an input that has nothing to give, so that the result
// depends on what the inputs say and on nothing else.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kernel/joined_rows.hpp"
#include "kernel/merge_copies.hpp"
#include "kernel/merge_gaps.hpp"
#include "kernel/merge_nodes.hpp"
#include "kernel/merge_series.hpp"
#include "kernel/stage.hpp"
#include "kernel/waiting_frames.hpp"
#include "wire/segment.hpp"

namespace twinpipe {

struct MergeOptions {
  std::size_t memory = std::size_t{64} << 20;  // for frames that wait
  std::size_t max_frame = kDefaultFrameLimit;
  std::uint32_t max_series = SeriesTable::kDefaultLimit;
  std::uint64_t window = 1024;  // messages of a session that are compared
  Nanos patience = 0;           // how far ticks may go on without an input that says nothing; 0: for ever
  bool copies = false;          // the inputs are copies of one stream: it is whole when one of them is
  bool finish = false;          // the end of an unsealed input is the end of its data
  bool skip_bad = false;
};

class FrameMerge {
 public:
  /// `names` of the inputs, for messages; an empty one is not mentioned. The store must outlive this.
  FrameMerge(std::vector<std::string> names, MergeOptions options, BlockStore& store);
  ~FrameMerge();

  /// The next frame of an input. Errors: the store's. What is wrong with the frame ends the input alone.
  Status push(std::uint32_t input, const FrameView& frame);
  /// The input ended. `status`: why, when it could not be read to its end; otherwise ok, or where it ended.
  void end(std::uint32_t input, const Status& status);
  /// May still push().
  bool open(std::uint32_t input) const;
  /// Open, and nothing of it waits: read this first.
  bool wanted(std::uint32_t input) const { return open(input) && waiting_.empty(input); }

  /// Writes what is decided, up to about `bytes`. Errors: the store's. False: nothing more is, before an input says more.
  Result<bool> step(Output& out, std::size_t bytes);
  /// Every input has ended, and all of it was written.
  bool done() const;

  /// What became of the inputs once done(): ok, or the code of the first that was damaged or died; it has been told.
  Status outcome() const;
  /// The data really ended.
  bool final() const;

  std::vector<Counter> counters() const;
  /// How often a gap was looked at: what gaps that wait cost.
  std::uint64_t gap_judgements() const { return gaps_.judgements(); }
  std::vector<std::string> take_notices() { return std::exchange(notices_, {}); }
  /// Why inputs ended that did not end well, each told once.
  std::vector<Status> take_failures() { return std::exchange(failures_, {}); }

 private:
  struct Input;
  struct Limit;

  // frame_merge.cpp: whose turn it is.
  Status load(std::uint32_t input);
  bool lags(std::uint32_t input);
  void leave(std::uint32_t input, Output& out);
  void fail(std::uint32_t input, Status status);
  Limit limit(std::uint32_t input) const;
  Status take(std::uint32_t input, Output& out);
  void pop(std::uint32_t input);
  std::string mention(std::uint32_t input, const std::string& what) const;

  // frame_merge_head.cpp: what stands at the head of an input, and how far it brings it.
  Status read_head(std::uint32_t input);

  // frame_merge_write.cpp: what leaves.
  Status write(std::uint32_t input, Output& out);
  void write_rows(std::uint32_t input, std::size_t end, Output& out);
  void select(std::uint32_t input, Columns& columns, std::size_t begin, std::size_t end);
  void count_beyond(std::uint32_t input, std::uint32_t alias, std::uint64_t seq);
  void append(std::uint32_t input, const Columns& columns, std::size_t begin, std::size_t end, Output& out);
  void write_named(std::uint32_t input, Output& out);
  void see_historical(Input& input, std::uint32_t number, std::size_t begin, std::size_t end);
  static bool numbered(const v1::Waveform& waveform);
  bool fresh_waveform(std::uint32_t input, const v1::Waveform& waveform);
  void write_arrival(std::uint32_t input, Output& out);
  void write_other(std::uint32_t input, const FrameView& view, Output& out);
  void take_gap(std::uint32_t input, Output& out);
  void judge_gaps(Output& out);
  void tell_gap(const MergeGaps::Gap& gap, const std::vector<NumberRange>& missing, Output& out);
  void write_due(Output& out);
  bool single() const { return inputs_.size() == 1; }

  MergeOptions options_;
  WaitingFrames waiting_;
  MergeGaps gaps_;
  MergeSeries series_;
  MergeNodes nodes_;
  MergeCopies copies_;
  std::vector<std::unique_ptr<Input>> inputs_;
  JoinedRows rows_;
  std::optional<Nanos> arrival_;  // written last
  std::vector<std::string> notices_;
  std::vector<Status> failures_;

  struct Rows {
    std::size_t begin = 0, end = 0;
  };
  std::vector<Rows> fresh_;
  std::vector<std::uint32_t> quality_;
  v1::Frame frame_;
  std::uint64_t copied_rows_ = 0, copied_frames_ = 0, beyond_ = 0, dropped_ = 0, gaps_filled_ = 0, skipped_ = 0, absences_ = 0;
};

}  // namespace twinpipe
