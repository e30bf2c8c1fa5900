// SPDX-License-Identifier: Apache-2.0
// Which policies shaped the values of a stream: readings by what is in force, derived values by their digest.
#include "kernel/lineage.hpp"

#include <catch2/catch.hpp>

#include "drive.hpp"
#include "kernel/form_driver.hpp"

using namespace twinpipe;
using testing::StreamWriter;

namespace {

constexpr Nanos kMinute = 60 * kSecond;

v1::AppliedRule rule_of(const char* name, const char* pattern, Nanos expires = 0) {
  v1::AppliedRule rule;
  rule.set_name(name);
  rule.set_pattern(pattern);
  rule.set_settings(std::string("of ") + name);
  rule.set_expires(expires);
  return rule;
}

void applied(StreamWriter& writer, const char* tool, const char* policy, const char* digest,
             const std::vector<v1::AppliedRule>& rules) {
  v1::Frame frame;
  v1::Applied& to = *frame.mutable_applied();
  to.set_tool(tool);
  to.set_policy(policy);
  to.set_version("1");
  to.set_owner("o");
  to.set_digest(digest);
  for (const v1::AppliedRule& rule : rules) *to.add_rule() = rule;
  writer.out().frame(frame);
}

void readings(StreamWriter& writer, std::uint32_t alias, std::initializer_list<Nanos> times, bool pinned = false) {
  ReadingsBuilder rows;
  rows.set_pinned(pinned);
  for (const Nanos time : times) rows.add(alias, time, 1.0);
  writer.out().readings(rows.columns());
}

void aggregate(StreamWriter& writer, std::uint32_t alias, Nanos start, const char* digest) {
  v1::Frame frame;
  v1::Aggregates& rows = *frame.mutable_aggregates();
  rows.add_series(alias);
  rows.add_start(start);
  rows.add_end(start + kMinute);
  rows.set_policy_digest(digest);
  writer.out().frame(frame);
}

std::string audit(const std::string& stream, const char* pattern = nullptr, bool json = false) {
  std::vector<Pattern> patterns;
  if (pattern != nullptr) patterns.push_back(*Pattern::parse(pattern));
  SeriesTable table;
  Lineage form(table, patterns, json);
  SelectionOptions selected;
  selected.patterns = patterns;
  Selection selection(table, selected);
  FormDriver driver(form, selection, table);
  Output out;
  const Status status = testing::for_each_frame(stream, [&](const FrameView& frame) { return driver.take(frame, out); });
  if (!status.ok()) FAIL(status.message);
  REQUIRE(driver.end(false, out).ok());
  return std::string(out.pending());
}

}  // namespace

TEST_CASE("readings were shaped by the rule in force, or by none") {
  StreamWriter writer;
  applied(writer, "deadband", "p", "d1", {rule_of("flood", "*/*/*/x", kMinute), rule_of("x", "*/*/*/x")});
  writer.series("n", "a", {"x", "y"}, 0);
  readings(writer, 0, {0, kMinute - 1, kMinute, 2 * kMinute, 30 * kSecond});  // the last one late
  readings(writer, 1, {5 * kSecond});
  CHECK(audit(writer.take()) ==
        "s/l/a/x: 3 readings from 1970-01-01T00:00:00Z to 1970-01-01T00:00:59.999999999Z\n"
        "  deadband: policy p version 1 owner o digest d1, rule flood (of flood)\n"
        "s/l/a/x: 2 readings from 1970-01-01T00:01:00Z to 1970-01-01T00:02:00Z\n"
        "  deadband: policy p version 1 owner o digest d1, rule x (of x)\n"
        "s/l/a/y: 1 reading from 1970-01-01T00:00:05Z to 1970-01-01T00:00:05Z\n"
        "  no policy\n");
}

TEST_CASE("what was pinned no deadband has shaped, and windows shape no readings") {
  StreamWriter writer;
  applied(writer, "deadband", "p", "d", {rule_of("all", "*/*/*/*")});
  applied(writer, "exc-pass", "p", "d", {rule_of("hot", "*/*/*/*")});
  applied(writer, "winagg", "p", "d", {rule_of("minute", "*/*/*/*")});
  writer.series("n", "a", {"x"}, 0);
  readings(writer, 0, {0});
  readings(writer, 0, {1}, true);
  CHECK(audit(writer.take()) ==
        "s/l/a/x: 1 reading from 1970-01-01T00:00:00Z to 1970-01-01T00:00:00Z\n"
        "  deadband: policy p version 1 owner o digest d, rule all (of all)\n"
        "  exc-pass: policy p version 1 owner o digest d, rule hot (of hot)\n"
        "s/l/a/x: 1 reading from 1970-01-01T00:00:00.000000001Z to 1970-01-01T00:00:00.000000001Z\n"
        "  exc-pass: policy p version 1 owner o digest d, rule hot (of hot)\n");
}

TEST_CASE("an aggregate was shaped by its own policy and by what stood upstream of it") {
  StreamWriter writer;
  applied(writer, "deadband", "after", "d3", {rule_of("all", "*/*/*/*")});  // downstream comes first
  applied(writer, "winagg", "windows", "d2", {rule_of("minute", "*/*/*/*")});
  applied(writer, "deadband", "before", "d1", {rule_of("all", "*/*/*/*")});
  writer.series("n", "a", {"x"}, 0);
  aggregate(writer, 0, 0, "d2");
  aggregate(writer, 0, kMinute, "unheard-of");
  CHECK(audit(writer.take()) ==
        "s/l/a/x: 1 aggregate from 1970-01-01T00:01:00Z to 1970-01-01T00:01:00Z\n"
        "  winagg: a policy that the stream does not name, digest unheard-of\n"
        "s/l/a/x: 1 aggregate from 1970-01-01T00:00:00Z to 1970-01-01T00:00:00Z\n"
        "  winagg: policy windows version 1 owner o digest d2, rule minute (of minute)\n"
        "  deadband: policy before version 1 owner o digest d1, rule all (of all)\n");
}

TEST_CASE("a new version replaces the old, a sealed segment starts anew") {
  StreamWriter first, second;
  applied(first, "deadband", "p", "d1", {rule_of("all", "*/*/*/*")});
  first.series("n", "a", {"x"}, 0);
  readings(first, 0, {0});
  applied(first, "deadband", "p", "d2", {rule_of("all", "*/*/*/*")});
  readings(first, 0, {1});
  second.series("n", "a", {"x"}, 0);
  readings(second, 0, {2});
  const std::string text = audit(first.take() + second.take());
  CHECK(text.find(
            "1 reading from 1970-01-01T00:00:00Z to 1970-01-01T00:00:00Z\n  deadband: policy p version 1 owner o digest d1") !=
        text.npos);
  CHECK(text.find("00.000000001Z\n  deadband: policy p version 1 owner o digest d2") != text.npos);
  CHECK(text.find("00.000000002Z\n  no policy") != text.npos);
}

TEST_CASE("metrics of twins: the fold's own policy, and those named as having shaped them") {
  StreamWriter writer;
  applied(writer, "twin-fold", "fresh", "d2", {rule_of("slo", "*/*/*/x")});
  applied(writer, "deadband", "thin", "d1", {rule_of("all", "*/*/*/x")});
  v1::Frame frame;
  v1::Twin& twin = *frame.mutable_twin();
  twin.set_site("s");
  twin.set_line("l");
  twin.set_asset("a");
  twin.set_policy_digest("d2");
  twin.add_shaped_by("d1");
  twin.add_shaped_by("d0");
  for (const char* sensor : {"x", "y", "never"}) {
    v1::TwinMetric& metric = *twin.add_metric();
    metric.set_sensor(sensor);
    metric.set_freshness(sensor == std::string("never") ? v1::FRESHNESS_NEVER : v1::FRESHNESS_FRESH);
    metric.set_time(kMinute);
  }
  writer.out().frame(frame);
  const std::string stream = writer.take();
  const std::string x =
      "s/l/a/x: 1 twin metric from 1970-01-01T00:01:00Z to 1970-01-01T00:01:00Z\n"
      "  twin-fold: policy fresh version 1 owner o digest d2, rule slo (of slo)\n"
      "  deadband: policy thin version 1 owner o digest d1, rule all (of all)\n"
      "  some tool: a policy that the stream does not name, digest d0\n";
  CHECK(audit(stream, "*/*/*/x") == x);
  CHECK(audit(stream) == x + "s/l/a/y: 1 twin metric from 1970-01-01T00:01:00Z to 1970-01-01T00:01:00Z\n"
                             "  twin-fold: policy fresh version 1 owner o digest d2\n"
                             "  some tool: a policy that the stream does not name, digest d0\n");
}

TEST_CASE("the audit as JSON lines, of the series that are asked for") {
  StreamWriter writer;
  applied(writer, "deadband", "p", "d", {rule_of("all", "*/*/*/*")});
  writer.series("n", "a", {"x", "y"}, 0);
  readings(writer, 0, {0, kSecond});
  readings(writer, 1, {0});
  CHECK(
      audit(writer.take(), "*/*/*/x", true) ==
      R"({"series":"s/l/a/x","kind":"reading","count":2,"first":"1970-01-01T00:00:00Z","last":"1970-01-01T00:00:01Z",)"
      R"("shaped_by":[{"tool":"deadband","policy":"p","version":"1","owner":"o","digest":"d","rule":"all","settings":"of all"}]})"
      "\n");
}
