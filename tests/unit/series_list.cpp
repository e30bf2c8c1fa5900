// SPDX-License-Identifier: Apache-2.0
// Lists of series: names, JSON lines, frames, and what is refused.
#include "kernel/series_list.hpp"

#include <catch2/catch.hpp>

#include "drive.hpp"

using namespace twinpipe;

namespace {

std::vector<ListedSeries> read(std::string_view content) {
  Result<std::vector<ListedSeries>> list = read_series_list(content, 10);
  if (!list.ok()) FAIL(list.status().message);
  return *list;
}

}  // namespace

TEST_CASE("names a line") {
  const std::vector<ListedSeries> list = read("# those of line 1\n\np/l/a/x\r\np/l/a%2Fb/y\np/l/a/x\np/l/a/z");
  REQUIRE(list.size() == 3);
  CHECK(list[0].name() == "p/l/a/x");
  CHECK(list[1].levels[2] == "a/b");
  CHECK(list[1].name() == "p/l/a%2Fb/y");
  CHECK(list[2].name() == "p/l/a/z");
  CHECK_FALSE(list[0].declared);
}

TEST_CASE("frames declare range and sample rate") {
  testing::StreamWriter writer;
  writer.series("n", "a", {"x", "y"}, 0);
  v1::Frame frame;
  frame.mutable_series()->set_asset("b");
  v1::Sensor& sensor = *frame.mutable_series()->add_sensor();
  sensor.set_alias(2);
  sensor.set_name("vibration");
  v1::Property& property = *sensor.add_property();
  property.set_name("samplePeriod");
  property.mutable_value()->set_double_value(0.001);
  writer.out().frame(frame);
  std::vector<ListedSeries> list = read(writer.take());
  REQUIRE(list.size() == 3);
  CHECK(list[0].name() == "s/l/a/x");
  CHECK(list[0].declared);
  CHECK(list[0].has_range());
  CHECK(list[0].high == 200.0);
  CHECK_FALSE(list[0].sample_rate.has_value());
  CHECK_FALSE(list[2].has_range());
  CHECK(list[2].sample_rate == 1000.0);
}

TEST_CASE("what waveforms say counts, whatever was declared") {
  testing::StreamWriter writer;
  writer.series("n", "a", {"x"}, 0, 1, v1::VALUE_TYPE_WAVEFORM);
  v1::Frame frame;
  frame.mutable_waveform()->set_sample_period(0.25);
  frame.mutable_waveform()->add_float_sample(1);
  writer.out().frame(frame);
  CHECK(read(writer.take())[0].sample_rate == 4.0);
}

TEST_CASE("JSON lines declare too, and readings alone do") {
  const std::vector<ListedSeries> list =
      read(R"({"frame":"series","site":"p","line":"l","asset":"a","sensor":[{"name":"x","type":"double","low":0,"high":5}]})"
           "\n"
           R"({"frame":"reading","series":"p/l/a/y","time":"2026-01-01T00:00:00Z","value":1})"
           "\n");
  REQUIRE(list.size() == 2);
  CHECK(list[0].name() == "p/l/a/x");
  CHECK(list[0].has_range());
  CHECK(list[1].name() == "p/l/a/y");
}

TEST_CASE("what is no list is refused with its line") {
  struct Case {
    std::string content;
    const char* message;
  };
  testing::StreamWriter writer;
  writer.series("n", "a", {"x"}, 0);
  const std::string stream = writer.take();
  testing::StreamWriter undeclared;
  v1::Frame waveform;
  waveform.mutable_waveform()->set_series(3);
  undeclared.out().frame(waveform);
  std::string many;
  for (int i = 0; i < 11; ++i) many += "p/l/a/x" + std::to_string(i) + "\n";
  for (const Case& c : {Case{"", "lists no series"},
                        {"# nothing\n", "lists no series"},
                        {"p/l/a/x\np/l/a\n", "line 2: not a series"},
                        {"p/l/a/%FF\n", "line 1: not a series"},
                        {many, "line 11: more than 10 series"},
                        {"{\"series\":1}\n", "line 1: "},
                        {stream.substr(0, stream.size() - 1), "ends inside a frame"},
                        {"\nx", "frame"},
                        {undeclared.take(), "undeclared alias"}}) {
    INFO(c.content);
    const Result<std::vector<ListedSeries>> list = read_series_list(c.content, 10);
    REQUIRE_FALSE(list.ok());
    CHECK(list.status().code == Code::bad_data);
    INFO(list.status().message);
    CHECK(list.status().message.find(c.message) != std::string::npos);
  }
}
