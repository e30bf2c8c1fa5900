// SPDX-License-Identifier: Apache-2.0
// Laws of features about outages: steps of which nothing was known when they passed.
#include "feature_run.hpp"

using namespace twinpipe;
using testing::FeatureRun;
using testing::StreamWriter;

namespace {

constexpr Nanos kEnd = 400;  // seconds

void tick(StreamWriter& writer, Nanos second) {
  v1::Frame arrival;
  arrival.mutable_arrival()->set_time(second * kSecond);
  writer.out().frame(arrival);
  writer.watermark("n", second * kSecond);
}

/// A reading every five seconds and a tick every ten; those of the outage come when it is over, as history.
std::string stream_with_outage(Nanos from, Nanos to) {
  StreamWriter writer;
  writer.series("n", "a", {"x"}, 0);
  const auto readings = [&](Nanos begin, Nanos end, bool historical) {
    ReadingsBuilder rows;
    rows.set_historical(historical);
    for (Nanos second = begin; second < end; second += 5) rows.add(0, second * kSecond, static_cast<double>(second % 37));
    writer.out().readings(rows.columns());
  };
  for (Nanos second = 0; second <= kEnd; second += 10) {
    if (second > from && second < to) continue;
    if (second == to && to > from) {
      tick(writer, second);
      readings(from, to, true);
    }
    readings(second, second + 10, false);
    tick(writer, second + 10);
  }
  return writer.take();
}

}  // namespace

TEST_CASE("features: an outage longer than every window leaves no row out, once its backlog has come") {
  const FeatureRun run(R"("step":"10s","lateness":"5m")",
                       R"({"match":"+/+/+/x","feature":"m","function":"mean","window":"20s"})");
  const testing::FeatureTable whole = testing::rows_of(run.run(stream_with_outage(0, 0)));
  CHECK(whole.size() == kEnd / 10 + 1);
  for (const Nanos to : {130, 140, 200, 350}) {
    CAPTURE(to);
    const testing::FeatureTable late = testing::rows_of(run.run(stream_with_outage(100, to)));
    CHECK(late.size() == whole.size());
    for (const auto& [key, row] : whole) {
      CAPTURE(key.second / kSecond);
      REQUIRE(late.contains(key));
      CHECK(row.same(late.at(key)));
    }
  }
}

TEST_CASE("features: a jump beyond the lateness gives rows for what may still come, and counts the others") {
  const FeatureRun run(R"("step":"10s","lateness":"1m")",
                       R"({"match":"+/+/+/x","feature":"m","function":"mean","window":"20s"})");
  StreamWriter writer;
  writer.series("n", "a", {"x"}, 0);
  ReadingsBuilder rows;
  rows.add(0, 5 * kSecond, 1.0);
  writer.out().readings(rows.columns());
  tick(writer, 10);
  tick(writer, 1'000'000);
  const testing::FeatureTable table = testing::rows_of(run.run(writer.take()));
  CHECK(table.contains({"s.l.a", 10 * kSecond}));
  CHECK(table.contains({"s.l.a", 999'950 * kSecond}));
  CHECK(table.contains({"s.l.a", 1'000'000 * kSecond}));
  CHECK(table.size() < 20);
}
