// SPDX-License-Identifier: Apache-2.0
// The writer of a buffer: frames into records, records into segments, old segments away, and what a crash left behind put
// in order at the start. Knows a disk only as an interface, and the time only as what it is told.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "kernel/rawbuf_codec.hpp"
#include "kernel/rawbuf_declarations.hpp"
#include "kernel/rawbuf_disk.hpp"
#include "kernel/rawbuf_format.hpp"
#include "kernel/rawbuf_segment.hpp"
#include "kernel/rawbuf_series_index.hpp"

namespace twinpipe::rawbuf {

struct WriterOptions {
  std::uint64_t segment_bytes = std::uint64_t{64} << 20;
  std::size_t block_bytes = std::size_t{4} << 20;  // of frames, before they are made small
  Nanos max_age = 30 * 24 * 3600 * kSecond;        // counted from writing; 0: any
  std::uint64_t max_bytes = 0;                     // of all segments; 0: any
  bool durable = true;                             // false: sync() is never asked of the disk
  int level = 1;                                   // zstd's
};

class Writer {
 public:
  Writer(Disk& disk, WriterOptions options);

  /// Reads the catalog, cuts and seals what a writer that died left open, and finishes removals. Nothing that is intact is
  /// lost. O(1) in the size of the buffer: one segment at most is read.
  Status start();

  /// Takes one frame; writes a record when the block is full. Errors: io_error, after which nothing more may be appended;
  /// bad_data (the frame's declaration is wrong), after which it may, without this frame.
  Status append(const FrameView& frame, Nanos now);
  /// Writes the block as it is.
  Status flush(Nanos now);
  /// Everything that was written survives a power cut.
  Status sync();
  /// Removes what is too old, but for what a reader still needs (frame numbers from `unsent` on), and the oldest segments as
  /// long as all are too large, whoever needs them.
  /// It says which it had to take from a reader.
  Status retain(Nanos now, std::uint64_t unsent);
  /// Flushes and seals. The writer may append again afterwards.
  Status close(Nanos now);

  /// Number of the next frame.
  std::uint64_t next() const { return next_; }
  /// Frames appended since start(): taken, written to the disk, safe from a power cut.
  std::uint64_t taken() const { return taken_; }
  std::uint64_t written() const { return written_; }
  std::uint64_t safe() const { return safe_; }
  std::uint64_t bytes() const { return bytes_; }
  /// Lines for people that came up since the last call.
  std::vector<std::string> take_notices() { return std::exchange(notices_, {}); }

 private:
  Status read_catalog(std::vector<CatalogEntry>& entries);
  Status take_over(std::uint64_t first);
  Status recover(std::uint64_t first, Segment& segment);
  Status prepare(Nanos now);
  Status begin_segment(Nanos now);
  Status write_record(const RecordHeader& header, std::string_view body);
  Status write_declarations(Nanos now);
  Status seal();
  Status add_to_catalog(const CatalogEntry& entry);
  Status remove_oldest(CatalogEntry::Reason reason);
  void observe(const FrameView& frame);
  bool segment_is_full(Nanos now) const;

  Disk* disk_;
  WriterOptions options_;
  std::vector<CatalogEntry> segments_;  // sealed, oldest first
  std::uint64_t sealed_bytes_ = 0;
  std::unique_ptr<DiskFile> catalog_;

  // The segment that is written; none between two.
  std::unique_ptr<DiskFile> file_;
  SegmentHeader segment_;
  std::uint64_t size_ = 0;
  std::vector<RecordPlace> records_;
  std::vector<RecordSeries> series_;  // of those with frames that this writer wrote
  std::uint32_t declaring_ = 0;       // records with declarations since they were last repeated
  bool unsynced_ = false;

  BlockEncoder block_;
  RecordHeader header_;  // of the block
  RecordSeries held_;    // in the block
  Declarations declarations_;
  Nanos arrival_ = kBeginning;  // in force
  Nanos lead_ = 0;              // event time of the last frame that had one
  std::uint64_t stream_ = 0;    // number of the Open in force
  std::uint64_t next_ = 1, follows_ = 1;
  std::uint64_t taken_ = 0, written_ = 0, safe_ = 0, bytes_ = 0;
  std::vector<std::string> notices_;
};

}  // namespace twinpipe::rawbuf
