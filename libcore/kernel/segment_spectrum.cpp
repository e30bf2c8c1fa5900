// SPDX-License-Identifier: Apache-2.0
// The power of one segment of samples in each frequency bin.
#include "kernel/segment_spectrum.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numbers>
#include <span>
#include <type_traits>
#include <utility>

#include "kernel/spectral_passes.hpp"

namespace twinpipe {
namespace {

constexpr double kTurn = 2 * std::numbers::pi;
/// Greatest sample. Its square, and the sum of many, must be finite in Real; a sensor does not get there but by a fault.
template <class Real>
constexpr Real kGreatest = std::is_same_v<Real, float> ? Real(1e15) : Real(1e150);

template <class Real>
fftw::Array<Real> filled(const std::vector<double>& numbers) {
  fftw::Array<Real> array(numbers.size());
  std::ranges::transform(numbers, array.data(), [](double number) { return static_cast<Real>(number); });
  return array;
}

/// Steps of one, with their middle at zero: so the mean and the slope of a fitted line do not depend on each other.
std::vector<double> centred_ramp(std::size_t length) {
  std::vector<double> ramp(length);
  for (std::size_t i = 0; i < length; ++i) ramp[i] = static_cast<double>(i) - static_cast<double>(length - 1) / 2;
  return ramp;
}

double square_sum(const std::vector<double>& numbers) {
  double sum = 0;
  for (const double number : numbers) sum += number * number;
  return sum;
}

}  // namespace

std::optional<Detrend> detrend_named(std::string_view name) {
  if (name == "none") return Detrend::none;
  if (name == "constant") return Detrend::constant;
  if (name == "linear") return Detrend::linear;
  return std::nullopt;
}

/// An even segment is transformed as half as many complex numbers, its bytes as they lie in memory, and untangled while its
/// power is summed (spectral::add_power). An odd one takes FFTW's real transform.
template <class Real>
SegmentSpectrum<Real>::SegmentSpectrum(const SegmentSettings& settings, bool envelopes, Planning planning)
    : length_(settings.length),
      even_(settings.length % 2 == 0),
      detrend_(settings.detrend),
      planning_(planning),
      in_(length_),
      out_(length_ + 1) {
  const std::vector<double> window = window_coefficients(settings.window, length_);
  window_ = filled<Real>(window);
  square_sum_ = square_sum(window);
  double sum = 0;
  for (const double coefficient : window) sum += coefficient;
  noise_bandwidth_ = static_cast<double>(length_) * square_sum_ / (sum * sum);
  if (detrend_ == Detrend::linear) {
    const std::vector<double> ramp = centred_ramp(length_);
    ramp_ = filled<Real>(ramp);
    ramp_square_sum_ = square_sum(ramp);
  }
  if (even_) {
    std::vector<double> cosine(length_ / 4 + 1), sine(cosine.size());
    for (std::size_t k = 0; k < cosine.size(); ++k) {
      const double angle = kTurn * static_cast<double>(k) / static_cast<double>(length_);
      cosine[k] = std::cos(angle);
      sine[k] = std::sin(angle);
    }
    cosine_ = filled<Real>(cosine);
    sine_ = filled<Real>(sine);
  }
  const auto kind = even_ ? fftw::Transform::complex_forward : fftw::Transform::real_forward;
  forward_ = fftw::Plan<Real>(kind, even_ ? length_ / 2 : length_, in_.data(), out_.data(), planning);
  if (envelopes) prepare_envelopes(settings);
}

/// Mean and slope of the segment. The sum is needed even where nothing is taken off: it tells whether all samples are finite.
/// One absurd sample must not make the sum over all segments infinite, so its segment is told by its greatest sample.
template <class Real>
bool SegmentSpectrum<Real>::fit(const Real* samples) {
  const double sum = spectral::sum(samples, length_);
  if (!std::isfinite(sum) || spectral::greatest_magnitude(samples, length_) > kGreatest<Real>) return false;
  mean_ = detrend_ == Detrend::none ? 0 : sum / static_cast<double>(length_);
  slope_ = detrend_ == Detrend::linear ? spectral::dot(samples, ramp_.data(), length_) / ramp_square_sum_ : 0;
  return std::isfinite(slope_);
}

template <class Real>
void SegmentSpectrum<Real>::taper(const Real* samples, const Real* window, double mean, double slope) {
  if (slope != 0) spectral::taper_sloped(samples, window, mean, ramp_.data(), slope, in_.data(), length_);
  else spectral::taper(samples, window, mean, in_.data(), length_);
}

/// Adds the power of what stands in in_.
template <class Real>
void SegmentSpectrum<Real>::add_in(bool first, double* sum) {
  forward_.execute();
  const std::size_t half = length_ / 2;
  if (even_) spectral::add_power(out_.data(), cosine_.data(), sine_.data(), half, first, sum, sum + half / 2 + 1);
  else spectral::add_square(out_.data(), bins(), first, sum);
}

template <class Real>
bool SegmentSpectrum<Real>::add(const Real* samples, bool first, double* power, BinRange band, double* envelope) {
  if (!fit(samples)) return false;
  if (envelope != nullptr) transform_whole(samples);
  if (power != nullptr && convolves_) {
    if (envelope == nullptr) transform_whole(samples);
    add_tapered(first, power);
  } else if (power != nullptr) {
    taper(samples, window_.data(), mean_, slope_);
    add_in(first, power);
  }
  if (envelope != nullptr) add_envelope(band, first, envelope);
  return true;
}

// ---- envelopes ----------------------------------------------------------------------------------------------------------

template <class Real>
void SegmentSpectrum<Real>::prepare_envelopes(const SegmentSettings& settings) {
  const std::span<const double> terms = window_terms(settings.window);
  convolves_ = even_ && terms.size() <= 2;
  middle_ = static_cast<Real>(terms[0]);
  beside_ = static_cast<Real>(terms.size() > 1 ? terms[1] / 2 : 0);
  ones_ = filled<Real>(std::vector<double>(length_, 1.0));
  re_ = filled<Real>(std::vector<double>(bins() + 2 * kMargin));
  im_ = filled<Real>(std::vector<double>(bins() + 2 * kMargin));
  std::vector<double> turn_re(kMostParts * bins()), turn_im(turn_re.size());
  for (std::size_t part = 0; part < kMostParts; ++part)
    for (std::size_t bin = 0; bin < bins() / std::bit_floor(part | 1); ++bin) {
      const double angle = kTurn * static_cast<double>(part * bin) / static_cast<double>(length_);
      turn_re[part * bins() + bin] = std::cos(angle);
      turn_im[part * bins() + bin] = std::sin(angle);
    }
  turn_re_ = filled<Real>(turn_re);
  turn_im_ = filled<Real>(turn_im);
  analytic_ = fftw::Array<Real>(2 * length_);
  time_ = fftw::Array<Real>(2 * length_);
  envelope_ = fftw::Array<Real>(length_);
}

/// Into re_ and im_: the segment's transform without a window, which would bend the envelope. It tapers the envelope instead.
template <class Real>
void SegmentSpectrum<Real>::transform_whole(const Real* samples) {
  taper(samples, ones_.data(), mean_, slope_);
  forward_.execute();
  Real* const re = re_.data() + kMargin;
  Real* const im = im_.data() + kMargin;
  if (even_) return spectral::untangle(out_.data(), cosine_.data(), sine_.data(), length_ / 2, re, im);
  for (std::size_t bin = 0; bin < bins(); ++bin) {
    re[bin] = 2 * out_[2 * bin];
    im[bin] = 2 * out_[2 * bin + 1];
  }
}

/// The power under the window, from the transform without: a window of two cosines mixes each bin with its neighbours. The
/// transform of real samples goes on as its own mirror at both ends.
template <class Real>
void SegmentSpectrum<Real>::add_tapered(bool first, double* power) {
  Real* const re = re_.data() + kMargin;
  Real* const im = im_.data() + kMargin;
  const std::size_t half = length_ / 2;
  re[-1] = re[1], im[-1] = -im[1];
  re[half + 1] = re[half - 1], im[half + 1] = -im[half - 1];
  spectral::add_tapered(re, im, middle_, beside_, bins(), first, power);
}

/// The magnitude of the analytic signal, which has the positive frequencies of the segment, doubled, and no others: S. L. Marple,
/// "Computing the discrete-time 'analytic' signal via FFT", IEEE Trans. Signal Process. 47 (1999) 2600–2603;
/// scipy.signal.hilbert.
///
/// The band is moved down to bin 0, which turns the signal and leaves its magnitude. Samples part, part + parts, part + 2·parts,
/// … of the signal are then a transform of length / parts by themselves, of the bins turned by `part` samples, as long as the
/// band is no wider: the first steps of the long transform would mostly add zeros, and the short ones stay in the cache.
template <class Real>
void SegmentSpectrum<Real>::to_envelope(BinRange band) {
  std::size_t parts = 1;
  while (2 * parts <= kMostParts && length_ % (2 * parts) == 0 && band.high - band.low <= length_ / (2 * parts)) parts *= 2;
  const std::size_t count = length_ / parts, width = band.high - band.low;
  if (!std::exchange(planned_[parts - 1], true))
    to_time_[parts - 1] = fftw::Plan<Real>(fftw::Transform::complex_backward, count, analytic_.data(), time_.data(), planning_);
  const auto of_one = static_cast<Real>(1.0 / static_cast<double>(length_));
  for (std::size_t part = 0; part < parts; ++part) {
    spectral::turn(re_.data() + kMargin + band.low, im_.data() + kMargin + band.low, turn_re_.data() + part * bins(),
                   turn_im_.data() + part * bins(), of_one, analytic_.data(), width);
    std::fill_n(analytic_.data() + 2 * width, 2 * (count - width), Real{0});
    to_time_[parts - 1].execute();
    spectral::magnitude(time_.data(), count, parts == 1 ? envelope_.data() : analytic_.data() + length_ + part * count);
  }
  if (parts > 1) spectral::interleave(analytic_.data() + length_, parts, count, envelope_.data());
}

template <class Real>
void SegmentSpectrum<Real>::add_envelope(BinRange band, bool first, double* sum) {
  band.high = std::min(band.high, bins());
  band.low = std::min(band.low, band.high);
  // Bins that have no mirror are not doubled.
  const auto halve = [&](std::size_t bin) { re_[kMargin + bin] /= 2, im_[kMargin + bin] /= 2; };
  halve(0);
  if (even_) halve(length_ / 2);
  to_envelope(band);
  taper(envelope_.data(), window_.data(), spectral::sum(envelope_.data(), length_) / static_cast<double>(length_), 0);
  add_in(first, sum);
}

// ---- what the sums come to ----------------------------------------------------------------------------------------------

template <class Real>
void SegmentSpectrum<Real>::mean_square(const double* power, std::uint64_t segments, std::vector<double>& bins) const {
  mean_square(power, convolves_ || !even_, segments, bins);
}

template <class Real>
void SegmentSpectrum<Real>::mean_square_of_envelope(const double* envelope, std::uint64_t segments,
                                                    std::vector<double>& bins) const {
  mean_square(envelope, !even_, segments, bins);
}

/// `untangled`: the sum has the bins in their order.
template <class Real>
void SegmentSpectrum<Real>::mean_square(const double* sum, bool untangled, std::uint64_t segments,
                                        std::vector<double>& bins) const {
  bins.resize(this->bins());
  // Even segments leave four times the power; a bin counts for its mirror too.
  const double scale = 2 / (static_cast<double>(segments) * static_cast<double>(length_) * square_sum_ * (even_ ? 4 : 1));
  const std::size_t half = length_ / 2;
  if (!untangled) spectral::unfold(sum, sum + half / 2 + 1, half, scale, bins.data());
  else std::transform(sum, sum + bins.size(), bins.begin(), [scale](double power) { return power * scale; });
  bins.front() /= 2;
  if (even_) bins.back() /= 2;
}

template class SegmentSpectrum<float>;
template class SegmentSpectrum<double>;

}  // namespace twinpipe
