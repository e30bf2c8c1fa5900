// SPDX-License-Identifier: Apache-2.0
// Random numbers by counter: draw n of a stream is a function of the stream's key and n alone, so what the plant does
// depends neither on the order in which series are simulated nor on a standard library's distributions.
//
// SplitMix64: G. L. Steele, D. Lea, C. H. Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014, with the
// finaliser "Mix13" of D. Stafford. Passes BigCrush when counted up from any key.
#pragma once

#include <bit>
#include <cstdint>
#include <string_view>

namespace twinpipe {

constexpr std::uint64_t mix64(std::uint64_t z) {
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
  return z ^ (z >> 31);
}

class RandomStream {
 public:
  constexpr RandomStream() = default;
  /// Streams of the same seed and another name, or another `purpose`, are independent. The name is hashed by FNV-1a.
  constexpr RandomStream(std::uint64_t seed, std::string_view name, std::uint64_t purpose = 0) {
    std::uint64_t hash = 0xCBF29CE484222325U;
    for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3U;
    key_ = mix64(mix64(seed + kGamma) ^ mix64(hash + purpose * kGamma));
  }

  constexpr std::uint64_t bits(std::uint64_t n) const { return mix64(key_ + (n + 1) * kGamma); }
  /// 0 ≤ x < 1, a multiple of 2^-53.
  constexpr double uniform(std::uint64_t n) const { return static_cast<double>(bits(n) >> 11) * 0x1p-53; }
  /// Mean 0, variance 1, |x| < 8.1, kurtosis 2.97: a count of 64 coin tosses (variance 16) with a dither of one count
  /// (variance 1/12). Integers and one multiplication, so it is the same number on every machine, and no logarithm a sample.
  constexpr double normal(std::uint64_t n) const {
    const std::uint64_t tosses = bits(n);
    const double dither = static_cast<double>((tosses * 0xD1B54A32D192ED03U) >> 11) * 0x1p-53 - 0.5;
    return (std::popcount(tosses) - 32 + dither) * 0.24935149047701483;  // 1/√(16 + 1/12)
  }

 private:
  static constexpr std::uint64_t kGamma = 0x9E3779B97F4A7C15U;  // 2^64 / golden ratio, odd
  std::uint64_t key_ = 0;
};

}  // namespace twinpipe
