// SPDX-License-Identifier: Apache-2.0
// A buffer's frames in the order of event time, or as they were recorded.
#include "kernel/rawbuf_replay.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>

namespace twinpipe::rawbuf {

struct Replay::Part {
  std::uint64_t first = 0, next = 0;  // frames, as far as the catalog knows
  std::optional<Segment> segment;
  std::vector<std::unique_ptr<ReplaySeries::Stream>> streams;
  struct Record {
    std::unique_ptr<RecordContent> content;  // none: not in memory
    Rank start;                              // what was put before is not put again
    std::uint32_t stream = 0;                // at its beginning
    bool others = false;                     // only its frames that name no series are wanted
  };
  std::vector<Record> records;  // as the segment's
};

Replay::Replay(Disk& disk, ReplayOptions options)
    : disk_(&disk), options_(std::move(options)), series_(options_.patterns, options_.max_series) {}
Replay::~Replay() = default;

void Replay::push(const Waiting& waiting) {
  heap_.push_back(waiting);
  std::push_heap(heap_.begin(), heap_.end());
}

Replay::Waiting Replay::pop() {
  std::pop_heap(heap_.begin(), heap_.end());
  const Waiting waiting = heap_.back();
  heap_.pop_back();
  return waiting;
}

std::optional<Nanos> Replay::next_time() const { return heap_.empty() ? std::nullopt : std::optional(heap_.front().rank.time); }

// ---- what there is --------------------------------------------------------------------------------------------------

bool Replay::outside(Nanos min, Nanos max) const {
  return max < options_.from || (options_.to != kForever && min >= options_.to);
}

Rank Replay::rank(Nanos time, std::uint64_t frame) const {
  return {options_.order == Order::arrival ? kBeginning : std::max(time, options_.from), frame, 0};
}

Status Replay::start() {
  Listing listing(*disk_);
  if (Status status = listing.refresh(); !status.ok()) return status;
  if (Status status = listing.describe(); !status.ok()) return status;
  const bool arrival = options_.order == Order::arrival;
  const auto unwanted = [this](const Listing::Entry& entry) {
    return entry.summary.frames == 0 || outside(entry.summary.min, entry.summary.max);
  };
  // As recorded, what lies between the first and the last that is wanted is read too: it may declare.
  const auto& segments = listing.segments();
  auto begin = segments.begin(), end = segments.end();
  while (arrival && begin != end && unwanted(*begin)) ++begin;
  while (arrival && begin != end && unwanted(*std::prev(end))) --end;
  for (const auto& [summary, sealed] : segments) {
    if (summary.frames > 0 || summary.next == summary.first) continue;
    // Nothing of it is left; when that was, nobody knows.
    ++damaged_;
    notices_.push_back(
        fmt::format("{}: frames {} to {} are missing", segment_name(summary.first), summary.first, summary.next - 1));
  }
  for (; begin != end; ++begin) {
    const CatalogEntry& summary = begin->summary;
    if (arrival ? summary.frames == 0 : unwanted(*begin)) continue;
    expected_ += summary.readings;
    const auto number = static_cast<std::uint32_t>(parts_.size());
    parts_.push_back(std::make_unique<Part>());
    parts_.back()->first = summary.first;
    parts_.back()->next = summary.next;
    push({rank(summary.min, summary.first), number, 0, true});
  }
  if (listing.segments().empty()) return {};
  Result<Segment> last = Segment::open(*disk_, listing.segments().back().summary.first);
  if (!last.ok()) return last.status().code == Code::no_input ? Status{} : last.status();
  if (Status status = last->load(); !status.ok()) return status;
  for (const RecordPlace& record : last->records())
    if (record.header.kind == RecordKind::frames) finished_ = (record.header.flags & RecordHeader::kFinal) != 0;
  return {};
}

Status Replay::open_part(std::uint32_t number, Output& out) {
  Part& part = *parts_[number];
  Result<Segment> segment = Segment::open(*disk_, part.first);
  if (!segment.ok()) return segment.status().code == Code::no_input ? Status{} : segment.status();
  part.segment.emplace(std::move(*segment));
  if (Status status = part.segment->load(); !status.ok()) return status;
  for (const Damage& damage : part.segment->damages()) {
    lossy_ = true;
    ++damaged_;
    notices_.push_back(
        fmt::format("{}: byte {}: {}, {} bytes skipped", segment_name(part.first), damage.offset, damage.what, damage.bytes));
  }
  look_for_missing(part);
  const std::vector<RecordPlace>& records = part.segment->records();
  part.records.resize(records.size());
  std::size_t from = records.size(), to = 0;
  for (std::size_t i = 0; i < records.size(); ++i) {
    const RecordHeader& header = records[i].header;
    // As recorded: from the first that is wanted on all, as they may declare.
    const bool behind = options_.order == Order::arrival && (number > 0 || to > 0);
    if (header.kind != RecordKind::frames || (!behind && outside(header.min, header.max))) continue;
    from = std::min(from, i);
    to = i + 1;
  }
  // Of the oldest segment in the span; those behind it go on from there, also where their readings are older. So it says what is
  // in force at its end, when it has nothing else to tell.
  in_force_ = number == 0;
  if (to == 0 && !in_force_) return {};
  to = std::max(to, from);
  if (Status status = learn_streams(part, from, to, out); !status.ok()) return status;
  if (number == 0) series_.put_in_force(out);
  push_records(number, from, to);
  return {};
}

/// The records of a segment that have something to tell, as far as its index of series knows.
void Replay::push_records(std::uint32_t number, std::size_t from, std::size_t to) {
  Part& part = *parts_[number];
  const std::vector<RecordSeries> held =
      options_.patterns.empty() ? std::vector<RecordSeries>() : part.segment->read_series(decoder_);
  std::map<std::pair<std::uint32_t, std::uint8_t>, AliasMap> wanted;  // by stream and shift
  for (std::size_t i = from; i < to; ++i) {
    const RecordHeader& header = part.segment->records()[i].header;
    if (header.kind != RecordKind::frames) continue;
    if (options_.order == Order::event_time && outside(header.min, header.max)) continue;
    const auto about = std::ranges::lower_bound(held, header.first, {}, &RecordSeries::first);
    const bool known = about != held.end() && about->first == header.first;
    if (known && (header.flags & RecordHeader::kDeclares) == 0 && (about->flags & RecordSeries::kTimeless) == 0) {
      const std::pair key(part.records[i].stream, about->aliases.shift());
      const auto [map, is_new] = wanted.try_emplace(key);
      if (is_new) map->second = series_.wanted(*part.streams[key.first], key.second);
      const bool meets = about->aliases.meets(map->second);
      if (!meets && (about->flags & RecordSeries::kOthers) == 0) continue;
      part.records[i].others = !meets;
    }
    push({rank(header.min, header.first), number, static_cast<std::uint32_t>(i), false});
  }
}

/// Numbers without a record: what was damaged when a segment was repaired, or sealed for a writer that died, is in no index.
void Replay::look_for_missing(const Part& part) {
  std::uint64_t due = part.first;
  const bool told = !part.segment->damages().empty();
  const auto look = [&](std::uint64_t next) {
    if (next <= due) return;
    lossy_ = true;
    if (told) return;
    ++damaged_;
    notices_.push_back(fmt::format("{}: frames {} to {} are missing", segment_name(part.first), due, next - 1));
  };
  for (const RecordPlace& record : part.segment->records()) {
    look(record.header.first);
    due = record.header.next();
  }
  look(std::max(part.segment->next(), part.next));
}

/// What the aliases in the records from `from` to `to` mean: from the last repeated declarations before them, and the Series
/// frames since.
Status Replay::learn_streams(Part& part, std::size_t from, std::size_t to, Output& out) {
  const std::vector<RecordPlace>& records = part.segment->records();
  std::size_t begin = 0;
  for (std::size_t i = 0; i < records.size() && i <= from; ++i)
    if (records[i].header.kind == RecordKind::declarations) begin = i;
  part.streams.push_back(std::make_unique<ReplaySeries::Stream>());
  for (std::size_t i = begin; i < to; ++i) {
    const RecordHeader& header = records[i].header;
    if (i == begin) stream_ = header.stream;
    // The declarations that a segment begins with were lost. They have no numbers that would be missing.
    if (i == begin && header.kind == RecordKind::frames && header.stream != 0) lossy_ = true;
    if (header.kind == RecordKind::frames && header.stream != 0 && header.stream != stream_) {
      // The Open of another stream was lost: what its aliases mean is not known.
      part.streams.push_back(std::make_unique<ReplaySeries::Stream>());
      stream_ = header.stream;
      lossy_ = true;
    }
    part.records[i].stream = static_cast<std::uint32_t>(part.streams.size() - 1);
    const bool repeated = header.kind == RecordKind::declarations;
    if (repeated ? i != begin : (header.flags & RecordHeader::kDeclares) == 0) continue;
    // As recorded, what a segment repeats has been told, all but the first.
    const bool in_force = (i < from || repeated) && (in_force_ || options_.order == Order::event_time);
    const auto how = in_force ? ReplaySeries::How::learn : ReplaySeries::How::note;
    if (Status status = learn_record(part, i, how, out); !status.ok()) return status;
  }
  return {};
}

Status Replay::learn_record(Part& part, std::size_t record, ReplaySeries::How how, Output& out) {
  const RecordPlace& place = part.segment->records()[record];
  const bool repeated = place.header.kind == RecordKind::declarations;
  std::string frames;
  const Status read = part.segment->read(place, decoder_, frames);
  if (!read.ok()) {
    lossy_ = true;
    return read.code == Code::bad_data ? Status{} : read;  // told when it is its turn
  }
  std::uint64_t number = place.header.first;
  return for_each_frame(frames, [&](const FrameView& frame) -> Status {
    if (frame.kind == FrameKind::open && !repeated) {
      part.streams.push_back(std::make_unique<ReplaySeries::Stream>());
      stream_ = number;
    }
    ++number;
    if (frame.kind == FrameKind::applied && how == ReplaySeries::How::learn && in_force_) out.forward(frame);
    if (frame.kind != FrameKind::series) return {};
    Status status = series_.take(frame, *part.streams.back(), how, out);
    return lossy_ && status.code == Code::bad_data ? Status{} : status;  // what it builds on was lost
  });
}

// ---- the merge ------------------------------------------------------------------------------------------------------

Status Replay::step(Nanos until, std::size_t bytes, Output& out, bool& more) {
  bool waits = false;
  while (!heap_.empty() && !waits && out.pending().size() < bytes)
    if (Status status = advance(until, bytes, out, waits); !status.ok()) return status;
  more = !heap_.empty();
  return {};
}

Status Replay::advance(Nanos until, std::size_t bytes, Output& out, bool& waits) {
  if (heap_.front().rank.time > until) {
    waits = true;
    return {};
  }
  Waiting waiting = pop();
  if (waiting.is_part) return open_part(waiting.part, out);
  Part::Record& record = parts_[waiting.part]->records[waiting.record];
  if (!record.content) {
    bool loaded = false;
    if (Status status = load(waiting, out, loaded); !status.ok() || !loaded) return status;
  } else {
    const Rank others = heap_.empty() ? Rank{kForever, UINT64_MAX, UINT32_MAX} : heap_.front().rank;
    const Rank limit = until == kForever ? others : std::min(others, Rank{until + 1, 0, 0});
    RecordContent& content = *record.content;
    // The first always goes: nothing comes before it.
    do {
      const Run run = content.take(limit);
      const Status status = put(waiting, run, out);
      const bool lost = status.code == Code::bad_data && lossy_;
      if (lost && undeclared_++ == 0) notices_.push_back("frames whose declarations were lost are left out");
      if (!status.ok() && !lost) return status;
    } while (!content.empty() && content.rank() < limit && out.pending().size() < bytes);
    if (content.empty()) {
      unload(waiting);
      return {};
    }
  }
  waiting.rank = record.content->rank();
  push(waiting);
  return {};
}

Status Replay::load(const Waiting& waiting, Output& out, bool& loaded) {
  Part& part = *parts_[waiting.part];
  Part::Record& record = part.records[waiting.record];
  const RecordPlace& place = part.segment->records()[waiting.record];
  auto content = std::make_unique<RecordContent>();
  const Status status =
      content->load(*part.segment, place, decoder_, options_.order, options_.from, options_.to, record.start, record.others);
  if (status.code == Code::bad_data) {
    ++damaged_;
    lossy_ = true;
    notices_.push_back(status.message + "; skipped");
    v1::Frame frame;
    v1::Gap& gap = *frame.mutable_gap();
    gap.set_from(place.header.min);
    gap.set_to(place.header.max);
    gap.set_reason(v1::Gap::REASON_MALFORMED);
    gap.set_readings(place.header.readings);
    gap.set_detail(status.message);
    out.frame(frame);
    return {};
  }
  if (!status.ok() || content->empty()) return status;
  memory_ += content->bytes();
  record.content = std::move(content);
  loaded_.push_back(waiting);
  make_room(waiting);
  loaded = true;
  return {};
}

void Replay::unload(const Waiting& waiting) {
  Part::Record& record = parts_[waiting.part]->records[waiting.record];
  memory_ -= record.content->bytes();
  if (!record.content->empty()) record.start = record.content->rank();
  record.content.reset();
  decoded_ = nullptr;
  std::erase_if(loaded_, [&](const Waiting& other) { return other.part == waiting.part && other.record == waiting.record; });
}

/// Puts back the records whose turn comes last.
void Replay::make_room(const Waiting& keep) {
  while (memory_ > options_.memory && loaded_.size() > 1) {
    const auto rank = [&](const Waiting& waiting) {
      const bool kept = waiting.part == keep.part && waiting.record == keep.record;
      return kept ? Rank{} : parts_[waiting.part]->records[waiting.record].content->rank();
    };
    const Waiting last = *std::ranges::max_element(loaded_, {}, rank);
    unload(last);
    ++reloads_;
  }
}

// ---- out ------------------------------------------------------------------------------------------------------------

void Replay::put_arrival(Nanos arrival, Output& out) {
  if (arrival == kBeginning || std::exchange(arrival_, arrival) == arrival) return;
  v1::Frame frame;
  frame.mutable_arrival()->set_time(arrival);
  out.frame(frame);
}

Status Replay::put(const Waiting& waiting, const Run& run, Output& out) {
  Part& part = *parts_[waiting.part];
  const Part::Record& record = part.records[waiting.record];
  const RecordContent::Frame& frame = record.content->frame(run);
  ReplaySeries::Stream& stream = *part.streams[record.stream + frame.stream];
  switch (frame.view.kind) {
    case FrameKind::open:
    case FrameKind::close:
    case FrameKind::position:
    case FrameKind::resume:
    case FrameKind::arrival: return {};  // the output has its own
    case FrameKind::series: return series_.take(frame.view, stream, ReplaySeries::How::put, out);
    case FrameKind::readings: put_arrival(frame.arrival, out); return put_rows(frame, run, stream, out);
    case FrameKind::waveform: put_arrival(frame.arrival, out); [[fallthrough]];
    default: return series_.put_frame(frame.view, stream, lossy_, out);
  }
}

Status Replay::put_rows(const RecordContent::Frame& frame, const Run& run, const ReplaySeries::Stream& stream, Output& out) {
  const bool whole = frame.times != nullptr && run.rows == frame.rows;
  if (whole && !lossy_ && series_.transparent(stream)) {
    out.forward(frame.view);
    return {};
  }
  if (decoded_ != frame.view.bytes.data()) {
    decoded_ = nullptr;  // columns_ is gone even when this one does not decode
    const Result<Columns> columns = readings_.decode(frame.view.payload, stream.slots, stream.identity);
    if (!columns.ok()) return columns.status();
    columns_ = *columns;
    decoded_ = frame.view.bytes.data();
  }
  rows_.clear();
  if (frame.times != nullptr) {
    rows_.resize(run.rows);
    std::iota(rows_.begin(), rows_.end(), run.row);
  } else {
    for (std::uint32_t row = 0; row < columns_.rows(); ++row)
      if (columns_.time[row] >= options_.from && (options_.to == kForever || columns_.time[row] < options_.to))
        rows_.push_back(row);
  }
  series_.put_rows(columns_, rows_, out);
  return {};
}

}  // namespace twinpipe::rawbuf
