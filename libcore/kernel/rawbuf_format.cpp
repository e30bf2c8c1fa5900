// SPDX-License-Identifier: Apache-2.0
// A buffer's files, byte by byte.
#include "kernel/rawbuf_format.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>

#include "kernel/crc32c.hpp"
#include "wire/fields.hpp"

namespace twinpipe::rawbuf {
namespace {

static_assert(std::endian::native == std::endian::little, "numbers are copied as they are");

constexpr std::string_view kSegmentMagic = "TWRAWBUF", kTrailerMagic = "TWRAWEND", kEntryMagic = "CATe";
constexpr std::uint32_t kVersion = 1;

/// Fields one behind the other, and at the end the CRC of all.
class Writer {
 public:
  explicit Writer(std::string_view magic) : bytes_(magic) {}
  template <class T>
  Writer& put(T value) {
    char raw[sizeof value];
    std::memcpy(raw, &value, sizeof value);
    bytes_.append(raw, sizeof raw);
    return *this;
  }
  std::string seal(std::uint32_t seed) {
    put(crc32c(bytes_, seed));
    return std::move(bytes_);
  }

 private:
  std::string bytes_;
};

/// The same fields again. ok() once the magic and the CRC are right.
class Reader {
 public:
  Reader(std::string_view bytes, std::size_t size, std::string_view magic, std::uint32_t seed) {
    if (bytes.size() < size || !bytes.starts_with(magic)) return;
    std::uint32_t crc = 0;
    std::memcpy(&crc, bytes.data() + size - sizeof crc, sizeof crc);
    ok_ = crc == crc32c(bytes.substr(0, size - sizeof crc), seed);
    rest_ = bytes.substr(magic.size());
  }
  bool ok() const { return ok_; }
  template <class T>
  Reader& get(T& value) {
    std::memcpy(&value, rest_.data(), sizeof value);
    rest_.remove_prefix(sizeof value);
    return *this;
  }

 private:
  bool ok_ = false;
  std::string_view rest_;
};

std::uint32_t seed_of(std::uint64_t salt) {
  char bytes[sizeof salt];
  std::memcpy(bytes, &salt, sizeof salt);
  return crc32c({bytes, sizeof bytes});
}

}  // namespace

std::string SegmentHeader::encode() const {
  return Writer(kSegmentMagic).put(kVersion).put(first).put(follows).put(created).put(std::uint64_t{0}).seal(0);
}

std::optional<SegmentHeader> SegmentHeader::decode(std::string_view bytes) {
  Reader reader(bytes, kSegmentHeaderSize, kSegmentMagic, 0);
  if (!reader.ok()) return {};
  SegmentHeader header;
  std::uint32_t version = 0;
  reader.get(version).get(header.first).get(header.follows).get(header.created);
  return version == kVersion ? std::optional(header) : std::nullopt;
}

std::optional<std::uint32_t> SegmentHeader::later_version(std::string_view bytes) {
  Reader reader(bytes, kSegmentHeaderSize, kSegmentMagic, 0);
  std::uint32_t version = 0;
  if (reader.ok()) reader.get(version);
  return version > kVersion ? std::optional(version) : std::nullopt;
}

std::string RecordHeader::encode(std::uint64_t salt) const {
  return Writer(kRecordMagic)
      .put(kind)
      .put(flags)
      .put(std::uint16_t{kVersion})
      .put(body)
      .put(raw)
      .put(first)
      .put(frames)
      .put(readings)
      .put(min)
      .put(max)
      .put(written)
      .put(arrival)
      .put(stream)
      .put(body_crc)
      .seal(seed_of(salt));
}

std::optional<RecordHeader> RecordHeader::decode(std::string_view bytes, std::uint64_t salt) {
  Reader reader(bytes, kRecordHeaderSize, kRecordMagic, seed_of(salt));
  if (!reader.ok()) return {};
  RecordHeader header;
  std::uint16_t version = 0;
  reader.get(header.kind).get(header.flags).get(version).get(header.body).get(header.raw).get(header.first).get(header.frames);
  reader.get(header.readings).get(header.min).get(header.max).get(header.written).get(header.arrival).get(header.stream);
  reader.get(header.body_crc);
  return version == kVersion && header.body <= kGreatestBody && header.raw <= kGreatestBody ? std::optional(header)
                                                                                            : std::nullopt;
}

std::string encode_index(const std::vector<RecordPlace>& records, std::uint64_t salt) {
  std::string body;
  for (const RecordPlace& record : records) {
    char offset[sizeof record.offset];
    std::memcpy(offset, &record.offset, sizeof record.offset);
    body.append(offset, sizeof offset).append(record.header.encode(salt));
  }
  return body;
}

std::optional<std::vector<RecordPlace>> decode_index(std::string_view body, std::uint64_t salt) {
  constexpr std::size_t kSize = sizeof(std::uint64_t) + kRecordHeaderSize;
  if (body.size() % kSize != 0) return {};
  std::vector<RecordPlace> records;
  records.reserve(body.size() / kSize);
  for (; !body.empty(); body.remove_prefix(kSize)) {
    RecordPlace& record = records.emplace_back();
    std::memcpy(&record.offset, body.data(), sizeof record.offset);
    const auto header = RecordHeader::decode(body.substr(sizeof record.offset), salt);
    if (!header) return {};
    record.header = *header;
  }
  return records;
}

std::string Trailer::encode(std::uint64_t salt) const {
  return Writer(kTrailerMagic).put(kVersion).put(index).put(next).seal(seed_of(salt));
}

std::optional<Trailer> Trailer::decode(std::string_view bytes, std::uint64_t salt) {
  Reader reader(bytes, kTrailerSize, kTrailerMagic, seed_of(salt));
  if (!reader.ok()) return {};
  Trailer trailer;
  std::uint32_t version = 0;
  reader.get(version).get(trailer.index).get(trailer.next);
  return version == kVersion ? std::optional(trailer) : std::nullopt;
}

std::string CatalogEntry::encode() const {
  return Writer(kEntryMagic)
      .put(kind)
      .put(reason)
      .put(kVersion)
      .put(first)
      .put(next)
      .put(follows)
      .put(min)
      .put(max)
      .put(frames)
      .put(readings)
      .put(bytes)
      .put(written_from)
      .put(written_to)
      .put(resumes)
      .put(std::uint32_t{0})
      .seal(0);
}

std::optional<CatalogEntry> CatalogEntry::decode(std::string_view bytes) {
  Reader reader(bytes, kCatalogEntrySize, kEntryMagic, 0);
  if (!reader.ok()) return {};
  CatalogEntry entry;
  std::uint32_t version = 0;
  reader.get(entry.kind).get(entry.reason).get(version).get(entry.first).get(entry.next).get(entry.follows);
  reader.get(entry.min).get(entry.max).get(entry.frames).get(entry.readings).get(entry.bytes);
  reader.get(entry.written_from).get(entry.written_to).get(entry.resumes);
  return version == kVersion ? std::optional(entry) : std::nullopt;
}

std::vector<CatalogEntry> decode_catalog(std::string_view bytes, std::uint64_t& damaged) {
  std::vector<CatalogEntry> entries;
  entries.reserve(bytes.size() / kCatalogEntrySize);
  damaged = 0;
  while (!bytes.empty()) {
    if (const auto entry = CatalogEntry::decode(bytes)) {
      entries.push_back(*entry);
      bytes.remove_prefix(kCatalogEntrySize);
      continue;
    }
    // A torn entry may be shorter than a whole one: the next begins where its magic is.
    ++damaged;
    const std::size_t next = bytes.find(kEntryMagic, 1);
    if (next == bytes.npos) break;
    bytes.remove_prefix(next);
  }
  return entries;
}

CatalogEntry summarize(const SegmentHeader& segment, const std::vector<RecordPlace>& records, std::uint64_t bytes) {
  CatalogEntry entry;
  entry.first = entry.next = segment.first;
  entry.follows = segment.follows;
  entry.bytes = bytes;
  entry.written_from = entry.written_to = segment.created;
  for (const auto& [offset, header] : records) {
    entry.next = header.next();
    entry.written_to = std::max(entry.written_to, header.written);
    if (header.kind != RecordKind::frames) continue;
    entry.min = std::min(entry.min, header.min);
    entry.max = std::max(entry.max, header.max);
    entry.frames += header.frames;
    entry.readings += header.readings;
  }
  return entry;
}

std::string segment_name(std::uint64_t first) { return fmt::format("{:020}.seg", first); }

std::optional<std::uint64_t> parse_segment_name(std::string_view name) {
  std::uint64_t first = 0;
  if (name.size() != 24 || !name.ends_with(".seg")) return {};
  const auto [end, error] = std::from_chars(name.data(), name.data() + 20, first);
  return error == std::errc() && end == name.data() + 20 ? std::optional(first) : std::nullopt;
}

namespace {

/// The field that has a kind's event time; 0: it has none. Rows of windows count from where the window starts.
unsigned time_field(FrameKind kind) {
  switch (kind) {
    case FrameKind::readings: return v1::Readings::kTimeFieldNumber;
    case FrameKind::waveform: return v1::Waveform::kTimeFieldNumber;
    case FrameKind::lifecycle: return v1::Lifecycle::kTimeFieldNumber;
    case FrameKind::watermark: return v1::Watermark::kTimeFieldNumber;
    case FrameKind::aggregates: return v1::Aggregates::kStartFieldNumber;
    case FrameKind::spectra: return v1::Spectra::kStartFieldNumber;
    case FrameKind::exception: return v1::Exception::kTimeFieldNumber;
    case FrameKind::twin: return v1::Twin::kAsOfFieldNumber;
    case FrameKind::features: return v1::Features::kAsOfFieldNumber;
    case FrameKind::predictions: return v1::Predictions::kAsOfFieldNumber;
    case FrameKind::work_order: return v1::WorkOrder::kTimeFieldNumber;
    default: return 0;  // AssetFacts too: what holds since years ago stays where it stands, ahead of the data that it is about
  }
}

}  // namespace

std::optional<TimeRange> event_times(const FrameView& frame) {
  const unsigned number = time_field(frame.kind);
  if (number == 0) return {};
  TimeRange range;
  std::string_view rest = frame.payload;
  for (Field field; !rest.empty() && take_field(rest, field);) {
    if (field.number != number) continue;
    const char* at = field.value.data();
    for (std::size_t i = 0, rows = field.value.size() / sizeof(Nanos); i < rows; ++i) {
      Nanos time = 0;
      std::memcpy(&time, at + i * sizeof time, sizeof time);
      range.min = std::min(range.min, time);
      range.max = std::max(range.max, time);
    }
  }
  return range.min > range.max ? std::nullopt : std::optional(range);
}

}  // namespace twinpipe::rawbuf
