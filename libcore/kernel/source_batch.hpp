// SPDX-License-Identifier: Apache-2.0
// What a source has read and not yet written: readings of many messages, collected by type and lane into columns.
// Any other frame is a barrier: the readings before it leave first.
#pragma once

#include <array>

#include "kernel/sparkplug_value.hpp"
#include "wire/output.hpp"

namespace twinpipe {

/// Where one reading belongs.
struct ReadingPlace {
  std::uint32_t series = 0;
  Nanos time = 0;
  std::uint32_t quality = kGood;
  bool historical = false;
};

class SourceBatch {
 public:
  /// `origin`: keep seq and index of every reading.
  explicit SourceBatch(bool origin) : origin_(origin) {
    for (std::size_t i = 0; i < builders_.size(); ++i) {
      builders_[i] = ReadingsBuilder(static_cast<ValueType>(i % kTypes));
      builders_[i].set_historical(i >= kTypes);
    }
  }

  /// Readings that follow arrived at this time of the source's clock.
  void set_arrival(Nanos now) { arrival_ = now; }

  /// `value` has one of the column types; seq and index are kept when the origin is.
  void add(const ReadingPlace& place, const sparkplug::ColumnValue& value, std::uint64_t seq, std::uint32_t index, Output& out) {
    ReadingsBuilder& builder = builders_[static_cast<std::size_t>(value.type) + (place.historical ? kTypes : 0)];
    switch (value.type) {
      case v1::VALUE_TYPE_INT64: builder.add(place.series, place.time, value.integer, place.quality); break;
      case v1::VALUE_TYPE_UINT64: builder.add(place.series, place.time, value.natural, place.quality); break;
      case v1::VALUE_TYPE_BOOL: builder.add(place.series, place.time, value.truth, place.quality); break;
      case v1::VALUE_TYPE_STRING:
      case v1::VALUE_TYPE_BYTES:
        builder.add(place.series, place.time, value.text, place.quality);
        bytes_ += value.text.size();
        break;
      default: builder.add(place.series, place.time, value.number, place.quality); break;
    }
    if (origin_) builder.set_origin(seq, index);
    if (++rows_ >= kRows || bytes_ >= kBytes) flush(out);
  }

  /// Writes a frame of any other kind, behind the readings so far.
  void frame(const v1::Frame& frame, Output& out);
  /// A frame of samples, with the arrival in front of it.
  void waveform(const v1::Frame& frame, Output& out);
  void flush(Output& out);
  bool empty() const { return rows_ == 0; }

 private:
  void say_arrival(Output& out);

  static constexpr std::size_t kTypes = 7;         // VALUE_TYPE_UNSPECIFIED .. VALUE_TYPE_BYTES
  static constexpr std::size_t kRows = 4096;       // of a batch: enough for columns to pay, little enough for a cache
  static constexpr std::size_t kBytes = 1U << 20;  // of text: far below a frame's limit
  bool origin_;
  std::array<ReadingsBuilder, 2 * kTypes> builders_;
  std::size_t rows_ = 0, bytes_ = 0;
  Nanos arrival_ = 0, said_ = 0;
};

}  // namespace twinpipe
