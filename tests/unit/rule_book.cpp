// SPDX-License-Identifier: Apache-2.0
// The rules in force: which applies and until when, and that an expired one is told once, in the stream and in words.
#include "policy/rule_book.hpp"

#include <catch2/catch.hpp>

#include "drive.hpp"

using namespace twinpipe;

namespace {

constexpr Nanos kMinute = 60 * kSecond;

Policy policy_of(const std::string& rules) {
  Result<Policy> policy = Policy::parse(R"({"name":"n","version":"7","owner":"o","deadband":[)" + rules + "]}");
  if (!policy.ok()) FAIL(policy.status().message);
  return *policy;
}

const char* const kRules = R"(
  {"name":"flood","match":"*/*/*/x","absolute":9,"expires":"1970-01-01T00:01:00Z","reason":"ticket 1"},
  {"name":"wide","match":"*/*/*/*","absolute":5,"expires":"1970-01-01T00:02:00Z","reason":"ticket 2"},
  {"name":"x","match":"*/*/*/x","absolute":1,"heartbeat":"90s"})";

/// A table of two series of one asset: s/l/a/x is slot 0, s/l/a/y slot 1.
SeriesTable table_of_two() {
  v1::Series frame;
  frame.set_site("s");
  frame.set_line("l");
  frame.set_asset("a");
  for (const char* name : {"x", "y"}) {
    v1::Sensor& sensor = *frame.add_sensor();
    sensor.set_name(name);
    sensor.set_alias(static_cast<std::uint32_t>(frame.sensor_size() - 1));
  }
  SeriesTable table;
  std::vector<Declared> declared;
  REQUIRE(table.declare(frame, declared).ok());
  return table;
}

}  // namespace

TEST_CASE("the rule that applies at an event time, and until when") {
  const Policy policy = policy_of(kRules);
  const SeriesTable table = table_of_two();
  RuleBook book(policy, "deadband");
  struct Row {
    std::uint32_t slot;
    Nanos at;
    const char* rule;
    Nanos until;
  };
  for (const Row& row :
       {Row{0, kBeginning, "flood", kMinute}, Row{0, kMinute - 1, "flood", kMinute}, Row{0, kMinute, "wide", 2 * kMinute},
        Row{0, 2 * kMinute, "x", kForever}, Row{0, kForever, "x", kForever}, Row{1, 0, "wide", 2 * kMinute},
        Row{1, 2 * kMinute, nullptr, kForever}}) {
    INFO(row.slot << " at " << row.at);
    const RuleBook::Match match = book.find(table, row.slot, row.at);
    REQUIRE((match.rule == nullptr) == (row.rule == nullptr));
    if (row.rule != nullptr) CHECK(match.rule->name == row.rule);
    CHECK(match.until == row.until);
  }
}

TEST_CASE("a rule that expires is told once, in words and with an Applied frame of its own") {
  const Policy policy = policy_of(kRules);
  const SeriesTable table = table_of_two();
  RuleBook book(policy, "deadband");
  Output out;
  const auto flags = [](const v1::Frame& frame) {
    std::string text;
    for (const v1::AppliedRule& rule : frame.applied().rule()) text += rule.expired() ? '1' : '0';
    return text;
  };

  (void)book.find(table, 0, kMinute - 1);
  CHECK_FALSE(book.has_news());
  CHECK(book.announce(out).empty());
  CHECK(out.pending().empty());

  (void)book.find(table, 0, 5 * kMinute);  // both temporary rules would have applied
  (void)book.find(table, 1, 5 * kMinute);
  (void)book.find(table, 0, 0);  // a late question revives nothing
  REQUIRE(book.has_news());
  const std::vector<std::string> lines = book.announce(out);
  CHECK(lines ==
        std::vector<std::string>{
            "temporary rule 'flood' has expired at 1970-01-01T00:01:00Z (ticket 1): its series fall back to the next match",
            "temporary rule 'wide' has expired at 1970-01-01T00:02:00Z (ticket 2): its series fall back to the next match"});
  const std::vector<v1::Frame> frames = testing::frames_of(out.pending(), FrameKind::applied);
  REQUIRE(frames.size() == 2);
  CHECK(flags(frames[0]) == "100");
  CHECK(flags(frames[1]) == "110");
  CHECK(flags(book.applied()) == "110");
  CHECK(book.expired() == 2);
  CHECK_FALSE(book.has_news());
  CHECK(book.announce(out).empty());
}

TEST_CASE("a temporary rule behind one that already applies never was in force, and so does not expire") {
  const Policy policy = policy_of(R"({"match":"*/*/*/*","absolute":1},
    {"match":"*/*/*/x","absolute":2,"expires":"1970-01-01T00:01:00Z","reason":"r"})");
  const SeriesTable table = table_of_two();
  RuleBook book(policy, "deadband");
  CHECK(book.find(table, 0, 5 * kMinute).rule == &policy.rules("deadband")[0]);
  CHECK_FALSE(book.has_news());
}

TEST_CASE("the Applied frame names the policy and has each rule as it is set, and what the tool adds") {
  const Policy policy = policy_of(kRules);
  RuleBook book(
      policy, "thinner", [](const Rule& rule, v1::AppliedRule& to) { to.set_bound(rule.number("absolute").value_or(0)); },
      "deadband");
  const v1::Applied applied = book.applied().applied();
  CHECK(applied.tool() == "thinner");
  CHECK(applied.policy() == "n");
  CHECK(applied.version() == "7");
  CHECK(applied.owner() == "o");
  CHECK(applied.digest() == policy.digest());
  REQUIRE(applied.rule_size() == 3);
  CHECK(applied.rule(0).name() == "flood");
  CHECK(applied.rule(0).pattern() == "*/*/*/x");
  CHECK(applied.rule(0).expires() == kMinute);
  CHECK(applied.rule(0).reason() == "ticket 1");
  CHECK(applied.rule(2).settings() == "absolute 1, heartbeat 1m30s");
  CHECK(applied.rule(2).bound() == 1);
  CHECK(applied.rule(2).expires() == 0);
  CHECK(RuleBook(policy, "winagg").applied().applied().rule_size() == 0);
}
