// SPDX-License-Identifier: Apache-2.0
// Raw readings and waveforms that wait for an exception: the pre-trigger, in bounded memory.
//
// Blocks of rows, or one waveform, stand in one order of arrival, so that the oldest of all series goes first when the bound
// is reached; each series also has its own chain. Where a block begins depends on the rows alone, never on how they
// were grouped into frames: what is evicted does not either.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <list>
#include <string>
#include <string_view>
#include <vector>

#include "wire/frame.hpp"

namespace twinpipe::v1 {
class RawRingState;
}

namespace twinpipe {

/// A reading that waits. Doubles, integers and bools as their bits; a text as its place in its block's text.
struct RawRow {
  Nanos time = 0;
  std::uint64_t value = 0;
  std::uint64_t seq = 0;
  std::uint32_t index = 0;
  std::uint32_t quality = 0;
  std::uint32_t length = 0;  // of a text
  std::uint8_t type = 0;     // v1::ValueType
  bool has_seq = false;
};

class RawRing {
 public:
  /// `limit`: bytes in all series. `horizon`: event time that is kept before and behind the newest arrival of a series.
  RawRing(std::size_t limit, Nanos horizon) : limit_(limit), horizon_(horizon) {}

  /// A series is any dense number; there may be `count` of them from now on.
  void grow(std::size_t count) { series_.resize(std::max(count, series_.size())); }

  /// Drops what is out of reach from the new arrival, unless its time is `doubtful`, and then the oldest of all while the bound
  /// is passed.
  void add(std::uint32_t series, RawRow row, std::string_view text, bool doubtful = false);
  /// `rest`: the Waveform's payload without its series; `first`, `last`: times of its first and last sample.
  void add(std::uint32_t series, Nanos first, Nanos last, std::string rest, bool doubtful = false);

  /// What a visitor gets: a row and its text, or (row is null) a waveform.
  struct Item {
    const RawRow* row = nullptr;
    std::string_view text;  // of the row; or the waveform's payload
    Nanos first = 0, last = 0;
  };
  enum class Fate { keep, sent, dropped };
  /// Shows what overlaps `from`..`until`, both inclusive, in order of arrival.
  void visit(std::uint32_t series, Nanos from, Nanos until, const std::function<Fate(const Item&)>& visitor);

  /// Greatest event time in `from`..`until` at which this series may have lost raw unsent; kBeginning: it lost none.
  Nanos lost(std::uint32_t series, Nanos from, Nanos until) const;
  /// Raw that was never added is lost too, when the caller says so.
  void lose(std::uint32_t series, Nanos from, Nanos until);

  bool empty(std::uint32_t series) const { return series_[series].first == nullptr; }
  std::size_t bytes() const { return bytes_; }
  /// Readings and waveforms that the bound pushed out.
  std::uint64_t evicted() const { return evicted_; }

  void save(v1::RawRingState& state) const;
  /// False: not a state of this many series.
  bool load(const v1::RawRingState& state);

 private:
  static constexpr std::size_t kRows = 32;
  struct Block {
    std::list<Block>::iterator self;
    Block* next = nullptr;  // of the same series
    std::uint32_t series = 0;
    Nanos oldest = kForever, newest = kBeginning;
    std::vector<RawRow> rows;  // empty: a waveform
    std::string text;          // of the rows; or the waveform's payload
  };
  struct Span {
    Nanos from = kForever, until = kBeginning;
    bool empty() const { return from > until; }
  };
  struct Chain {
    Block *first = nullptr, *last = nullptr;
    // What was lost. Two spans: one grows with time; the other is for a clock that jumped.
    std::array<Span, 2> lost;
  };

  static std::size_t cost(const Block& block);
  Block& append(std::uint32_t series, bool waveform);
  void remove(Block& block, Block* before);
  void drop(Block& block);
  void reach(std::uint32_t series, Nanos time);
  void evict();
  static void keep_rows(Block& block, const std::vector<bool>& leave);

  std::size_t limit_;
  Nanos horizon_;
  std::size_t bytes_ = 0;
  std::list<Block> blocks_, free_;  // blocks_: oldest first
  std::vector<Chain> series_;
  std::vector<bool> leave_;
  std::uint64_t evicted_ = 0;
};

}  // namespace twinpipe
