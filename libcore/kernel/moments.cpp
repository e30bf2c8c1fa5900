// SPDX-License-Identifier: Apache-2.0
// Central moments in two passes a block, merged by Pébay's formulas.
#include "kernel/moments.hpp"

#include <algorithm>
#include <array>
#include <cfloat>
#include <cmath>
#include <cstring>
#include <limits>

namespace twinpipe {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
constexpr std::size_t kBlock = 4096;  // samples: a block of doubles stays in the first-level cache between its two passes

// Vectors of the compiler's own (GCC and clang): 16 bytes are there on every x86-64 and AArch64.
using Pair = double __attribute__((vector_size(16)));
constexpr std::size_t kPairs = 4, kLanes = 2 * kPairs;
using Lanes = std::array<Pair, kPairs>;

Pair load(const double* at) {
  Pair pair;
  std::memcpy(&pair, at, sizeof pair);
  return pair;
}
Pair load(const float* at) {
  using Floats = float __attribute__((vector_size(8)));
  Floats floats;
  std::memcpy(&floats, at, sizeof floats);
  return __builtin_convertvector(floats, Pair);
}

double sum_of(const Lanes& lanes) {
  const Pair sum = (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]);
  return sum[0] + sum[1];
}

struct Extent {
  double sum, min, max;
};

template <class T>
Extent extent_of(const T* x, std::size_t n) {
  const auto x0 = static_cast<double>(x[0]);
  const Pair start{x0, x0};
  Lanes sum{}, least{start, start, start, start}, greatest = least;
  std::size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
#pragma GCC unroll 4
    for (std::size_t k = 0; k < kPairs; ++k) {
      const Pair v = load(x + i + 2 * k);
      sum[k] += v;
      least[k] = v < least[k] ? v : least[k];
      greatest[k] = v > greatest[k] ? v : greatest[k];
    }
  }
  Extent extent{sum_of(sum), x0, x0};
  for (std::size_t k = 0; k < kPairs; ++k) {
    extent.min = std::min({extent.min, least[k][0], least[k][1]});
    extent.max = std::max({extent.max, greatest[k][0], greatest[k][1]});
  }
  for (; i < n; ++i) {
    const auto v = static_cast<double>(x[i]);
    extent.sum += v;
    extent.min = std::min(extent.min, v);
    extent.max = std::max(extent.max, v);
  }
  return extent;
}

struct Powers {
  double s1, s2, s3, s4;
};

template <class T>
Powers powers_of(const T* x, std::size_t n, double mean) {
  const Pair center{mean, mean};
  Lanes s1{}, s2{}, s3{}, s4{};
  std::size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
#pragma GCC unroll 4
    for (std::size_t k = 0; k < kPairs; ++k) {
      const Pair d = load(x + i + 2 * k) - center, square = d * d;
      s1[k] += d;
      s2[k] += square;
      s3[k] += square * d;
      s4[k] += square * square;
    }
  }
  Powers powers{sum_of(s1), sum_of(s2), sum_of(s3), sum_of(s4)};
  for (; i < n; ++i) {
    const double d = static_cast<double>(x[i]) - mean, square = d * d;
    powers.s1 += d;
    powers.s2 += square;
    powers.s3 += square * d;
    powers.s4 += square * square;
  }
  return powers;
}

/// Spread that leaves the range of a double is not a number; the mean and the extremes stay what they are.
void keep_to_range(Moments& to, double square) {
  if (!std::isfinite(square)) to.m2 = to.m3 = to.m4 = kNone;
}

/// From sums of powers around `center`, which is nearly the mean, to central moments around the mean itself.
void settle(Moments& to, double center, const Powers& s) {
  const double w = to.weight, d = s.s1 / w;
  if (to.min == to.max) {  // exactly constant: no rounding may look like noise
    to.mean = to.min;
    return;
  }
  to.mean = std::clamp(center + d, to.min, to.max);
  to.m2 = std::max(0.0, s.s2 - w * d * d);
  to.m3 = s.s3 - 3 * d * s.s2 + 2 * w * d * d * d;
  to.m4 = std::max(0.0, s.s4 - 4 * d * s.s3 + 6 * d * d * s.s2 - 3 * w * d * d * d * d);
  keep_to_range(to, s.s2);
}

template <class T>
Moments block_of(const T* x, std::size_t n) {
  const Extent extent = extent_of(x, n);
  Moments moments;
  moments.count = n;
  moments.weight = static_cast<double>(n);
  moments.min = extent.min;
  moments.max = extent.max;
  moments.mean = extent.sum / moments.weight;
  if (!std::isfinite(moments.mean)) {  // the sum left the range; the mean does not, unless a value is not finite
    moments.mean = 0;
    for (std::size_t i = 0; i < n; ++i) moments.mean += static_cast<double>(x[i]) / moments.weight;
  }
  if (std::isfinite(moments.mean)) settle(moments, moments.mean, powers_of(x, n, moments.mean));
  moments.first = static_cast<double>(x[0]);
  moments.last = static_cast<double>(x[n - 1]);
  return moments;
}

template <class T>
Moments blocks_of(std::span<const T> values) {
  Moments all;
  for (std::size_t at = 0; at < values.size(); at += kBlock) {
    const Moments block = block_of(values.data() + at, std::min(kBlock, values.size() - at));
    if (at == 0) all = block;
    else all.merge(block);
  }
  if (!values.empty()) all.first = static_cast<double>(values.front()), all.last = static_cast<double>(values.back());
  return all;
}

}  // namespace

void Moments::merge(const Moments& other) {
  count += other.count;
  if (other.empty()) return;
  if (empty()) {
    const std::uint64_t both = count;
    *this = other;
    count = both;
    return;
  }
  if (other.first_time < first_time) first_time = other.first_time, first = other.first;
  if (other.last_time >= last_time) last_time = other.last_time, last = other.last;
  const double a = weight, b = other.weight, both = a + b;
  const double d = other.mean - mean, share = d * b / both;  // how far the mean moves
  const double pull = d * share * a;                         // d²·a·b / (a + b)
  const double u = a / both, v = b / both;
  m4 += other.m4 + pull * d * d * (u * u - u * v + v * v) + 6 * d * d * (u * u * other.m2 + v * v * m2) +
        4 * d * (u * other.m3 - v * m3);
  m3 += other.m3 + pull * d * (u - v) + 3 * d * (u * other.m2 - v * m2);
  m2 += other.m2 + pull;
  min = std::min(min, other.min);
  max = std::max(max, other.max);
  mean = std::clamp(std::isfinite(d) ? mean + share : mean * u + other.mean * v, min, max);
  weight = both;
  keep_to_range(*this, m2);
}

double Moments::standard_deviation() const { return empty() ? kNone : std::sqrt(m2 / weight); }

double Moments::rms() const {
  if (empty()) return kNone;
  // hypot: neither square may leave the range of a double. The bounds hold for real numbers, so rounding must not break them.
  return std::clamp(std::hypot(mean, standard_deviation()), std::fabs(mean), peak());
}

double Moments::peak() const { return empty() ? kNone : std::max(std::fabs(min), std::fabs(max)); }

double Moments::crest() const {
  const double r = rms();
  return r > 0 ? peak() / r : kNone;
}

double Moments::kurtosis() const {
  if (empty()) return kNone;
  const double square = (m2 / weight) * (m2 / weight);
  // Below this the fourth powers have lost bits to underflow.
  const bool in_range = square > DBL_MIN / DBL_EPSILON && std::isfinite(m4) && std::isfinite(square);
  return in_range ? m4 / weight / square : kNone;
}

Moments moments_of(std::span<const double> values) { return blocks_of(values); }
Moments moments_of(std::span<const float> values) { return blocks_of(values); }

Moments moments_of(std::span<const Stretch> curve) {
  Moments all;
  if (curve.empty()) return all;
  all.min = all.max = curve.front().begin;
  double sum = 0;
  for (const Stretch& s : curve) {
    const double seconds = static_cast<double>(s.to - s.from) / 1e9;
    all.weight += seconds;
    sum += seconds * (s.begin + s.end) / 2;
    all.min = std::min({all.min, s.begin, s.end});
    all.max = std::max({all.max, s.begin, s.end});
  }
  // Integrals of the powers of a straight line from p to q over a time w: w·(p² + pq + q²)/3 and so on.
  const double mean = sum / all.weight;
  Powers powers{0, 0, 0, 0};
  for (const Stretch& s : curve) {
    const double w = static_cast<double>(s.to - s.from) / 1e9, p = s.begin - mean, q = s.end - mean;
    powers.s1 += w * (p + q) / 2;
    powers.s2 += w * (p * p + p * q + q * q) / 3;
    powers.s3 += w * (p + q) * (p * p + q * q) / 4;
    powers.s4 += w * (p * p * p * p + p * p * p * q + p * p * q * q + p * q * q * q + q * q * q * q) / 5;
  }
  all.mean = mean;
  settle(all, mean, powers);
  all.first = curve.front().begin, all.first_time = curve.front().from;
  all.last = curve.back().end, all.last_time = curve.back().to;
  return all;
}

}  // namespace twinpipe
