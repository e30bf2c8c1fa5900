// SPDX-License-Identifier: Apache-2.0
// What waits to become one Kafka value.
#include "kernel/asset_batch.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

#include "wire/fields.hpp"

namespace twinpipe {
namespace {

std::size_t field_size(std::size_t bytes) { return 1 + varint_size(bytes) + bytes; }

/// Tag byte, length, and the oneof's tag and length: what stands before a frame's payload.
void append_frame_head(FrameKind kind, std::size_t payload, std::string& out) {
  char inner[16];
  const char* const end = put_varint(put_tag(inner, static_cast<int>(kind), WireType::length_delimited), payload);
  const auto size = static_cast<std::size_t>(end - inner);
  out += kFrameTag;
  append_varint(size + payload, out);
  out.append(inner, size);
}

int value_field(ValueType type) {
  switch (type) {
    case v1::VALUE_TYPE_INT64: return v1::Readings::kIntValueFieldNumber;
    case v1::VALUE_TYPE_UINT64: return v1::Readings::kUintValueFieldNumber;
    case v1::VALUE_TYPE_BOOL: return v1::Readings::kBoolValueFieldNumber;
    case v1::VALUE_TYPE_STRING: return v1::Readings::kStringValueFieldNumber;
    case v1::VALUE_TYPE_BYTES: return v1::Readings::kBytesValueFieldNumber;
    default: return v1::Readings::kDoubleValueFieldNumber;
  }
}

}  // namespace

RowPool::Chunk* RowPool::take() {
  if (free_ == nullptr) {
    owned_.push_back(std::make_unique<Chunk>());
    free_ = owned_.back().get();
    free_->next = nullptr;
  }
  Chunk* chunk = free_;
  free_ = chunk->next;
  chunk->next = nullptr;
  return chunk;
}

void RowPool::give(Chunk* chunk) {
  chunk->next = free_;
  free_ = chunk;
}

void append_field(int field, std::string_view bytes, std::string& out) {
  append_tag(field, WireType::length_delimited, out);
  append_varint(bytes.size(), out);
  out.append(bytes);
}

std::string series_field(int field, std::uint32_t alias) {
  std::string out;
  append_tag(field, WireType::varint, out);
  append_varint(alias, out);
  return out;
}

void append_payload(FrameKind kind, std::string_view first, std::string_view rest, std::string& out) {
  append_frame_head(kind, first.size() + rest.size(), out);
  out.append(first).append(rest);
}

bool without_field(std::string_view payload, std::uint64_t field, std::string& out) {
  for (Field at; !payload.empty();) {
    const std::string_view before = payload;
    if (!take_field(payload, at)) return false;
    if (at.number != field) out.append(before.substr(0, before.size() - payload.size()));
  }
  return true;
}

// ---- declarations ---------------------------------------------------------------------------------------------------

void AssetBatch::set_header(std::string header) {
  header_ = std::move(header);
  ++session_;
  declared_.clear();
}

void AssetBatch::declare(std::uint32_t local, std::string body) {
  Series& series = series_[local];
  series.body = std::move(body);
  declared_.clear();
  series.session = session_;
  if (!std::exchange(series.announced, true)) announced_.push_back(local);
  use(local);
}

std::size_t AssetBatch::declaration_size(std::uint32_t local) const { return series_[local].body.size() + 16; }

/// The waiting value declares the series.
void AssetBatch::use(std::uint32_t local) {
  Series& series = series_[local];
  if (std::exchange(series.used_in, value_) == value_) return;
  if (used_.empty()) size_ += header_size();
  used_.push_back(local);
  size_ += declaration_size(local);
}

// ---- what waits -----------------------------------------------------------------------------------------------------

void AssetBatch::begin_run(const RowKind& kind) {
  end_run();
  kind_ = kind;
  size_ += kFrameCost;
}

void AssetBatch::end_run() {
  if (run_rows_ > 0) runs_.push_back(Run{kind_, run_rows_, 0, any_quality_, run_text_});
  run_rows_ = 0;
  run_text_ = 0;
  any_quality_ = false;
}

void AssetBatch::add_chunk() {
  RowPool::Chunk* chunk = pool_->take();
  (last_ == nullptr ? first_ : last_->next) = chunk;
  last_ = chunk;
}

void AssetBatch::append_text(const RowKind& kind, Row row, std::string_view text) {
  const std::size_t before = row.value = text_.size();
  append_field(kind.type == v1::VALUE_TYPE_BYTES ? v1::Readings::kBytesValueFieldNumber : v1::Readings::kStringValueFieldNumber,
               text, text_);
  append(kind, row);
  size_ += text.size();
  run_text_ += text_.size() - before;
}

std::size_t AssetBatch::cost(const Piece& piece) const {
  std::size_t size = piece.rest.size() + 5 * piece.locals.size() + kFrameCost;
  for (const std::uint32_t local : piece.locals) size += uses(local) ? 0 : declaration_size(local);
  return size;
}

void AssetBatch::append(Piece piece) {
  end_run();
  for (const std::uint32_t local : piece.locals) use(local);
  size_ += piece.rest.size() + 5 * piece.locals.size() + kFrameCost;
  runs_.push_back(Run{{}, 0, static_cast<std::uint32_t>(pieces_.size()), false, 0});
  pieces_.push_back(std::move(piece));
}

// ---- the value ------------------------------------------------------------------------------------------------------

AssetBatch::Span AssetBatch::take(std::string& value) {
  end_run();
  // In the order of the batch, not of first use: a steady asset's declaration is then the same bytes in every value, and a reader
  // that remembers declarations by their bytes finds it.
  if (used_.size() > 1) std::ranges::sort(used_);
  if (!used_.empty()) write_declaration(value);
  Span span{std::numeric_limits<Nanos>::max(), std::numeric_limits<Nanos>::min()};
  RowPool::Chunk* chunk = first_;
  std::size_t at = 0;
  for (const Run& run : runs_) {
    if (run.rows > 0) write_rows(run, chunk, at, value, span);
    else write_piece(pieces_[run.piece], value);
  }
  if (rows_ == 0) span = Span{};
  for (chunk = first_; chunk != nullptr;) pool_->give(std::exchange(chunk, chunk->next));
  first_ = last_ = nullptr;
  rows_ = 0;
  size_ = 0;
  for (const std::uint32_t local : announced_) series_[local].announced = false;
  announced_.clear();
  used_.clear();
  runs_.clear();
  pieces_.clear();
  text_.clear();
  constexpr std::size_t kKept = 4096;
  if (text_.capacity() > kKept) text_ = std::string();
  ++value_;
  return span;
}

void AssetBatch::write_declaration(std::string& value) {
  if (used_ == declared_) {
    value += declaration_;
    return;
  }
  for (std::uint32_t alias = 0; alias < used_.size(); ++alias) series_[used_[alias]].alias = alias;
  const std::size_t start = value.size();
  std::size_t payload = header_.size();
  const auto sensor_size = [this](const Series& series) {
    return series.body.size() + (series.alias == 0 ? 0 : 1 + varint_size(series.alias));
  };
  for (const std::uint32_t local : used_) payload += field_size(sensor_size(series_[local]));
  append_frame_head(FrameKind::series, payload, value);
  value += header_;
  for (const std::uint32_t local : used_) {
    const Series& series = series_[local];
    append_tag(v1::Series::kSensorFieldNumber, WireType::length_delimited, value);
    append_varint(sensor_size(series), value);
    if (series.alias != 0) {
      append_tag(v1::Sensor::kAliasFieldNumber, WireType::varint, value);
      append_varint(series.alias, value);
    }
    value += series.body;
  }
  declared_ = used_;
  declaration_.assign(value, start);
}

/// One Readings frame. Three columns of fixed width are filled in one pass over the rows; the others are rare.
void AssetBatch::write_rows(const Run& run, RowPool::Chunk*& chunk, std::size_t& at, std::string& value, Span& span) const {
  const std::size_t n = run.rows, width = run.kind.type == v1::VALUE_TYPE_BOOL ? 1 : 8;
  const auto each = [n](RowPool::Chunk*& in, std::size_t& from, const auto& visit) {
    for (std::size_t i = 0; i < n; ++i) {
      visit(in->rows[from], i);
      if (++from == RowPool::kRows) {
        from = 0;
        in = in->next;
      }
    }
  };
  const auto again = [&](const auto& visit) {
    RowPool::Chunk* in = chunk;
    std::size_t from = at;
    each(in, from, visit);
  };
  std::size_t quality = 0, seq = 0, index = 0;
  if (run.any_quality) again([&](const Row& row, std::size_t) { quality += varint_size(row.quality); });
  if (run.kind.has_seq)
    again([&](const Row& row, std::size_t) {
      seq += varint_size(row.seq);
      index += varint_size(row.index);
    });
  std::size_t payload = field_size(4 * n) + field_size(8 * n) + (is_text(run.kind.type) ? run.text : field_size(width * n));
  for (const std::size_t column : {quality, seq, index}) payload += column == 0 ? 0 : field_size(column);
  payload += (run.kind.historical ? 2 : 0) + (run.kind.pinned ? 2 : 0);
  append_frame_head(FrameKind::readings, payload, value);

  const std::size_t start = value.size();
  value.resize(start + payload);
  char* out = value.data() + start;
  const auto column = [&out](int field, std::size_t size) {
    out = put_tag(out, field, WireType::length_delimited);
    char* begin = put_varint(out, size);
    out = begin + size;
    return begin;
  };
  char* aliases = column(v1::Readings::kSeriesFieldNumber, 4 * n);
  char* times = column(v1::Readings::kTimeFieldNumber, 8 * n);
  RowPool::Chunk* const first = chunk;
  const std::size_t first_at = at;
  const auto place = [&](const Row& row, std::size_t i) {
    std::memcpy(aliases + 4 * i, &series_[row.local].alias, 4);
    std::memcpy(times + 8 * i, &row.time, 8);
    span.earliest = std::min(span.earliest, row.time);
    span.latest = std::max(span.latest, row.time);
  };
  if (is_text(run.kind.type)) {
    // The fields of a run's texts lie in the batch as they will in the frame, one behind the other.
    std::memcpy(out, text_.data() + chunk->rows[at].value, run.text);
    out += run.text;
    each(chunk, at, place);
  } else {
    char* values = column(value_field(run.kind.type), width * n);
    each(chunk, at, [&](const Row& row, std::size_t i) {
      place(row, i);
      std::memcpy(values + width * i, &row.value, width);
    });
  }
  const auto varints = [&](int number, std::size_t size, const auto& get) {
    char* to = column(number, size);
    RowPool::Chunk* in = first;
    std::size_t from = first_at;
    each(in, from, [&](const Row& row, std::size_t) { to = put_varint(to, get(row)); });
  };
  if (quality > 0) varints(v1::Readings::kQualityFieldNumber, quality, [](const Row& row) { return row.quality; });
  if (seq > 0) varints(v1::Readings::kSeqFieldNumber, seq, [](const Row& row) { return row.seq; });
  if (index > 0) varints(v1::Readings::kIndexFieldNumber, index, [](const Row& row) { return row.index; });
  for (const auto& [flag, number] : {std::pair{run.kind.historical, v1::Readings::kHistoricalFieldNumber},
                                     std::pair{run.kind.pinned, v1::Readings::kPinnedFieldNumber}}) {
    if (!flag) continue;
    out = put_tag(out, number, WireType::varint);
    *out++ = 1;
  }
}

void AssetBatch::write_piece(const Piece& piece, std::string& value) const {
  std::string named;
  switch (piece.kind) {
    case FrameKind::waveform:
    case FrameKind::exception: {
      const int field =
          piece.kind == FrameKind::waveform ? int{v1::Waveform::kSeriesFieldNumber} : int{v1::Exception::kSeriesFieldNumber};
      named = series_field(field, series_[piece.locals[0]].alias);
      break;
    }
    case FrameKind::aggregates:
    case FrameKind::spectra: {
      static_assert(int{v1::Aggregates::kSeriesFieldNumber} == int{v1::Spectra::kSeriesFieldNumber});
      std::string column;
      for (const std::uint32_t local : piece.locals) {
        char bytes[4];
        std::memcpy(bytes, &series_[local].alias, sizeof bytes);
        column.append(bytes, sizeof bytes);
      }
      append_field(v1::Aggregates::kSeriesFieldNumber, column, named);
      break;
    }
    default: break;  // names no series
  }
  append_payload(piece.kind, named, piece.rest, value);
}

}  // namespace twinpipe
