// SPDX-License-Identifier: Apache-2.0
// Kafka values of several partitions, taken in the order of their timestamps, as frames of one stream.
#pragma once

#include <optional>
#include <set>

#include "kernel/node_copies.hpp"
#include "kernel/realias.hpp"
#include "kernel/stage.hpp"

namespace twinpipe {

class LogFrames {
 public:
  /// Partitions are numbered from 0 to `partitions` - 1.
  LogFrames(std::uint32_t partitions, std::uint32_t max_series, std::size_t frame_limit)
      : partitions_(partitions), limit_(frame_limit), realias_(max_series) {}

  /// Takes one record. What is whole of it is written even when the rest is bad. Errors (bad_data): not a segment that can be
  /// read alone. Arrival, with the record's timestamp, stands before the first readings of each timestamp.
  Status take(std::uint32_t partition, Nanos stamp, std::string_view value, Output& out);
  /// Takes a record without a value: the asset that is its key was retired. A key that names none says nothing.
  void take_tombstone(Nanos stamp, std::string_view key, Output& out);
  /// No more records with the timestamp of the last one: writes the watermarks that have risen.
  void settle(Output& out) {
    copies_.settle(out, [&] { realias_.flush(out); });
  }
  /// Writes the readings that wait for company.
  void flush(Output& out) { realias_.flush(out); }

  /// Partitions known to get a copy of the Lifecycle or Gap frames in this value. Only values without a key have them.
  std::set<std::uint32_t> awaited(std::string_view value);

  /// Other partitions from now on.
  void reset(std::uint32_t partitions);
  std::vector<Counter> counters() const;

 private:
  void begin_record(Nanos stamp, Output& out);
  Status take_frame(std::uint32_t partition, Nanos stamp, const FrameView& frame, Output& out);

  std::uint32_t partitions_;
  std::size_t limit_;
  Realias realias_;
  NodeCopies copies_;
  std::uint32_t generation_ = 1;
  std::optional<Nanos> stamp_;
  bool arrival_due_ = false;
  std::uint64_t records_ = 0, dropped_frames_ = 0;
  v1::Frame frame_;
};

}  // namespace twinpipe
