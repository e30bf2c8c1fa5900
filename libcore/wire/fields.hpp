// SPDX-License-Identifier: Apache-2.0
// Protobuf's wire format, as far as the stream reads it without the generated code: varints and fields.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace twinpipe {

/// Bytes that a varint took from the front of `bytes`; 0: `bytes` ends inside it; -1: longer than 64 bits.
inline int read_varint(std::string_view bytes, std::uint64_t& value) {
  value = 0;
  for (std::size_t i = 0; i < 10; ++i) {
    if (i == bytes.size()) return 0;
    const auto byte = static_cast<std::uint8_t>(bytes[i]);
    if (i == 9 && byte > 1) return -1;
    value |= std::uint64_t{byte & 0x7FU} << (7 * i);
    if (byte < 0x80) return static_cast<int>(i) + 1;
  }
  return -1;
}

inline std::size_t varint_size(std::uint64_t value) {
  std::size_t size = 1;
  for (; value >= 0x80; value >>= 7) ++size;
  return size;
}

enum class WireType : unsigned { varint = 0, fixed64 = 1, length_delimited = 2, fixed32 = 5 };

/// The tag of a field whose number is below 16: one byte.
constexpr std::uint8_t short_tag(int field, WireType type) {
  return static_cast<std::uint8_t>(static_cast<unsigned>(field) << 3 | static_cast<unsigned>(type));
}

struct Field {
  std::uint64_t number = 0;
  WireType type = WireType::varint;
  std::string_view value;  // the content; a varint's own bytes
};

/// Takes one field off the front of `rest`; false when the bytes are not a field. Groups do not occur in proto3.
inline bool take_field(std::string_view& rest, Field& field) {
  std::uint64_t tag = 0;
  int used = read_varint(rest, tag);
  if (used <= 0) return false;
  rest.remove_prefix(static_cast<std::size_t>(used));
  field.number = tag >> 3;
  field.type = static_cast<WireType>(tag & 7);
  std::uint64_t length = 0;
  switch (field.type) {
    case WireType::varint:
      used = read_varint(rest, length);
      if (used <= 0) return false;
      length = static_cast<std::uint64_t>(used);
      break;
    case WireType::fixed64: length = 8; break;
    case WireType::fixed32: length = 4; break;
    case WireType::length_delimited:
      used = read_varint(rest, length);
      if (used <= 0) return false;
      rest.remove_prefix(static_cast<std::size_t>(used));
      break;
    default: return false;
  }
  if (field.number == 0 || length > rest.size()) return false;
  field.value = rest.substr(0, static_cast<std::size_t>(length));
  rest.remove_prefix(static_cast<std::size_t>(length));
  return true;
}

/// Writes at `at`, which has room for varint_size(value) bytes; returns the place behind.
inline char* put_varint(char* at, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) *at++ = static_cast<char>(value | 0x80);
  *at++ = static_cast<char>(value);
  return at;
}

/// Writes a field's tag at `at`; returns the place behind.
inline char* put_tag(char* at, int field, WireType type) {
  return put_varint(at, static_cast<std::uint64_t>(field) << 3 | static_cast<unsigned>(type));
}

inline void append_varint(std::uint64_t value, std::string& out) {
  char bytes[10];
  out.append(bytes, static_cast<std::size_t>(put_varint(bytes, value) - bytes));
}

inline void append_tag(int field, WireType type, std::string& out) {
  append_varint(static_cast<std::uint64_t>(field) << 3 | static_cast<unsigned>(type), out);
}

}  // namespace twinpipe
