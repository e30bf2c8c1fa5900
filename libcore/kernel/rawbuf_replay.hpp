// SPDX-License-Identifier: Apache-2.0
// A buffer's frames in the order of event time, or in that in which they were recorded.
//
// Readings leave row by row in the order of their times, and where these are equal in the order in which they were recorded;
// every other frame at its own time, or at that of the frame before it when it has none. So a backlog stands where it
// belongs, and nothing is late. A merge over the records: those whose times overlap are held in memory, and one that
// overlaps too many is put back and read again.
// In the order of arrival a backlog and what is late stand where they came: what a filter saw, it sees again.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kernel/rawbuf_content.hpp"
#include "kernel/rawbuf_declarations.hpp"
#include "kernel/rawbuf_reader.hpp"
#include "kernel/rawbuf_series.hpp"

namespace twinpipe::rawbuf {

struct ReplayOptions {
  Order order = Order::event_time;
  Nanos from = kBeginning;        // inclusive
  Nanos to = kForever;            // exclusive; kForever: none
  std::vector<Pattern> patterns;  // any of them; none: every series
  std::size_t memory = std::size_t{256} << 20;
  std::uint32_t max_series = SeriesTable::kDefaultLimit;
};

class Replay {
 public:
  Replay(Disk& disk, ReplayOptions options);
  ~Replay();

  /// Finds where to begin. Errors: no_input (no buffer), io_error.
  Status start();
  /// Puts what is next and not after `until`, up to about `bytes`. `more`: false at the end. In the order of arrival `until` says
  /// nothing.
  Status step(Nanos until, std::size_t bytes, Output& out, bool& more);
  /// Event time of what comes next.
  std::optional<Nanos> next_time() const;

  /// The record ended with a final Close.
  bool finished() const { return finished_; }
  std::uint64_t readings_expected() const { return expected_; }
  std::uint64_t damaged() const { return damaged_; }
  /// Frames left out because their declarations were lost.
  std::uint64_t undeclared() const { return undeclared_; }
  std::uint64_t reloads() const { return reloads_; }
  std::vector<std::string> take_notices() { return std::exchange(notices_, {}); }

 private:
  struct Part;  // a segment
  struct Waiting {
    Rank rank;
    std::uint32_t part = 0;
    std::uint32_t record = 0;
    bool is_part = false;  // the segment as a whole: not opened yet
    friend bool operator<(const Waiting& a, const Waiting& b) { return b.rank < a.rank; }  // the least on top
  };

  bool outside(Nanos min, Nanos max) const;
  Rank rank(Nanos time, std::uint64_t frame) const;
  Status open_part(std::uint32_t number, Output& out);
  void look_for_missing(const Part& part);
  void push_records(std::uint32_t number, std::size_t from, std::size_t to);
  Status learn_streams(Part& part, std::size_t from, std::size_t to, Output& out);
  Status learn_record(Part& part, std::size_t record, ReplaySeries::How how, Output& out);
  Status load(const Waiting& waiting, Output& out, bool& loaded);
  Status advance(Nanos until, std::size_t bytes, Output& out, bool& waits);
  Status put(const Waiting& waiting, const Run& run, Output& out);
  Status put_rows(const RecordContent::Frame& frame, const Run& run, const ReplaySeries::Stream& stream, Output& out);
  void put_arrival(Nanos arrival, Output& out);
  void make_room(const Waiting& keep);
  void unload(const Waiting& waiting);
  void push(const Waiting& waiting);
  Waiting pop();

  Disk* disk_;
  ReplayOptions options_;
  ReplaySeries series_;
  std::vector<std::unique_ptr<Part>> parts_;
  std::vector<Waiting> heap_;
  std::vector<Waiting> loaded_;  // records in memory; their rank is not kept up
  std::size_t memory_ = 0;       // of them
  BlockDecoder decoder_;
  ReadingsDecoder readings_;
  std::vector<std::uint32_t> rows_;
  Columns columns_;
  const char* decoded_ = nullptr;  // the frame that columns_ is of
  Nanos arrival_ = kBeginning;
  bool finished_ = false, in_force_ = false;
  std::uint64_t stream_ = 0;  // number of the last Open learnt
  bool lossy_ = false;        // records are damaged or missing: declarations may be
  std::uint64_t expected_ = 0, damaged_ = 0, undeclared_ = 0, reloads_ = 0;
  std::vector<std::string> notices_;
};

}  // namespace twinpipe::rawbuf
