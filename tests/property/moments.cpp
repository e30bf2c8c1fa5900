// SPDX-License-Identifier: Apache-2.0
// The laws of moments: they are those of the definition, merging two halves gives the whole, and the bounds hold.
#include "kernel/moments.hpp"

#include <rapidcheck.h>

#include <catch2/catch.hpp>
#include <cmath>

using namespace twinpipe;

namespace {

/// Numbers of very different sizes around an offset.
std::vector<double> some_values(std::size_t least, std::size_t most) {
  const double offset = *rc::gen::element(0.0, 0.0, 20.5, -1e6), scale = *rc::gen::element(1.0, 1e-3, 1e5);
  std::vector<double> values(*rc::gen::inRange<std::size_t>(least, most));
  for (double& value : values) value = offset + scale * *rc::gen::inRange(-1000, 1001) / 256.0;
  return values;
}

struct Naive {
  long double mean = 0, m2 = 0, m3 = 0, m4 = 0;
};
Naive naive(const std::vector<double>& values) {
  Naive sums;
  // From the first value on: a long double alone could not hold a small spread around a large mean.
  const long double origin = values.front();
  for (const double x : values) sums.mean += x - origin;
  sums.mean /= static_cast<long double>(values.size());
  for (const double x : values) {
    const long double d = x - origin - sums.mean;
    sums.m2 += d * d, sums.m3 += d * d * d, sums.m4 += d * d * d * d;
  }
  sums.mean += origin;
  return sums;
}

/// Equal within 1e-12 of what the terms of the sum are as large as.
bool near(double a, long double b, double terms) { return std::fabs(a - static_cast<double>(b)) <= 1e-12 * terms; }

void check(const Moments& m, const std::vector<double>& values) {
  const Naive want = naive(values);
  const double n = static_cast<double>(values.size()), rms = m.rms(), spread = m.standard_deviation();
  RC_ASSERT(m.count == values.size());
  RC_ASSERT(m.min == *std::ranges::min_element(values));
  RC_ASSERT(m.max == *std::ranges::max_element(values));
  RC_ASSERT(near(m.mean, want.mean, rms));
  // A mean is only as exact as its own size allows, 1e-3 · 1e-12 of it, and what is merged by means with it.
  const double m2 = static_cast<double>(want.m2), m4 = static_cast<double>(want.m4), blur = 1e-3 * rms;
  RC_ASSERT(near(m.m2, want.m2, m2 + n * blur * (spread + blur)));
  RC_ASSERT(near(m.m3, want.m3, std::sqrt(m2 * m4) + 3 * m2 * blur + n * std::pow(blur, 3)));
  RC_ASSERT(near(m.m4, want.m4, m4 + 4 * std::sqrt(m2 * m4) * blur + n * std::pow(blur, 4)));
  RC_ASSERT(m.peak() >= rms);
  RC_ASSERT(rms >= std::fabs(m.mean));
  RC_ASSERT(std::fabs(rms * rms - (m.mean * m.mean + m.m2 / n)) <= 1e-12 * rms * rms);
}

}  // namespace

TEST_CASE("moments are those of the definition") {
  CHECK(rc::check([] {
    const std::vector<double> values = some_values(1, 200);
    check(moments_of(std::span<const double>(values)), values);
  }));
}

TEST_CASE("merging the moments of two parts gives those of the whole") {
  CHECK(rc::check([] {
    const std::vector<double> values = some_values(2, 300);
    const auto cut = *rc::gen::inRange<std::size_t>(0, values.size() + 1);
    Moments merged = moments_of(std::span(values).first(cut));
    merged.merge(moments_of(std::span(values).subspan(cut)));
    check(merged, values);
  }));
}

TEST_CASE("many small merges lose no more than one") {
  CHECK(rc::check([] {
    const std::vector<double> values = some_values(1, 300);
    Moments merged;
    for (const double& value : values) merged.merge(moments_of(std::span(&value, 1)));
    check(merged, values);
  }));
}

TEST_CASE("floats are taken as the doubles that they are") {
  CHECK(rc::check([] {
    std::vector<float> floats;
    for (const double value : some_values(1, 100)) floats.push_back(static_cast<float>(value));
    const std::vector<double> doubles(floats.begin(), floats.end());
    const Moments a = moments_of(std::span<const float>(floats)), b = moments_of(std::span<const double>(doubles));
    RC_ASSERT(a.mean == b.mean);
    RC_ASSERT(a.m4 == b.m4);
    RC_ASSERT(a.last == b.last);
  }));
}

TEST_CASE("a constant has no spread, however many times it is merged") {
  CHECK(rc::check([] {
    const double value = *rc::gen::element(0.1, 1e9 + 0.1, -3.7e-5, 0.0);
    const std::vector<double> values(*rc::gen::inRange<std::size_t>(1, 500), value);
    Moments m = moments_of(std::span<const double>(values));
    m.merge(moments_of(std::span<const double>(values).first(1)));
    RC_ASSERT(m.mean == value);
    RC_ASSERT(m.standard_deviation() == 0);
    RC_ASSERT(m.rms() == std::fabs(value));
    RC_ASSERT(std::isnan(m.kurtosis()));
  }));
}

TEST_CASE("a curve of steps weighs each value by its time") {
  CHECK(rc::check([] {
    std::vector<Stretch> curve;
    std::vector<double> values;
    for (int i = 0, n = *rc::gen::inRange(1, 30); i < n; ++i) {
      const double value = *rc::gen::inRange(-50, 50) * 0.25;
      const Nanos from = curve.empty() ? 0 : curve.back().to, to = from + *rc::gen::inRange(1, 5) * kSecond;
      curve.push_back({from, to, value, value});
      values.insert(values.end(), static_cast<std::size_t>((to - from) / kSecond), value);
    }
    Moments m = moments_of(std::span<const Stretch>(curve));
    RC_ASSERT(m.weight == static_cast<double>(values.size()));
    m.count = values.size();
    check(m, values);
  }));
}

TEST_CASE("a curve does not depend on how its lines are cut") {
  CHECK(rc::check([] {
    const double a = *rc::gen::inRange(-50, 50) * 0.25, b = *rc::gen::inRange(-50, 50) * 0.25;
    const Nanos end = 8 * kSecond, cut = *rc::gen::inRange(1, 8) * kSecond;
    const double at = a + (b - a) * static_cast<double>(cut) / static_cast<double>(end);
    const Moments whole = moments_of(std::span<const Stretch>(std::vector<Stretch>{{0, end, a, b}}));
    const Moments parts = moments_of(std::span<const Stretch>(std::vector<Stretch>{{0, cut, a, at}, {cut, end, at, b}}));
    const double size = std::fabs(a) + std::fabs(b) + 1;
    RC_ASSERT(near(parts.mean, whole.mean, size));
    RC_ASSERT(near(parts.m2, whole.m2, 8 * size * size));
    RC_ASSERT(near(parts.m4, whole.m4, 8 * std::pow(size, 4)));
    RC_ASSERT(near(whole.standard_deviation(), std::fabs(b - a) / std::sqrt(12.0L), size));  // of a uniform distribution
  }));
}
