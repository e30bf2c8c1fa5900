// SPDX-License-Identifier: Apache-2.0
// One adapter per type of column: the value as bits to hold, when two values are near, and whether a change
// between them may wait (`ordinary`: none of them infinite or not a number).
#pragma once

#include <bit>
#include <cmath>
#include <limits>

#include "wire/columns.hpp"

namespace twinpipe {

struct DoubleValues {
  static constexpr bool kText = false, kNumber = true;
  std::span<const double> column;
  std::uint64_t bits(std::size_t row) const { return std::bit_cast<std::uint64_t>(column[row]); }
  std::string_view text(std::size_t) const { return {}; }
  static double number(std::uint64_t bits) { return std::bit_cast<double>(bits); }
  static bool finite(std::uint64_t bits) { return std::isfinite(number(bits)); }
  static double rise(std::uint64_t from, std::uint64_t to) { return number(to) - number(from); }
  static bool near(std::uint64_t a, std::uint64_t b, double bound) {
    const double value = number(a), before = number(b);
    // Equality covers infinities, whose distance is not a number; two not-a-numbers are no change.
    return std::fabs(value - before) <= bound || value == before || (std::isnan(value) && std::isnan(before));
  }
  bool within(std::size_t row, const auto& held, const std::string*) const { return near(bits(row), held.value, held.bound); }
  bool ordinary(std::size_t row, const auto& held) const { return finite(bits(row)) && finite(held.value); }
};

template <class T>
struct IntegerValues {
  static constexpr bool kText = false, kNumber = true;
  std::span<const T> column;
  std::uint64_t bits(std::size_t row) const { return static_cast<std::uint64_t>(column[row]); }
  std::string_view text(std::size_t) const { return {}; }
  static double number(std::uint64_t bits) { return static_cast<double>(static_cast<T>(bits)); }
  static bool finite(std::uint64_t) { return true; }
  // Exact in the integers: a double cannot tell 2^53 from 2^53 + 1.
  static std::uint64_t distance(std::uint64_t a, std::uint64_t b) {
    return static_cast<T>(a) >= static_cast<T>(b) ? a - b : b - a;
  }
  /// Infinite where a double would not be exact, so that no line is drawn over it.
  static double rise(std::uint64_t from, std::uint64_t to) {
    const std::uint64_t difference = distance(to, from);
    if (difference > std::uint64_t{1} << 53) return std::numeric_limits<double>::infinity();
    return static_cast<T>(to) >= static_cast<T>(from) ? static_cast<double>(difference) : -static_cast<double>(difference);
  }
  static bool near(std::uint64_t a, std::uint64_t b, double bound) {
    return bound >= 0x1p64 || (bound >= 0 && distance(a, b) <= static_cast<std::uint64_t>(bound));
  }
  bool within(std::size_t row, const auto& held, const std::string*) const { return near(bits(row), held.value, held.bound); }
  bool ordinary(std::size_t row, const auto& held) const { return finite(bits(row)) && finite(held.value); }
};

struct BoolValues {
  static constexpr bool kText = false, kNumber = false;
  std::span<const std::uint8_t> column;
  std::uint64_t bits(std::size_t row) const { return column[row]; }
  std::string_view text(std::size_t) const { return {}; }
  bool within(std::size_t row, const auto& held, const std::string*) const { return column[row] == held.value; }
  bool ordinary(std::size_t, const auto&) const { return true; }
};

struct TextValues {
  static constexpr bool kText = true, kNumber = false;
  std::span<const std::string_view> column;
  std::uint64_t bits(std::size_t) const { return 0; }
  std::string_view text(std::size_t row) const { return column[row]; }
  bool within(std::size_t row, const auto&, const std::string* held) const { return held != nullptr && *held == column[row]; }
  bool ordinary(std::size_t, const auto&) const { return true; }
};

/// Calls `with` with the adapter of the frame's own type.
auto with_values(const Columns& columns, auto&& with) {
  switch (columns.type) {
    case v1::VALUE_TYPE_INT64: return with(IntegerValues<std::int64_t>{columns.ints});
    case v1::VALUE_TYPE_UINT64: return with(IntegerValues<std::uint64_t>{columns.uints});
    case v1::VALUE_TYPE_BOOL: return with(BoolValues{columns.bools});
    case v1::VALUE_TYPE_STRING:
    case v1::VALUE_TYPE_BYTES: return with(TextValues{columns.texts});
    default: return with(DoubleValues{columns.doubles});
  }
}

}  // namespace twinpipe
