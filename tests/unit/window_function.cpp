// SPDX-License-Identifier: Apache-2.0
// Window functions against published figures.
#include "kernel/window_function.hpp"

#include <catch2/catch.hpp>
#include <cmath>

using namespace twinpipe;

TEST_CASE("windows are periodic, and have the noise bandwidth that the literature gives") {
  struct Case {
    const char* name;
    double noise_bandwidth;  // bins; Harris 1978, table 1; flat top: SRS and HFT literature
    double first;            // the least coefficient
  };
  const Case cases[] = {
      {"rectangular", 1.0, 1.0},         {"hann", 1.5, 0.0}, {"hamming", 1.3628, 0.08}, {"blackman", 1.7268, 0.0},
      {"flattop", 3.7702, -0.000421051},
  };
  for (const Case& c : cases) {
    INFO(c.name);
    const auto function = window_function(c.name);
    REQUIRE(function.has_value());
    CHECK(window_function_name(*function) == c.name);
    const auto w = window_coefficients(*function, 64);
    double sum = 0, squares = 0;
    for (const double value : w) sum += value, squares += value * value;
    CHECK(64 * squares / (sum * sum) == Approx(c.noise_bandwidth).epsilon(1e-4));
    CHECK(w[0] == Approx(c.first).margin(1e-9));
    CHECK(w[32] == Approx(1.0).epsilon(1e-8));
    for (std::size_t i = 1; i < 64; ++i) CHECK(w[i] == Approx(w[64 - i]).margin(1e-14));
  }
  CHECK_FALSE(window_function("kaiser").has_value());
}
