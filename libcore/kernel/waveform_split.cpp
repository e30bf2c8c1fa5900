// SPDX-License-Identifier: Apache-2.0
// Cuts a long waveform into shorter ones.
#include "kernel/waveform_split.hpp"

#include <algorithm>
#include <cmath>

namespace twinpipe {
namespace {

/// How far a part of so many samples is from a whole number of nanoseconds.
double error_of(const v1::Waveform& waveform, std::size_t samples) {
  const double span = static_cast<double>(samples) * waveform.sample_period() * static_cast<double>(kSecond);
  return std::abs(span - std::round(span));
}

}  // namespace

std::size_t sample_count(const v1::Waveform& waveform) {
  return static_cast<std::size_t>(waveform.float_sample_size()) + static_cast<std::size_t>(waveform.double_sample_size());
}

Nanos sample_time(const v1::Waveform& waveform, std::size_t sample) {
  return waveform.time() + std::llround(static_cast<double>(sample) * waveform.sample_period() * static_cast<double>(kSecond));
}

v1::Waveform samples_between(const v1::Waveform& whole, std::size_t from, std::size_t to) {
  v1::Waveform part;
  part.set_series(whole.series());
  part.set_time(sample_time(whole, from));
  part.set_sample_period(whole.sample_period());
  const auto begin = static_cast<std::ptrdiff_t>(from), end = static_cast<std::ptrdiff_t>(to);
  if (whole.float_sample_size() > 0)
    part.mutable_float_sample()->Add(whole.float_sample().begin() + begin, whole.float_sample().begin() + end);
  else part.mutable_double_sample()->Add(whole.double_sample().begin() + begin, whole.double_sample().begin() + end);
  part.set_quality(whole.quality());
  part.set_has_quality(whole.has_quality());
  part.set_seq(whole.seq());
  part.set_index(whole.index());
  part.set_historical(whole.historical());
  part.set_pinned(whole.pinned());
  return part;
}

WaveformSplit::WaveformSplit(const v1::Waveform& waveform, std::size_t most)
    : whole_(&waveform), samples_(sample_count(waveform)), step_(std::max<std::size_t>(most, 1)) {
  constexpr std::size_t kTries = 65536;
  constexpr double kExact = 1e-4;  // ns
  const std::size_t least = std::max({step_ / 2, step_ > kTries ? step_ - kTries : 1, std::size_t{1}});
  for (std::size_t candidate = step_; candidate >= least; --candidate)
    if (error_of(waveform, candidate) < kExact) {
      step_ = candidate;
      break;
    }
}

v1::Waveform WaveformSplit::next() {
  const std::size_t from = at_;
  at_ += std::min(step_, samples_ - at_);
  return samples_between(*whole_, from, at_);
}

}  // namespace twinpipe
