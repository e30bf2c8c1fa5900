// SPDX-License-Identifier: Apache-2.0
// Several streams as one: whose turn it is.
#include "kernel/frame_merge.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "kernel/frame_merge_parts.hpp"

namespace twinpipe {

FrameMerge::FrameMerge(std::vector<std::string> names, MergeOptions options, BlockStore& store)
    : options_(options),
      waiting_(names.size(), options.memory, options.max_frame, store),
      series_(names.size(), options.max_series, std::max<std::uint64_t>(options.window, 1), gaps_.woken()),
      nodes_(names.size()) {
  for (std::string& name : names) inputs_.emplace_back(std::make_unique<Input>())->name = std::move(name);
}
FrameMerge::~FrameMerge() = default;

// ---- what comes -----------------------------------------------------------------------------------------------------

Status FrameMerge::push(std::uint32_t number, const FrameView& frame) {
  Input& input = *inputs_[number];
  if (input.ended) return {};
  Status status = input.guard.observe(frame);
  if (!status.ok()) {
    status.frame = frame.number;
    status.offset = frame.offset;
    end(number, status);
    return {};
  }
  if (options_.patience > 0 && frame.kind == FrameKind::watermark) {
    v1::Watermark watermark;
    if (watermark.ParseFromArray(frame.payload.data(), static_cast<int>(frame.payload.size()))) {
      const Nanos tick = watermark.clock() != 0 ? watermark.clock() : watermark.time();
      input.tick = std::max(input.tick.value_or(tick), tick);
    }
  }
  return waiting_.push(number, frame.bytes);
}

void FrameMerge::end(std::uint32_t number, const Status& status) {
  Input& input = *inputs_[number];
  if (input.ended) return;
  input.ended = true;
  input.status = status;
  if (status.ok() && input.guard.ending() == Ending::cut)
    input.status =
        Status{Code::bad_data,
               input.guard.segments() == 0 ? "the input is empty: upstream wrote nothing"
                                           : fmt::format("end of input without Close: {} died", input.guard.producer()),
               status.frame, status.offset};
}

bool FrameMerge::open(std::uint32_t input) const { return !inputs_[input]->ended; }

bool FrameMerge::done() const {
  return std::ranges::all_of(inputs_, [](const auto& input) { return input->over; });
}

Status FrameMerge::outcome() const {
  Status worst;
  for (const auto& input : inputs_) {
    if (input->status.ok() && options_.copies) return {};
    if (worst.ok()) worst.code = input->status.code;
  }
  return worst;
}

bool FrameMerge::final() const {
  const auto whole = [this](const auto& input) {
    const Ending ending = input->guard.ending();
    return input->status.ok() && (ending == Ending::finished || (ending == Ending::unsealed && options_.finish));
  };
  return options_.copies ? std::ranges::any_of(inputs_, whole) : std::ranges::all_of(inputs_, whole);
}

// ---- whose turn it is -----------------------------------------------------------------------------------------------

Result<bool> FrameMerge::step(Output& out, std::size_t bytes) {
  while (out.pending().size() < bytes) {
    bool waits = false, ended = false;
    for (std::uint32_t i = 0; i < inputs_.size(); ++i) {
      Input& input = *inputs_[i];
      if (input.over || input.has_head) continue;
      if (Status status = load(i); !status.ok()) return status;
      if (input.has_head) continue;
      ended = ended || input.ended;
      waits = waits || (!input.ended && !lags(i));
    }
    if (waits) return false;
    // Only now, and in their order: who ends first must not depend on who was read first.
    for (std::uint32_t i = 0; ended && i < inputs_.size(); ++i)
      if (!inputs_[i]->over && !inputs_[i]->has_head && inputs_[i]->ended) leave(i, out);
    std::uint32_t next = 0;
    const Input* least = nullptr;
    for (std::uint32_t i = 0; i < inputs_.size(); ++i) {
      const Input& input = *inputs_[i];
      if (!input.has_head) continue;
      if (least != nullptr && input.turn() >= least->turn()) continue;
      next = i;
      least = &input;
    }
    if (least == nullptr) return false;
    if (Status status = take(next, out); !status.ok()) return status;
  }
  return true;
}

/// Finds the input's head among what waits of it. What is bad ends it, or is left out. Errors: the store's.
Status FrameMerge::load(std::uint32_t number) {
  Input& input = *inputs_[number];
  while (!waiting_.empty(number)) {
    if (Status status = waiting_.front(number, input.view); !status.ok()) return status;
    Status status = read_head(number);
    if (status.ok()) {
      input.has_head = true;
      input.silent = false;
      if (std::exchange(input.absent, false)) {
        nodes_.set_open(number, true);
        notices_.push_back(mention(number, "is heard again, and waited for"));
      }
      return {};
    }
    fail(number, std::move(status));
  }
  return {};
}

/// Bad content: with --skip-bad the frame is left out, otherwise the input ends in front of it.
void FrameMerge::fail(std::uint32_t number, Status status) {
  Input& input = *inputs_[number];
  input.has_head = false;
  if (options_.skip_bad) {
    ++skipped_;
    waiting_.pop(number);
    return;
  }
  status.frame = input.view.number;
  status.offset = input.view.offset;
  input.ended = true;
  input.status = std::move(status);
  waiting_.clear(number);
}

/// True for an input that has nothing to give and is not waited for any more: the ticks of others have gone on without it.
bool FrameMerge::lags(std::uint32_t number) {
  if (options_.patience <= 0) return false;
  Input& input = *inputs_[number];
  std::optional<Nanos> others;
  for (std::uint32_t i = 0; i < inputs_.size(); ++i)
    if (i != number && inputs_[i]->tick && (!others || *inputs_[i]->tick > *others)) others = inputs_[i]->tick;
  if (!std::exchange(input.silent, true)) input.silent_since = others;
  if (!input.silent_since) input.silent_since = others;
  if (!others || saturating_sub(*others, *input.silent_since) <= options_.patience) return false;
  if (!std::exchange(input.absent, true)) {
    nodes_.set_open(number, false);
    ++absences_;
    notices_.push_back(mention(number, "says nothing while the others go on: no longer waited for"));
  }
  return true;
}

/// The input has ended, and all of it was taken: it holds nothing back any more.
void FrameMerge::leave(std::uint32_t number, Output& out) {
  Input& input = *inputs_[number];
  input.over = true;
  if (!input.status.ok()) {
    failures_.push_back(input.status);
    failures_.back().message = mention(number, input.status.message);
  }
  series_.leave(number);
  nodes_.set_open(number, false);
  gaps_.wake_all();
  if (done()) {
    gaps_.give_up();
    judge_gaps(out);
  }
  write_due(out);
  rows_.flush(out);
}

FrameMerge::Limit FrameMerge::limit(std::uint32_t number) const {
  Limit limit;
  for (std::uint32_t i = 0; i < inputs_.size(); ++i) {
    const Input& other = *inputs_[i];
    if (i == number || !other.has_head || other.key > limit.time) continue;
    if (other.key < limit.time) limit = {other.key, true};
    // A row that comes to the same time has given nothing there yet.
    if (i < number && other.turn() == Input::Turn{other.key, 0, true, 0}) limit.inclusive = false;
  }
  return limit;
}

/// Takes the head of an input: a whole frame, or the rows of Readings up to where another input's turn comes.
Status FrameMerge::take(std::uint32_t number, Output& out) {
  Input& input = *inputs_[number];
  Nanos reached = input.key;
  bool whole = true;
  Status status;
  if (input.view.kind == FrameKind::readings) {
    const Limit until = limit(number);
    std::size_t end = input.row;
    for (const std::size_t rows = input.columns.rows(); end < rows; ++end) {
      const Nanos time = std::max(reached, input.counted(input.columns.time[end]));
      if (time > reached && (time > until.time || (time == until.time && !until.inclusive))) break;
      reached = time;
    }
    whole = end == input.columns.rows();
    write_rows(number, end, out);
    input.row = end;
    if (!whole) input.key = std::max(reached, input.counted(input.columns.time[end]));
  } else {
    status = write(number, out);
  }
  if (reached > input.reached) input.marks = input.units = 0;
  ++input.units;
  if (Input::is_mark(input.view.kind)) ++input.marks;
  input.reached = reached;
  if (!status.ok()) {
    if (status.code != Code::bad_data) return status;
    fail(number, std::move(status));
    return {};
  }
  if (whole) {
    // An output frame ends where an input's does, so nothing that is decided waits for what comes next.
    if (input.view.kind == FrameKind::readings) rows_.flush(out);
    input.has_head = false;
    waiting_.pop(number);
  }
  judge_gaps(out);
  return {};
}

std::string FrameMerge::mention(std::uint32_t input, const std::string& what) const {
  const std::string& name = inputs_[input]->name;
  return name.empty() ? what : name + ": " + what;
}

std::vector<Counter> FrameMerge::counters() const {
  std::uint64_t rows = 0;
  for (const auto& input : inputs_) rows += input->guard.rows();
  return {{"readings_in", rows},
          {"series", series_.size()},
          {"copies_dropped", copied_rows_},
          {"copied_frames_dropped", copied_frames_},
          {"beyond_window", beyond_},
          {"gaps_filled", gaps_filled_},
          {"positions_dropped", dropped_},
          {"absences", absences_},
          {"skipped_bad", skipped_},
          {"waiting_bytes", waiting_.memory()},
          {"spilled_bytes", waiting_.stored()}};
}

}  // namespace twinpipe
