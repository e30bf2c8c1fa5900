// SPDX-License-Identifier: Apache-2.0
// Quarantine: what a deadband upstream means for a stuck value, failing, side output, windows, births, and rules that are none.
#include "kernel/quarantine.hpp"

#include <catch2/catch.hpp>

#include "drive.hpp"

using namespace twinpipe;
using testing::StreamWriter;

namespace {

Policy policy_of(const std::string& rules) {
  Result<Policy> policy = Policy::parse(R"({"name":"p","version":"1","owner":"o","quarantine":[)" + rules + "]}");
  if (!policy.ok()) FAIL(policy.status().message);
  return *policy;
}

struct Ran {
  Status status;
  std::string out, side;
  std::vector<std::string> notices;
  std::vector<double> passed;
  std::vector<v1::Reject> rejects;
};

Ran run(const std::string& rules, const std::string& stream, bool to_side = false) {
  const Policy policy = policy_of(rules);
  SeriesTable table;
  Output out, side;
  Quarantine stage(table, policy, *read_expectations(policy), {to_side ? &side : nullptr, false});
  Ran ran{testing::drive(stream, stage, table, out),
          std::string(out.pending()),
          std::string(side.pending()),
          stage.take_notices(),
          {},
          {}};
  CHECK(stage.side_bytes() == side.pending().size());
  for (const v1::Frame& frame : testing::frames_of(ran.out, FrameKind::readings))
    for (const double value : frame.readings().double_value()) ran.passed.push_back(value);
  for (const v1::Frame& frame : testing::frames_of(to_side ? ran.side : ran.out, FrameKind::reject))
    ran.rejects.push_back(frame.reject());
  return ran;
}

void add(StreamWriter& writer, const std::vector<std::pair<Nanos, double>>& readings, std::uint32_t alias = 0) {
  ReadingsBuilder rows;
  for (const auto& [seconds, value] : readings) rows.add(alias, seconds * kSecond, value);
  writer.out().readings(rows.columns());
}

void deadband(StreamWriter& writer, Nanos heartbeat) {
  v1::Frame frame;
  frame.mutable_applied()->set_tool("deadband");
  frame.mutable_applied()->add_rule()->set_pattern("+/+/+/+");
  frame.mutable_applied()->mutable_rule(0)->set_heartbeat(heartbeat);
  writer.out().frame(frame);
}

const char* const kStuck = R"({"name":"stuck","match":"+/+/+/+","expect":"stuck","longest":"30s"})";
const std::vector<std::pair<Nanos, double>> kHeartbeats{{100, 7}, {160, 7}, {220, 7}, {280, 7}, {281, 8}};

}  // namespace

TEST_CASE("quarantine: the same value is stuck after the rule's time, and behind a deadband after two heartbeats") {
  StreamWriter bare, behind, silent;
  for (StreamWriter* writer : {&bare, &behind, &silent}) writer->series("n", "x", {"t"}, 0);
  deadband(behind, 60 * kSecond);
  deadband(silent, 0);
  for (StreamWriter* writer : {&bare, &behind, &silent}) add(*writer, kHeartbeats);
  CHECK(run(kStuck, bare.take()).passed == std::vector<double>{7, 8});
  const Ran told = run(kStuck, behind.take());
  CHECK(told.passed == std::vector<double>{7, 7, 7, 8});
  REQUIRE(told.rejects.size() == 1);
  CHECK(told.rejects[0].reason() == "7 since 1970-01-01T00:01:40Z: longer than 30s");
  REQUIRE(told.notices.size() == 1);
  CHECK(
      told.notices[0] ==
      "rule 'stuck' says 30s, and a deadband upstream sends a value that does not change once in 1m: it does not tell before 2m");
  const Ran never = run(kStuck, silent.take());
  CHECK(never.passed.size() == kHeartbeats.size());
  CHECK(never.notices.size() == 1);
}

TEST_CASE("quarantine: a rule of action fail stops behind everything before it") {
  StreamWriter writer;
  writer.series("n", "x", {"t"}, 0);
  add(writer, {{1, 20}, {2, 600}, {3, 21}});
  const Ran ran = run(R"({"name":"hot","match":"+/+/+/+","expect":"range","max":400,"action":"fail"})", writer.take());
  CHECK(ran.status.code == Code::finding);
  CHECK(ran.status.message == "rule 'hot' is broken: s/l/x/t: 600 is above 400");
  CHECK(ran.passed == std::vector<double>{20});
  REQUIRE(ran.rejects.size() == 1);
  CHECK(ran.rejects[0].action() == v1::Reject::ACTION_FAIL);
  const auto close = testing::frames_of(ran.out, FrameKind::close);
  REQUIRE(close.size() == 1);
  CHECK_FALSE(close[0].close().final());
}

TEST_CASE("quarantine: a side output has the rejects, and the stream has not") {
  StreamWriter writer;
  writer.series("n", "x", {"t"}, 0);
  add(writer, {{1, 20}, {2, 600}, {3, 21}});
  const Ran ran = run(R"({"match":"+/+/+/+","expect":"range","max":400})", writer.take(), true);
  CHECK(ran.passed == std::vector<double>{20, 21});
  CHECK(testing::frames_of(ran.out, FrameKind::reject).empty());
  REQUIRE(ran.rejects.size() == 1);
  CHECK(ran.rejects[0].reading().double_value(0) == 600);
  CHECK(ran.rejects[0].series().sensor(0).name() == "t");
  CHECK(ran.rejects[0].lineage().node() == "n");
}

TEST_CASE("quarantine: rows of windows are held against ranges by what they have in the unit of their series") {
  StreamWriter writer;
  writer.series("n", "x", {"t"}, 0);
  v1::Frame frame;
  v1::Aggregates& rows = *frame.mutable_aggregates();
  for (int row = 0; row < 3; ++row) {
    rows.add_series(0);
    rows.add_start((row + 1) * kSecond);
    rows.add_end((row + 2) * kSecond);
    rows.add_count(row == 2 ? 0 : 5);
    rows.add_min(row == 2 ? 0 : 10);
    rows.add_max(row == 1 ? 450 : 20);
    rows.add_rms(1e6);  // says nothing of a range
  }
  writer.out().frame(frame);
  const Ran ran = run(R"({"match":"+/+/+/+","expect":"range","min":5,"max":400})", writer.take());
  const auto passed = testing::frames_of(ran.out, FrameKind::aggregates);
  REQUIRE(passed.size() == 1);
  CHECK(passed[0].aggregates().series_size() == 2);  // an empty window has no values
  REQUIRE(ran.rejects.size() == 1);
  CHECK(ran.rejects[0].aggregates().max(0) == 450);
  CHECK(ran.rejects[0].reason() == "max 450 is above 400");
}

TEST_CASE("quarantine: after a birth the clock may be set back, and what is known of the values stays where it was not") {
  const char* const rate = R"({"name":"rate","match":"+/+/+/+","expect":"rate","per_second":1})";
  for (const Nanos next : {Nanos{90}, Nanos{102}}) {
    StreamWriter writer;
    writer.series("n", "x", {"t"}, 0, 1);
    add(writer, {{100, 5}, {101, 5}});
    writer.series("n", "x", {"t"}, 0, 2);
    add(writer, {{next, 50}, {next + 1, 90}});
    const Ran ran = run(rate, writer.take());
    // Set back: 50 is where it begins. Otherwise it is a jump, and so is the next one.
    CHECK(ran.passed == (next < 100 ? std::vector<double>{5, 5, 50} : std::vector<double>{5, 5}));
  }
}

TEST_CASE("quarantine: the canonical unit, as declared last") {
  StreamWriter writer;
  const auto declare = [&writer](const char* unit) {
    v1::Frame frame;
    frame.mutable_series()->set_site("s");
    frame.mutable_series()->set_line("l");
    frame.mutable_series()->set_asset("x");
    frame.mutable_series()->set_node("n");
    v1::Sensor& sensor = *frame.mutable_series()->add_sensor();
    sensor.set_name("t");
    sensor.set_type(v1::VALUE_TYPE_DOUBLE);
    sensor.set_unit(unit);
    sensor.set_declared_unit("F");
    writer.out().frame(frame);
  };
  declare("degC");
  add(writer, {{1, 20}});
  declare("");
  add(writer, {{2, 70}});
  declare("K");
  add(writer, {{3, 300}});
  const Ran ran = run(R"({"match":"+/+/+/+","expect":"unit","unit":"degC"})", writer.take());
  CHECK(ran.passed == std::vector<double>{20});
  REQUIRE(ran.rejects.size() == 2);
  CHECK(ran.rejects[0].reason() == "no canonical unit, and it should be degC; declared as 'F'");
  CHECK(ran.rejects[1].reason() == "the unit is K and should be degC");
}

TEST_CASE("quarantine: rules that say nothing or too much are refused") {
  for (const auto& [rule, complaint] : std::vector<std::pair<std::string, std::string>>{
           {R"({"name":"r","match":"+/+/+/+"})", "names nothing to 'expect'"},
           {R"({"name":"r","match":"+/+/+/+","expect":"range"})", "a range without 'min' and 'max'"},
           {R"({"name":"r","match":"+/+/+/+","expect":"range","min":2,"max":1})", "no value is between 'min' 2 and 'max' 1"},
           {R"({"name":"r","match":"+/+/+/+","expect":"rate"})", "'per_second' is missing"},
           {R"({"name":"r","match":"+/+/+/+","expect":"set"})", "'values' is missing"},
           {R"({"name":"r","match":"+/+/+/+","expect":"not-null","max":3})", "'max' is nothing that 'not-null' knows"}}) {
    CHECK(Quarantine::check(policy_of(rule)).message == "policy: quarantine: rule 'r': " + complaint);
  }
}
