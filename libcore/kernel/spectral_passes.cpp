// SPDX-License-Identifier: Apache-2.0
// The loops around the transform. Compiled with -O3 and without contraction (CMakeLists.txt).
//
// Sums run in lanes, written out, because a compiler may not reorder additions by itself; -ffast-math would let it, and would
// also let it forget that a sample can be a NaN.
#include "kernel/spectral_passes.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace twinpipe::spectral {
namespace {

constexpr std::size_t kLanes = 32;
constexpr std::size_t kBlock = 16 * kLanes;  // summed in Real: short, so that a float loses next to nothing

template <class Real, class Term>
double sum_terms(std::size_t n, Term term) {
  double total = 0;
  std::size_t i = 0;
  while (i + kLanes <= n) {
    const std::size_t end = std::min(n, i + kBlock);
    Real lanes[kLanes] = {};
    for (; i + kLanes <= end; i += kLanes)
      for (std::size_t lane = 0; lane < kLanes; ++lane) lanes[lane] += term(i + lane);
    for (const Real lane : lanes) total += static_cast<double>(lane);
  }
  for (; i < n; ++i) total += static_cast<double>(term(i));
  return total;
}

/// One bin and its mirror; see the header.
template <class Real>
void add_pair(const Real* z, Real cosine, Real sine, std::size_t k, std::size_t half, double* rising, double* falling) {
  const Real* const a = z + 2 * k;
  const Real* const b = z + 2 * (half - k);
  const Real even_re = a[0] + b[0], even_im = a[1] - b[1];  // 2E
  const Real odd_re = a[1] + b[1], odd_im = b[0] - a[0];    // 2O
  const Real turned_re = odd_re * cosine + odd_im * sine, turned_im = odd_im * cosine - odd_re * sine;
  const Real x_re = even_re + turned_re, x_im = even_im + turned_im;
  const Real y_re = even_re - turned_re, y_im = even_im - turned_im;
  rising[k] += static_cast<double>(x_re * x_re + x_im * x_im);
  falling[k] += static_cast<double>(y_re * y_re + y_im * y_im);
}

#if defined(__x86_64__)

/// As many numbers as fill 32 bytes, and as many doubles.
template <class Real>
struct Vector;
template <>
struct Vector<float> {
  using Type [[gnu::vector_size(32)]] = float;
  using Doubles [[gnu::vector_size(64)]] = double;
  static constexpr std::size_t kSize = 8;
};
template <>
struct Vector<double> {
  using Type [[gnu::vector_size(32)]] = double;
  using Doubles = Type;
  static constexpr std::size_t kSize = 4;
};

/// add_pair() for whole vectors of bins; the first bin that is left. The mirror's bins are read backwards.
template <class Real>
[[gnu::target("avx2")]] std::size_t add_pairs_avx2(const Real* z, const Real* cosine, const Real* sine, std::size_t half,
                                                   double* rising, double* falling) {
  using V = typename Vector<Real>::Type;
  using D = typename Vector<Real>::Doubles;
  constexpr std::size_t kSize = Vector<Real>::kSize;
  std::size_t k = 1;
  for (; 2 * (k + kSize) <= half + 1; k += kSize) {
    V a0, a1, b0, b1, c, s, a_re, a_im, b_re, b_im;
    const Real* const a = z + 2 * k;
    const Real* const b = z + 2 * (half - k - kSize + 1);
    std::memcpy(&a0, a, sizeof a0), std::memcpy(&a1, a + kSize, sizeof a1);
    std::memcpy(&b0, b, sizeof b0), std::memcpy(&b1, b + kSize, sizeof b1);
    std::memcpy(&c, cosine + k, sizeof c), std::memcpy(&s, sine + k, sizeof s);
    if constexpr (kSize == 8) {
      a_re = __builtin_shufflevector(a0, a1, 0, 2, 4, 6, 8, 10, 12, 14);
      a_im = __builtin_shufflevector(a0, a1, 1, 3, 5, 7, 9, 11, 13, 15);
      b_re = __builtin_shufflevector(b0, b1, 14, 12, 10, 8, 6, 4, 2, 0);
      b_im = __builtin_shufflevector(b0, b1, 15, 13, 11, 9, 7, 5, 3, 1);
    } else {
      a_re = __builtin_shufflevector(a0, a1, 0, 2, 4, 6);
      a_im = __builtin_shufflevector(a0, a1, 1, 3, 5, 7);
      b_re = __builtin_shufflevector(b0, b1, 6, 4, 2, 0);
      b_im = __builtin_shufflevector(b0, b1, 7, 5, 3, 1);
    }
    const V even_re = a_re + b_re, even_im = a_im - b_im, odd_re = a_im + b_im, odd_im = b_re - a_re;
    const V turned_re = odd_re * c + odd_im * s, turned_im = odd_im * c - odd_re * s;
    const V x_re = even_re + turned_re, x_im = even_im + turned_im, y_re = even_re - turned_re, y_im = even_im - turned_im;
    const V x = x_re * x_re + x_im * x_im, y = y_re * y_re + y_im * y_im;
    D up, down;
    std::memcpy(&up, rising + k, sizeof up), std::memcpy(&down, falling + k, sizeof down);
    up += __builtin_convertvector(x, D), down += __builtin_convertvector(y, D);
    std::memcpy(rising + k, &up, sizeof up), std::memcpy(falling + k, &down, sizeof down);
  }
  return k;
}

#endif

}  // namespace

template <class Real>
double sum(const Real* x, std::size_t n) {
  return sum_terms<Real>(n, [x](std::size_t i) { return x[i]; });
}

template <class Real>
double dot(const Real* x, const Real* ramp, std::size_t n) {
  return sum_terms<Real>(n, [x, ramp](std::size_t i) { return x[i] * ramp[i]; });
}

template <class Real>
void taper(const Real* x, const Real* window, double mean, Real* out, std::size_t n) {
  const auto high = static_cast<Real>(mean), low = static_cast<Real>(mean - static_cast<double>(high));
  for (std::size_t i = 0; i < n; ++i) out[i] = ((x[i] - high) - low) * window[i];
}

template <class Real>
void taper_sloped(const Real* x, const Real* window, double mean, const Real* ramp, double slope, Real* out, std::size_t n) {
  const auto high = static_cast<Real>(mean), low = static_cast<Real>(mean - static_cast<double>(high));
  const auto rise = static_cast<Real>(slope);
  for (std::size_t i = 0; i < n; ++i) out[i] = ((x[i] - high) - (low + rise * ramp[i])) * window[i];
}

template <class Real>
void add_power(const Real* z, const Real* cosine, const Real* sine, std::size_t half, double* rising, double* falling) {
  // Bins 0 and half are real: the sum and the difference of what the even and the odd samples have there.
  rising[0] += 4 * static_cast<double>((z[0] + z[1]) * (z[0] + z[1]));
  falling[0] += 4 * static_cast<double>((z[0] - z[1]) * (z[0] - z[1]));
  std::size_t k = 1;
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2")) k = add_pairs_avx2(z, cosine, sine, half, rising, falling);
#endif
  for (; 2 * k < half; ++k) add_pair(z, cosine[k], sine[k], k, half, rising, falling);
  if (2 * k == half) rising[k] += 4 * static_cast<double>(z[2 * k] * z[2 * k] + z[2 * k + 1] * z[2 * k + 1]);
}

template <class Real>
void add_square(const Real* z, std::size_t n, double* power) {
  for (std::size_t i = 0; i < n; ++i) power[i] += static_cast<double>(z[2 * i] * z[2 * i] + z[2 * i + 1] * z[2 * i + 1]);
}

template <class Real>
void magnitude(const Real* z, std::size_t n, Real* out) {
  for (std::size_t i = 0; i < n; ++i) out[i] = std::sqrt(z[2 * i] * z[2 * i] + z[2 * i + 1] * z[2 * i + 1]);
}

template double sum(const float*, std::size_t);
template double sum(const double*, std::size_t);
template double dot(const float*, const float*, std::size_t);
template double dot(const double*, const double*, std::size_t);
template void taper(const float*, const float*, double, float*, std::size_t);
template void taper(const double*, const double*, double, double*, std::size_t);
template void taper_sloped(const float*, const float*, double, const float*, double, float*, std::size_t);
template void taper_sloped(const double*, const double*, double, const double*, double, double*, std::size_t);
template void add_power(const float*, const float*, const float*, std::size_t, double*, double*);
template void add_power(const double*, const double*, const double*, std::size_t, double*, double*);
template void add_square(const float*, std::size_t, double*);
template void add_square(const double*, std::size_t, double*);
template void magnitude(const float*, std::size_t, float*);
template void magnitude(const double*, std::size_t, double*);

}  // namespace twinpipe::spectral
