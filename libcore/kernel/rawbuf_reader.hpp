// SPDX-License-Identifier: Apache-2.0
// A buffer, read: what segments there are, and their frames in the order in which they were written. A writer may be
// adding to it and removing from it meanwhile.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "kernel/rawbuf_declarations.hpp"
#include "kernel/rawbuf_segment.hpp"
#include "wire/scanner.hpp"

namespace twinpipe::rawbuf {

/// The segments of a buffer, without opening more of them than the catalog misses.
class Listing {
 public:
  explicit Listing(Disk& disk) : disk_(&disk) {}
  /// Reads the directory and the catalog. Errors: no_input, no_permission, io_error.
  Status refresh();

  struct Entry {
    CatalogEntry summary;
    bool sealed = false;  // false: its last state is not known, so neither are its times
  };
  /// Present segments, oldest first. Those that the catalog does not know have only `first`, until describe().
  const std::vector<Entry>& segments() const { return segments_; }
  /// Removed ones, as far as the catalog remembers.
  const std::vector<CatalogEntry>& tombstones() const { return tombstones_; }
  std::uint64_t damaged_entries() const { return damaged_; }
  /// Opens those that the catalog does not know.
  Status describe();

 private:
  Disk* disk_;
  std::vector<Entry> segments_;
  std::vector<CatalogEntry> tombstones_;
  std::uint64_t damaged_ = 0;
};

/// Some frames in a row, or frames that are missing.
struct Piece {
  enum class Kind { frames, evicted, damaged };
  Kind kind = Kind::frames;
  std::uint64_t first = 0, next = 0;  // frame numbers
  std::string_view frames;            // whole frames; valid until the reader's next call
  std::uint8_t flags = 0;             // RecordHeader's
  // Of missing frames, as far as known:
  std::uint64_t readings = 0;
  TimeRange times;
  std::string what;
};

/// Frames in the order of their numbers.
class Reader {
 public:
  explicit Reader(Disk& disk) : disk_(&disk), listing_(disk) {}

  /// Goes to frame `number`; `state` is what is in force there. Frames that are gone come as the first Piece. Errors:
  /// bad_config (no such number was ever given), no_input (no buffer), io_error.
  Status seek(std::uint64_t number, Declarations& state);
  /// The next piece, a record at a time; false: there is nothing more yet.
  Status next(Piece& piece, bool& found);

  /// What is in force before the frame that comes next: to be asked behind missing frames.
  Status in_force(Declarations& state);
  /// False: declarations were lost before the place that seek() or in_force() last looked at.
  bool declarations_whole() const { return declarations_whole_; }

  /// Number of the frame that comes next.
  std::uint64_t at() const { return at_; }
  /// The last frame read was a Close, and a final one.
  bool closed() const { return (flags_ & RecordHeader::kClosed) != 0; }
  bool finished() const { return (flags_ & RecordHeader::kFinal) != 0; }
  /// Damage that was stepped over since the last call.
  std::vector<std::string> take_notices() { return std::exchange(notices_, {}); }
  Listing& listing() { return listing_; }

 private:
  Status enter(std::uint64_t first);
  Status move_on(bool& moved);
  Status look_for_more(bool& more);
  Status take(Piece& piece, bool& found);
  void missing(std::uint64_t to, Piece& piece);
  void tell_damages();

  Disk* disk_;
  Listing listing_;
  std::optional<Segment> segment_;
  std::size_t record_ = 0;  // the next one
  std::size_t damages_told_ = 0;
  std::uint64_t due_ = 1;  // numbers from at_ up to here were given, and are missing
  std::uint64_t at_ = 1;
  std::uint8_t flags_ = 0;
  bool declarations_whole_ = true;
  BlockDecoder decoder_;
  std::string frames_;
  std::vector<std::string> notices_;
};

/// Takes what is in force before frame `end` of a segment: its last repeated declarations, and what came since. `whole`: none of
/// the records that could have said more is missing or damaged.
Status declarations_at(Segment& segment, std::uint64_t end, BlockDecoder& decoder, Declarations& state, bool& whole);

}  // namespace twinpipe::rawbuf
