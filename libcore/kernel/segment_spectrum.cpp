// SPDX-License-Identifier: Apache-2.0
// The power of one segment of samples in each frequency bin.
#include "kernel/segment_spectrum.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <type_traits>

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
SegmentSpectrum<Real>::SegmentSpectrum(const SegmentSettings& settings, Planning planning)
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
void SegmentSpectrum<Real>::transform(const Real* samples, double mean, double slope, bool first, double* sum) {
  if (slope != 0) spectral::taper_sloped(samples, window_.data(), mean, ramp_.data(), slope, in_.data(), length_);
  else spectral::taper(samples, window_.data(), mean, in_.data(), length_);
  forward_.execute();
  const std::size_t half = length_ / 2;
  if (even_) spectral::add_power(out_.data(), cosine_.data(), sine_.data(), half, first, sum, sum + half / 2 + 1);
  else spectral::add_square(out_.data(), bins(), first, sum);
}

template <class Real>
bool SegmentSpectrum<Real>::add(const Real* samples, bool first, double* sum) {
  if (!fit(samples)) return false;
  transform(samples, mean_, slope_, first, sum);
  return true;
}

template <class Real>
void SegmentSpectrum<Real>::prepare_envelope() {
  ones_ = filled<Real>(std::vector<double>(length_, 1.0));
  real_in_ = fftw::Array<Real>(length_);
  analytic_ = fftw::Array<Real>(2 * length_);
  time_ = fftw::Array<Real>(2 * length_);
  envelope_ = fftw::Array<Real>(length_);
  to_frequency_ = fftw::Plan<Real>(fftw::Transform::real_forward, length_, real_in_.data(), analytic_.data(), planning_);
  to_time_ = fftw::Plan<Real>(fftw::Transform::complex_backward, length_, analytic_.data(), time_.data(), planning_);
}

/// The analytic signal has the positive frequencies of the segment, doubled, and no others: S. L. Marple, "Computing the
/// discrete-time 'analytic' signal via FFT", IEEE Trans. Signal Process. 47 (1999) 2600–2603; scipy.signal.hilbert.
template <class Real>
bool SegmentSpectrum<Real>::add_envelope(const Real* samples, BinRange band, bool first, double* sum) {
  if (!fit(samples)) return false;
  if (envelope_.data() == nullptr) prepare_envelope();
  // A window here would bend the envelope itself: it tapers the envelope instead.
  if (slope_ != 0) spectral::taper_sloped(samples, ones_.data(), mean_, ramp_.data(), slope_, real_in_.data(), length_);
  else spectral::taper(samples, ones_.data(), mean_, real_in_.data(), length_);
  to_frequency_.execute();
  const auto keep = [&](std::size_t bin, Real factor) {
    analytic_[2 * bin] *= factor;
    analytic_[2 * bin + 1] *= factor;
  };
  const auto of_one = static_cast<Real>(1.0 / static_cast<double>(length_));
  const std::size_t low = std::min(band.low, bins()), high = std::min(band.high, bins());
  std::fill_n(analytic_.data(), 2 * low, Real{0});
  for (std::size_t bin = low; bin < high; ++bin) keep(bin, bin == 0 || 2 * bin == length_ ? of_one : 2 * of_one);
  std::fill_n(analytic_.data() + 2 * high, 2 * (length_ - high), Real{0});
  to_time_.execute();
  spectral::magnitude(time_.data(), length_, envelope_.data());
  transform(envelope_.data(), spectral::sum(envelope_.data(), length_) / static_cast<double>(length_), 0, first, sum);
  return true;
}

template <class Real>
void SegmentSpectrum<Real>::mean_square(const double* sum, std::uint64_t segments, std::vector<double>& bins) const {
  bins.resize(this->bins());
  // add_power() leaves four times the power; a bin counts for its mirror too.
  const double scale = 2 / (static_cast<double>(segments) * static_cast<double>(length_) * square_sum_ * (even_ ? 4 : 1));
  const std::size_t half = length_ / 2;
  if (even_) spectral::unfold(sum, sum + half / 2 + 1, half, scale, bins.data());
  else std::transform(sum, sum + bins.size(), bins.begin(), [scale](double power) { return power * scale; });
  bins.front() /= 2;
  if (even_) bins.back() /= 2;
}

template class SegmentSpectrum<float>;
template class SegmentSpectrum<double>;

}  // namespace twinpipe
