// SPDX-License-Identifier: Apache-2.0
// One segment, read.
#include "kernel/rawbuf_segment.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "kernel/crc32c.hpp"

namespace twinpipe::rawbuf {

Result<Segment> Segment::open(Disk& disk, std::uint64_t first) {
  Result<std::unique_ptr<DiskFile>> file = disk.open(segment_name(first));
  if (!file.ok()) return file.status();
  return Segment(std::move(*file), first);
}

void Segment::damage(std::uint64_t offset, std::uint64_t end, std::string what) {
  damages_.push_back({offset, end - offset, std::move(what)});
}

Status Segment::read_header() {
  const Result<std::uint64_t> size = file_->size();
  if (!size.ok()) return size.status();
  size_ = *size;
  records_.clear();
  damages_.clear();
  sealed_ = false;
  header_ = SegmentHeader{first_, first_, 0};
  next_ = first_;
  end_ = std::min<std::uint64_t>(size_, kSegmentHeaderSize);
  if (Status status = file_->read(0, kSegmentHeaderSize, buffer_); !status.ok()) return status;
  if (const auto version = SegmentHeader::later_version(buffer_))
    return Status::error(Code::bad_data,
                         fmt::format("{}: format {}, which only a later twinpipe reads", segment_name(first_), *version));
  if (const auto header = SegmentHeader::decode(buffer_); header && header->first == first_) header_ = *header;
  else damage(0, end_, size_ < kSegmentHeaderSize ? "the segment's header is cut" : "the segment's header is damaged");
  return {};
}

/// `found`: there is a trailer, and the index that it names is whole.
Status Segment::read_trailer(bool& found) {
  found = false;
  if (size_ < kSegmentHeaderSize + kTrailerSize) return {};
  if (Status status = file_->read(size_ - kTrailerSize, kTrailerSize, buffer_); !status.ok()) return status;
  const auto trailer = Trailer::decode(buffer_, first_);
  if (!trailer || trailer->index < kSegmentHeaderSize || trailer->index + kRecordHeaderSize + kTrailerSize > size_) return {};
  const std::size_t size = static_cast<std::size_t>(size_ - kTrailerSize - trailer->index);
  if (Status status = file_->read(trailer->index, size, buffer_); !status.ok()) return status;
  const auto header = RecordHeader::decode(buffer_, first_);
  if (!header || header->kind != RecordKind::index || header->size() != size) return {};
  const std::string_view body = std::string_view(buffer_).substr(kRecordHeaderSize);
  if (crc32c(body) != header->body_crc) return {};
  auto records = decode_index(body, first_);
  if (!records) return {};
  records_ = std::move(*records);
  next_ = trailer->next;
  end_ = size_;
  sealed_ = found = true;
  return {};
}

Status Segment::load() {
  if (Status status = read_header(); !status.ok()) return status;
  bool found = false;
  if (Status status = read_trailer(found); !status.ok() || found) return status;
  return advance(Check::headers, false);
}

Status Segment::scan(Check check) {
  if (Status status = read_header(); !status.ok()) return status;
  return advance(check, true);
}

Status Segment::refresh() {
  if (sealed_) return {};
  const Result<std::uint64_t> size = file_->size();
  if (!size.ok()) return size.status();
  if (*size == size_) return {};
  // A header that was cut may be whole by now, before there is anything behind it.
  if (size_ < kSegmentHeaderSize) return load();
  size_ = *size;
  return advance(Check::headers, false);
}

/// Takes records from end_ on. `finished`: nobody is writing, so what is not a record is damage; otherwise it may become one.
Status Segment::advance(Check check, bool finished) {
  while (end_ < size_) {
    if (Status status = file_->read(end_, kRecordHeaderSize, buffer_); !status.ok()) return status;
    const auto header = RecordHeader::decode(buffer_, first_);
    if (header && end_ + header->size() <= size_) {
      bool taken = false;
      if (Status status = take_record(*header, check, taken); !status.ok()) return status;
      if (taken) continue;
    }
    if (header && !finished && end_ + header->size() > size_) return {};  // its end is still being written
    if (size_ - end_ == kTrailerSize) {
      const auto trailer = Trailer::decode(buffer_, first_);
      if (trailer) {
        sealed_ = true;
        next_ = std::max(next_, trailer->next);
        end_ = size_;
        return {};
      }
    }
    bool found = false;
    if (Status status = resync(finished, found); !status.ok() || !found) return status;
  }
  return {};
}

Status Segment::take_record(const RecordHeader& header, Check check, bool& taken) {
  taken = true;
  if (header.kind != RecordKind::index && header.first < next_) {
    damage(end_, end_ + header.size(), fmt::format("a record of frame {} where frame {} was due", header.first, next_));
  } else if (check == Check::bodies) {
    if (Status status = file_->read(end_ + kRecordHeaderSize, header.body, buffer_); !status.ok()) return status;
    if (buffer_.size() != header.body || crc32c(buffer_) != header.body_crc) {
      damage(end_, end_ + header.size(),
             header.kind == RecordKind::index    ? std::string("the index is damaged")
             : header.kind == RecordKind::series ? std::string("the index of series is damaged")
                                                 : fmt::format("the record of frames {} to {} is damaged", header.first,
                                                               std::max(header.next(), header.first + 1) - 1));
      end_ += header.size();
      next_ = std::max(next_, header.next());
      return {};
    }
  }
  if (header.kind != RecordKind::index && header.first >= next_) {
    records_.push_back({end_, header});
    next_ = header.next();
  }
  end_ += header.size();
  return {};
}

/// Looks for the next header behind end_. Of a segment that is being written, what is no header yet is left alone.
Status Segment::resync(bool finished, bool& found) {
  constexpr std::size_t kChunk = std::size_t{1} << 20;
  found = false;
  for (std::uint64_t at = end_ + 1; at + kRecordHeaderSize <= size_;) {
    std::string chunk;
    // Not beyond the size that was seen: what has come since follows a record that was cut then and is whole now.
    const std::size_t most = std::min<std::uint64_t>(kChunk + kRecordHeaderSize, size_ - at);
    if (Status status = file_->read(at, most, chunk); !status.ok()) return status;
    for (std::size_t hit = chunk.find(kRecordMagic); hit != chunk.npos && hit < kChunk; hit = chunk.find(kRecordMagic, hit + 1)) {
      const auto header = RecordHeader::decode(std::string_view(chunk).substr(hit), first_);
      if (!header || header->first < next_) continue;
      damage(end_, at + hit, "not a record");
      end_ = at + hit;
      found = true;
      return {};
    }
    at += kChunk;
  }
  if (!finished) return {};
  // The trailer is no record. What stands before it is.
  std::uint64_t end = size_;
  if (size_ - end_ > kTrailerSize) {
    std::string tail;
    if (Status status = file_->read(size_ - kTrailerSize, kTrailerSize, tail); !status.ok()) return status;
    sealed_ = Trailer::decode(tail, first_).has_value();
    if (sealed_) end -= kTrailerSize;
  }
  damage(end_, end, size_ - end_ < kRecordHeaderSize || !sealed_ ? "a torn record" : "not a record");
  if (sealed_) end_ = size_;
  return {};
}

Status Segment::read(const RecordPlace& record, BlockDecoder& decoder, std::string& frames, std::vector<std::uint32_t>* others) {
  frames.clear();
  if (Status status = file_->read(record.offset + kRecordHeaderSize, record.header.body, buffer_); !status.ok()) return status;
  Status status;
  if (buffer_.size() != record.header.body || crc32c(buffer_) != record.header.body_crc)
    status = Status::error(Code::bad_data, "damaged");
  else if (others != nullptr) status = decoder.decode_others(buffer_, record.header.raw, frames, *others);
  else status = decoder.decode(buffer_, record.header.raw, frames);
  if (!status.ok())
    status.message = fmt::format("{}: byte {}: the record of frames {} to {} is damaged", segment_name(first_), record.offset,
                                 record.header.first, std::max(record.header.next(), record.header.first + 1) - 1);
  return status;
}

std::vector<RecordSeries> Segment::read_series(BlockDecoder& decoder) {
  std::string bytes;
  for (const RecordPlace& record : records_)
    if (record.header.kind == RecordKind::series && read(record, decoder, bytes).ok())
      if (auto series = decode_series(bytes)) return std::move(*series);
  return {};
}

}  // namespace twinpipe::rawbuf
