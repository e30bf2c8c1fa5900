// SPDX-License-Identifier: Apache-2.0
// Readings payload → columns. Packed columns are copied with memcpy; what is not written the usual way (a column in
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

constexpr std::uint8_t kHistorical = short_tag(Proto::kHistoricalFieldNumber, WireType::varint);
constexpr std::uint8_t kPinned = short_tag(Proto::kPinnedFieldNumber, WireType::varint);

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
    if (key == kHistorical || key == kPinned) {
      if (rest.empty() || static_cast<std::uint8_t>(rest[0]) > 1) return false;
      (key == kHistorical ? historical_ : pinned_) = rest[0] == 1;
      rest.remove_prefix(1);
      continue;
    }
    std::string_view value;
    if (static_cast<WireType>(key & 7) != WireType::length_delimited || !take_length(rest, value)) return false;
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

Columns rows_of(const Columns& columns, std::size_t from, std::size_t to) {
  Columns part = columns;
  const auto cut = [&](auto& column) {
    if (!column.empty()) column = column.subspan(from, to - from);
  };
  cut(part.alias);
  cut(part.slot);
  cut(part.time);
  cut(part.doubles);
  cut(part.ints);
  cut(part.uints);
  cut(part.bools);
  cut(part.texts);
  cut(part.quality);
  cut(part.seq);
  cut(part.index);
  return part;
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

}  // namespace twinpipe
