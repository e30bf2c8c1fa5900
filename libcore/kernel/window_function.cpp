// SPDX-License-Identifier: Apache-2.0
// Window functions as sums of cosines.
#include "kernel/window_function.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <span>

namespace twinpipe {
namespace {

constexpr std::array kRectangular{1.0};
constexpr std::array kHann{0.5, 0.5};
constexpr std::array kHamming{0.54, 0.46};
constexpr std::array kBlackman{0.42, 0.50, 0.08};
constexpr std::array kFlattop{0.21557895, 0.41663158, 0.277263158, 0.083578947, 0.006947368};

struct Definition {
  WindowFunction function;
  std::string_view name;
  std::span<const double> terms;
};
constexpr std::array kDefinitions{
    Definition{WindowFunction::rectangular, "rectangular", kRectangular},
    Definition{WindowFunction::hann, "hann", kHann},
    Definition{WindowFunction::hamming, "hamming", kHamming},
    Definition{WindowFunction::blackman, "blackman", kBlackman},
    Definition{WindowFunction::flattop, "flattop", kFlattop},
};

const Definition& definition(WindowFunction function) {
  return *std::ranges::find(kDefinitions, function, &Definition::function);
}

}  // namespace

std::optional<WindowFunction> window_function(std::string_view name) {
  const auto* const found = std::ranges::find(kDefinitions, name, &Definition::name);
  return found == kDefinitions.end() ? std::nullopt : std::optional(found->function);
}

std::string_view window_function_name(WindowFunction function) { return definition(function).name; }

std::span<const double> window_terms(WindowFunction function) { return definition(function).terms; }

std::vector<double> window_coefficients(WindowFunction function, std::size_t length) {
  const std::span<const double> terms = window_terms(function);
  std::vector<double> coefficients(length);
  for (std::size_t i = 0; i < length; ++i) {
    // From −π on, so that the sum has its greatest value in the middle.
    const double angle = std::numbers::pi * (2 * static_cast<double>(i) / static_cast<double>(length) - 1);
    for (std::size_t term = 0; term < terms.size(); ++term)
      coefficients[i] += terms[term] * std::cos(static_cast<double>(term) * angle);
  }
  return coefficients;
}

}  // namespace twinpipe
