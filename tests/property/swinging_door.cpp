// SPDX-License-Identifier: Apache-2.0
// The slope window's law: a line that fits passes every reading that narrowed the window within the bound, as computed, at
// any scale of values and times; and the window is no narrower than rounding demands.
#include "kernel/swinging_door.hpp"

#include <rapidcheck.h>

#include <catch2/catch.hpp>
#include <vector>

using namespace twinpipe;

namespace {

double some_double() {
  const double mantissa = *rc::gen::inRange<std::int64_t>(-(std::int64_t{1} << 53), std::int64_t{1} << 53);
  return std::ldexp(mantissa, *rc::gen::element(-1126, -300, -60, -53, -50, 0, 40, 970));
}

}  // namespace

TEST_CASE("slope window: a line that fits misses no reading by more than the bound, in the arithmetic of on_line") {
  CHECK(rc::check([] {
    // Mostly readings of one size, so that lines fit; sometimes any doubles at all.
    const bool wild = *rc::gen::inRange(0, 4) == 0;
    const double scale = std::fabs(some_double());
    const auto value = [&] { return wild ? some_double() : scale * *rc::gen::inRange(-1000, 1001) / 7; };
    const double bound = wild ? std::fabs(some_double()) : scale * *rc::gen::inRange(0, 3000) / 7;
    const Nanos start = *rc::gen::element<Nanos>(Nanos{0}, Nanos{1'767'225'600} * kSecond);
    const Nanos tick = *rc::gen::element<Nanos>(Nanos{1}, Nanos{333'333'333}, Nanos{kSecond}, Nanos{1} << 55);
    const double from = value();
    SlopeWindow window;
    std::vector<std::pair<Nanos, double>> passed;
    Nanos time = start;
    for (int i = 0; i < 20; ++i) {
      time = saturating_add(time, tick * *rc::gen::inRange(1, 4));
      const double to = value(), rise = to - from, run = static_cast<double>(time - start);
      if (time == kForever) break;
      if (passed.empty() || window.fits(rise, run))
        for (const auto& [at, v] : passed) RC_ASSERT(std::fabs(on_line(start, from, time, to, at) - v) <= bound);
      else continue;
      window.narrow(rise, run, std::fabs(from) + std::fabs(to), bound);
      passed.emplace_back(time, to);
    }
    RC_TAG(passed.size() > 2 ? "several readings on a line" : "few");
  }));
}

TEST_CASE("slope window: what is clearly within the bound fits") {
  CHECK(rc::check([] {
    const double bound = *rc::gen::inRange(1, 1000) * 0.01;
    const double slope = *rc::gen::inRange(-1000, 1001) * 1e-9;
    SlopeWindow window;
    for (int i = 1; i <= 50; ++i) {
      const double run = i * 1e9, off = *rc::gen::inRange(-999, 1000) * 1e-3 * bound;
      window.narrow(slope * run + off, run, std::fabs(slope * run) + bound, bound);
    }
    RC_ASSERT(window.fits(slope * 51e9, 51e9));
  }));
}

TEST_CASE("slope window: a level line needs no room for rounding, and infinities never fit") {
  SlopeWindow window;
  for (int i = 1; i < 10; ++i) window.narrow(i % 2 == 0 ? 1.0 : -1.0, i, 2e9, 1.0);
  CHECK(window.fits(0, 10));
  window.narrow(std::nextafter(1.0, 2.0), 11, 2e9, 1.0);
  CHECK_FALSE(window.fits(0, 12));
  CHECK_FALSE(SlopeWindow().fits(HUGE_VAL, 1));
  CHECK_FALSE(SlopeWindow().fits(std::nan(""), 1));
}

TEST_CASE("the line that a reader draws: ends, level, and where there is none") {
  CHECK(on_line(0, 1.0, 10, 3.0, 5) == 2.0);
  CHECK(on_line(0, 1.0, 10, 3.0, 10) == 3.0);
  CHECK(on_line(0, 1.0, 10, 3.0, 0) == 1.0);
  CHECK(on_line(5, 1.0, 5, 3.0, 5) == 3.0);
  CHECK(on_line(0, 1.0, 10, HUGE_VAL, 5) == 1.0);
  CHECK(on_line(0, 0.1, 3, 0.1, 1) == 0.1);
}
