// SPDX-License-Identifier: Apache-2.0
// The bodies of the loops around the transform, to be compiled for each kind of processor. Private to spectral_passes.cpp, whose
// header says what they do.
//
// Sums run in lanes, written out, because a compiler may not reorder additions by itself; -ffast-math would let it, and would
// also let it forget that a sample can be a NaN.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>

#define TWINPIPE_INLINE [[gnu::always_inline]] inline

namespace twinpipe::spectral {

inline constexpr std::size_t kLanes = 32;
inline constexpr std::size_t kBlock = 16 * kLanes;  // summed in Real: short, so that a float loses next to nothing

template <class Real, class Term>
TWINPIPE_INLINE double sum_terms(std::size_t n, const Term& term) {
  double total = 0;
  std::size_t i = 0;
  while (i + kLanes <= n) {
    const std::size_t end = n - i < kBlock ? n : i + kBlock;
    Real lanes[kLanes] = {};
    for (; i + kLanes <= end; i += kLanes)
      for (std::size_t lane = 0; lane < kLanes; ++lane) lanes[lane] += term(i + lane);
    double wide[kLanes];
    for (std::size_t lane = 0; lane < kLanes; ++lane) wide[lane] = static_cast<double>(lanes[lane]);
    for (std::size_t half = kLanes / 2; half > 0; half /= 2)
      for (std::size_t lane = 0; lane < half; ++lane) wide[lane] += wide[lane + half];
    total += wide[0];
  }
  for (; i < n; ++i) total += static_cast<double>(term(i));
  return total;
}

template <class Real>
struct Element {
  const Real* x;
  TWINPIPE_INLINE Real operator()(std::size_t i) const { return x[i]; }
};

template <class Real>
struct Product {
  const Real *x, *y;
  TWINPIPE_INLINE Real operator()(std::size_t i) const { return x[i] * y[i]; }
};

template <class Real>
TWINPIPE_INLINE void taper_all(const Real* x, const Real* window, Real high, Real low, Real* out, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) out[i] = ((x[i] - high) - low) * window[i];
}

/// One bin and its mirror; see the header.
template <class Real>
TWINPIPE_INLINE void add_pair(const Real* z, Real cosine, Real sine, std::size_t k, std::size_t half, bool first, double* rising,
                              double* falling) {
  const Real* const a = z + 2 * k;
  const Real* const b = z + 2 * (half - k);
  const Real even_re = a[0] + b[0], even_im = a[1] - b[1];  // 2E
  const Real odd_re = a[1] + b[1], odd_im = b[0] - a[0];    // 2O
  const Real turned_re = odd_re * cosine + odd_im * sine, turned_im = odd_im * cosine - odd_re * sine;
  const Real x_re = even_re + turned_re, x_im = even_im + turned_im;
  const Real y_re = even_re - turned_re, y_im = even_im - turned_im;
  rising[k] = (first ? 0 : rising[k]) + static_cast<double>(x_re * x_re + x_im * x_im);
  falling[k] = (first ? 0 : falling[k]) + static_cast<double>(y_re * y_re + y_im * y_im);
}

/// So many numbers in one SIMD register.
template <class Real, std::size_t kSize>
struct Vector {
  using Type [[gnu::vector_size(kSize * sizeof(Real))]] = Real;
};

/// Real and imaginary parts of the complex numbers in two registers, in their order or backwards.
template <std::size_t kSize, class V>
TWINPIPE_INLINE void part(const V& first, const V& second, bool backwards, V& re, V& im) {
  if constexpr (kSize == 4) {
    re = backwards ? __builtin_shufflevector(first, second, 6, 4, 2, 0) : __builtin_shufflevector(first, second, 0, 2, 4, 6);
    im = backwards ? __builtin_shufflevector(first, second, 7, 5, 3, 1) : __builtin_shufflevector(first, second, 1, 3, 5, 7);
  } else if constexpr (kSize == 8) {
    re = backwards ? __builtin_shufflevector(first, second, 14, 12, 10, 8, 6, 4, 2, 0)
                   : __builtin_shufflevector(first, second, 0, 2, 4, 6, 8, 10, 12, 14);
    im = backwards ? __builtin_shufflevector(first, second, 15, 13, 11, 9, 7, 5, 3, 1)
                   : __builtin_shufflevector(first, second, 1, 3, 5, 7, 9, 11, 13, 15);
  } else {
    re = backwards ? __builtin_shufflevector(first, second, 30, 28, 26, 24, 22, 20, 18, 16, 14, 12, 10, 8, 6, 4, 2, 0)
                   : __builtin_shufflevector(first, second, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    im = backwards ? __builtin_shufflevector(first, second, 31, 29, 27, 25, 23, 21, 19, 17, 15, 13, 11, 9, 7, 5, 3, 1)
                   : __builtin_shufflevector(first, second, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
  }
}

/// add_pair() for whole registers of bins, from the first bin on; the first bin that is left. The mirror's bins are read
/// backwards.
template <class Real, std::size_t kSize>
TWINPIPE_INLINE std::size_t add_pairs(const Real* z, const Real* cosine, const Real* sine, std::size_t half, bool first,
                                      double* rising, double* falling) {
  using V = typename Vector<Real, kSize>::Type;
  using D = typename Vector<double, kSize>::Type;
  std::size_t k = 1;
  for (; 2 * (k + kSize) <= half + 1; k += kSize) {
    V one, other, c, s, a_re, a_im, b_re, b_im;
    const Real* const a = z + 2 * k;
    const Real* const b = z + 2 * (half - k - kSize + 1);
    __builtin_memcpy(&one, a, sizeof one), __builtin_memcpy(&other, a + kSize, sizeof other);
    part<kSize>(one, other, false, a_re, a_im);
    __builtin_memcpy(&one, b, sizeof one), __builtin_memcpy(&other, b + kSize, sizeof other);
    part<kSize>(one, other, true, b_re, b_im);
    __builtin_memcpy(&c, cosine + k, sizeof c), __builtin_memcpy(&s, sine + k, sizeof s);
    const V even_re = a_re + b_re, even_im = a_im - b_im, odd_re = a_im + b_im, odd_im = b_re - a_re;
    const V turned_re = odd_re * c + odd_im * s, turned_im = odd_im * c - odd_re * s;
    const V x_re = even_re + turned_re, x_im = even_im + turned_im, y_re = even_re - turned_re, y_im = even_im - turned_im;
    const V x = x_re * x_re + x_im * x_im, y = y_re * y_re + y_im * y_im;
    D up{}, down{};
    if (!first) __builtin_memcpy(&up, rising + k, sizeof up), __builtin_memcpy(&down, falling + k, sizeof down);
    up += __builtin_convertvector(x, D), down += __builtin_convertvector(y, D);
    __builtin_memcpy(rising + k, &up, sizeof up), __builtin_memcpy(falling + k, &down, sizeof down);
  }
  return k;
}

/// Backwards.
template <std::size_t kSize, class V>
TWINPIPE_INLINE void reverse(V& v) {
  if constexpr (kSize == 4) v = __builtin_shufflevector(v, v, 3, 2, 1, 0);
  else if constexpr (kSize == 8) v = __builtin_shufflevector(v, v, 7, 6, 5, 4, 3, 2, 1, 0);
  else v = __builtin_shufflevector(v, v, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
}

/// untangle() for one bin and its mirror.
template <class Real>
TWINPIPE_INLINE void untangle_pair(const Real* z, Real cosine, Real sine, std::size_t k, std::size_t half, Real* re, Real* im) {
  const Real* const a = z + 2 * k;
  const Real* const b = z + 2 * (half - k);
  const Real even_re = a[0] + b[0], even_im = a[1] - b[1];  // 2E
  const Real odd_re = a[1] + b[1], odd_im = b[0] - a[0];    // 2O
  const Real turned_re = odd_re * cosine + odd_im * sine, turned_im = odd_im * cosine - odd_re * sine;
  re[k] = even_re + turned_re, im[k] = even_im + turned_im;
  re[half - k] = even_re - turned_re, im[half - k] = turned_im - even_im;
}

/// For whole registers of bins, as add_pairs().
template <class Real, std::size_t kSize>
TWINPIPE_INLINE std::size_t untangle_pairs(const Real* z, const Real* cosine, const Real* sine, std::size_t half, Real* re,
                                           Real* im) {
  using V = typename Vector<Real, kSize>::Type;
  std::size_t k = 1;
  for (; 2 * (k + kSize) <= half + 1; k += kSize) {
    V one, other, c, s, a_re, a_im, b_re, b_im;
    const std::size_t mirrored = half - k - kSize + 1;
    __builtin_memcpy(&one, z + 2 * k, sizeof one), __builtin_memcpy(&other, z + 2 * k + kSize, sizeof other);
    part<kSize>(one, other, false, a_re, a_im);
    __builtin_memcpy(&one, z + 2 * mirrored, sizeof one), __builtin_memcpy(&other, z + 2 * mirrored + kSize, sizeof other);
    part<kSize>(one, other, true, b_re, b_im);
    __builtin_memcpy(&c, cosine + k, sizeof c), __builtin_memcpy(&s, sine + k, sizeof s);
    const V even_re = a_re + b_re, even_im = a_im - b_im, odd_re = a_im + b_im, odd_im = b_re - a_re;
    const V turned_re = odd_re * c + odd_im * s, turned_im = odd_im * c - odd_re * s;
    const V x_re = even_re + turned_re, x_im = even_im + turned_im;
    V y_re = even_re - turned_re, y_im = turned_im - even_im;
    reverse<kSize>(y_re), reverse<kSize>(y_im);
    __builtin_memcpy(re + k, &x_re, sizeof x_re), __builtin_memcpy(im + k, &x_im, sizeof x_im);
    __builtin_memcpy(re + mirrored, &y_re, sizeof y_re), __builtin_memcpy(im + mirrored, &y_im, sizeof y_im);
  }
  return k;
}

template <class Real>
TWINPIPE_INLINE void add_tapered_all(const Real* re, const Real* im, Real middle, Real beside, std::size_t n, bool first,
                                     double* __restrict power) {
  const auto square = [&](std::size_t k) {
    const Real x = middle * re[k] - beside * (re[k - 1] + re[k + 1]), y = middle * im[k] - beside * (im[k - 1] + im[k + 1]);
    return static_cast<double>(x * x + y * y);
  };
  // From 1 on: the index of a neighbour must not wrap.
  if (first)
    for (std::size_t k = 1; k <= n; ++k) power[k - 1] = square(k);
  else
    for (std::size_t k = 1; k <= n; ++k) power[k - 1] += square(k);
}

template <class Real>
TWINPIPE_INLINE void turn_all(const Real* re, const Real* im, const Real* turn_re, const Real* turn_im, Real factor,
                              Real* __restrict out, std::size_t n) {
  for (std::size_t k = 0; k < n; ++k) {
    const Real x = factor * re[k], y = factor * im[k];
    out[2 * k] = x * turn_re[k] - y * turn_im[k];
    out[2 * k + 1] = x * turn_im[k] + y * turn_re[k];
  }
}

template <class Real>
TWINPIPE_INLINE void magnitude_all(const Real* z, std::size_t n, Real* __restrict out) {
  for (std::size_t i = 0; i < n; ++i) out[i] = std::sqrt(z[2 * i] * z[2 * i] + z[2 * i + 1] * z[2 * i + 1]);
}

template <class Real, std::size_t kParts>
TWINPIPE_INLINE void interleave_parts(const Real* in, std::size_t n, Real* __restrict out) {
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t part = 0; part < kParts; ++part) out[kParts * i + part] = in[part * n + i];
}

template <class Real>
TWINPIPE_INLINE void interleave_all(const Real* in, std::size_t parts, std::size_t n, Real* out) {
  switch (parts) {
    case 2: return interleave_parts<Real, 2>(in, n, out);
    case 4: return interleave_parts<Real, 4>(in, n, out);
    case 8: return interleave_parts<Real, 8>(in, n, out);
    default: std::copy_n(in, n, out);
  }
}

template <class Real>
TWINPIPE_INLINE Real greatest_magnitude_of(const Real* x, std::size_t n) {
  Real lanes[kLanes] = {};
  std::size_t i = 0;
  for (; i + kLanes <= n; i += kLanes)
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      const Real size = std::fabs(x[i + lane]);
      lanes[lane] = lanes[lane] < size ? size : lanes[lane];
    }
  for (; i < n; ++i) lanes[0] = std::max(lanes[0], std::fabs(x[i]));
  return *std::max_element(lanes, lanes + kLanes);
}

}  // namespace twinpipe::spectral
