// SPDX-License-Identifier: Apache-2.0
// The power of one segment of samples in each frequency bin, to be summed over segments: the inner part of Welch's method.
//
// P. D. Welch, "The use of fast Fourier transform for the estimation of power spectra", IEEE Trans. Audio Electroacoust.
// AU-15 (1967) 70–73. Detrending, windows and scaling are those of scipy.signal.welch.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "kernel/fftw.hpp"
#include "kernel/window_function.hpp"

namespace twinpipe {

/// What is taken off each segment before it is tapered: nothing, its mean, or the straight line of least squares.
enum class Detrend : std::uint8_t { none, constant, linear };
std::optional<Detrend> detrend_named(std::string_view name);

struct SegmentSettings {
  std::size_t length = 4096;  // samples, at least 2
  WindowFunction window = WindowFunction::hann;
  Detrend detrend = Detrend::constant;
};

/// A pass band, as bins of the segment's transform: [low, high).
struct BinRange {
  std::size_t low = 0, high = 0;
};

/// Numbers in a sum of powers.
constexpr std::size_t segment_sum_size(std::size_t length) { return length / 2 + 2; }

/// Real: the precision of samples, transform and window. Powers are summed in double.
template <class Real>
class SegmentSpectrum {
 public:
  /// `envelopes`: add() will be asked for them.
  SegmentSpectrum(const SegmentSettings& settings, bool envelopes, Planning planning);
  std::size_t length() const { return length_; }
  /// Bins of a spectrum: length / 2 + 1.
  std::size_t bins() const { return length_ / 2 + 1; }

  /// Adds the power of length() samples to `power`, and that of their envelope to `envelope`, segment_sum_size() numbers each;
  /// the first segment replaces what stands there. nullptr: not wanted. What stands where is this class's business. False, and
  /// nothing is done: a sample is not finite, or so large that the powers would not be.
  ///
  /// The envelope is |x + i·H(x)|, x being the segment within the pass band and H its Hilbert transform. The samples are
  /// detrended as the settings say, the envelope always loses its mean.
  bool add(const Real* samples, bool first, double* power, BinRange band, double* envelope);

  /// Mean square of the signal, or of its envelope, in each bin, so that their total is Σ(w·x)²/Σw² averaged over `segments`:
  /// one-sided density times the distance of bins. All bins but 0 and the Nyquist frequency's stand for two.
  void mean_square(const double* power, std::uint64_t segments, std::vector<double>& bins) const;
  void mean_square_of_envelope(const double* envelope, std::uint64_t segments, std::vector<double>& bins) const;

  /// Equivalent noise bandwidth in bins, length·Σw²/(Σw)². Harris 1978, eq. 15.
  double noise_bandwidth() const { return noise_bandwidth_; }

 private:
  bool fit(const Real* samples);
  void taper(const Real* samples, const Real* window, double mean, double slope);
  void add_in(bool first, double* sum);
  void prepare_envelopes(const SegmentSettings& settings);
  void transform_whole(const Real* samples);
  void add_tapered(bool first, double* power);
  void add_envelope(BinRange band, bool first, double* sum);
  void to_envelope(BinRange band);
  void mean_square(const double* sum, bool untangled, std::uint64_t segments, std::vector<double>& bins) const;

  std::size_t length_;
  bool even_;
  Detrend detrend_;
  Planning planning_;
  double square_sum_ = 0, noise_bandwidth_ = 0;
  double mean_ = 0, slope_ = 0;  // of the segment in hand
  double ramp_square_sum_ = 0;
  fftw::Array<Real> window_, ramp_, in_, out_, cosine_, sine_;
  fftw::Plan<Real> forward_;
  // For envelopes alone.
  static constexpr std::size_t kMargin = 16;    // numbers around re_ and im_, which keep them aligned
  static constexpr std::size_t kMostParts = 8;  // of the way back to time
  bool convolves_ = false;                      // the power comes from the transform of the envelope's way there
  Real middle_ = 0, beside_ = 0;                // by these weights
  fftw::Array<Real> ones_, re_, im_;            // twice the transform of the segment as it is
  fftw::Array<Real> turn_re_, turn_im_;         // e^(2πi·part·bin / length), a row of length / 2 + 1 a part
  fftw::Array<Real> analytic_, time_, envelope_;
  std::array<fftw::Plan<Real>, kMostParts> to_time_;  // by the number of parts, less one; made when first needed
  std::array<bool, kMostParts> planned_{};
};

}  // namespace twinpipe
