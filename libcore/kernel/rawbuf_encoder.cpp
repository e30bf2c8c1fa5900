// SPDX-License-Identifier: Apache-2.0
// A block of frames made small.
#include <zstd.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "kernel/rawbuf_codec.hpp"
#include "kernel/rawbuf_columns.hpp"
#include "wire/fields.hpp"

namespace twinpipe::rawbuf {
namespace {

void append_varint(std::string& out, std::uint64_t value) {
  char bytes[10];
  out.append(bytes, static_cast<std::size_t>(put_varint(bytes, value) - bytes));
}

template <class T>
void append_column(std::string_view bytes, std::vector<T>& column) {
  const std::size_t have = column.size();
  column.resize(have + bytes.size() / sizeof(T));
  if (!bytes.empty()) std::memcpy(column.data() + have, bytes.data(), bytes.size());
}

/// The columns of one frame, and where they stand in it.
struct Columns {
  struct Place {
    ColumnKind kind;
    std::size_t at, length;
  };
  std::array<Place, 8> places;
  std::size_t count = 0;
  std::uint32_t seen = 0;  // fields, as bits

  std::size_t length(ColumnKind kind) const {
    for (std::size_t i = 0; i < count; ++i)
      if (places[i].kind == kind) return places[i].length;
    return 0;
  }
};

/// Finds the columns; false when the frame is written in a way that the decoder would not follow.
bool find_columns(bool waveform, std::string_view payload, Columns& columns) {
  for (std::size_t at = 0; at < payload.size();) {
    const auto key = static_cast<std::uint8_t>(payload[at]);
    std::string_view rest = payload.substr(at);
    Field field;
    if (key >= 0x80 || !take_field(rest, field)) return false;
    at = payload.size() - rest.size();
    if (field.type != WireType::length_delimited) continue;
    const ColumnKind kind = column_kind(waveform, key >> 3);
    if (kind == ColumnKind::none) continue;
    if ((columns.seen >> (key >> 3) & 1) != 0 || columns.count == columns.places.size()) return false;
    columns.seen |= 1U << (key >> 3);
    columns.places[columns.count++] = {kind, at - field.value.size(), field.value.size()};
  }
  return true;
}

/// Rows whose columns agree, aliases before values, one column of values at most.
bool agree(const Columns& columns, std::string_view payload) {
  const std::size_t bytes = columns.length(ColumnKind::alias), rows = bytes / sizeof(std::uint32_t);
  if (bytes % sizeof(std::uint32_t) != 0 || columns.length(ColumnKind::time) != rows * sizeof(Nanos)) return false;
  bool aliases = false;
  int values = 0;
  for (std::size_t i = 0; i < columns.count; ++i) {
    const Columns::Place& place = columns.places[i];
    if (place.kind == ColumnKind::alias) {
      aliases = true;
      for (std::size_t row = 0; row < rows; ++row) {
        std::uint32_t alias = 0;
        std::memcpy(&alias, payload.data() + place.at + row * sizeof alias, sizeof alias);
        if (alias > kGreatestAlias) return false;
      }
    } else if (place.kind == ColumnKind::doubles || place.kind == ColumnKind::integers) {
      if (!aliases || ++values > 1 || place.length != rows * sizeof(double)) return false;
    }
  }
  return true;
}

bool agree_samples(const Columns& columns) {
  return columns.length(ColumnKind::float_samples) % sizeof(float) == 0 &&
         columns.length(ColumnKind::double_samples) % sizeof(double) == 0;
}

}  // namespace

struct BlockEncoder::Zstd {
  explicit Zstd(int level) : context(ZSTD_createCCtx()) { ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level); }
  ~Zstd() { ZSTD_freeCCtx(context); }
  Zstd(const Zstd&) = delete;
  Zstd& operator=(const Zstd&) = delete;

  /// True when `packed` holds fewer bytes than `bytes`.
  bool pack(std::string_view bytes, std::string& packed) {
    packed.resize(std::max(packed.size(), ZSTD_compressBound(bytes.size())));
    const std::size_t size = ZSTD_compress2(context, packed.data(), packed.size(), bytes.data(), bytes.size());
    if (ZSTD_isError(size) != 0 || size >= bytes.size()) return false;
    view = std::string_view(packed).substr(0, size);
    return true;
  }

  ZSTD_CCtx* context;
  std::string_view view;
};

BlockEncoder::BlockEncoder(int level, std::size_t split_above)
    : zstd_(std::make_unique<Zstd>(level)), split_above_(split_above) {}
BlockEncoder::~BlockEncoder() = default;

void BlockColumns::clear() {
  skeleton.clear();
  opaque.clear();
  scales.clear();
  alias.clear();
  time.clear();
  doubles.clear();
  integers.clear();
  float_samples.clear();
  double_samples.clear();
  runs.clear();
}

void BlockEncoder::add(const FrameView& frame) {
  ++frames_;
  raw_bytes_ += frame.bytes.size();
  if (raw_bytes_ <= split_above_) plain_ += frame.bytes;
  if ((frame.kind == FrameKind::readings || frame.kind == FrameKind::waveform) && cut(frame)) return;
  columns_.skeleton += static_cast<char>(Cut::whole);
  append_varint(columns_.skeleton, frame.bytes.size());
  columns_.skeleton += frame.bytes;
}

/// The frame's own bytes in front of its payload go into the skeleton too: the decoder reads its lengths there.
bool BlockEncoder::cut(const FrameView& frame) {
  const bool waveform = frame.kind == FrameKind::waveform;
  const char kKey = static_cast<char>((waveform ? v1::Frame::kWaveform : v1::Frame::kReadings) << 3 | 2);
  std::uint64_t length = 0;
  const std::size_t outer = 1 + static_cast<std::size_t>(std::max(read_varint(frame.bytes.substr(1), length), 0));
  if (frame.payload.data() + frame.payload.size() != frame.bytes.data() + frame.bytes.size()) return false;
  if (frame.bytes[outer] != kKey) return false;
  const int inner = read_varint(frame.bytes.substr(outer + 1), length);
  const std::size_t head = outer + 1 + static_cast<std::size_t>(std::max(inner, 0));
  if (inner <= 0 || frame.bytes.data() + head != frame.payload.data()) return false;

  Columns found;
  if (!find_columns(waveform, frame.payload, found)) return false;
  if (waveform ? !agree_samples(found) : !agree(found, frame.payload)) return false;

  columns_.skeleton += static_cast<char>(waveform ? Cut::waveform : Cut::readings);
  columns_.skeleton += frame.bytes.substr(0, head);
  const auto first = static_cast<std::uint32_t>(columns_.alias.size());
  std::size_t copied = 0;
  for (std::size_t i = 0; i < found.count; ++i) {
    const auto& [kind, at, size] = found.places[i];
    columns_.skeleton += frame.payload.substr(copied, at - copied);
    copied = at + size;
    const std::string_view bytes = frame.payload.substr(at, size);
    switch (kind) {
      case ColumnKind::alias: append_column(bytes, columns_.alias); break;
      case ColumnKind::time: append_column(bytes, columns_.time); break;
      case ColumnKind::doubles: append_column(bytes, columns_.doubles); break;
      case ColumnKind::integers: append_column(bytes, columns_.integers); break;
      case ColumnKind::float_samples: append_column(bytes, columns_.float_samples); break;
      case ColumnKind::double_samples: append_column(bytes, columns_.double_samples); break;
      default: columns_.opaque += bytes;
    }
    if (kind == ColumnKind::doubles || kind == ColumnKind::integers)
      columns_.runs.push_back({first, static_cast<std::uint32_t>(size / sizeof(double)), kind == ColumnKind::integers});
  }
  columns_.skeleton += frame.payload.substr(copied);
  return true;
}

std::string_view BlockEncoder::finish() {
  body_.clear();
  if (raw_bytes_ <= split_above_) {
    const bool packed = zstd_->pack(plain_, packed_);
    body_ += static_cast<char>(packed ? Packing::zstd : Packing::stored);
    body_ += packed ? zstd_->view : std::string_view(plain_);
  } else {
    finish_split();
  }
  plain_.clear();
  columns_.clear();
  frames_ = 0;
  raw_bytes_ = 0;
  return body_;
}

void BlockEncoder::finish_split() {
  ++block_;
  learning_ = 2 * block_;
  present_ = 0;
  entries_.clear();
  streams_.clear();
  if (!columns_.alias.empty()) {
    const std::uint32_t greatest = *std::ranges::max_element(columns_.alias);
    if (states_.size() <= greatest) {
      states_.resize(greatest + 1);
      integer_states_.resize(greatest + 1);
    }
  }
  learn_scales();
  subtract_values();
  put_stream(kSkeleton, columns_.skeleton);
  put_stream(kOpaque, columns_.opaque);
  put_stream(kScales, columns_.scales);
  put_aliases();
  const std::uint8_t unit = put_times();
  put_planes(kDoublePlanes, columns_.doubles);
  put_planes(kIntegerPlanes, columns_.integers);
  put_planes(kFloatSamplePlanes, columns_.float_samples);
  put_planes(kDoubleSamplePlanes, columns_.double_samples);
  body_ += static_cast<char>(Packing::split);
  body_ += static_cast<char>(unit);
  char present[sizeof present_];
  std::memcpy(present, &present_, sizeof present_);
  body_.append(present, sizeof present).append(entries_).append(streams_);
}

void BlockEncoder::put_stream(unsigned id, std::string_view bytes) {
  if (bytes.empty()) return;
  present_ |= std::uint64_t{1} << id;
  const auto entry = [&](Method method) { append_varint(entries_, bytes.size() << 2 | static_cast<std::uint64_t>(method)); };
  if (std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0) {
    entry(Method::constant);
    streams_ += bytes[0];
  } else if (bytes.size() > 32 && zstd_->pack(bytes, packed_)) {
    entry(Method::zstd);
    append_varint(entries_, zstd_->view.size());
    streams_ += zstd_->view;
  } else {
    entry(Method::stored);
    streams_ += bytes;
  }
}

/// Plane 0 is always there, so that its length is the column's; of the others, those that are all zero are left out.
template <class T>
void BlockEncoder::put_planes(unsigned first, const std::vector<T>& column) {
  if (column.empty()) return;
  T any = 0;
  for (const T value : column) any |= value;
  plane_.resize(column.size());
  for (unsigned plane = 0; plane < sizeof(T); ++plane) {
    if (plane > 0 && (any >> (8 * plane) & 0xFF) == 0) continue;
    const unsigned shift = 8 * plane;
    const T* from = column.data();
    char* to = plane_.data();
    for (std::size_t i = 0, n = column.size(); i < n; ++i) to[i] = static_cast<char>(from[i] >> shift);
    put_stream(first + plane, plane_);
  }
}

void BlockEncoder::put_aliases() {
  std::uint32_t last = 0;
  for (std::uint32_t& alias : columns_.alias) {
    const std::uint32_t difference = alias - std::exchange(last, alias);
    alias = difference << 1 ^ static_cast<std::uint32_t>(static_cast<std::int32_t>(difference) >> 31);
  }
  put_planes(kAliasPlanes, columns_.alias);
}

namespace {

template <std::int64_t unit>
bool divides(const std::vector<std::uint64_t>& differences) {
  return std::ranges::all_of(differences, [](std::uint64_t d) { return static_cast<std::int64_t>(d) % unit == 0; });
}

}  // namespace

/// Returns the number of the unit.
std::uint8_t BlockEncoder::put_times() {
  differences_.resize(columns_.time.size());
  std::uint64_t last = 0;
  for (std::size_t i = 0; i < differences_.size(); ++i) {
    const auto time = static_cast<std::uint64_t>(columns_.time[i]);
    differences_[i] = time - std::exchange(last, time);
  }
  const std::uint8_t unit = divides<kUnits[3]>(differences_)   ? 3
                            : divides<kUnits[2]>(differences_) ? 2
                            : divides<kUnits[1]>(differences_) ? 1
                                                               : 0;
  for (std::uint64_t& difference : differences_)
    if (difference != 0) difference = zigzag(static_cast<std::uint64_t>(static_cast<std::int64_t>(difference) / kUnits[unit]));
  put_planes(kTimePlanes, differences_);
  return unit;
}

/// Finds for each series the least scale under which all of its values in this block are integers.
void BlockEncoder::learn_scales() {
  const std::uint64_t* bits = columns_.doubles.data();
  for (const BlockColumns::Run& run : columns_.runs) {
    if (run.integers) continue;
    for (std::uint32_t row = 0; row < run.rows; ++row) {
      const auto value = std::bit_cast<double>(*bits++);
      ValueState& state = states_[columns_.alias[run.first + row]];
      if (state.block != learning_) {
        // A series starts with its scale of the block before: it hardly ever changes. What was binary once is tried again now
        // and then.
        if (state.scale == kBinary && block_ % 16 == 0) state.scale = 0;
        state.block = learning_;
      }
      if (state.scale == kBinary) continue;
      if (!(value <= kGreatestDecimal && value >= -kGreatestDecimal)) state.scale = kBinary;
      while (state.scale <= kGreatestScale && !exact(value, state.scale)) ++state.scale;
    }
  }
}

/// Doubles and integers in place: differences from the series' last value.
void BlockEncoder::subtract_values() {
  std::uint64_t *doubles = columns_.doubles.data(), *integers = columns_.integers.data();
  const std::uint32_t subtracting = learning_ + 1;
  for (const BlockColumns::Run& run : columns_.runs) {
    std::vector<ValueState>& states = run.integers ? integer_states_ : states_;
    std::uint64_t*& at = run.integers ? integers : doubles;
    for (std::uint32_t row = 0; row < run.rows; ++row, ++at) {
      ValueState& state = states[columns_.alias[run.first + row]];
      if (state.block != subtracting) {
        state.block = subtracting;
        state.last = 0;
        if (!run.integers) columns_.scales += static_cast<char>(state.scale);
      }
      const bool decimal = !run.integers && state.scale != kBinary;
      const auto value =
          decimal ? static_cast<std::int64_t>(scaled(std::bit_cast<double>(*at), state.scale)) : static_cast<std::int64_t>(*at);
      *at = zigzag(static_cast<std::uint64_t>(value) - static_cast<std::uint64_t>(std::exchange(state.last, value)));
    }
  }
}

}  // namespace twinpipe::rawbuf
