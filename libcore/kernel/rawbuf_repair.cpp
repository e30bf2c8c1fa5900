// SPDX-License-Identifier: Apache-2.0
// Damage in a buffer.
#include "kernel/rawbuf_repair.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "kernel/crc32c.hpp"
#include "kernel/rawbuf_reader.hpp"
#include "kernel/rawbuf_series_index.hpp"

namespace twinpipe::rawbuf {

std::string Finding::text() const {
  return fmt::format("{}: byte {}: {} ({} bytes)", file, damage.offset, damage.what, damage.bytes);
}

Status examine(Disk& disk, std::uint64_t first, bool being_written, std::vector<Finding>& findings) {
  Result<Segment> segment = Segment::open(disk, first);
  if (!segment.ok()) return segment.status();
  if (Status status = segment->scan(Segment::Check::bodies); !status.ok()) return status;
  const std::string name = segment_name(first);
  for (const Damage& damage : segment->damages())
    if (!being_written || damage.offset + damage.bytes < segment->bytes()) findings.push_back({name, damage});
  if (!segment->sealed() && !being_written && segment->damages().empty())
    findings.push_back({name, {segment->bytes(), 0, "the segment was not sealed: its writer died"}});
  BlockDecoder decoder;
  std::string frames;
  for (const RecordPlace& record : segment->records()) {
    Status status = segment->read(record, decoder, frames);
    if (status.ok() && record.header.kind == RecordKind::series) {
      if (!decode_series(frames)) status = Status::error(Code::bad_data, "not a series record");
    } else if (status.ok()) {
      std::uint64_t count = 0;
      status = for_each_frame(frames, [&count](const FrameView&) {
        ++count;
        return Status{};
      });
      if (status.ok() && count != record.header.frames) status = Status::error(Code::bad_data, "frames are missing");
    }
    if (status.ok()) continue;
    if (status.code != Code::bad_data) return status;
    findings.push_back(
        {name, {record.offset, record.header.size(), "a record that is whole and does not decode: " + status.message}});
  }
  return {};
}

namespace {

/// What a record holds; of one that does not decode, anything may be in it.
RecordSeries held_in(Segment& segment, const RecordPlace& record, BlockDecoder& decoder) {
  RecordSeries held;
  std::string frames;
  const auto add = [&held](const FrameView& frame) {
    held.add(frame);
    return Status{};
  };
  if (!segment.read(record, decoder, frames).ok() || !for_each_frame(frames, add).ok())
    held.flags = RecordSeries::kOthers | RecordSeries::kTimeless;
  held.first = record.header.first;
  return held;
}

}  // namespace

Result<CatalogEntry> rewrite(Disk& disk, std::uint64_t first) {
  const std::string name = segment_name(first), fresh = name + ".tmp";
  Result<Segment> segment = Segment::open(disk, first);
  if (!segment.ok()) return segment.status();
  if (Status status = segment->scan(Segment::Check::bodies); !status.ok()) return status;
  const Result<std::unique_ptr<DiskFile>> old = disk.open(name);
  if (!old.ok()) return old.status();
  if (Status status = disk.remove(fresh); !status.ok()) return status;
  const Result<std::unique_ptr<DiskFile>> file = disk.open_to_append(fresh);
  if (!file.ok()) return file.status();

  SegmentHeader header = segment->header();
  header.first = first;
  std::string bytes = header.encode();
  std::uint64_t size = 0;
  std::vector<RecordPlace> records;
  std::vector<RecordSeries> series;
  BlockDecoder decoder;
  const auto append = [&]() -> Status {
    size += bytes.size();
    return (*file)->append(bytes);
  };
  if (Status status = append(); !status.ok()) return status;
  for (const RecordPlace& record : segment->records()) {
    if (record.header.kind == RecordKind::series) continue;  // made anew from what is left
    if (record.header.kind == RecordKind::frames) series.push_back(held_in(*segment, record, decoder));
    if (Status status = (*old)->read(record.offset, record.header.size(), bytes); !status.ok()) return status;
    records.push_back({size, record.header});
    if (Status status = append(); !status.ok()) return status;
  }
  if (!series.empty()) {
    std::string held;
    const RecordHeader about = series_record(series, segment->next(), held);
    records.push_back({size, about});
    bytes = about.encode(first) + held;
    if (Status status = append(); !status.ok()) return status;
  }
  const std::string body = encode_index(records, first);
  RecordHeader index;
  index.kind = RecordKind::index;
  index.first = segment->next();
  index.frames = static_cast<std::uint32_t>(records.size());
  index.body = static_cast<std::uint32_t>(body.size());
  index.body_crc = crc32c(body);
  const Trailer trailer{size, segment->next()};
  bytes = index.encode(first) + body + trailer.encode(first);
  if (Status status = append(); !status.ok()) return status;
  if (Status status = (*file)->sync(); !status.ok()) return status;
  if (Status status = disk.rename(name, name + ".damaged"); !status.ok()) return status;
  if (Status status = disk.rename(fresh, name); !status.ok()) return status;
  if (Status status = disk.sync_names(); !status.ok()) return status;
  CatalogEntry entry = summarize(header, records, size);
  entry.next = entry.resumes = segment->next();
  return entry;
}

Status rewrite_catalog(Disk& disk, const std::vector<CatalogEntry>& repaired) {
  const std::string name(kCatalogName), fresh = name + ".tmp";
  std::string bytes;
  if (const Result<std::unique_ptr<DiskFile>> old = disk.open(name); old.ok()) {
    const Result<std::uint64_t> size = (*old)->size();
    if (!size.ok()) return size.status();
    if (Status status = (*old)->read(0, static_cast<std::size_t>(*size), bytes); !status.ok()) return status;
  }
  std::uint64_t damaged = 0;
  std::vector<CatalogEntry> entries = decode_catalog(bytes, damaged);
  entries.insert(entries.end(), repaired.begin(), repaired.end());
  bytes.clear();
  for (const CatalogEntry& entry : entries) bytes += entry.encode();
  if (Status status = disk.remove(fresh); !status.ok()) return status;
  const Result<std::unique_ptr<DiskFile>> file = disk.open_to_append(fresh);
  if (!file.ok()) return file.status();
  if (Status status = (*file)->append(bytes); !status.ok()) return status;
  if (Status status = (*file)->sync(); !status.ok()) return status;
  if (Status status = disk.rename(fresh, name); !status.ok()) return status;
  return disk.sync_names();
}

}  // namespace twinpipe::rawbuf
