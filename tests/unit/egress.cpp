// SPDX-License-Identifier: Apache-2.0
// Egress: batches weigh what Kafka's format makes of them, and the error of reconstruction is the one that the rule's own
// interpolation gives.
#include "kernel/egress.hpp"

#include <zstd.h>

#include <catch2/catch.hpp>
#include <cmath>

#include "drive.hpp"
#include "kernel/egress_report.hpp"

using namespace twinpipe;
using testing::StreamWriter;

namespace {

constexpr Nanos s = kSecond;

v1::Frame applied(v1::Weighting interpolation, double bound, Nanos shortest = 0) {
  v1::Frame frame;
  frame.mutable_applied()->set_tool("deadband");
  v1::AppliedRule& rule = *frame.mutable_applied()->add_rule();
  rule.set_pattern("+/+/+/x");
  rule.set_interpolation(interpolation);
  rule.set_bound(bound);
  rule.set_shortest(shortest);
  return frame;
}

using Readings = std::vector<std::pair<Nanos, double>>;

std::string stream_of(const Readings& readings, const v1::Frame* head = nullptr) {
  StreamWriter writer;
  if (head != nullptr) writer.out().frame(*head);
  writer.series("n", "a", {"x", "free"}, 0);
  ReadingsBuilder rows;
  for (const auto& [time, value] : readings) rows.add(0, time, value);
  writer.out().readings(rows.columns());
  return writer.take();
}

void feed(EgressSide& side, SeriesTable& table, const std::string& stream) {
  Output out;
  REQUIRE(testing::drive(stream, side, table, out).ok());
  REQUIRE(side.close().ok());
}

struct Both {
  explicit Both(const std::string& before_stream, const std::string& after_stream) {
    feed(after, after_table, after_stream);
    feed(before, before_table, before_stream);
  }
  Routes routes = *Routes::parse(Routes::defaults(), "other");
  Reconstruction reconstruction;
  SeriesTable before_table, after_table;
  EgressSide after{after_table, routes, {}, EgressSide::Role::kept, reconstruction};
  EgressSide before{before_table, routes, {}, EgressSide::Role::whole, reconstruction};
  const Reconstruction::Worst& worst() const { return reconstruction.worst().at("s/l/a/x"); }
};

const std::vector<std::pair<Nanos, double>> kWhole{{1 * s, 0}, {2 * s, 1}, {3 * s, 4}, {4 * s, 4.5}, {5 * s, 8}, {6 * s, 9}};

}  // namespace

TEST_CASE("step: the value before is held") {
  const v1::Frame head = applied(v1::WEIGHTING_STEP, 2);
  const Both both(stream_of(kWhole), stream_of({kWhole[0], kWhole[2], kWhole[4]}, &head));
  CHECK(both.worst().error == 1);
  CHECK(both.worst().bound == 2);
  CHECK(both.worst().compared == 6);
  CHECK(both.worst().beyond == 0);
}

TEST_CASE("linear: straight lines between what was kept, and nothing behind the last") {
  const v1::Frame head = applied(v1::WEIGHTING_LINEAR, 0.5);
  const Both both(stream_of(kWhole), stream_of({kWhole[0], kWhole[2], kWhole[4]}, &head));
  CHECK(both.worst().error == 1.5);  // at 4 s: 6 instead of 4.5
  CHECK(both.worst().compared == 5);
  CHECK(both.worst().beyond == 2);
  CHECK(both.worst().unknown == 1);
}

TEST_CASE("the shortest interval promises nothing; not a number, late readings and series without a rule are not compared") {
  const v1::Frame head = applied(v1::WEIGHTING_STEP, 0, 2 * s);
  auto whole = kWhole;
  whole.push_back({7 * s, std::nan("")});
  whole.push_back({3 * s, 77});
  const Both both(stream_of(whole), stream_of({kWhole[0], kWhole[2], kWhole[4], kWhole[5]}, &head));
  CHECK(both.worst().error == 0);
  CHECK(both.worst().compared == 4);
  const Both unpromised(stream_of(kWhole), stream_of({kWhole[0]}));
  CHECK(unpromised.reconstruction.worst().empty());
}

TEST_CASE("each reading is judged by the promise of its own segment") {
  const v1::Frame loose = applied(v1::WEIGHTING_STEP, 5), tight = applied(v1::WEIGHTING_STEP, 0.1);
  const Readings first{{1 * s, 0}, {2 * s, 4}}, second{{3 * s, 8}, {4 * s, 9}};
  const std::string whole = stream_of(first) + stream_of(second);
  const auto judged = [&](const v1::Frame* one, const v1::Frame* two) {
    return Both(whole, stream_of({first[0]}, one) + stream_of(second, two)).worst();
  };
  const Reconstruction::Worst kept_word = judged(&loose, &tight);
  CHECK(kept_word.beyond == 0);
  CHECK(kept_word.error == 4);
  CHECK(kept_word.bound == 5);
  const Reconstruction::Worst broke_it = judged(&tight, &loose);
  CHECK(broke_it.beyond == 1);
  CHECK(broke_it.error == 4);
  CHECK(broke_it.bound == 0.1);
  // A segment without a policy promises nothing, whatever the one before it did.
  CHECK(judged(&loose, nullptr).compared == 2);
  CHECK(judged(nullptr, &tight).compared == 2);
  CHECK(judged(nullptr, &tight).beyond == 0);
}

TEST_CASE("what the kept readings say nothing of is unknown, not right") {
  const v1::Frame head = applied(v1::WEIGHTING_LINEAR, 0.5);
  const Both no_head(stream_of(kWhole), stream_of({kWhole[4], kWhole[5]}, &head));
  CHECK(no_head.worst().compared == 2);
  CHECK(no_head.worst().unknown == 4);
  const Both no_tail(stream_of(kWhole), stream_of({kWhole[0]}, &head));
  CHECK(no_tail.worst().unknown == 5);
  CHECK(no_tail.worst().kept);
  const Both no_number(stream_of(kWhole), stream_of({{1 * s, std::nan("")}}, &head));
  CHECK(no_number.worst().compared == 0);
  CHECK(no_number.worst().unknown == 6);

  StreamWriter others;
  others.out().frame(head);
  others.series("n", "a", {"x", "free"}, 0);
  ReadingsBuilder rows;
  rows.add(1, 1 * s, 1.0);
  others.out().readings(rows.columns());
  const Both nothing(stream_of(kWhole), others.take());
  CHECK_FALSE(nothing.worst().kept);
  CHECK(nothing.worst().unknown == 6);
  const EgressReport report{nothing.routes, nothing.before.counts(), nothing.after.counts(), nothing.reconstruction};
  CHECK_THAT(report.json(), Catch::Matchers::Contains(R"("series":1,"missing":1,"compared":0,"beyond":0,"unknown":6})"));
  CHECK_THAT(report.text(), Catch::Matchers::Matches(R"([^]* 1 +1 +0 +0 +6 - +- +-  -\n)"));
}

TEST_CASE("bytes are shared out by mechanism and class, and sum up to what the batches weigh") {
  StreamWriter writer;
  v1::Frame frame;
  frame.mutable_series()->set_site("plant-1");
  frame.mutable_series()->set_line("line-1");
  frame.mutable_series()->set_asset("a");
  frame.mutable_series()->set_node("n");
  frame.mutable_series()->add_sensor()->set_name("vibration-1");
  frame.mutable_series()->add_sensor()->set_name("temp-1");
  frame.mutable_series()->mutable_sensor(1)->set_alias(1);
  writer.out().frame(frame);
  ReadingsBuilder rows;
  rows.add(0, 1 * s, 1.0);
  rows.add(1, 1 * s, 2.0);
  rows.add(1, 2 * s, 3.0);
  writer.out().readings(rows.columns());
  rows.set_pinned(true);
  writer.out().readings(rows.columns());
  writer.watermark("n", 3 * s);
  const std::string stream = writer.take();
  const Both both(stream, stream);
  const auto at = [&](std::size_t topic, Mechanism mechanism) {
    return both.before.counts()[topic][static_cast<std::size_t>(mechanism)];
  };
  CHECK(at(0, Mechanism::raw).readings == 1);
  CHECK(at(1, Mechanism::raw).readings == 2);
  CHECK(at(1, Mechanism::pinned).readings == 2);
  CHECK(at(1, Mechanism::raw).frame_bytes == Approx(2 * at(0, Mechanism::raw).frame_bytes));
  CHECK(at(0, Mechanism::ticks).wire_bytes > 0);
  CHECK(at(0, Mechanism::ticks).frame_bytes == 0);
  CHECK(at(5, Mechanism::ticks).frame_bytes > 0);
}

TEST_CASE("a batch is Kafka's head of 61 bytes and its compressed records") {
  KafkaBatches batches(1);
  Output open;
  open.open("x", false);
  const std::string value(open.pending());
  KafkaRecord record;
  record.key = "key";
  record.value = value;
  REQUIRE(batches.put(record).ok());
  REQUIRE(batches.finish().ok());
  // Length, attributes, time and offset deltas, key, value, no headers: KIP-98.
  std::string wire{static_cast<char>(2 * (3 + 1 + 3 + 1 + value.size() + 1)), 0, 0, 0, 6};
  wire += "key";
  wire += static_cast<char>(2 * value.size());
  wire += value + '\0';
  std::string compressed(ZSTD_compressBound(wire.size()), '\0');
  const std::size_t size = ZSTD_compress(compressed.data(), compressed.size(), wire.data(), wire.size(), KafkaBatches::kLevel);
  CHECK(batches.wire(0)[static_cast<std::size_t>(Mechanism::declarations)] == Approx(static_cast<double>(61 + size)));
  CHECK(batches.batches() == 1);
}
