// SPDX-License-Identifier: Apache-2.0
// One rule of the policy's section fft-bands, checked and ready to be applied to waveforms.
#pragma once

#include <array>
#include <string_view>
#include <vector>

#include "kernel/segment_spectrum.hpp"
#include "policy/policy.hpp"
#include "wire/frame.hpp"

namespace twinpipe {

/// What a spectrum is of; the names are those of Spectra.quantity.
enum class Quantity : std::uint8_t { acceleration, velocity, envelope };
inline constexpr std::array kQuantities{Quantity::acceleration, Quantity::velocity, Quantity::envelope};
std::string_view quantity_name(Quantity quantity);

/// One spectrum that a rule asks for.
struct QuantitySettings {
  Quantity quantity = Quantity::acceleration;
  NamedBands bands;  // a velocity's begin at its lower limit
};

struct SpectrumRule {
  SegmentSettings segment;
  std::size_t hop = 0;       // samples from one segment to the next
  bool in_double = false;    // float samples too
  Nanos window = 0;          // joins waveforms; 0: each is a spectrum of its own
  Nanos join_tolerance = 0;  // greatest distance of two waveforms that join; 0: half a sample
  double velocity_low = 0;   // Hz: bins below are not integrated
  double envelope_low = 0, envelope_high = 0;
  std::vector<QuantitySettings> quantities;

  /// Samples that so many segments cover.
  std::uint64_t span(std::uint64_t segments) const { return segments == 0 ? 0 : (segments - 1) * hop + segment.length; }
  /// Samples of a full window, at least a segment when check() finds no fault.
  std::uint64_t samples_of_window(double sample_period) const;
  bool wants(Quantity quantity) const;
  bool wants_power() const { return wants(Quantity::acceleration) || wants(Quantity::velocity); }

  /// Errors (bad_config) name the rule: values that contradict each other or make no sense, two bands of one name.
  static Result<SpectrumRule> make(const Rule& rule);
  /// Every band must be measurable at this sample period. Errors (bad_config) name the band: above the Nyquist frequency.
  Status check(double sample_period) const;
};

/// Frequencies of a segment's bins. An edge within a billionth of a bin's frequency is on it: 10 Hz is 10 Hz, whatever 1/8000 s
/// is in binary.
struct BinGrid {
  double sample_period = 0;  // seconds
  std::size_t length = 0;

  double spacing() const { return 1 / (static_cast<double>(length) * sample_period); }
  double frequency(std::size_t bin) const { return static_cast<double>(bin) * spacing(); }
  double nyquist() const { return 0.5 / sample_period; }
  /// First bin at or above a frequency, at most length / 2 + 1.
  std::size_t first_from(double frequency) const;
  /// Bins with low ≤ f < high.
  BinRange range(double low, double high) const { return {first_from(low), first_from(high)}; }
};

}  // namespace twinpipe
