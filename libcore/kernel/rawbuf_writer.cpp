// SPDX-License-Identifier: Apache-2.0
// The writer of a buffer.
#include "kernel/rawbuf_writer.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "kernel/crc32c.hpp"
#include "wire/columns.hpp"

namespace twinpipe::rawbuf {
namespace {

/// How far numbers leap after a writer that died: frames that it had written and a power cut took away may have been read
/// already, and their numbers must not come again.
constexpr std::uint64_t kLeap = 1'000'000'000;
/// Records with declarations after which they are repeated: whoever starts in the middle of a segment reads no more than these.
constexpr std::uint32_t kDeclaringRecords = 32;
constexpr std::size_t kMostRecords = 65'536;
constexpr Nanos kLongestSegment = 24 * 3600 * kSecond;

}  // namespace

Writer::Writer(Disk& disk, WriterOptions options) : disk_(&disk), options_(options), block_(options.level) {}

// ---- the start ------------------------------------------------------------------------------------------------------

Status Writer::start() {
  const Result<std::vector<std::string>> names = disk_->list();
  if (!names.ok()) return names.status();
  std::vector<std::uint64_t> present;
  for (const std::string& name : *names)
    if (const auto first = parse_segment_name(name)) present.push_back(*first);
  std::ranges::sort(present);
  std::vector<CatalogEntry> entries;
  if (Status status = read_catalog(entries); !status.ok()) return status;
  Result<std::unique_ptr<DiskFile>> catalog = disk_->open_to_append(std::string(kCatalogName));
  if (!catalog.ok()) return catalog.status();
  catalog_ = std::move(*catalog);

  // The newest entry about a segment counts: a repaired one has two.
  std::ranges::stable_sort(entries, {}, &CatalogEntry::first);
  for (const CatalogEntry& entry : entries) {
    follows_ = std::max(follows_, entry.next);
    next_ = std::max({next_, entry.next, entry.resumes});
  }
  for (const std::uint64_t first : present) {
    const auto range = std::ranges::equal_range(entries, first, {}, &CatalogEntry::first);
    const CatalogEntry* entry = range.empty() ? nullptr : &*std::prev(range.end());
    if (entry == nullptr) {
      if (Status status = take_over(first); !status.ok()) return status;
    } else if (entry->kind == CatalogEntry::Kind::evicted) {
      if (Status status = disk_->remove(segment_name(first)); !status.ok()) return status;
    } else {
      segments_.push_back(*entry);
      sealed_bytes_ += entry->bytes;
    }
  }
  return {};
}

Status Writer::read_catalog(std::vector<CatalogEntry>& entries) {
  const Result<std::unique_ptr<DiskFile>> file = disk_->open(std::string(kCatalogName));
  if (!file.ok()) return file.status().code == Code::no_input ? Status{} : file.status();
  const Result<std::uint64_t> size = (*file)->size();
  if (!size.ok()) return size.status();
  std::string bytes;
  if (Status status = (*file)->read(0, static_cast<std::size_t>(*size), bytes); !status.ok()) return status;
  std::uint64_t damaged = 0;
  entries = decode_catalog(bytes, damaged);
  if (damaged > 0) notices_.push_back(fmt::format("catalog: {} damaged entries; read from the segments instead", damaged));
  return {};
}

/// A segment that the catalog does not know: the one that was being written, or one whose entry was lost.
Status Writer::take_over(std::uint64_t first) {
  Result<Segment> segment = Segment::open(*disk_, first);
  if (!segment.ok()) return segment.status();
  if (Status status = segment->load(); !status.ok()) return status;
  if (!segment->sealed()) {
    if (Status status = recover(first, *segment); !status.ok()) return status;
  } else {
    // It may be that a start sealed it for a writer that died, and died itself before the catalog knew how far numbers leapt.
    next_ = std::max(next_, segment->next() + kLeap);
    CatalogEntry entry = summarize(segment->header(), segment->records(), segment->bytes());
    entry.resumes = next_;
    if (Status status = add_to_catalog(entry); !status.ok()) return status;
  }
  next_ = std::max(next_, segment->next());
  follows_ = std::max(follows_, segment->next());
  return {};
}

/// Cuts what is torn off a segment whose writer died, and seals it. Numbers leap.
Status Writer::recover(std::uint64_t first, Segment& segment) {
  if (Status status = segment.scan(Segment::Check::bodies); !status.ok()) return status;
  const std::string name = segment_name(first);
  next_ = std::max(next_, segment.next()) + kLeap;
  std::uint64_t end = segment.end();
  for (const Damage& damage : segment.damages()) {
    const bool torn = damage.offset + damage.bytes >= segment.bytes() && damage.offset >= kSegmentHeaderSize;
    if (torn) end = std::min(end, damage.offset);
    notices_.push_back(
        fmt::format("{}: byte {}: {}, {} bytes {}", name, damage.offset, damage.what, damage.bytes, torn ? "cut" : "skipped"));
  }
  Result<std::unique_ptr<DiskFile>> file = disk_->open_to_append(name);
  if (!file.ok()) return file.status();
  if (end < segment.bytes())
    if (Status status = (*file)->truncate(end); !status.ok()) return status;
  file_ = std::move(*file);
  segment_ = segment.header();
  segment_.first = first;
  records_ = segment.records();
  size_ = end;
  return seal();
}

// ---- writing --------------------------------------------------------------------------------------------------------

Status Writer::append(const FrameView& frame, Nanos now) {
  if (block_.empty())
    if (Status status = prepare(now); !status.ok()) return status;
  if (Status status = declarations_.observe(frame); !status.ok()) return status;
  observe(frame);
  block_.add(frame);
  held_.add(frame);
  ++taken_;
  ++next_;
  return block_.raw_bytes() >= options_.block_bytes ? flush(now) : Status{};
}

bool Writer::segment_is_full(Nanos now) const {
  const Nanos longest = options_.max_age > 0 ? std::min(kLongestSegment, options_.max_age / 16) : kLongestSegment;
  return size_ >= options_.segment_bytes || records_.size() >= kMostRecords || now - segment_.created >= longest;
}

/// Before the first frame of a block: a segment to write it to, and the declarations in force where they are due.
Status Writer::prepare(Nanos now) {
  if (file_ && segment_is_full(now))
    if (Status status = seal(); !status.ok()) return status;
  if (!file_)
    if (Status status = begin_segment(now); !status.ok()) return status;
  if (declaring_ >= kDeclaringRecords)
    if (Status status = write_declarations(now); !status.ok()) return status;
  header_ = RecordHeader{};
  header_.first = next_;
  header_.arrival = arrival_;
  header_.stream = stream_;
  header_.min = kForever;
  header_.max = kBeginning;
  held_ = RecordSeries{};
  held_.first = next_;
  return {};
}

/// The name is made to last at once, under every promise: a number that was given out must not be given again.
Status Writer::begin_segment(Nanos now) {
  Result<std::unique_ptr<DiskFile>> file = disk_->open_to_append(segment_name(next_));
  if (!file.ok()) return file.status();
  segment_ = SegmentHeader{next_, follows_, now};
  const std::string header = segment_.encode();
  if (Status status = (*file)->append(header); !status.ok()) return status;
  if (Status status = (*file)->sync(); !status.ok()) return status;
  if (Status status = disk_->sync_names(); !status.ok()) return status;
  file_ = std::move(*file);
  size_ = header.size();
  bytes_ += header.size();
  records_.clear();
  series_.clear();
  return write_declarations(now);
}

Status Writer::write_declarations(Nanos now) {
  declaring_ = 0;
  std::uint32_t count = 0;
  const std::string frames = declarations_.frames(count);
  if (frames.empty()) return {};
  BlockEncoder encoder(options_.level);
  FrameView all;  // kept whole: of several frames, the first one's kind would be wrong
  all.bytes = frames;
  encoder.add(all);
  RecordHeader header;
  header.kind = RecordKind::declarations;
  header.stream = stream_;
  header.raw = static_cast<std::uint32_t>(frames.size());
  header.first = next_;
  header.frames = count;
  header.min = header.max = lead_;
  header.written = now;
  return write_record(header, encoder.finish());
}

void Writer::observe(const FrameView& frame) {
  constexpr auto kClosing = static_cast<std::uint8_t>(RecordHeader::kClosed | RecordHeader::kFinal);
  header_.flags = static_cast<std::uint8_t>(header_.flags & ~kClosing);
  switch (frame.kind) {
    case FrameKind::open:
      arrival_ = kBeginning;
      stream_ = next_;
      [[fallthrough]];
    case FrameKind::series:
    case FrameKind::applied: header_.flags |= RecordHeader::kDeclares; break;
    case FrameKind::close: {
      stream_ = 0;
      v1::Close close;
      header_.flags |= RecordHeader::kClosed;
      if (close.ParseFromArray(frame.payload.data(), static_cast<int>(frame.payload.size())) && close.final())
        header_.flags |= RecordHeader::kFinal;
      break;
    }
    case FrameKind::arrival: {
      v1::Arrival arrival;
      if (arrival.ParseFromArray(frame.payload.data(), static_cast<int>(frame.payload.size()))) arrival_ = arrival.time();
      break;
    }
    case FrameKind::readings: header_.readings += static_cast<std::uint32_t>(count_rows(frame.payload)); break;
    default: break;
  }
  if (const auto times = event_times(frame)) {
    header_.min = std::min(header_.min, times->min);
    header_.max = std::max(header_.max, times->max);
    lead_ = times->max;
  }
}

Status Writer::flush(Nanos now) {
  if (block_.empty()) return {};
  header_.raw = static_cast<std::uint32_t>(block_.raw_bytes());
  header_.frames = block_.frames();
  header_.written = now;
  if (header_.min > header_.max) header_.min = header_.max = lead_;
  if ((header_.flags & RecordHeader::kDeclares) != 0) ++declaring_;
  if (Status status = write_record(header_, block_.finish()); !status.ok()) return status;
  series_.push_back(held_);
  written_ = taken_;
  return {};
}

/// A record that did not fit leaves nothing behind: what is there stays a whole segment.
Status Writer::write_record(const RecordHeader& header, std::string_view body) {
  RecordPlace record{size_, header};
  record.header.body = static_cast<std::uint32_t>(body.size());
  record.header.body_crc = crc32c(body);
  std::string bytes = record.header.encode(segment_.first);
  bytes += body;
  if (Status status = file_->append(bytes); !status.ok()) {
    (void)file_->truncate(size_);  // if that fails too, the next start cuts it
    return status;
  }
  unsynced_ = true;
  size_ += bytes.size();
  bytes_ += bytes.size();
  if (header.kind != RecordKind::index) records_.push_back(record);
  return {};
}

Status Writer::sync() {
  if (!options_.durable) return {};
  if (file_ && unsynced_)
    if (Status status = file_->sync(); !status.ok()) return status;
  unsynced_ = false;
  safe_ = written_;
  return {};
}

/// Index and trailer come behind data that is safe, so that a segment with a trailer is whole.
Status Writer::seal() {
  if (Status status = sync(); !status.ok()) return status;
  RecordHeader header;
  header.kind = RecordKind::index;
  header.first = records_.empty() ? segment_.first : records_.back().header.next();
  // A segment that another writer left has none: it would have to be read for that.
  if (const std::vector<RecordSeries> series = std::exchange(series_, {}); !series.empty()) {
    std::string body;
    const RecordHeader about = series_record(series, header.first, body);
    if (Status status = write_record(about, body); !status.ok()) return status;
  }
  header.frames = static_cast<std::uint32_t>(records_.size());
  const Trailer trailer{size_, header.first};
  if (Status status = write_record(header, encode_index(records_, segment_.first)); !status.ok()) return status;
  const std::string end = trailer.encode(segment_.first);
  if (Status status = file_->append(end); !status.ok()) {
    (void)file_->truncate(trailer.index);
    return status;
  }
  size_ += end.size();
  bytes_ += end.size();
  if (options_.durable)
    if (Status status = file_->sync(); !status.ok()) return status;
  file_.reset();
  unsynced_ = false;
  follows_ = trailer.next;
  CatalogEntry entry = summarize(segment_, records_, size_);
  entry.resumes = std::max(next_, entry.next);
  return add_to_catalog(entry);
}

Status Writer::add_to_catalog(const CatalogEntry& entry) {
  if (entry.kind == CatalogEntry::Kind::sealed) {
    segments_.push_back(entry);
    sealed_bytes_ += entry.bytes;
  }
  if (Status status = catalog_->append(entry.encode()); !status.ok()) return status;
  return options_.durable ? catalog_->sync() : Status{};
}

Status Writer::close(Nanos now) {
  if (Status status = flush(now); !status.ok()) return status;
  return file_ ? seal() : sync();
}

// ---- retention ------------------------------------------------------------------------------------------------------

Status Writer::retain(Nanos now, std::uint64_t unsent) {
  while (options_.max_age > 0 && !segments_.empty() && segments_.front().written_to < now - options_.max_age &&
         segments_.front().next <= unsent)
    if (Status status = remove_oldest(CatalogEntry::Reason::age); !status.ok()) return status;
  while (options_.max_bytes > 0 && !segments_.empty() && sealed_bytes_ + (file_ ? size_ : 0) > options_.max_bytes) {
    const CatalogEntry oldest = segments_.front();
    if (oldest.next > unsent)
      notices_.push_back(fmt::format("{}: removed for --max-size before frames {} to {} were sent", segment_name(oldest.first),
                                     std::max(oldest.first, unsent), oldest.next - 1));
    if (Status status = remove_oldest(CatalogEntry::Reason::size); !status.ok()) return status;
  }
  return {};
}

/// The tombstone first: a removal that was interrupted is finished at the next start.
Status Writer::remove_oldest(CatalogEntry::Reason reason) {
  CatalogEntry tombstone = segments_.front();
  tombstone.kind = CatalogEntry::Kind::evicted;
  tombstone.reason = reason;
  if (Status status = add_to_catalog(tombstone); !status.ok()) return status;
  if (Status status = disk_->remove(segment_name(tombstone.first)); !status.ok()) return status;
  sealed_bytes_ -= tombstone.bytes;
  segments_.erase(segments_.begin());
  return {};
}

}  // namespace twinpipe::rawbuf
