// SPDX-License-Identifier: Apache-2.0
// Registry facts by event time: what is in force is what a naive search finds.
#include "kernel/fact_spans.hpp"

#include <rapidcheck.h>

#include <algorithm>
#include <catch2/catch.hpp>

#include "state.pb.h"

using namespace twinpipe;

namespace {

v1::AssetFacts any_row(int number) {
  v1::AssetFacts row;
  row.set_from(*rc::gen::inRange(0, 20));
  if (*rc::gen::arbitrary<bool>()) row.set_until(row.from() + *rc::gen::inRange(1, 10));
  row.set_unknown(*rc::gen::inRange(0, 3) == 0);
  v1::Fact& fact = *row.add_fact();
  fact.set_name("number");
  fact.set_value(std::to_string(number));
  return row;
}

const v1::AssetFacts* naive(const std::vector<v1::AssetFacts>& rows, Nanos time) {
  const v1::AssetFacts* last = nullptr;
  for (const v1::AssetFacts& row : rows)
    if ((row.from() == 0 || row.from() <= time) && (row.until() == 0 || time < row.until())) last = &row;
  return last;
}

bool is_known(const v1::AssetFacts* row) { return row != nullptr && !row->unknown(); }

std::optional<Nanos> naive_left(const std::vector<v1::AssetFacts>& rows, Nanos time) {
  if (std::ranges::all_of(rows, &v1::AssetFacts::unknown)) return std::nullopt;
  for (Nanos t = time; t < 100; ++t)
    if (is_known(naive(rows, t))) return std::nullopt;
  if (const v1::AssetFacts* now = naive(rows, time)) return now->from() == 0 ? kBeginning : now->from();
  Nanos end = kBeginning;
  for (const v1::AssetFacts& row : rows)
    if (row.until() != 0 && row.until() <= time) end = std::max(end, row.until());
  return end;
}

std::string number_of(const FactSpans::Span* span) {
  if (span == nullptr) return "none";
  v1::Twin twin;
  twin.ParseFromString(span->fields);
  return twin.facts().at("number");
}

}  // namespace

TEST_CASE("registry facts: in force is the row that came last") {
  CHECK(rc::check([] {
    std::vector<v1::AssetFacts> rows;
    for (int i = 0, n = *rc::gen::inRange(0, 8); i < n; ++i) rows.push_back(any_row(i));
    const Nanos begin = *rc::gen::inRange(0, 15);
    FactSpans spans;
    Nanos now = 0;
    for (const v1::AssetFacts& row : rows) {
      now = std::max<Nanos>(now, *rc::gen::inRange<Nanos>(0, begin + 1));
      spans.take(row, now);
      if (*rc::gen::inRange(0, 4) == 0) spans.take(row, now);
    }
    v1::TwinFacts saved;
    spans.save(saved);
    FactSpans loaded;
    loaded.load(saved);
    for (Nanos time = begin; time < 40; ++time) {
      const v1::AssetFacts* expected = naive(rows, time);
      const std::string number = expected == nullptr ? "none" : expected->fact(0).value();
      RC_ASSERT(number_of(spans.at(time)) == number);
      RC_ASSERT(number_of(loaded.at(time)) == number);
      RC_ASSERT(spans.left(time) == naive_left(rows, time));
      RC_ASSERT(loaded.left(time) == spans.left(time));
      const Nanos change = spans.next_change(time);
      for (Nanos later = time; later < std::min<Nanos>(change, 40); ++later) RC_ASSERT(number_of(spans.at(later)) == number);
    }
  }));
}

TEST_CASE("registry facts: of two rows alike the one that came later stands") {
  FactSpans spans;
  v1::AssetFacts row;
  row.set_from(5);
  for (const char* model : {"A", "B"}) {
    row.clear_fact();
    v1::Fact& fact = *row.add_fact();
    fact.set_name("number");
    fact.set_value(model);
    spans.take(row, 0);
  }
  CHECK(number_of(spans.at(7)) == "B");
  CHECK(spans.at(4) == nullptr);
}
