// SPDX-License-Identifier: Apache-2.0
// Columns → a Readings frame: its size first, then every byte once.
#include <cstring>

#include "wire/columns.hpp"
#include "wire/fields.hpp"

namespace twinpipe {
namespace {

using Proto = v1::Readings;

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
  *at++ = static_cast<char>(short_tag(field, WireType::length_delimited));
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
  *at++ = static_cast<char>(short_tag(field, WireType::length_delimited));
  at = put_varint(at, bytes);
  for (const std::uint32_t row : rows) at = put_varint(at, column[row]);
  return at;
}

char* put_text(char* at, int field, std::string_view text) {
  *at++ = static_cast<char>(short_tag(field, WireType::length_delimited));
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
  *at++ = static_cast<char>(short_tag(v1::Frame::kReadings, WireType::length_delimited));
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
    *at++ = static_cast<char>(short_tag(field, WireType::varint));
    *at++ = 1;
  }
}

void encode_columns(const Columns& columns, std::string& out) {
  thread_local std::vector<std::uint32_t> all;
  while (all.size() < columns.rows()) all.push_back(static_cast<std::uint32_t>(all.size()));
  encode_rows(columns, std::span(all).first(columns.rows()), out);
}

}  // namespace twinpipe
