// SPDX-License-Identifier: Apache-2.0
// Deadband's laws: the bound holds exactly, output is a subsequence, idempotent, independent of the cutting into frames.
#include "property/deadband_laws.hpp"

using namespace twinpipe;
using testing::StreamWriter;
using namespace twinpipe::deadband_laws;

TEST_CASE("step: every sample is within the bound of what is held") {
  CHECK(rc::check([] {
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
  }));
}

TEST_CASE("idempotent, and independent of how readings are grouped into frames") {
  CHECK(rc::check([] {
    const Policy policy = policy_of(R"("absolute":0.5,"heartbeat":"5s")");
    const auto in = some_readings();
    const auto once = readings_of(run(policy, stream_of(in, 7)));
    RC_ASSERT(readings_of(run(policy, stream_of(once, 5))) == once);
    const auto columns = *rc::gen::inRange<std::size_t>(1, 50);
    RC_ASSERT(readings_of(run(policy, stream_of(in, columns))) == once);
  }));
}

TEST_CASE("heartbeat: no longer silence while readings come") {
  CHECK(rc::check([] {
    const Policy policy = policy_of(R"("absolute":1000,"heartbeat":"5s")");
    const auto in = some_readings();
    const auto out = readings_of(run(policy, stream_of(in, 7)));
    for (const Reading& reading : in) {
      Nanos newest = -1;
      for (const Reading& sent : out)
        if (sent.alias == reading.alias && sent.time <= reading.time) newest = sent.time;
      RC_ASSERT(newest >= 0 && reading.time - newest < 5 * kSecond);
    }
  }));
}

TEST_CASE("stop and resume at any reading equals an uninterrupted run") {
  CHECK(rc::check([] {
    const Policy policy = policy_of(R"("absolute":0.5,"heartbeat":"9s","shortest":"2s")");
    const auto in = some_readings();
    RC_ASSERT(run_in_two(policy, in, *rc::gen::inRange<std::size_t>(0, in.size() + 1)) ==
              readings_of(run(policy, stream_of(in, 1))));
  }));
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

TEST_CASE("per cent of a range so wide that the bound is infinite is refused") {
  const Policy policy = policy_of(R"("percent":1)");
  for (const double high : {1e307, 1e308}) {
    v1::Frame frame;
    frame.mutable_series()->set_site("s");
    v1::Sensor& sensor = *frame.mutable_series()->add_sensor();
    sensor.set_name("x");
    sensor.set_low(-high);
    sensor.set_high(high);
    StreamWriter writer;
    writer.out().frame(frame);
    SeriesTable table;
    Deadband stage(table, policy);
    Output out;
    const Status status = testing::drive(writer.take(), stage, table, out);
    CHECK(status.ok() == (high == 1e307));
    if (!status.ok()) CHECK(status.message.find("not finite") != std::string::npos);
  }
}

TEST_CASE("a change to or from not-a-number does not wait for the shortest interval") {
  const Policy policy = policy_of(R"("absolute":0.5,"shortest":"10s")");
  const std::vector<Reading> in{{0, 0, 1, kGood}, {0, kSecond, std::nan(""), kGood}, {0, 2 * kSecond, 1, kGood}};
  CHECK(readings_of(run(policy, stream_of(in, 7))) == in);
}
