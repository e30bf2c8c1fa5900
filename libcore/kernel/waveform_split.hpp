// SPDX-License-Identifier: Apache-2.0
// Cuts a long waveform into shorter ones whose start times are those of their first samples.
#pragma once

#include <cstddef>

#include "wire/frame.hpp"

namespace twinpipe {

/// Samples of a waveform, float or double.
std::size_t sample_count(const v1::Waveform& waveform);

/// Time of the `sample`-th sample, rounded to the nearest nanosecond; counted from the start, so that errors do not add up.
Nanos sample_time(const v1::Waveform& waveform, std::size_t sample);

/// Samples [from, to) as a waveform of their own.
v1::Waveform samples_between(const v1::Waveform& waveform, std::size_t from, std::size_t to);

class WaveformSplit {
 public:
  /// `most`: samples a part, at least 1. Parts are as long as that, or up to half shorter when their start times are whole
  /// nanoseconds then: a sample period of 1/25600 s is 39062.5 ns, and a cut at an odd sample would move all that follows by half
  /// a nanosecond.
  WaveformSplit(const v1::Waveform& waveform, std::size_t most);
  bool done() const { return at_ >= samples_; }
  v1::Waveform next();

 private:
  const v1::Waveform* whole_;
  std::size_t samples_, step_, at_ = 0;
};

}  // namespace twinpipe
