// SPDX-License-Identifier: Apache-2.0
// What waits to become one Kafka value: frames of one asset on their way to one topic.
//
// A value is one unsealed segment: Open, the declaration of the series that it uses under aliases from 0, its data frames.
// Rows are kept as they came, a struct each: a frame of the input has rows of many assets, so appending touches one
// cache line, and the columns are made when the value is, from rows that are still in the cache.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "wire/columns.hpp"

namespace twinpipe {

/// A reading that waits. Doubles, integers and bools as their bits; texts as the place of their field in the batch's text.
struct Row {
  Nanos time = 0;
  std::uint64_t value = 0;
  std::uint64_t seq = 0;
  std::uint32_t local = 0;  // number of its series in the batch
  std::uint32_t quality = kGood;
  std::uint32_t index = 0;
};

/// Chunks of rows that all batches share, so that memory follows what waits and not what once waited.
class RowPool {
 public:
  static constexpr std::size_t kRows = 32;
  struct Chunk {
    std::array<Row, kRows> rows;
    Chunk* next = nullptr;
  };
  Chunk* take();
  void give(Chunk* chunk);

 private:
  std::vector<std::unique_ptr<Chunk>> owned_;
  Chunk* free_ = nullptr;
};

/// What rows must have in common to stand in one Readings frame.
struct RowKind {
  ValueType type = v1::VALUE_TYPE_DOUBLE;
  bool historical = false, pinned = false, has_seq = false;
  bool operator==(const RowKind&) const = default;
};
static_assert(sizeof(RowKind) == 8);
inline RowKind kind_of(const Columns& columns) {
  return {columns.type, columns.historical, columns.pinned, !columns.seq.empty()};
}

/// A frame of another kind that waits: its payload but for the field that names series, and those series.
struct Piece {
  FrameKind kind = FrameKind::unknown;
  std::vector<std::uint32_t> locals;
  std::string rest;
};

/// Appending a row of a series that the waiting value uses already touches the first 64 bytes and the row: readings come in any
/// order of assets, so what they cost is cache misses.
class alignas(64) AssetBatch {
 public:
  AssetBatch(RowPool& pool, std::uint32_t topic, std::int32_t partition, std::string key)
      : topic_(topic), partition_(partition), pool_(&pool), key_(std::move(key)) {}

  std::uint32_t topic() const { return topic_; }
  std::int32_t partition() const { return partition_; }
  const std::string& key() const { return key_; }
  /// Number of the node in NodeFrames; the greatest number while there is none.
  std::uint32_t node() const { return node_; }
  void set_node(std::uint32_t node) { node_ = node; }

  // ---- declarations

  /// True when `header` (a serialised Series without sensors) differs from what is in force.
  bool header_differs(std::string_view header) const { return header != header_; }
  /// True when the series is to be declared: its body is new, or its session.
  bool differs(std::uint32_t local, std::string_view body) const {
    return series_[local].session != session_ || body != series_[local].body;
  }
  /// Only while nothing waits. A new header begins a new session: what is not declared again is not announced again.
  void set_header(std::string header);
  std::uint32_t add_series() {
    series_.emplace_back();
    return static_cast<std::uint32_t>(series_.size()) - 1;
  }
  /// `body`: a serialised Sensor without its alias. Its next value declares the series even if it does not use it.
  void declare(std::uint32_t local, std::string body);
  std::size_t declaration_size(std::uint32_t local) const;

  // ---- what waits

  bool empty() const { return rows_ == 0 && pieces_.empty() && announced_.empty(); }
  /// Number of the value that waits; another one after each take().
  std::uint32_t value() const { return value_; }
  /// Brings the lines into the cache that the next append() writes to.
  void prefetch_head() const { __builtin_prefetch(this, 1); }
  void prefetch_row() const {
    if (last_ != nullptr) __builtin_prefetch(&last_->rows[rows_ % RowPool::kRows], 1);
  }
  std::uint32_t rows() const { return rows_; }
  /// Upper bound of the value's size, but for its Open frame.
  std::size_t size() const { return size_; }
  /// What a row adds to size() at most; its series' declaration included when the value does not have it yet.
  std::size_t cost(std::uint32_t local, std::size_t text) const {
    return kRowCost + text + (uses(local) ? 0 : declaration_size(local));
  }
  std::size_t cost(const Piece& piece) const;
  /// What a value with nothing but this batch's header takes.
  std::size_t header_size() const { return header_.size() + kFrameCost; }

  static constexpr std::size_t kRowCost = 4 + 8 + 8 + 5 + 10 + 5 + 6;
  /// The waiting value declares the series from now on. Before append(), once a value.
  void use(std::uint32_t local);
  void append(const RowKind& kind, const Row& row) {
    if (run_rows_ == 0 || !(kind == kind_)) begin_run(kind);
    const std::size_t at = rows_ % RowPool::kRows;
    if (at == 0) add_chunk();
    last_->rows[at] = row;
    any_quality_ = any_quality_ || row.quality != kGood;
    ++run_rows_;
    ++rows_;
    size_ += kRowCost;
  }
  void append_text(const RowKind& kind, Row row, std::string_view text);
  void append(Piece piece);

  // ---- the value

  /// Event times of the rows in a value: both 0 when there are none.
  struct Span {
    Nanos earliest = 0, latest = 0;
  };
  /// Appends the value behind its Open, and forgets what waited.
  Span take(std::string& value);

 private:
  struct Series {
    std::string body;
    std::uint32_t session = 0;  // of the batch when it was declared
    std::uint32_t used_in = 0;  // value_ when the waiting value declares it
    bool announced = false;
    std::uint32_t alias = 0;  // in the value that is written
  };
  struct Run {  // rows that make one Readings frame, or one piece
    RowKind kind;
    std::uint32_t rows = 0;
    std::uint32_t piece = 0;  // valid when rows is 0
    bool any_quality = false;
    std::size_t text = 0;  // bytes of texts with their tags and lengths
  };

  static constexpr std::size_t kFrameCost = 64;  // tags and lengths of a frame and its columns

  bool uses(std::uint32_t local) const { return series_[local].used_in == value_; }
  void begin_run(const RowKind& kind);
  void end_run();
  void add_chunk();
  void write_declaration(std::string& value);
  void write_rows(const Run& run, RowPool::Chunk*& chunk, std::size_t& at, std::string& value, Span& span) const;
  void write_piece(const Piece& piece, std::string& value) const;

  // What every append() touches.
  RowPool::Chunk* last_ = nullptr;
  std::size_t size_ = 0;
  std::uint32_t rows_ = 0, run_rows_ = 0;
  std::uint32_t value_ = 1;
  std::uint32_t topic_;
  RowKind kind_;  // of the run
  std::size_t run_text_ = 0;
  bool any_quality_ = false;
  std::int32_t partition_;

  RowPool::Chunk* first_ = nullptr;
  RowPool* pool_;
  std::string key_;
  std::uint32_t node_ = std::numeric_limits<std::uint32_t>::max();
  std::uint32_t session_ = 1;
  std::string header_;
  std::vector<Series> series_;
  std::vector<std::uint32_t> announced_, used_;
  std::vector<Run> runs_;
  std::vector<Piece> pieces_;
  std::string text_;
  // The declaration of the value before, which mostly is the next one's too.
  std::string declaration_;
  std::vector<std::uint32_t> declared_;
};

/// Appends tag, length and bytes of a length-delimited field.
void append_field(int field, std::string_view bytes, std::string& out);
/// A varint field that names a series.
std::string series_field(int field, std::uint32_t alias);
/// Appends one whole frame whose payload is `first` and `rest` joined.
void append_payload(FrameKind kind, std::string_view first, std::string_view rest, std::string& out);
/// `payload` without any occurrence of `field`, in its own order. False: not protobuf.
bool without_field(std::string_view payload, std::uint64_t field, std::string& out);

}  // namespace twinpipe
