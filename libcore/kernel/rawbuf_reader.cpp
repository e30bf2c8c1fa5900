// SPDX-License-Identifier: Apache-2.0
// A buffer, read.
#include "kernel/rawbuf_reader.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace twinpipe::rawbuf {

// ---- which segments there are ---------------------------------------------------------------------------------------

Status Listing::refresh() {
  // The catalog first: a segment that is removed meanwhile is missing from the directory, and then its tombstone from here.
  std::string bytes;
  const Result<std::vector<std::string>> names = disk_->list();
  if (!names.ok()) return names.status();
  const Result<std::unique_ptr<DiskFile>> file = disk_->open(std::string(kCatalogName));
  if (file.ok()) {
    const Result<std::uint64_t> size = (*file)->size();
    if (!size.ok()) return size.status();
    if (Status status = (*file)->read(0, static_cast<std::size_t>(*size), bytes); !status.ok()) return status;
  } else if (file.status().code != Code::no_input) {
    return file.status();
  }
  std::vector<CatalogEntry> entries = decode_catalog(bytes, damaged_);
  std::ranges::stable_sort(entries, {}, &CatalogEntry::first);
  segments_.clear();
  tombstones_.clear();
  for (const std::string& name : *names) {
    const auto first = parse_segment_name(name);
    if (!first) continue;
    const auto range = std::ranges::equal_range(entries, *first, {}, &CatalogEntry::first);
    Entry& entry = segments_.emplace_back();
    entry.summary.first = *first;
    if (range.empty()) continue;
    entry.summary = *std::prev(range.end());
    entry.sealed = entry.summary.kind == CatalogEntry::Kind::sealed;
  }
  std::ranges::sort(segments_, {}, [](const Entry& entry) { return entry.summary.first; });
  for (const CatalogEntry& entry : entries)
    if (entry.kind == CatalogEntry::Kind::evicted) tombstones_.push_back(entry);
  return {};
}

Status Listing::describe() {
  for (Entry& entry : segments_) {
    if (entry.sealed) continue;
    Result<Segment> segment = Segment::open(*disk_, entry.summary.first);
    if (!segment.ok()) {
      if (segment.status().code == Code::no_input) continue;  // removed meanwhile
      return segment.status();
    }
    if (Status status = segment->load(); !status.ok()) return status;
    SegmentHeader header = segment->header();
    header.first = segment->first();
    entry.summary = summarize(header, segment->records(), segment->bytes());
  }
  return {};
}

// ---- declarations ---------------------------------------------------------------------------------------------------

Status declarations_at(Segment& segment, std::uint64_t end, BlockDecoder& decoder, Declarations& state, bool& whole) {
  const std::vector<RecordPlace>& records = segment.records();
  std::size_t from = 0;
  for (std::size_t i = 0; i < records.size() && records[i].header.first <= end; ++i)
    if (records[i].header.kind == RecordKind::declarations) from = i;
  std::string frames;
  std::uint64_t stream = 0;  // whose declarations `state` has
  std::uint64_t due = from == 0 ? segment.first() : records[from].header.first;
  whole = true;
  for (std::size_t i = from; i < records.size(); ++i) {
    const RecordHeader& header = records[i].header;
    whole = whole && (due >= end || header.first <= due);
    due = header.next();
    // The Open of another stream was lost: what is known is not what its aliases mean.
    const bool foreign =
        header.kind == RecordKind::frames && header.first <= end && header.stream != 0 && header.stream != stream;
    whole = whole && !foreign;
    if (foreign && stream != 0) state = Declarations();
    if (foreign || (header.kind == RecordKind::declarations && i == from)) stream = header.stream;
    const bool repeated = header.kind == RecordKind::declarations;
    if (repeated ? i != from || header.first > end : header.first >= end) continue;
    constexpr auto kMatters = static_cast<std::uint8_t>(RecordHeader::kDeclares | RecordHeader::kClosed);
    if (!repeated && (header.flags & kMatters) == 0) continue;
    if (Status status = segment.read(records[i], decoder, frames); !status.ok()) {
      if (status.code != Code::bad_data) return status;
      whole = false;
      continue;  // whoever reads on is told
    }
    std::uint64_t number = header.first;
    const Status observed = for_each_frame(frames, [&](const FrameView& frame) {
      if (!repeated && number >= end) return Status{};
      if (!repeated && frame.kind == FrameKind::open) stream = number;
      ++number;
      (void)state.observe(frame);  // refused behind damage: what it builds on was lost
      return Status{};
    });
    if (!observed.ok()) return observed;
  }
  whole = whole && due >= end;
  return {};
}

// ---- frame by frame -------------------------------------------------------------------------------------------------

Status Reader::seek(std::uint64_t number, Declarations& state) {
  if (Status status = listing_.refresh(); !status.ok()) return status;
  segment_.reset();
  state = Declarations();
  declarations_whole_ = true;
  flags_ = 0;
  at_ = due_ = number;
  std::uint64_t within = 0;
  for (const Listing::Entry& entry : listing_.segments())
    if (entry.summary.first <= number) within = entry.summary.first;
  if (within == 0) return {};
  if (Status status = enter(within); !status.ok()) return status;
  due_ = at_;
  std::uint64_t given = segment_->next();
  for (const Listing::Entry& entry : listing_.segments()) given = std::max({given, entry.summary.next, entry.summary.resumes});
  if (number > given)
    return Status::error(Code::bad_config,
                         fmt::format("frame {} was never written: the buffer ends before frame {}", number, given));
  while (record_ < segment_->records().size() && segment_->records()[record_].header.next() <= number) {
    const RecordHeader& header = segment_->records()[record_++].header;
    if (header.kind == RecordKind::frames) flags_ = header.flags;
  }
  return declarations_at(*segment_, number, decoder_, state, declarations_whole_);
}

Status Reader::in_force(Declarations& state) {
  state = Declarations();
  declarations_whole_ = true;
  if (!segment_) return {};
  return declarations_at(*segment_, std::max(at_, segment_->first()), decoder_, state, declarations_whole_);
}

Status Reader::enter(std::uint64_t first) {
  Result<Segment> segment = Segment::open(*disk_, first);
  if (!segment.ok()) return segment.status();
  segment_.emplace(std::move(*segment));
  record_ = damages_told_ = 0;
  if (Status status = segment_->load(); !status.ok()) return status;
  due_ = std::max(at_, segment_->header().follows);
  return {};
}

Status Reader::next(Piece& piece, bool& found) {
  found = false;
  for (;;) {
    if (segment_) {
      if (Status status = take(piece, found); !status.ok() || found) return status;
      if (!segment_->sealed()) {
        bool more = false;
        if (Status status = look_for_more(more); !status.ok()) return status;
        if (more) continue;
      }
    }
    bool moved = false;
    if (Status status = move_on(moved); !status.ok() || !moved) return status;
  }
}

/// The next record of this segment, or what is missing before it.
Status Reader::take(Piece& piece, bool& found) {
  tell_damages();
  const std::vector<RecordPlace>& records = segment_->records();
  while (record_ < records.size() &&
         (records[record_].header.kind != RecordKind::frames || records[record_].header.next() <= at_))
    ++record_;
  const bool more = record_ < records.size();
  const std::uint64_t from = more ? std::max(at_, records[record_].header.first) : at_;
  // Between the first number that is due and the first that is here.
  const std::uint64_t due = more && from > segment_->first() ? std::max(due_, from)
                            : segment_->sealed() && !more    ? std::max(due_, segment_->next())
                                                             : due_;
  if (due > at_) {
    missing(due, piece);
    found = true;
    return {};
  }
  if (!more) return {};
  const RecordPlace& record = records[record_++];
  found = true;
  if (Status status = segment_->read(record, decoder_, frames_); !status.ok()) {
    if (status.code != Code::bad_data) return status;
    notices_.push_back(status.message + "; skipped");
    missing(record.header.next(), piece);
    piece.kind = Piece::Kind::damaged;
    piece.readings = record.header.readings;
    piece.times = {record.header.min, record.header.max};
    return {};
  }
  piece = Piece{};
  piece.first = from;
  piece.next = record.header.next();
  piece.flags = record.header.flags;
  piece.frames = frames_;
  std::uint64_t number = record.header.first;
  for (Scanner scanner(kGreatestBody); number < from; ++number) {
    FrameView frame;
    if (scanner.next(piece.frames, frame) != Scanner::Outcome::whole)
      return Status::error(Code::bad_data, "a record of too few frames");
    piece.frames.remove_prefix(frame.bytes.size());
  }
  flags_ = record.header.flags;
  at_ = due_ = record.header.next();
  return {};
}

void Reader::missing(std::uint64_t to, Piece& piece) {
  piece = Piece{};
  piece.kind = Piece::Kind::damaged;
  piece.first = at_;
  piece.next = to;
  for (const CatalogEntry& entry : listing_.tombstones()) {
    if (entry.next <= at_ || entry.first >= to) continue;
    piece.kind = Piece::Kind::evicted;
    piece.readings += entry.readings;
    piece.times.min = std::min(piece.times.min, entry.min);
    piece.times.max = std::max(piece.times.max, entry.max);
  }
  at_ = due_ = to;
}

void Reader::tell_damages() {
  const std::vector<Damage>& damages = segment_->damages();
  for (; damages_told_ < damages.size(); ++damages_told_) {
    const Damage& damage = damages[damages_told_];
    notices_.push_back(fmt::format("{}: byte {}: {}, {} bytes skipped", segment_name(segment_->first()), damage.offset,
                                   damage.what, damage.bytes));
  }
}

Status Reader::look_for_more(bool& more) {
  const std::size_t records = segment_->records().size();
  if (Status status = segment_->refresh(); !status.ok()) return status;
  more = segment_->records().size() > records || segment_->sealed();
  return {};
}

/// To the segment behind this one, if there is one. A segment that was not sealed may have been by then: it is looked at once
/// more, because nothing is added to it once there is another.
Status Reader::move_on(bool& moved) {
  moved = false;
  const std::uint64_t current = segment_ ? segment_->first() : 0;
  const Result<std::vector<std::string>> names = disk_->list();
  if (!names.ok()) return names.status();
  const bool any =
      std::ranges::any_of(*names, [&](const std::string& name) { return parse_segment_name(name).value_or(0) > current; });
  if (!any) return {};
  if (Status status = listing_.refresh(); !status.ok()) return status;
  const auto behind = std::ranges::find_if(listing_.segments(), [&](const auto& entry) { return entry.summary.first > current; });
  if (behind == listing_.segments().end()) return {};
  // The newest one may only just be being made: without its header nobody knows what its number leaps over.
  if (behind + 1 == listing_.segments().end()) {
    const auto file = disk_->open(segment_name(behind->summary.first));
    if (!file.ok()) return file.status().code == Code::no_input ? Status{} : file.status();
    const Result<std::uint64_t> size = (*file)->size();
    if (!size.ok() || *size < kSegmentHeaderSize) return size.ok() ? Status{} : size.status();
  }
  if (segment_ && !segment_->sealed()) {
    bool more = false;
    if (Status status = look_for_more(more); !status.ok()) return status;
    moved = more;
    if (more) return {};
  }
  moved = true;
  const Status entered = enter(behind->summary.first);
  if (entered.code == Code::no_input) {  // removed between listing and opening
    segment_.reset();
    return {};
  }
  return entered;
}

}  // namespace twinpipe::rawbuf
