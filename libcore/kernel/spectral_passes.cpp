// SPDX-License-Identifier: Apache-2.0
// The loops around the transform. Compiled with -O3 and without contraction (CMakeLists.txt).
#include "kernel/spectral_passes.hpp"

#include <algorithm>

#include "kernel/spectral_lanes.hpp"

namespace twinpipe::spectral {
namespace {

/// The loops for one kind of processor. They round alike on all of them: the lanes are the same, and nothing is contracted.
template <class Real>
struct Loops {
  double (*sum)(const Real*, std::size_t);
  void (*taper)(const Real*, const Real*, Real, Real, Real*, std::size_t);
  std::size_t (*add_pairs)(const Real*, const Real*, const Real*, std::size_t, bool, double*, double*);
  std::size_t (*untangle_pairs)(const Real*, const Real*, const Real*, std::size_t, Real*, Real*);
  void (*add_tapered)(const Real*, const Real*, Real, Real, std::size_t, bool, double*);
  void (*turn)(const Real*, const Real*, const Real*, const Real*, Real, Real*, std::size_t);
  void (*magnitude)(const Real*, std::size_t, Real*);
  void (*interleave)(const Real*, std::size_t, std::size_t, Real*);
  Real (*greatest_magnitude)(const Real*, std::size_t);
};

template <class Real>
struct Plain {
  static double sum(const Real* x, std::size_t n) { return sum_terms<Real>(n, Element<Real>{x}); }
  static void taper(const Real* x, const Real* window, Real high, Real low, Real* out, std::size_t n) {
    taper_all(x, window, high, low, out, n);
  }
  static std::size_t add_pairs(const Real*, const Real*, const Real*, std::size_t, bool, double*, double*) { return 1; }
  static std::size_t untangle_pairs(const Real*, const Real*, const Real*, std::size_t, Real*, Real*) { return 1; }
  static void add_tapered(const Real* re, const Real* im, Real middle, Real beside, std::size_t n, bool first, double* power) {
    add_tapered_all(re, im, middle, beside, n, first, power);
  }
  static void turn(const Real* re, const Real* im, const Real* turn_re, const Real* turn_im, Real factor, Real* out,
                   std::size_t n) {
    turn_all(re, im, turn_re, turn_im, factor, out, n);
  }
  static void magnitude(const Real* z, std::size_t n, Real* out) { magnitude_all(z, n, out); }
  static void interleave(const Real* in, std::size_t parts, std::size_t n, Real* out) { interleave_all(in, parts, n, out); }
  static Real greatest_magnitude(const Real* x, std::size_t n) { return greatest_magnitude_of(x, n); }
};

#if defined(__x86_64__)
#define TWINPIPE_LOOPS(Name, features, bytes)                                                                                  \
  template <class Real>                                                                                                        \
  struct Name {                                                                                                                \
    [[gnu::target(features)]] static double sum(const Real* x, std::size_t n) { return sum_terms<Real>(n, Element<Real>{x}); } \
    [[gnu::target(features)]] static void taper(const Real* x, const Real* window, Real high, Real low, Real* out,             \
                                                std::size_t n) {                                                               \
      taper_all(x, window, high, low, out, n);                                                                                 \
    }                                                                                                                          \
    [[gnu::target(features)]] static std::size_t add_pairs(const Real* z, const Real* cosine, const Real* sine,                \
                                                           std::size_t half, bool first, double* rising, double* falling) {    \
      return spectral::add_pairs<Real, (bytes) / sizeof(Real)>(z, cosine, sine, half, first, rising, falling);                 \
    }                                                                                                                          \
    [[gnu::target(features)]] static std::size_t untangle_pairs(const Real* z, const Real* cosine, const Real* sine,           \
                                                                std::size_t half, Real* re, Real* im) {                        \
      return spectral::untangle_pairs<Real, (bytes) / sizeof(Real)>(z, cosine, sine, half, re, im);                            \
    }                                                                                                                          \
    [[gnu::target(features)]] static void add_tapered(const Real* re, const Real* im, Real middle, Real beside, std::size_t n, \
                                                      bool first, double* power) {                                             \
      add_tapered_all(re, im, middle, beside, n, first, power);                                                                \
    }                                                                                                                          \
    [[gnu::target(features)]] static void turn(const Real* re, const Real* im, const Real* turn_re, const Real* turn_im,       \
                                               Real factor, Real* out, std::size_t n) {                                        \
      turn_all(re, im, turn_re, turn_im, factor, out, n);                                                                      \
    }                                                                                                                          \
    [[gnu::target(features)]] static void magnitude(const Real* z, std::size_t n, Real* out) { magnitude_all(z, n, out); }     \
    [[gnu::target(features)]] static void interleave(const Real* in, std::size_t parts, std::size_t n, Real* out) {            \
      interleave_all(in, parts, n, out);                                                                                       \
    }                                                                                                                          \
    [[gnu::target(features)]] static Real greatest_magnitude(const Real* x, std::size_t n) {                                   \
      return greatest_magnitude_of(x, n);                                                                                      \
    }                                                                                                                          \
  };
TWINPIPE_LOOPS(Avx2, "avx2", 32)
TWINPIPE_LOOPS(Avx512, "avx512f,avx512dq", 64)
#endif

template <class Real>
const Loops<Real>& loops() {
  static const Loops<Real> kBest = [] {
    const auto of = []<class Kind>(Kind) {
      return Loops<Real>{Kind::sum,  Kind::taper,     Kind::add_pairs,  Kind::untangle_pairs,    Kind::add_tapered,
                         Kind::turn, Kind::magnitude, Kind::interleave, Kind::greatest_magnitude};
    };
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq")) return of(Avx512<Real>{});
    if (__builtin_cpu_supports("avx2")) return of(Avx2<Real>{});
#endif
    return of(Plain<Real>{});
  }();
  return kBest;
}

}  // namespace

template <class Real>
double sum(const Real* x, std::size_t n) {
  return loops<Real>().sum(x, n);
}

std::size_t greatest(const double* x, std::size_t n) {
  double lanes[kLanes];
  for (double& lane : lanes) lane = x[0];
  std::size_t i = 0;
  for (; i + kLanes <= n; i += kLanes)
    for (std::size_t lane = 0; lane < kLanes; ++lane) lanes[lane] = lanes[lane] < x[i + lane] ? x[i + lane] : lanes[lane];
  double most = lanes[0];
  for (const double lane : lanes) most = most < lane ? lane : most;
  for (; i < n; ++i) most = most < x[i] ? x[i] : most;
  for (i = 0; x[i] != most;) ++i;
  return i;
}

template <class Real>
Real greatest_magnitude(const Real* x, std::size_t n) {
  return loops<Real>().greatest_magnitude(x, n);
}

template <class Real>
double dot(const Real* x, const Real* ramp, std::size_t n) {
  return sum_terms<Real>(n, Product<Real>{x, ramp});
}

template <class Real>
void taper(const Real* x, const Real* window, double mean, Real* out, std::size_t n) {
  const auto high = static_cast<Real>(mean), low = static_cast<Real>(mean - static_cast<double>(high));
  loops<Real>().taper(x, window, high, low, out, n);
}

template <class Real>
void taper_sloped(const Real* x, const Real* window, double mean, const Real* ramp, double slope, Real* out, std::size_t n) {
  const auto high = static_cast<Real>(mean), low = static_cast<Real>(mean - static_cast<double>(high));
  const auto rise = static_cast<Real>(slope);
  for (std::size_t i = 0; i < n; ++i) out[i] = ((x[i] - high) - (low + rise * ramp[i])) * window[i];
}

template <class Real>
void add_power(const Real* z, const Real* cosine, const Real* sine, std::size_t half, bool first, double* rising,
               double* falling) {
  const auto add = [first](double& sum, double power) { sum = (first ? 0 : sum) + power; };
  // Bins 0 and half are real: the sum and the difference of what the even and the odd samples have there.
  add(rising[0], 4 * static_cast<double>((z[0] + z[1]) * (z[0] + z[1])));
  add(falling[0], 4 * static_cast<double>((z[0] - z[1]) * (z[0] - z[1])));
  std::size_t k = loops<Real>().add_pairs(z, cosine, sine, half, first, rising, falling);
  for (; 2 * k < half; ++k) add_pair(z, cosine[k], sine[k], k, half, first, rising, falling);
  if (2 * k == half) add(rising[k], 4 * static_cast<double>(z[2 * k] * z[2 * k] + z[2 * k + 1] * z[2 * k + 1]));
}

template <class Real>
void untangle(const Real* z, const Real* cosine, const Real* sine, std::size_t half, Real* re, Real* im) {
  re[0] = 2 * (z[0] + z[1]), im[0] = 0;
  re[half] = 2 * (z[0] - z[1]), im[half] = 0;
  std::size_t k = loops<Real>().untangle_pairs(z, cosine, sine, half, re, im);
  for (; 2 * k < half; ++k) untangle_pair(z, cosine[k], sine[k], k, half, re, im);
  if (2 * k == half) re[k] = 2 * z[2 * k], im[k] = -2 * z[2 * k + 1];
}

template <class Real>
void add_tapered(const Real* re, const Real* im, Real middle, Real beside, std::size_t n, bool first, double* power) {
  loops<Real>().add_tapered(re - 1, im - 1, middle, beside, n, first, power);
}

template <class Real>
void turn(const Real* re, const Real* im, const Real* turn_re, const Real* turn_im, Real factor, Real* out, std::size_t n) {
  loops<Real>().turn(re, im, turn_re, turn_im, factor, out, n);
}

template <class Real>
void interleave(const Real* in, std::size_t parts, std::size_t n, Real* out) {
  loops<Real>().interleave(in, parts, n, out);
}

void unfold(const double* rising, const double* falling, std::size_t half, double scale, double* bins) {
  for (std::size_t k = 0; k <= half / 2; ++k) bins[k] = rising[k] * scale;
  double* const mirrored = bins + half / 2 + 1;
  const std::size_t count = half - half / 2;
  for (std::size_t i = 0; i < count; ++i) mirrored[i] = falling[count - 1 - i] * scale;
}

template <class Real>
void add_square(const Real* z, std::size_t n, bool first, double* power) {
  for (std::size_t i = 0; i < n; ++i) {
    const auto square = static_cast<double>(z[2 * i] * z[2 * i] + z[2 * i + 1] * z[2 * i + 1]);
    power[i] = (first ? 0 : power[i]) + square;
  }
}

template <class Real>
void magnitude(const Real* z, std::size_t n, Real* out) {
  loops<Real>().magnitude(z, n, out);
}

template double sum(const float*, std::size_t);
template double sum(const double*, std::size_t);
template float greatest_magnitude(const float*, std::size_t);
template double greatest_magnitude(const double*, std::size_t);
template double dot(const float*, const float*, std::size_t);
template double dot(const double*, const double*, std::size_t);
template void taper(const float*, const float*, double, float*, std::size_t);
template void taper(const double*, const double*, double, double*, std::size_t);
template void taper_sloped(const float*, const float*, double, const float*, double, float*, std::size_t);
template void taper_sloped(const double*, const double*, double, const double*, double, double*, std::size_t);
template void add_power(const float*, const float*, const float*, std::size_t, bool, double*, double*);
template void add_power(const double*, const double*, const double*, std::size_t, bool, double*, double*);
template void untangle(const float*, const float*, const float*, std::size_t, float*, float*);
template void add_tapered(const float*, const float*, float, float, std::size_t, bool, double*);
template void turn(const float*, const float*, const float*, const float*, float, float*, std::size_t);
template void interleave(const float*, std::size_t, std::size_t, float*);
template void untangle(const double*, const double*, const double*, std::size_t, double*, double*);
template void add_tapered(const double*, const double*, double, double, std::size_t, bool, double*);
template void turn(const double*, const double*, const double*, const double*, double, double*, std::size_t);
template void interleave(const double*, std::size_t, std::size_t, double*);
template void add_square(const float*, std::size_t, bool, double*);
template void add_square(const double*, std::size_t, bool, double*);
template void magnitude(const float*, std::size_t, float*);
template void magnitude(const double*, std::size_t, double*);

}  // namespace twinpipe::spectral
