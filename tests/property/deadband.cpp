// SPDX-License-Identifier: Apache-2.0
// Deadband's laws: the bound holds exactly, output is a subsequence, idempotent, independent of the cutting into frames.
#include "kernel/deadband.hpp"

#include <rapidcheck.h>

#include <catch2/catch.hpp>
#include <cmath>

#include "drive.hpp"

using namespace twinpipe;
using testing::StreamWriter;

namespace {

struct Reading {
  std::uint32_t alias;
  Nanos time;
  double value;
  std::uint32_t quality;
  bool operator==(const Reading& other) const {
    return alias == other.alias && time == other.time && quality == other.quality &&
           (value == other.value || (std::isnan(value) && std::isnan(other.value)));
  }
};

Policy policy_of(const std::string& rule) {
  Result<Policy> policy =
      Policy::parse(R"({"name":"p","version":"1","owner":"o","deadband":[{"match":"+/+/+/+",)" + rule + "}]}");
  REQUIRE(policy.ok());
  return *policy;
}

constexpr std::uint32_t kSeries = 3;

/// In-order readings of three series; values on a grid that makes hits on the bound common.
std::vector<Reading> some_readings() {
  std::vector<Reading> readings;
  Nanos time = 0;
  for (int i = 0, n = *rc::gen::inRange(0, 120); i < n; ++i) {
    time += *rc::gen::inRange(0, 3) * kSecond;
    const int kind = *rc::gen::inRange(0, 12);
    const double value = kind == 0 ? std::nan("") : kind == 1 ? HUGE_VAL : *rc::gen::inRange(-20, 21) * 0.25;
    readings.push_back({*rc::gen::inRange<std::uint32_t>(0, kSeries), time, value, *rc::gen::inRange(0, 15) == 0 ? 0 : kGood});
  }
  return readings;
}

std::string stream_of(const std::vector<Reading>& readings, std::size_t columns) {
  StreamWriter writer;
  writer.series("n", "a", {"x", "y", "z"}, 0);
  ReadingsBuilder builder;
  for (const Reading& r : readings) {
    builder.add(r.alias, r.time, r.value, r.quality);
    if (builder.rows() < columns) continue;
    writer.out().readings(builder.columns());
    builder.clear();
  }
  writer.out().readings(builder.columns());
  return writer.take();
}

std::vector<Reading> readings_of(std::string_view stream) {
  std::vector<Reading> readings;
  for (const v1::Frame& frame : testing::frames_of(stream, FrameKind::readings)) {
    const v1::Readings& r = frame.readings();
    for (int i = 0; i < r.series_size(); ++i)
      readings.push_back({r.series(i), r.time(i), r.double_value(i), r.quality_size() == 0 ? kGood : r.quality(i)});
  }
  return readings;
}

std::string run(const Policy& policy, const std::string& stream) {
  SeriesTable table;
  Deadband stage(table, policy);
  Output out;
  const Status status = testing::drive(stream, stage, table, out);
  RC_ASSERT(status.ok());
  return std::string(out.pending());
}

}  // namespace

TEST_CASE("step: every sample is within the bound of what is held") {
  rc::check([] {
    const double bound = *rc::gen::inRange(0, 9) * 0.25;
    const Policy policy = policy_of(R"("absolute":)" + std::to_string(bound));
    const auto in = some_readings();
    const auto out = readings_of(run(policy, stream_of(in, 7)));
    std::array<std::optional<Reading>, kSeries> held;
    std::size_t next = 0;
    for (const Reading& reading : in) {
      auto& h = held[reading.alias];
      if (next < out.size() && out[next] == reading && (!h || !(*h == reading))) {
        h = reading;
        ++next;
        continue;
      }
      if (next < out.size() && out[next] == reading) ++next;  // a repeated equal reading may have passed: still held
      RC_ASSERT(h.has_value());
      RC_ASSERT(h->quality == reading.quality);
      const bool both_nan = std::isnan(h->value) && std::isnan(reading.value);
      RC_ASSERT(both_nan || h->value == reading.value || std::fabs(reading.value - h->value) <= bound);
    }
    RC_ASSERT(next == out.size());  // a subsequence
  });
}

TEST_CASE("idempotent, and independent of how readings are grouped into frames") {
  rc::check([] {
    const Policy policy = policy_of(R"("absolute":0.5,"heartbeat":"5s")");
    const auto in = some_readings();
    const auto once = readings_of(run(policy, stream_of(in, 7)));
    RC_ASSERT(readings_of(run(policy, stream_of(once, 5))) == once);
    const auto columns = *rc::gen::inRange<std::size_t>(1, 50);
    RC_ASSERT(readings_of(run(policy, stream_of(in, columns))) == once);
  });
}

TEST_CASE("heartbeat: no longer silence while readings come") {
  rc::check([] {
    const Policy policy = policy_of(R"("absolute":1000,"heartbeat":"5s")");
    const auto in = some_readings();
    const auto out = readings_of(run(policy, stream_of(in, 7)));
    for (const Reading& reading : in) {
      Nanos newest = -1;
      for (const Reading& sent : out)
        if (sent.alias == reading.alias && sent.time <= reading.time) newest = sent.time;
      RC_ASSERT(newest >= 0 && reading.time - newest < 5 * kSecond);
    }
  });
}

TEST_CASE("stop and resume at any reading equals an uninterrupted run") {
  rc::check([] {
    const Policy policy = policy_of(R"("absolute":0.5,"heartbeat":"9s","shortest":"2s")");
    const auto in = some_readings();
    const auto cut = *rc::gen::inRange<std::size_t>(0, in.size() + 1);
    const std::vector<Reading> head(in.begin(), in.begin() + static_cast<std::ptrdiff_t>(cut)),
        tail(in.begin() + static_cast<std::ptrdiff_t>(cut), in.end());

    SeriesTable table, second_table;
    Deadband first(table, policy), second(second_table, policy);
    Output out, second_out;
    Driver driver(first, table, "test 0"), second_driver(second, second_table, "test 0");
    const auto feed = [](Driver& to, Output& into, const std::string& stream) {
      return testing::for_each_frame(stream, [&](const FrameView& frame) { return to.take(frame, into); });
    };
    RC_ASSERT(feed(driver, out, stream_of(head, 1)).ok());
    RC_ASSERT(second_table.restore(table.save()).ok());
    RC_ASSERT(second.load(first.save()).ok());
    RC_ASSERT(feed(second_driver, second_out, stream_of(tail, 1)).ok());
    RC_ASSERT(second_driver.end(false, second_out).ok());

    auto got = readings_of(out.pending());
    for (const Reading& reading : readings_of(second_out.pending())) got.push_back(reading);
    RC_ASSERT(got == readings_of(run(policy, stream_of(in, 1))));
  });
}

TEST_CASE("the value suppressed by the shortest interval leaves at the first tick behind it") {
  const Policy policy = policy_of(R"("absolute":0.5,"shortest":"10s")");
  StreamWriter writer;
  writer.series("n", "a", {"x"}, 0);
  ReadingsBuilder rows;
  rows.add(0, 0, 1.0);
  rows.add(0, kSecond, 5.0);
  rows.add(0, 2 * kSecond, 6.0);
  writer.out().readings(rows.columns());
  writer.watermark("n", 9 * kSecond);
  writer.watermark("other", 99 * kSecond);
  writer.watermark("n", 10 * kSecond);
  writer.watermark("n", 11 * kSecond);
  const auto out = readings_of(run(policy, writer.take()));
  CHECK(out == std::vector<Reading>{{0, 0, 1.0, kGood}, {0, 2 * kSecond, 6.0, kGood}});
}

TEST_CASE("a birth makes the next reading pass; so does a new engineering range") {
  const Policy policy = policy_of(R"("percent":1)");  // of 0..200: 2
  StreamWriter writer;
  writer.series("n", "a", {"x"}, 0, 1);
  ReadingsBuilder rows;
  rows.add(0, 0, 1.0);
  rows.add(0, 1, 3.0);  // on the bound: suppressed
  writer.out().readings(rows.columns());
  writer.series("n", "a", {"x"}, 0, 2);
  rows.clear();
  rows.add(0, 2, 1.5);
  rows.add(0, 3, 1.0);
  writer.out().readings(rows.columns());
  const auto out = readings_of(run(policy, writer.take()));
  CHECK(out == std::vector<Reading>{{0, 0, 1.0, kGood}, {0, 2, 1.5, kGood}});
}

TEST_CASE("per cent without an engineering range is refused") {
  const Policy policy = policy_of(R"("percent":1)");
  StreamWriter writer;
  v1::Frame frame;
  frame.mutable_series()->set_site("s");
  frame.mutable_series()->add_sensor()->set_name("x");
  writer.out().frame(frame);
  SeriesTable table;
  Deadband stage(table, policy);
  Output out;
  const Status status = testing::drive(writer.take(), stage, table, out);
  CHECK(status.code == Code::bad_config);
  CHECK(status.message.find("engineering range") != std::string::npos);
}
