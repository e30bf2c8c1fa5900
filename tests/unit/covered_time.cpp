// SPDX-License-Identifier: Apache-2.0
// Which time rows hold: spans are joined where they meet, keep the values at their ends, and what is forgotten errs on the safe
// side.
#include "kernel/covered_time.hpp"

#include <catch2/catch.hpp>
#include <tuple>

using namespace twinpipe;

namespace {

std::vector<std::tuple<Nanos, Nanos, double, double, Nanos>> spans(const CoveredTime& covered) {
  std::vector<std::tuple<Nanos, Nanos, double, double, Nanos>> all;
  for (const CoveredTime::Run& run : covered.runs()) all.push_back({run.from, run.to, run.begin, run.end, run.until});
  return all;
}
using Spans = decltype(spans({}));

}  // namespace

TEST_CASE("spans that meet are one, in whatever order they come") {
  CoveredTime covered;
  covered.add({10, 20, 1, 2, 20});
  covered.add({40, 50, 5, 6, 50});
  CHECK(spans(covered) == Spans{{10, 20, 1, 2, 20}, {40, 50, 5, 6, 50}});
  covered.add({20, 30, 2, 3, 30});
  covered.add({5, 12, 0, 9, 12});
  CHECK(spans(covered) == Spans{{5, 30, 0, 3, 30}, {40, 50, 5, 6, 50}});
  covered.add({25, 45, 7, 7, 45});
  CHECK(spans(covered) == Spans{{5, 50, 0, 6, 50}});
}

TEST_CASE("a reading at a span's end says how far a line may leave it; one within says nothing") {
  CoveredTime covered;
  covered.add({10, 20, 1, 2, 20});
  covered.add({20, 20, 2, 2, 80});
  covered.add({15, 15, 9, 9, 70});
  covered.add({30, 30, 4, 4, 90});
  CHECK(spans(covered) == Spans{{10, 20, 1, 2, 80}, {30, 30, 4, 4, 90}});
}

TEST_CASE("what is covered is found") {
  CoveredTime covered;
  CHECK_FALSE(covered.covers(0, 1));
  covered.add({10, 20, 0, 0, 20});
  covered.add({30, 40, 0, 0, 40});
  CHECK(covered.covers(10, 20));
  CHECK_FALSE(covered.covers(10, 21));
  CHECK_FALSE(covered.covers(9, 12));
  CHECK(covered.before(9) == nullptr);
  CHECK(covered.before(10)->from == 10);
  CHECK(covered.before(29)->from == 10);
  CHECK(covered.behind(10)->from == 30);
  CHECK(covered.behind(30) == nullptr);
}

TEST_CASE("beyond its bound the oldest time is taken for covered") {
  CoveredTime covered;
  for (Nanos from = 0; from < 100; ++from) covered.add({10 * from, 10 * from + 1, 0, 0, 0});
  CHECK(covered.runs().size() == CoveredTime::kMost);
  CHECK(covered.covers(0, 600));
  CHECK_FALSE(covered.covers(981, 990));
}
