// SPDX-License-Identifier: Apache-2.0
// What the two sides of the block codec agree on: the numbers of the streams, which fields are columns, and the arithmetic
// of differences. See kernel/rawbuf_codec.hpp.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

#include "wire/frame.hpp"

namespace twinpipe::rawbuf {

/// Streams of a block's body. A group of planes starts at the number given; plane k holds byte k, low bytes first.
enum Stream : unsigned {
  kSkeleton = 0,
  kOpaque = 1,
  kScales = 2,
  kAliasPlanes = 3,
  kTimePlanes = 7,
  kDoublePlanes = 15,
  kIntegerPlanes = 23,
  kFloatSamplePlanes = 31,
  kDoubleSamplePlanes = 35,
};

/// First byte of a body.
enum class Packing : std::uint8_t { stored = 0, zstd = 1, split = 2 };
/// How one stream is kept.
enum class Method : std::uint8_t { stored = 0, zstd = 1, constant = 2 };

/// First byte of a frame in the skeleton.
enum class Cut : std::uint8_t { whole = 0, readings = 1, waveform = 2 };

/// What is cut out of a frame.
enum class ColumnKind : std::uint8_t { none, alias, time, doubles, integers, opaque, float_samples, double_samples };

constexpr ColumnKind column_kind(bool waveform, unsigned field) {
  if (waveform) {
    if (field == v1::Waveform::kFloatSampleFieldNumber) return ColumnKind::float_samples;
    return field == v1::Waveform::kDoubleSampleFieldNumber ? ColumnKind::double_samples : ColumnKind::none;
  }
  switch (field) {
    case v1::Readings::kSeriesFieldNumber: return ColumnKind::alias;
    case v1::Readings::kTimeFieldNumber: return ColumnKind::time;
    case v1::Readings::kDoubleValueFieldNumber: return ColumnKind::doubles;
    case v1::Readings::kIntValueFieldNumber:
    case v1::Readings::kUintValueFieldNumber: return ColumnKind::integers;
    case v1::Readings::kBoolValueFieldNumber:
    case v1::Readings::kQualityFieldNumber:
    case v1::Readings::kSeqFieldNumber:
    case v1::Readings::kIndexFieldNumber: return ColumnKind::opaque;
    default: return ColumnKind::none;
  }
}

/// A frame with a greater alias is kept whole: the states of the series are vectors by alias.
inline constexpr std::uint32_t kGreatestAlias = 1U << 22;

/// Units that times may be counted in.
inline constexpr std::array<std::int64_t, 4> kUnits{1, 1'000, 1'000'000, 1'000'000'000};

constexpr std::uint64_t zigzag(std::uint64_t difference) {
  return difference << 1 ^ static_cast<std::uint64_t>(static_cast<std::int64_t>(difference) >> 63);
}
constexpr std::uint64_t unzigzag(std::uint64_t z) { return z >> 1 ^ (0 - (z & 1)); }

inline constexpr std::uint8_t kGreatestScale = 6;
inline constexpr std::uint8_t kBinary = 7;
inline constexpr std::array<double, 8> kPowers{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1};
/// Up to here every scale gives integers below 2^49, so the product is rounded right, and what is exact under one scale is
/// exact under every greater one.
inline constexpr double kGreatestDecimal = 5e8;

/// The integer nearest to `value` · 10^scale, for values up to kGreatestDecimal.
inline double scaled(double value, std::uint8_t scale) {
  constexpr double kRound = 6755399441055744.0;  // 1.5 · 2^52: adding it rounds to an integer
  return (value * kPowers[scale] + kRound) - kRound;
}
inline bool exact(double value, std::uint8_t scale) {
  return std::bit_cast<std::uint64_t>(scaled(value, scale) / kPowers[scale]) == std::bit_cast<std::uint64_t>(value);
}

}  // namespace twinpipe::rawbuf
