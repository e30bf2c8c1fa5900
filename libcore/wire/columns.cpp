// SPDX-License-Identifier: Apache-2.0
// Readings payload ⇄ columns. Packed columns are copied with memcpy; what is not written the usual way (a column in
// pieces, or unpacked: both are legal protobuf) goes through the generated parser.
#include "wire/columns.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "wire/fields.hpp"

namespace twinpipe {
namespace {

static_assert(std::endian::native == std::endian::little, "protobuf's fixed-width columns are copied as they are");

using Proto = v1::Readings;

template <class T>
bool copy_fixed(std::string_view bytes, std::vector<T>& column) {
  if (bytes.size() % sizeof(T) != 0 || !column.empty()) return false;
  column.resize(bytes.size() / sizeof(T));
  if (!bytes.empty()) std::memcpy(column.data(), bytes.data(), bytes.size());
  return true;
}

template <class T>
bool copy_varints(std::string_view bytes, std::vector<T>& column) {
  if (!column.empty()) return false;
  while (!bytes.empty()) {
    std::uint64_t value = 0;
    const int used = read_varint(bytes, value);
    if (used <= 0) return false;
    column.push_back(static_cast<T>(value));
    bytes.remove_prefix(static_cast<std::size_t>(used));
  }
  return true;
}

constexpr std::uint8_t tag(int field, unsigned type) { return static_cast<std::uint8_t>(field << 3 | static_cast<int>(type)); }
constexpr unsigned kVarint = 0, kPacked = 2;

bool take_length(std::string_view& rest, std::string_view& value) {
  std::uint64_t length = 0;
  const int used = read_varint(rest, length);
  if (used <= 0 || length > rest.size() - static_cast<std::size_t>(used)) return false;
  value = rest.substr(static_cast<std::size_t>(used), static_cast<std::size_t>(length));
  rest.remove_prefix(static_cast<std::size_t>(used) + value.size());
  return true;
}

}  // namespace

bool ReadingsDecoder::parse_packed(std::string_view rest) {
  while (!rest.empty()) {
    const auto key = static_cast<std::uint8_t>(rest[0]);
    rest.remove_prefix(1);
    if (key == tag(Proto::kHistoricalFieldNumber, kVarint) || key == tag(Proto::kPinnedFieldNumber, kVarint)) {
      if (rest.empty() || static_cast<std::uint8_t>(rest[0]) > 1) return false;
      (key == tag(Proto::kHistoricalFieldNumber, kVarint) ? historical_ : pinned_) = rest[0] == 1;
      rest.remove_prefix(1);
      continue;
    }
    std::string_view value;
    if ((key & 7) != kPacked || !take_length(rest, value)) return false;
    switch (key >> 3) {
      case Proto::kSeriesFieldNumber:
        if (!copy_fixed(value, alias_)) return false;
        break;
      case Proto::kTimeFieldNumber:
        if (!copy_fixed(value, time_)) return false;
        break;
      case Proto::kDoubleValueFieldNumber:
        if (!copy_fixed(value, doubles_)) return false;
        break;
      case Proto::kIntValueFieldNumber:
        if (!copy_fixed(value, ints_)) return false;
        break;
      case Proto::kUintValueFieldNumber:
        if (!copy_fixed(value, uints_)) return false;
        break;
      case Proto::kBoolValueFieldNumber:
        // A bool is one byte unless its writer padded the varint; that is left to the generated parser.
        if (!copy_fixed(value, bools_) || std::ranges::any_of(bools_, [](auto b) { return b > 1; })) return false;
        break;
      case Proto::kStringValueFieldNumber:
        texts_.push_back(value);
        strings_ = true;
        break;
      case Proto::kBytesValueFieldNumber:
        texts_.push_back(value);
        bytes_ = true;
        break;
      case Proto::kQualityFieldNumber:
        if (!copy_varints(value, quality_)) return false;
        break;
      case Proto::kSeqFieldNumber:
        if (!copy_varints(value, seq_)) return false;
        break;
      case Proto::kIndexFieldNumber:
        if (!copy_varints(value, index_)) return false;
        break;
      default: return false;
    }
  }
  return true;
}

bool ReadingsDecoder::parse_any(std::string_view payload) {
  Proto message;
  if (!message.ParseFromArray(payload.data(), static_cast<int>(payload.size()))) return false;
  alias_.assign(message.series().begin(), message.series().end());
  time_.assign(message.time().begin(), message.time().end());
  doubles_.assign(message.double_value().begin(), message.double_value().end());
  ints_.assign(message.int_value().begin(), message.int_value().end());
  uints_.assign(message.uint_value().begin(), message.uint_value().end());
  bools_.assign(message.bool_value().begin(), message.bool_value().end());
  quality_.assign(message.quality().begin(), message.quality().end());
  seq_.assign(message.seq().begin(), message.seq().end());
  index_.assign(message.index().begin(), message.index().end());
  owned_texts_.assign(message.string_value().begin(), message.string_value().end());
  owned_texts_.insert(owned_texts_.end(), message.bytes_value().begin(), message.bytes_value().end());
  texts_.assign(owned_texts_.begin(), owned_texts_.end());
  strings_ = message.string_value_size() > 0;
  bytes_ = message.bytes_value_size() > 0;
  historical_ = message.historical();
  pinned_ = message.pinned();
  return true;
}

Result<Columns> ReadingsDecoder::decode(std::string_view payload, std::span<const std::uint32_t> slots, bool identity) {
  const auto clear = [this] {
    alias_.clear();
    time_.clear();
    doubles_.clear();
    ints_.clear();
    uints_.clear();
    bools_.clear();
    texts_.clear();
    quality_.clear();
    seq_.clear();
    index_.clear();
    strings_ = bytes_ = historical_ = pinned_ = false;
  };
  clear();
  if (!parse_packed(payload)) {
    clear();
    if (!parse_any(payload)) return Status::error(Code::bad_data, "Readings frame does not parse");
  }
  if (Status status = check(slots, identity); !status.ok()) return status;
  Columns columns;
  columns.alias = alias_;
  columns.slot = identity ? std::span<const std::uint32_t>(alias_) : std::span<const std::uint32_t>(slot_);
  columns.time = time_;
  columns.doubles = doubles_;
  columns.ints = ints_;
  columns.uints = uints_;
  columns.bools = bools_;
  columns.texts = texts_;
  columns.quality = quality_;
  columns.seq = seq_;
  columns.index = index_;
  columns.historical = historical_;
  columns.pinned = pinned_;
  columns.type = !ints_.empty()    ? v1::VALUE_TYPE_INT64
                 : !uints_.empty() ? v1::VALUE_TYPE_UINT64
                 : !bools_.empty() ? v1::VALUE_TYPE_BOOL
                 : strings_        ? v1::VALUE_TYPE_STRING
                 : bytes_          ? v1::VALUE_TYPE_BYTES
                                   : v1::VALUE_TYPE_DOUBLE;
  return columns;
}

Status ReadingsDecoder::check(std::span<const std::uint32_t> slots, bool identity) {
  const std::size_t rows = alias_.size();
  const std::size_t values = doubles_.size() + ints_.size() + uints_.size() + bools_.size() + texts_.size();
  const int kinds = !doubles_.empty() + !ints_.empty() + !uints_.empty() + !bools_.empty() + strings_ + bytes_;
  if (kinds > 1) return Status::error(Code::bad_data, "Readings frame with value columns of several types");
  const auto optional_ok = [rows](std::size_t size) { return size == 0 || size == rows; };
  if (time_.size() != rows || values != rows || !optional_ok(quality_.size()) || !optional_ok(seq_.size()) ||
      !optional_ok(index_.size()))
    return Status::error(
        Code::bad_data,
        fmt::format("columns of unequal length: {} series, {} times, {} values, {} qualities, {} seqs, {} indexes", rows,
                    time_.size(), values, quality_.size(), seq_.size(), index_.size()));
  std::uint32_t greatest = 0;
  for (const std::uint32_t alias : alias_) greatest = std::max(greatest, alias);
  if (rows > 0 && greatest >= slots.size())
    return Status::error(Code::bad_data, fmt::format("undeclared alias {}: {} are declared", greatest, slots.size()));
  if (!identity) {
    slot_.resize(rows);
    for (std::size_t i = 0; i < rows; ++i) slot_[i] = slots[alias_[i]];
  }
  return {};
}

std::uint64_t count_rows(std::string_view payload) {
  std::uint64_t rows = 0;
  for (Field field; !payload.empty() && take_field(payload, field);)
    if (field.number == Proto::kSeriesFieldNumber) rows += field.value.size() / sizeof(std::uint32_t);
  return rows;
}

// ---- encoding -------------------------------------------------------------------------------------------------------

namespace {

template <class T>
std::size_t varints_size(std::span<const T> column, std::span<const std::uint32_t> rows) {
  std::size_t size = 0;
  for (const std::uint32_t row : rows) size += varint_size(column[row]);
  return size;
}

std::size_t packed_size(std::size_t bytes) { return bytes == 0 ? 0 : 1 + varint_size(bytes) + bytes; }

template <class T>
char* put_fixed(char* at, int field, std::span<const T> column, std::span<const std::uint32_t> rows) {
  if (column.empty()) return at;
  *at++ = static_cast<char>(tag(field, kPacked));
  at = put_varint(at, rows.size() * sizeof(T));
  for (const std::uint32_t row : rows) {
    std::memcpy(at, &column[row], sizeof(T));
    at += sizeof(T);
  }
  return at;
}

template <class T>
char* put_varints(char* at, int field, std::span<const T> column, std::span<const std::uint32_t> rows, std::size_t bytes) {
  if (column.empty()) return at;
  *at++ = static_cast<char>(tag(field, kPacked));
  at = put_varint(at, bytes);
  for (const std::uint32_t row : rows) at = put_varint(at, column[row]);
  return at;
}

char* put_text(char* at, int field, std::string_view text) {
  *at++ = static_cast<char>(tag(field, kPacked));
  at = put_varint(at, text.size());
  std::memcpy(at, text.data(), text.size());
  return at + text.size();
}

}  // namespace

void encode_rows(const Columns& columns, std::span<const std::uint32_t> rows, std::string& out) {
  if (rows.empty()) return;
  const std::size_t n = rows.size();
  const std::size_t quality = columns.quality.empty() ? 0 : varints_size(columns.quality, rows);
  const std::size_t seq = columns.seq.empty() ? 0 : varints_size(columns.seq, rows);
  const std::size_t index = columns.index.empty() ? 0 : varints_size(columns.index, rows);
  std::size_t payload = packed_size(n * 4) + packed_size(n * 8) + packed_size(quality) + packed_size(seq) + packed_size(index) +
                        (columns.historical ? 2 : 0) + (columns.pinned ? 2 : 0);
  if (!columns.doubles.empty() || !columns.ints.empty() || !columns.uints.empty()) payload += packed_size(n * 8);
  if (!columns.bools.empty()) payload += packed_size(n);
  if (!columns.texts.empty())
    for (const std::uint32_t row : rows) payload += 1 + varint_size(columns.texts[row].size()) + columns.texts[row].size();

  const std::size_t frame = 1 + varint_size(payload) + payload;
  const std::size_t start = out.size();
  out.resize(start + 1 + varint_size(frame) + frame);
  char* at = out.data() + start;
  *at++ = kFrameTag;
  at = put_varint(at, frame);
  *at++ = static_cast<char>(tag(v1::Frame::kReadings, kPacked));
  at = put_varint(at, payload);
  at = put_fixed(at, Proto::kSeriesFieldNumber, columns.alias, rows);
  at = put_fixed(at, Proto::kTimeFieldNumber, columns.time, rows);
  at = put_fixed(at, Proto::kDoubleValueFieldNumber, columns.doubles, rows);
  at = put_fixed(at, Proto::kIntValueFieldNumber, columns.ints, rows);
  at = put_fixed(at, Proto::kUintValueFieldNumber, columns.uints, rows);
  at = put_fixed(at, Proto::kBoolValueFieldNumber, columns.bools, rows);
  if (!columns.texts.empty()) {
    const int field = columns.type == v1::VALUE_TYPE_BYTES ? Proto::kBytesValueFieldNumber : Proto::kStringValueFieldNumber;
    for (const std::uint32_t row : rows) at = put_text(at, field, columns.texts[row]);
  }
  at = put_varints(at, Proto::kQualityFieldNumber, columns.quality, rows, quality);
  at = put_varints(at, Proto::kSeqFieldNumber, columns.seq, rows, seq);
  at = put_varints(at, Proto::kIndexFieldNumber, columns.index, rows, index);
  for (const auto& [flag, field] :
       {std::pair{columns.historical, Proto::kHistoricalFieldNumber}, std::pair{columns.pinned, Proto::kPinnedFieldNumber}}) {
    if (!flag) continue;
    *at++ = static_cast<char>(tag(field, kVarint));
    *at++ = 1;
  }
}

void encode_columns(const Columns& columns, std::string& out) {
  thread_local std::vector<std::uint32_t> all;
  while (all.size() < columns.rows()) all.push_back(static_cast<std::uint32_t>(all.size()));
  encode_rows(columns, std::span(all).first(columns.rows()), out);
}

// ---- builder --------------------------------------------------------------------------------------------------------

void ReadingsBuilder::row(std::uint32_t alias, Nanos time, std::uint32_t quality) {
  alias_.push_back(alias);
  time_.push_back(time);
  quality_.push_back(quality);
  any_quality_ = any_quality_ || quality != kGood;
}

void ReadingsBuilder::add(std::uint32_t alias, Nanos time, double value, std::uint32_t quality) {
  row(alias, time, quality);
  doubles_.push_back(value);
}
void ReadingsBuilder::add(std::uint32_t alias, Nanos time, std::int64_t value, std::uint32_t quality) {
  row(alias, time, quality);
  ints_.push_back(value);
}
void ReadingsBuilder::add(std::uint32_t alias, Nanos time, std::uint64_t value, std::uint32_t quality) {
  row(alias, time, quality);
  uints_.push_back(value);
}
void ReadingsBuilder::add(std::uint32_t alias, Nanos time, bool value, std::uint32_t quality) {
  row(alias, time, quality);
  bools_.push_back(value ? 1 : 0);
}
void ReadingsBuilder::add(std::uint32_t alias, Nanos time, std::string_view value, std::uint32_t quality) {
  row(alias, time, quality);
  owned_texts_.emplace_back(value);
}

void ReadingsBuilder::add_row(const Columns& from, std::size_t at, std::uint32_t alias) {
  const std::uint32_t quality = from.quality_at(at);
  switch (type_) {
    case v1::VALUE_TYPE_INT64: add(alias, from.time[at], from.ints[at], quality); break;
    case v1::VALUE_TYPE_UINT64: add(alias, from.time[at], from.uints[at], quality); break;
    case v1::VALUE_TYPE_BOOL: add(alias, from.time[at], from.bools[at] != 0, quality); break;
    case v1::VALUE_TYPE_STRING:
    case v1::VALUE_TYPE_BYTES: add(alias, from.time[at], from.texts[at], quality); break;
    default: add(alias, from.time[at], from.doubles[at], quality); break;
  }
  if (!from.seq.empty()) set_origin(from.seq[at], from.index.empty() ? 0 : from.index[at]);
}

void ReadingsBuilder::set_origin(std::uint64_t seq, std::uint32_t index) {
  seq_.resize(rows() - 1);
  index_.resize(rows() - 1);
  seq_.push_back(seq);
  index_.push_back(index);
}

Columns ReadingsBuilder::columns() {
  texts_.assign(owned_texts_.begin(), owned_texts_.end());
  if (!seq_.empty()) {
    seq_.resize(rows());
    index_.resize(rows());
  }
  Columns columns;
  columns.alias = alias_;
  columns.time = time_;
  columns.type = type_;
  columns.doubles = doubles_;
  columns.ints = ints_;
  columns.uints = uints_;
  columns.bools = bools_;
  columns.texts = texts_;
  if (any_quality_) columns.quality = quality_;
  columns.seq = seq_;
  columns.index = index_;
  columns.historical = historical_;
  columns.pinned = pinned_;
  return columns;
}

void ReadingsBuilder::clear() {
  alias_.clear();
  time_.clear();
  quality_.clear();
  seq_.clear();
  index_.clear();
  doubles_.clear();
  ints_.clear();
  uints_.clear();
  bools_.clear();
  owned_texts_.clear();
  texts_.clear();
  any_quality_ = false;
}

}  // namespace twinpipe
