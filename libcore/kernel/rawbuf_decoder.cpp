// SPDX-License-Identifier: Apache-2.0
// The frames of a block again, byte for byte. Every length is checked: a body may have been written by anybody.
#include <zstd.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "kernel/rawbuf_codec.hpp"
#include "kernel/rawbuf_columns.hpp"
#include "wire/fields.hpp"
#include "wire/scanner.hpp"

namespace twinpipe::rawbuf {

struct BlockDecoder::Zstd {
  Zstd() : context(ZSTD_createDCtx()) {}
  ~Zstd() { ZSTD_freeDCtx(context); }
  Zstd(const Zstd&) = delete;
  Zstd& operator=(const Zstd&) = delete;

  /// True when `bytes` unpack to exactly `size` bytes.
  bool unpack(std::string_view bytes, char* at, std::size_t size) const {
    return ZSTD_decompressDCtx(context, at, size, bytes.data(), bytes.size()) == size;
  }

  ZSTD_DCtx* context;
};

struct BlockDecoder::Source {
  std::string_view skeleton, opaque, scales;
  std::size_t alias = 0, time = 0, doubles = 0, integers = 0, floats = 0, samples = 0;
  std::size_t frame = 0, rows = 0;  // first alias and number of rows of the frame under way

  bool take(std::size_t size, std::string_view& bytes) {
    if (size > skeleton.size()) return false;
    bytes = skeleton.substr(0, size);
    skeleton.remove_prefix(size);
    return true;
  }
  /// A field's key and what follows it but for its content, of which this says the length.
  bool take_head(std::uint64_t& content, std::string_view& bytes) {
    content = 0;
    if (skeleton.empty()) return false;
    const auto type = static_cast<WireType>(skeleton[0] & 7);
    if (type == WireType::fixed64 || type == WireType::fixed32) return take(type == WireType::fixed64 ? 9 : 5, bytes);
    std::uint64_t value = 0;
    const int used = read_varint(skeleton.substr(1), value);
    if ((type != WireType::varint && type != WireType::length_delimited) || used <= 0) return false;
    if (type == WireType::length_delimited) content = value;
    return take(1 + static_cast<std::size_t>(used), bytes);
  }
};

struct BlockDecoder::Target {
  char* at;
  std::size_t room;

  bool put(const void* bytes, std::size_t size) {
    if (size > room) return false;
    if (size > 0) std::memcpy(at, bytes, size);
    at += size;
    room -= size;
    return true;
  }
};

BlockDecoder::BlockDecoder() : zstd_(std::make_unique<Zstd>()) {}
BlockDecoder::~BlockDecoder() = default;

Status BlockDecoder::decode(std::string_view body, std::size_t raw_bytes, std::string& out) {
  const std::size_t have = out.size();
  out.resize(have + raw_bytes);
  char* at = out.data() + have;
  bool good = false;
  if (!body.empty()) {
    const auto packing = static_cast<Packing>(body[0]);
    const std::string_view rest = body.substr(1);
    if (packing == Packing::stored) {
      good = rest.size() == raw_bytes;
      if (good) std::memcpy(at, rest.data(), raw_bytes);
    } else if (packing == Packing::zstd) {
      good = zstd_->unpack(rest, at, raw_bytes);
    } else if (packing == Packing::split) {
      good = decode_split(rest, raw_bytes, at);
    }
  }
  if (good) return {};
  out.resize(have);
  return Status::error(Code::bad_data, "a block that does not decode");
}

bool BlockDecoder::decode_split(std::string_view body, std::size_t raw_bytes, char* out) {
  if (body.empty()) return false;
  const auto unit = static_cast<std::uint8_t>(body[0]);
  if (unit >= kUnits.size() || !read_streams(body.substr(1), raw_bytes) || !join_columns(unit)) return false;
  ++block_;
  grow_states();
  Source from{streams_[kSkeleton], streams_[kOpaque], streams_[kScales]};
  Target to{out, raw_bytes};
  while (!from.skeleton.empty())
    if (!assemble(from, to)) return false;
  return to.room == 0;
}

Status BlockDecoder::decode_others(std::string_view body, std::size_t raw_bytes, std::string& out,
                                   std::vector<std::uint32_t>& numbers) {
  numbers.clear();
  const std::size_t have = out.size();
  if (!body.empty() && static_cast<Packing>(body[0]) == Packing::split) {
    if (decode_split_others(body.substr(1), raw_bytes, out, numbers)) return {};
    out.resize(have);
    return Status::error(Code::bad_data, "a block that does not decode");
  }
  if (Status status = decode(body, raw_bytes, out); !status.ok()) return status;
  Scanner scanner(raw_bytes);
  FrameView frame;
  for (std::string_view rest = std::string_view(out).substr(have); scanner.next(rest, frame) == Scanner::Outcome::whole;
       rest.remove_prefix(frame.bytes.size()))
    numbers.push_back(static_cast<std::uint32_t>(numbers.size()));
  return {};
}

/// Of a frame whose columns were cut out, the skeleton has everything else: that is stepped over.
bool BlockDecoder::decode_split_others(std::string_view body, std::size_t raw_bytes, std::string& out,
                                       std::vector<std::uint32_t>& numbers) {
  if (body.empty() || !read_streams(body.substr(1), raw_bytes, kSkeleton)) return false;
  Source from{streams_[kSkeleton], {}, {}};
  std::string_view bytes;
  for (std::uint32_t number = 0; !from.skeleton.empty(); ++number) {
    const auto cut = static_cast<Cut>(from.skeleton[0]);
    std::uint64_t length = 0;
    if (cut == Cut::whole) {
      const int used = read_varint(from.skeleton.substr(1), length);
      if (used <= 0 || !from.take(1 + static_cast<std::size_t>(used), bytes) ||
          !from.take(static_cast<std::size_t>(length), bytes))
        return false;
      out += bytes;
      numbers.push_back(number);
      continue;
    }
    if (cut != Cut::readings && cut != Cut::waveform) return false;
    if (!from.take(1, bytes) || !from.take_head(length, bytes) || !from.take_head(length, bytes)) return false;
    while (length > 0) {
      const auto key = static_cast<std::uint8_t>(from.skeleton.empty() ? 0 : from.skeleton[0]);
      std::uint64_t content = 0;
      if (!from.take_head(content, bytes) || bytes.size() > length || content > length - bytes.size()) return false;
      length -= bytes.size() + content;
      const bool stays = column_kind(cut == Cut::waveform, key >> 3) == ColumnKind::none;
      if (stays && !from.take(static_cast<std::size_t>(content), bytes)) return false;
    }
  }
  return true;
}

bool BlockDecoder::read_streams(std::string_view body, std::size_t raw_bytes, unsigned only) {
  std::uint64_t present = 0;
  if (body.size() < sizeof present) return false;
  std::memcpy(&present, body.data(), sizeof present);
  std::string_view entries = body.substr(sizeof present);
  struct Entry {
    Method method = Method::stored;
    std::size_t size = 0, kept = 0;
  };
  std::array<Entry, kStreams> table{};
  if (present >> kStreams != 0) return false;
  const auto number = [&entries](std::uint64_t& value) {
    const int used = read_varint(entries, value);
    entries.remove_prefix(static_cast<std::size_t>(std::max(used, 0)));
    return used > 0;
  };
  for (unsigned id = 0; id < kStreams; ++id) {
    if ((present >> id & 1) == 0) continue;
    std::uint64_t value = 0, kept = 0;
    if (!number(value)) return false;
    Entry& entry = table[id];
    entry.method = static_cast<Method>(value & 3);
    entry.size = static_cast<std::size_t>(value >> 2);
    // No stream is longer than what it is a part of: 2 bytes of skeleton a frame of 2 bytes and more.
    if (entry.size > 2 * raw_bytes + 16) return false;
    if (entry.method == Method::zstd && !number(kept)) return false;
    entry.kept = entry.method == Method::zstd ? static_cast<std::size_t>(kept) : entry.method == Method::stored ? entry.size : 1;
  }
  for (unsigned id = 0; id <= only; ++id) {
    const Entry& entry = table[id];
    streams_[id].resize(entry.size);
    if (entry.size == 0) continue;
    if (entry.kept > entries.size()) return false;
    const std::string_view kept = entries.substr(0, entry.kept);
    entries.remove_prefix(entry.kept);
    if (entry.method == Method::constant) std::memset(streams_[id].data(), kept[0], entry.size);
    else if (entry.method == Method::stored) std::memcpy(streams_[id].data(), kept.data(), entry.size);
    else if (entry.method != Method::zstd || !zstd_->unpack(kept, streams_[id].data(), entry.size)) return false;
  }
  return only + 1 < kStreams || entries.empty();
}

template <class T>
bool BlockDecoder::join_planes(unsigned first, std::vector<T>& column) {
  const std::size_t size = streams_[first].size();
  column.resize(size);
  for (std::size_t i = 0; i < size; ++i) column[i] = static_cast<unsigned char>(streams_[first][i]);
  for (unsigned plane = 1; plane < sizeof(T); ++plane) {
    const std::string& bytes = streams_[first + plane];
    if (bytes.empty()) continue;
    if (bytes.size() != size) return false;
    const auto* from = reinterpret_cast<const unsigned char*>(bytes.data());
    const unsigned shift = 8 * plane;
    for (std::size_t i = 0; i < size; ++i) column[i] |= static_cast<T>(from[i]) << shift;
  }
  return true;
}

bool BlockDecoder::join_columns(std::uint8_t unit) {
  columns_.clear();
  std::vector<std::uint64_t>& times = times_;
  if (!join_planes(kAliasPlanes, columns_.alias) || !join_planes(kTimePlanes, times) ||
      !join_planes(kDoublePlanes, columns_.doubles) || !join_planes(kIntegerPlanes, columns_.integers) ||
      !join_planes(kFloatSamplePlanes, columns_.float_samples) || !join_planes(kDoubleSamplePlanes, columns_.double_samples))
    return false;
  std::uint32_t alias = 0;
  for (std::uint32_t& z : columns_.alias) z = alias += z >> 1 ^ (0 - (z & 1));
  const auto factor = static_cast<std::uint64_t>(kUnits[unit]);
  std::uint64_t time = 0;
  columns_.time.resize(times.size());
  for (std::size_t i = 0; i < times.size(); ++i)
    columns_.time[i] = static_cast<std::int64_t>(time += unzigzag(times[i]) * factor);
  return true;
}

/// Makes room for the states of all series of the block.
void BlockDecoder::grow_states() {
  std::uint32_t greatest = 0;
  for (const std::uint32_t alias : columns_.alias) greatest = std::max(greatest, alias);
  if (greatest > kGreatestAlias) columns_.alias.clear();  // no encoder wrote that: no row will find its alias
  else if (states_.size() <= greatest) {
    states_.resize(greatest + 1);
    integer_states_.resize(greatest + 1);
  }
}

bool BlockDecoder::assemble(Source& from, Target& to) {
  std::string_view bytes;
  if (!from.take(1, bytes)) return false;
  const auto cut = static_cast<Cut>(bytes[0]);
  std::uint64_t length = 0;
  if (cut == Cut::whole) {
    const int used = read_varint(from.skeleton, length);
    if (used <= 0 || !from.take(static_cast<std::size_t>(used), bytes)) return false;
    return from.take(static_cast<std::size_t>(length), bytes) && to.put(bytes.data(), bytes.size());
  }
  if (cut != Cut::readings && cut != Cut::waveform) return false;
  from.frame = from.alias;
  from.rows = 0;
  // Tag and length of the frame, key and length of the message in it.
  for (int part = 0; part < 2; ++part)
    if (!from.take_head(length, bytes) || !to.put(bytes.data(), bytes.size())) return false;
  return assemble_fields(cut == Cut::waveform, static_cast<std::size_t>(length), from, to);
}

bool BlockDecoder::assemble_fields(bool waveform, std::size_t payload, Source& from, Target& to) {
  if (payload > to.room) return false;
  const std::size_t rest = to.room - payload;
  while (to.room > rest) {
    const auto key = static_cast<std::uint8_t>(from.skeleton.empty() ? 0 : from.skeleton[0]);
    std::uint64_t content = 0;
    std::string_view bytes;
    if (!from.take_head(content, bytes) || !to.put(bytes.data(), bytes.size())) return false;
    if (static_cast<WireType>(key & 7) != WireType::length_delimited) continue;
    if (to.room < rest || content > to.room - rest) return false;
    if (!put_column(waveform, key >> 3, static_cast<std::size_t>(content), from, to)) return false;
  }
  return to.room == rest;
}

namespace {

/// The next `length` bytes of a column.
template <class Column, class Target>
bool put_from(const Column& column, std::size_t& cursor, std::size_t length, Target& to) {
  constexpr std::size_t width = sizeof(column[0]);
  const std::size_t rows = length / width;
  if (length % width != 0 || rows > column.size() - cursor) return false;
  cursor += rows;
  return to.put(column.data() + (cursor - rows), length);
}

}  // namespace

bool BlockDecoder::put_column(bool waveform, unsigned field, std::size_t length, Source& from, Target& to) {
  std::string_view bytes;
  switch (column_kind(waveform, field)) {
    case ColumnKind::alias:
      if (!put_from(columns_.alias, from.alias, length, to)) return false;
      from.rows = from.alias - from.frame;
      return true;
    case ColumnKind::time: return put_from(columns_.time, from.time, length, to);
    case ColumnKind::doubles: return put_doubles(length, from, to);
    case ColumnKind::integers: return put_integers(length, from, to);
    case ColumnKind::float_samples: return put_from(columns_.float_samples, from.floats, length, to);
    case ColumnKind::double_samples: return put_from(columns_.double_samples, from.samples, length, to);
    case ColumnKind::opaque:
      if (length > from.opaque.size()) return false;
      bytes = from.opaque.substr(0, length);
      from.opaque.remove_prefix(length);
      return to.put(bytes.data(), length);
    default: return from.take(length, bytes) && to.put(bytes.data(), length);
  }
}

bool BlockDecoder::put_doubles(std::size_t length, Source& from, Target& to) {
  if (length != from.rows * sizeof(double) || from.rows > columns_.doubles.size() - from.doubles || length > to.room)
    return false;
  for (std::size_t row = 0; row < from.rows; ++row) {
    ValueState& state = states_[columns_.alias[from.frame + row]];
    if (state.block != block_) {
      if (from.scales.empty() || static_cast<std::uint8_t>(from.scales[0]) > kBinary) return false;
      state.block = block_;
      state.scale = static_cast<std::uint8_t>(from.scales[0]);
      state.last = 0;
      from.scales.remove_prefix(1);
    }
    const std::uint64_t z = columns_.doubles[from.doubles + row];
    state.last = static_cast<std::int64_t>(static_cast<std::uint64_t>(state.last) + unzigzag(z));
    const double value =
        state.scale == kBinary ? std::bit_cast<double>(state.last) : static_cast<double>(state.last) / kPowers[state.scale];
    std::memcpy(to.at + row * sizeof value, &value, sizeof value);
  }
  from.doubles += from.rows;
  to.at += length;
  to.room -= length;
  return true;
}

bool BlockDecoder::put_integers(std::size_t length, Source& from, Target& to) {
  if (length != from.rows * sizeof(std::int64_t) || from.rows > columns_.integers.size() - from.integers || length > to.room)
    return false;
  for (std::size_t row = 0; row < from.rows; ++row) {
    ValueState& state = integer_states_[columns_.alias[from.frame + row]];
    if (std::exchange(state.block, block_) != block_) state.last = 0;
    const std::uint64_t z = columns_.integers[from.integers + row];
    state.last = static_cast<std::int64_t>(static_cast<std::uint64_t>(state.last) + unzigzag(z));
    std::memcpy(to.at + row * sizeof state.last, &state.last, sizeof state.last);
  }
  from.integers += from.rows;
  to.at += length;
  to.room -= length;
  return true;
}

}  // namespace twinpipe::rawbuf
