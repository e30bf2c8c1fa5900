// SPDX-License-Identifier: Apache-2.0
// rawbuf tail.
#include "cli/rawbuf_tail.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "cli/cursor.hpp"
#include "cli/rawbuf_cursors.hpp"

namespace twinpipe::cli {
namespace {

/// How soon a cursor that is too far behind for another Position is read again, at the soonest.
constexpr Nanos kLookAgain = 10 * kMillisecond;

}  // namespace

RawbufTail::RawbufTail(Tool& tool, TailOptions options)
    : tool_(&tool), options_(std::move(options)), directory_(options_.directory), reader_(directory_), source_(tool) {
  name_ = rawbuf_source(options_.directory);
  source_.set_counters([this] { return std::vector<Counter>{{"frames_evicted", lost_}, {"records_damaged", damaged_}}; });
}

// ---- where to start -------------------------------------------------------------------------------------------------

Status RawbufTail::start_at(std::uint64_t& number) {
  // A Position that is named is newer than the cursor: what a transaction committed just before its process died.
  if (const Result<v1::Position> named = parse_position(options_.from); named.ok()) {
    resumed_ = *named;
  } else if (!options_.cursor.empty()) {
    Result<std::optional<v1::Position>> read = read_cursor(options_.cursor);
    if (!read.ok()) return read.status();
    resumed_ = std::move(*read);
  }
  if (!resumed_ && !options_.cursor.empty()) {
    // A reader that never recorded anything still needs all since it became known.
    const Result<std::optional<std::uint64_t>> known = registered_at(options_.directory, options_.cursor);
    if (!known.ok()) return known.status();
    if (*known) {
      number = **known;
      return {};
    }
  }
  if (!resumed_) {
    const std::string& from = options_.from;
    const auto& segments = reader_.listing().segments();
    if (from == "oldest" || segments.empty()) {
      number = segments.empty() ? 1 : segments.front().summary.first;
      return {};
    }
    if (from == "newest") {
      if (Status status = reader_.listing().describe(); !status.ok()) return status;
      number = segments.back().summary.next;
      return {};
    }
    const auto [end, error] = std::from_chars(from.data(), from.data() + from.size(), number);
    if (error == std::errc() && end == from.data() + from.size() && number > 0) return {};
    return Status::error(Code::usage, fmt::format("--from '{}': write oldest, newest, a frame's number or a Position", from));
  }
  const Result<std::uint64_t> frame = rawbuf_frame(*resumed_, options_.directory);
  if (!frame.ok()) return Status::error(frame.status().code, options_.cursor + ": " + frame.status().message);
  number = *frame;
  number_ = resumed_->number();
  return {};
}

Status RawbufTail::start() {
  if (options_.follow)
    if (Status status = directory_.watch(); !status.ok()) return status;
  if (Status status = reader_.listing().refresh(); !status.ok()) return status;
  std::uint64_t number = 1;
  if (Status status = start_at(number); !status.ok()) return status;
  if (!options_.cursor.empty())
    if (Status status = register_cursor(options_.directory, options_.cursor, number); !status.ok()) return status;
  rawbuf::Declarations state;
  if (Status status = reader_.seek(number, state); !status.ok()) return status;
  lead_.emplace(options_.cursor, name_, number_);
  tell();
  last_position_ = number;
  if (Status status = source_.open(); !status.ok()) return status;
  if (resumed_) {
    v1::Frame frame;
    *frame.mutable_resume()->mutable_position() = *resumed_;
    source_.out().frame(frame);
  }
  put_declarations(state);
  if (!reader_.declarations_whole()) known_ = state;
  return {};
}

// ---- the loop -------------------------------------------------------------------------------------------------------

Status RawbufTail::run() {
  if (Status status = start(); !status.ok()) return status;
  const Status looped = loop();
  tell();
  if (!looped.ok()) {
    const Status flushed = source_.flush();
    return flushed.ok() ? looped : flushed;
  }
  if (source_.reader_left()) return {};
  if (Status status = put_position(true); !status.ok()) return status;
  return source_.close(reader_.finished());
}

Status RawbufTail::loop() {
  next_position_ = monotonic_now() + options_.position_every;
  while (!source_.done()) {
    directory_.drain();
    rawbuf::Piece piece;
    bool found = false;
    if (Status status = reader_.next(piece, found); !status.ok()) return status;
    tell();
    if (found) {
      if (Status status = put(piece); !status.ok()) return status;
      if (monotonic_now() >= next_position_)
        if (Status status = put_position(); !status.ok()) return status;
      continue;
    }
    if (!options_.follow) return {};
    if (Status status = wait(); !status.ok()) return status;
  }
  return {};
}

/// Woken by the directory alone; by the time only as long as a Position is due.
Status RawbufTail::wait() {
  Ready ready;
  const Nanos now = monotonic_now();
  Nanos timeout = -1;
  if (reader_.at() != last_position_) {
    if (now >= next_position_)
      if (Status status = put_position(); !status.ok()) return status;
    timeout = reader_.at() != last_position_ ? next_position_ - now : -1;
  }
  return source_.wait(directory_.watch_fd(), timeout, ready);
}

Status RawbufTail::put(const rawbuf::Piece& piece) {
  if (piece.kind != rawbuf::Piece::Kind::frames) return put_missing(piece);
  return for_each_frame(piece.frames, [this](const FrameView& frame) {
    put_frame(frame);
    return source_.pump();
  });
}

void RawbufTail::put_frame(const FrameView& frame) {
  Output& out = source_.out();
  switch (frame.kind) {
    case FrameKind::open:
      known_.reset();
      // Our Open and Close stand for the recorded ones, as in every filter.
      if (!std::exchange(fresh_, true)) {
        out.close(std::exchange(closed_final_, false));
        out.open(tool_->producer());
      }
      return;
    case FrameKind::close: {
      v1::Close close;
      closed_final_ = close.ParseFromArray(frame.payload.data(), static_cast<int>(frame.payload.size())) && close.final();
      fresh_ = false;
      return;
    }
    case FrameKind::position:
    case FrameKind::resume: return;  // of the recorded stream's source; ours are of this one
    default:
      if (known_ && (!known_->observe(frame).ok() || !known_->covers(frame))) {
        if (undeclared_++ == 0)
          tool_->say("frames whose declarations were lost are left out, from here to the next declarations");
        return;
      }
      fresh_ = false;
      if (gap_) look_for_nodes(frame);
      out.forward(frame);
  }
}

void RawbufTail::put_declarations(const rawbuf::Declarations& state) {
  std::uint32_t count = 0;
  const std::string frames = state.frames(count);
  const Status put = for_each_frame(frames, [this](const FrameView& frame) {
    if (frame.kind != FrameKind::open) put_frame(frame);
    return Status{};
  });
  if (!put.ok()) tool_->say(put);
}

/// Frames that are gone: aliases may have been given out among them, so a new segment starts behind them, with what is in
/// force there.
Status RawbufTail::put_missing(const rawbuf::Piece& piece) {
  const bool evicted = piece.kind == rawbuf::Piece::Kind::evicted;
  const std::string what = fmt::format("frames {} to {} of {} were {}", piece.first, piece.next - 1, options_.directory,
                                       evicted ? "removed before they were sent" : "damaged");
  tool_->say(what);
  (evicted ? lost_ : damaged_) += evicted ? piece.next - piece.first : 1;
  put_gap();
  rawbuf::Declarations state;
  if (Status status = reader_.in_force(state); !status.ok()) return status;
  if (!std::exchange(fresh_, true)) {
    source_.out().close(false);
    source_.out().open(tool_->producer());
  }
  known_.reset();
  put_declarations(state);
  if (!evicted || !reader_.declarations_whole()) known_ = state;
  v1::Gap& gap = gap_.emplace();
  gap.set_reason(evicted ? v1::Gap::REASON_EVICTED : v1::Gap::REASON_MALFORMED);
  if (piece.times.min <= piece.times.max) {
    gap.set_from(piece.times.min);
    gap.set_to(piece.times.max);
  }
  gap.set_readings(piece.readings);
  gap.set_detail(what);
  for (std::string& node : state.nodes()) nodes_.insert(std::move(node));
  if (state.inside()) put_gap();
  return source_.pump();
}

/// A Gap for each node that has series here; what it lost of the readings is not known when there are several.
void RawbufTail::put_gap() {
  if (!gap_) return;
  if (nodes_.empty()) nodes_.emplace();
  if (nodes_.size() > 1) gap_->clear_readings();
  for (const std::string& node : std::exchange(nodes_, {})) {
    v1::Frame frame;
    *frame.mutable_gap() = *gap_;
    frame.mutable_gap()->set_node(node);
    source_.out().frame(frame);
  }
  gap_.reset();
  fresh_ = false;
}

/// Behind missing frames the stream may begin anew: whose Gap it is, is known once its series are declared.
void RawbufTail::look_for_nodes(const FrameView& frame) {
  v1::Series series;
  if (frame.kind == FrameKind::series && series.ParseFromArray(frame.payload.data(), static_cast<int>(frame.payload.size())))
    nodes_.insert(series.node());
  if (frame.kind != FrameKind::series && frame.kind != FrameKind::lifecycle && frame.kind != FrameKind::applied) put_gap();
}

Status RawbufTail::put_position(bool last) {
  put_gap();
  next_position_ = monotonic_now() + options_.position_every;
  if (reader_.at() == last_position_) return {};
  if (!last && !lead_->allows(number_ + 1)) {
    next_position_ = monotonic_now() + std::max(options_.position_every, kLookAgain);
    return {};
  }
  last_position_ = reader_.at();
  v1::Frame frame;
  v1::Position& position = *frame.mutable_position();
  position.set_source(name_);
  position.set_number(++number_);
  v1::Offset& offset = *position.add_offset();
  offset.set_name(name_.substr(name_.find(' ') + 1));
  offset.set_next(static_cast<std::int64_t>(reader_.at()));
  source_.out().frame(frame);
  fresh_ = false;
  return source_.pump();
}

void RawbufTail::tell() {
  for (const std::string& notice : reader_.take_notices()) tool_->say(notice);
}

}  // namespace twinpipe::cli
