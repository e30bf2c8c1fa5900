// SPDX-License-Identifier: Apache-2.0
// One segment, read: from its index when it is sealed, from record to record otherwise. What is damaged is stepped over,
// and said.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "kernel/rawbuf_codec.hpp"
#include "kernel/rawbuf_disk.hpp"
#include "kernel/rawbuf_format.hpp"
#include "kernel/rawbuf_series_index.hpp"

namespace twinpipe::rawbuf {

/// Bytes of a segment that are not what was written.
struct Damage {
  std::uint64_t offset = 0, bytes = 0;
  std::string what;
};

class Segment {
 public:
  enum class Check { headers, bodies };

  /// Errors: no_input (it was removed), no_permission, io_error.
  static Result<Segment> open(Disk& disk, std::uint64_t first);

  // Errors of all three: io_error; bad_data when a later version wrote the segment, which is not damage and must not be
  // repaired.
  /// From the trailer, or by scan(Check::headers) where there is none or it is damaged.
  Status load();
  /// From the front, whether there is an index or not.
  Status scan(Check check);
  /// More of a segment that is not sealed yet.
  Status refresh();

  std::uint64_t first() const { return first_; }
  bool sealed() const { return sealed_; }
  /// Nothing where the header is damaged; what is in it is then taken from the name.
  const SegmentHeader& header() const { return header_; }
  const std::vector<RecordPlace>& records() const { return records_; }
  const std::vector<Damage>& damages() const { return damages_; }
  /// Where the last record that scan() took ends; what is behind is cut, torn, or under way.
  std::uint64_t end() const { return end_; }
  std::uint64_t bytes() const { return size_; }
  /// Number behind the last frame.
  std::uint64_t next() const { return next_; }

  /// The frames of a record, replacing what `frames` holds. Errors: bad_data when it is damaged, io_error. With `others`, only
  /// those whose columns were not cut out are read, and these are their numbers within the record.
  Status read(const RecordPlace& record, BlockDecoder& decoder, std::string& frames,
              std::vector<std::uint32_t>* others = nullptr);
  /// What its records hold; nothing where that is not recorded, or damaged.
  std::vector<RecordSeries> read_series(BlockDecoder& decoder);

 private:
  Segment(std::unique_ptr<DiskFile> file, std::uint64_t first) : file_(std::move(file)), first_(first) {}
  Status read_header();
  Status read_trailer(bool& found);
  Status advance(Check check, bool finished);
  Status take_record(const RecordHeader& header, Check check, bool& taken);
  Status resync(bool finished, bool& found);
  void damage(std::uint64_t offset, std::uint64_t end, std::string what);

  std::unique_ptr<DiskFile> file_;
  std::uint64_t first_ = 0, size_ = 0, end_ = 0, next_ = 0;
  SegmentHeader header_;
  bool sealed_ = false;
  std::vector<RecordPlace> records_;
  std::vector<Damage> damages_;
  std::string buffer_;
};

}  // namespace twinpipe::rawbuf
