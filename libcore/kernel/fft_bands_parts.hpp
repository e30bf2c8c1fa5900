// SPDX-License-Identifier: Apache-2.0
// What FftBands keeps of series, windows and rules; for its own files alone.
#pragma once

#include <limits>

#include "kernel/event_clock.hpp"
#include "kernel/fft_bands.hpp"

namespace twinpipe {

/// How long so many samples last.
Nanos span_of(std::uint64_t samples, double period);

inline constexpr std::uint32_t kNoRule = std::numeric_limits<std::uint32_t>::max();

struct FftBands::Followed {
  Nanos until = kBeginning;  // event time up to which `rule` is known to apply
  std::uint32_t rule = kNoRule;
  std::uint8_t told = 0;      // refusals that were said, a bit each
  double checked_period = 0;  // the rule's bands are measurable at this one
  EventClock clock;           // of its waveforms
  double to_metric = 0;       // m/s² in one unit, where the rule wants the velocity
};

struct FftBands::Open {
  std::uint32_t rule = kNoRule;
  bool in_double = false;
  double period = 0;          // seconds
  double to_metric = 0;       // as it was declared when the window began
  Nanos start = 0;            // of the first sample of the window
  Nanos expected = 0;         // of the sample behind the last one
  Nanos last_length = 0;      // of the waveform that came last
  std::uint64_t full = 0;     // samples of a window
  std::uint64_t missing = 0;  // until it is full
  // From the first sample of the first segment that is not summed yet.
  std::vector<float> floats;
  std::vector<double> doubles;
  SegmentSums sums;

  template <class Real>
  std::vector<Real>& samples() {
    if constexpr (std::is_same_v<Real, float>) return floats;
    else return doubles;
  }
};

/// Made when they are first needed: planning takes time.
struct FftBands::Transforms {
  std::unique_ptr<SegmentSpectrum<float>> in_float;
  std::unique_ptr<SegmentSpectrum<double>> in_double;
};

}  // namespace twinpipe
