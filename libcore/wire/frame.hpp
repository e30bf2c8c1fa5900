// SPDX-License-Identifier: Apache-2.0
// One frame as it lies in memory: its kind and its bytes, not yet decoded.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>

#include "frames.pb.h"

namespace twinpipe {

/// Event times and durations in nanoseconds; times count from 1970-01-01T00:00:00Z, UTC.
using Nanos = std::int64_t;

inline constexpr Nanos kSecond = 1'000'000'000;
inline constexpr Nanos kMillisecond = 1'000'000;
inline constexpr Nanos kBeginning = std::numeric_limits<Nanos>::min();  // before every event
inline constexpr Nanos kForever = std::numeric_limits<Nanos>::max();

/// Sums and differences of times that a hostile stream may have chosen: they stop at the ends of the range.
constexpr Nanos saturating_add(Nanos a, Nanos b) {
  Nanos sum = 0;
  if (!__builtin_add_overflow(a, b, &sum)) return sum;
  return b < 0 ? kBeginning : kForever;
}
constexpr Nanos saturating_sub(Nanos a, Nanos b) {
  Nanos difference = 0;
  if (!__builtin_sub_overflow(a, b, &difference)) return difference;
  return b > 0 ? kBeginning : kForever;
}

/// Field numbers of message Frame.
enum class FrameKind : std::uint8_t {
  unknown = 0,
  open = v1::Frame::kOpen,
  close = v1::Frame::kClose,
  series = v1::Frame::kSeries,
  readings = v1::Frame::kReadings,
  waveform = v1::Frame::kWaveform,
  lifecycle = v1::Frame::kLifecycle,
  arrival = v1::Frame::kArrival,
  gap = v1::Frame::kGap,
  watermark = v1::Frame::kWatermark,
  aggregates = v1::Frame::kAggregates,
  spectra = v1::Frame::kSpectra,
  exception = v1::Frame::kException,
  reject = v1::Frame::kReject,
  twin = v1::Frame::kTwin,
  position = v1::Frame::kPosition,
  resume = v1::Frame::kResume,
  applied = v1::Frame::kApplied,
  features = v1::Frame::kFeatures,
  predictions = v1::Frame::kPredictions,
  work_order = v1::Frame::kWorkOrder,
  asset_facts = v1::Frame::kAssetFacts,
};
inline constexpr std::size_t kFrameKinds = 22;

/// A frame in somebody else's buffer. Valid until that buffer is refilled.
struct FrameView {
  FrameKind kind = FrameKind::unknown;
  std::string_view bytes;    // with the tag byte and the length: what is forwarded
  std::string_view payload;  // the message inside the frame's oneof; empty for kind unknown
  std::uint64_t number = 0;  // counted from 1
  std::uint64_t offset = 0;  // of its first byte, from the start of the input
};

/// Tag byte of Stream.frame: field 1, length-delimited.
inline constexpr char kFrameTag = 0x0A;
inline constexpr std::size_t kDefaultFrameLimit = std::size_t{16} << 20;

}  // namespace twinpipe
