// SPDX-License-Identifier: Apache-2.0
// Kafka values of several partitions as frames of one stream.
#include "kernel/log_frames.hpp"

#include <fmt/format.h>

#include "wire/names.hpp"
#include "wire/scanner.hpp"

namespace twinpipe {

void LogFrames::begin_record(Nanos stamp, Output& out) {
  ++records_;
  if (stamp_ && *stamp_ == stamp) return;
  settle(out);
  stamp_ = stamp;
  arrival_due_ = true;
}

void LogFrames::take_tombstone(Nanos stamp, std::string_view key, Output& out) {
  begin_record(stamp, out);
  const auto levels = split_asset_key(key);
  if (!levels) return;
  realias_.flush(out);
  frame_.Clear();
  v1::Twin& twin = *frame_.mutable_twin();
  twin.set_site((*levels)[0]);
  twin.set_line((*levels)[1]);
  twin.set_asset((*levels)[2]);
  twin.set_retired(true);
  out.frame(frame_);
}

Status LogFrames::take(std::uint32_t partition, Nanos stamp, std::string_view value, Output& out) {
  begin_record(stamp, out);
  Scanner scanner(limit_);
  for (FrameView frame;;) {
    switch (scanner.next(value, frame)) {
      case Scanner::Outcome::need_more:
        return value.empty() ? Status{}
                             : Status::error(Code::bad_data, fmt::format("the value ends inside frame {}", scanner.frames() + 1));
      case Scanner::Outcome::bad: return scanner.status();
      case Scanner::Outcome::whole: break;
    }
    if (frame.number == 1 && frame.kind != FrameKind::open)
      return Status::error(Code::bad_data, "the value does not begin with an Open frame");
    if (Status status = take_frame(partition, stamp, frame, out); !status.ok()) return status;
    value.remove_prefix(frame.bytes.size());
  }
}

Status LogFrames::take_frame(std::uint32_t partition, Nanos stamp, const FrameView& frame, Output& out) {
  switch (frame.kind) {
    case FrameKind::lifecycle:
    case FrameKind::gap:
    case FrameKind::watermark:
    case FrameKind::applied: return copies_.take(partition, stamp, frame, out, [&] { realias_.flush(out); });
    case FrameKind::arrival:
    case FrameKind::position:
    case FrameKind::resume: ++dropped_frames_; return {};  // of another stream: here they would be false
    case FrameKind::open:
    case FrameKind::close: return realias_.take(frame, out);
    case FrameKind::series: {
      if (Status status = realias_.take(frame, out); !status.ok()) return status;
      Realias::Declaration& declared = *realias_.declared();
      // Marks of partitions that were read before a rebalance are of another numbering.
      if (declared.marked != generation_) declared.marks.assign(partitions_, false);
      declared.marked = generation_;
      if (declared.marks[partition]) return {};
      declared.marks[partition] = true;
      copies_.holds(partition, declared.node, declared.asset, stamp);
      return {};
    }
    default:
      if (std::exchange(arrival_due_, false)) {
        realias_.flush(out);
        frame_.Clear();
        frame_.mutable_arrival()->set_time(stamp);
        out.frame(frame_);
      }
      return realias_.take(frame, out);
  }
}

std::set<std::uint32_t> LogFrames::awaited(std::string_view value) {
  std::set<std::uint32_t> all;
  Scanner scanner(limit_);
  for (FrameView frame; scanner.next(value, frame) == Scanner::Outcome::whole; value.remove_prefix(frame.bytes.size())) {
    const std::set<std::uint32_t>& some = copies_.holders(frame);
    all.insert(some.begin(), some.end());
  }
  return all;
}

void LogFrames::reset(std::uint32_t partitions) {
  partitions_ = partitions;
  copies_ = NodeCopies();
  ++generation_;
  stamp_.reset();
}

std::vector<Counter> LogFrames::counters() const {
  return {{"records", records_},
          {"series", realias_.series()},
          {"copies_dropped", copies_.copies()},
          {"foreign_frames_dropped", dropped_frames_}};
}

}  // namespace twinpipe
