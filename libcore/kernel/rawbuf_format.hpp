// SPDX-License-Identifier: Apache-2.0
// A buffer's files, byte by byte. All numbers are little-endian; every header, body and entry carries a CRC-32C.
//
//   00000000000000000042.seg   a segment, named after the number of its first frame
//     SegmentHeader
//     record …                 RecordHeader and body: a block of frames, or the declarations in force
//     series record            when it is sealed: which records hold which series; saves reading the others for a replay of some
//     index record, Trailer    when it is sealed: nothing follows any more
//   catalog                    CatalogEntry …: a summary of each segment that was sealed, a tombstone of each that was removed.
//                              It saves opening every segment; what it lacks is read from the segments
//   lock                       held by the writer
//   cursors/…                  one a reader whose unsent data must be kept: the path of its cursor file
//
// Frames are numbered from 1 as they come, Open and Close included, and a number is never given twice.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "wire/frame.hpp"

namespace twinpipe::rawbuf {

inline constexpr std::size_t kSegmentHeaderSize = 48, kRecordHeaderSize = 80, kTrailerSize = 32, kCatalogEntrySize = 112;
inline constexpr std::string_view kCatalogName = "catalog";
/// Greatest body; a longer length is damage.
inline constexpr std::uint32_t kGreatestBody = std::uint32_t{1} << 30;

struct SegmentHeader {
  std::uint64_t first = 0;    // number of its first frame
  std::uint64_t follows = 0;  // the number that would have come next in the segment before
  Nanos created = 0;          // wall clock

  std::string encode() const;
  static std::optional<SegmentHeader> decode(std::string_view bytes);
  /// The version of a whole header that a later format wrote; nothing for one of ours, or a damaged one.
  static std::optional<std::uint32_t> later_version(std::string_view bytes);
};

enum class RecordKind : std::uint8_t { frames = 1, declarations = 2, index = 3, series = 4 };

struct RecordHeader {
  // flags
  static constexpr std::uint8_t kDeclares = 1;  // Open, Series or Applied is among its frames
  static constexpr std::uint8_t kClosed = 2;    // its last frame is a Close
  static constexpr std::uint8_t kFinal = 4;     // which is final

  RecordKind kind = RecordKind::frames;
  std::uint8_t flags = 0;
  std::uint32_t body = 0;   // bytes
  std::uint32_t raw = 0;    // bytes of its frames
  std::uint64_t first = 0;  // number of its first frame; of declarations: of the frame that they precede
  std::uint32_t frames = 0;
  std::uint32_t readings = 0;
  Nanos min = 0, max = 0;      // event times
  Nanos written = 0;           // wall clock
  Nanos arrival = kBeginning;  // the Arrival in force before its first frame
  std::uint64_t stream = 0;    // number of the Open in force before its first frame; 0: none
  std::uint32_t body_crc = 0;

  std::uint64_t next() const { return kind == RecordKind::frames ? first + frames : first; }
  std::size_t size() const { return kRecordHeaderSize + body; }

  /// `salt`: the segment's first frame number, so that bytes of another segment that lie about are not taken for its records.
  std::string encode(std::uint64_t salt) const;
  static std::optional<RecordHeader> decode(std::string_view bytes, std::uint64_t salt);
};

/// How a record begins.
inline constexpr std::string_view kRecordMagic = "RECd";

struct RecordPlace {
  std::uint64_t offset = 0;  // of its header
  RecordHeader header;
};

/// Body of the index record: the headers of all records before it.
std::string encode_index(const std::vector<RecordPlace>& records, std::uint64_t salt);
std::optional<std::vector<RecordPlace>> decode_index(std::string_view body, std::uint64_t salt);

/// The last bytes of a sealed segment.
struct Trailer {
  std::uint64_t index = 0;  // offset of the index record
  std::uint64_t next = 0;   // number behind its last frame

  std::string encode(std::uint64_t salt) const;
  static std::optional<Trailer> decode(std::string_view bytes, std::uint64_t salt);
};

struct CatalogEntry {
  enum class Kind : std::uint32_t { sealed = 1, evicted = 2 };
  enum class Reason : std::uint32_t { none = 0, age = 1, size = 2 };

  Kind kind = Kind::sealed;
  Reason reason = Reason::none;
  std::uint64_t first = 0, next = 0, follows = 0;
  Nanos min = kForever, max = kBeginning;  // event times
  std::uint64_t frames = 0, readings = 0, bytes = 0;
  Nanos written_from = 0, written_to = 0;  // wall clock
  std::uint64_t resumes = 0;               // the number that the writer would give next

  std::string encode() const;
  static std::optional<CatalogEntry> decode(std::string_view bytes);
};

/// All whole entries of a catalog; damaged ones are left out and counted.
std::vector<CatalogEntry> decode_catalog(std::string_view bytes, std::uint64_t& damaged);

/// The entry of a sealed segment.
CatalogEntry summarize(const SegmentHeader& segment, const std::vector<RecordPlace>& records, std::uint64_t bytes);

std::string segment_name(std::uint64_t first);
/// The number of the first frame; nothing for another name.
std::optional<std::uint64_t> parse_segment_name(std::string_view name);

struct TimeRange {
  Nanos min = kForever, max = kBeginning;  // both inclusive
};
/// Event times of a frame's rows; nothing for kinds and frames that have none.
std::optional<TimeRange> event_times(const FrameView& frame);

}  // namespace twinpipe::rawbuf
