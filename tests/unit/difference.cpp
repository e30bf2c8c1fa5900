// SPDX-License-Identifier: Apache-2.0
// What compare() says of two policies: rules that came, went, changed and moved, and what series get.
#include "policy/difference.hpp"

#include <fmt/format.h>

#include <catch2/catch.hpp>

#include "cli/policy_report.hpp"

using namespace twinpipe;

namespace {

Policy policy_of(const std::string& rules, const std::string& version = "1") {
  Result<Policy> policy =
      Policy::parse(fmt::format(R"({{"name":"n","version":"{}","owner":"o","deadband":[{}]}})", version, rules));
  if (!policy.ok()) FAIL(policy.status().message);
  return *policy;
}

/// The lines about rules and series.
std::string words(const std::string& before, const std::string& after, const std::vector<ListedSeries>* series = nullptr) {
  PolicyDifference difference = compare(policy_of(before), policy_of(after), series);
  difference.header.clear();
  return cli::difference_as_text(difference);
}

const char* const kA = R"({"name":"a","match":"*/*/*/temp","absolute":1})";
const char* const kB = R"({"name":"b","match":"*/*/*/rpm","absolute":2})";
const char* const kC = R"({"name":"c","match":"*/*/*/*","absolute":3})";

std::string list(std::initializer_list<const char*> rules) { return fmt::format("{}", fmt::join(rules, ",")); }

}  // namespace

TEST_CASE("the same policy in another layout is the same") {
  const PolicyDifference difference =
      compare(policy_of(R"({"match":"*/*/*/*","absolute":1})"), policy_of(R"({ "absolute": 1.0, "match": "*/*/*/*" })"), nullptr);
  CHECK(difference.same());
  CHECK(cli::difference_as_text(difference).empty());
  CHECK(cli::difference_as_json(difference).empty());
}

TEST_CASE("another version alone differs, and its digest") {
  const PolicyDifference difference = compare(policy_of(kA), policy_of(kA, "2"), nullptr);
  CHECK_FALSE(difference.same());
  REQUIRE(difference.header.size() == 2);
  CHECK(difference.header[0].what == "version");
  CHECK(difference.header[0].before == "1");
  CHECK(difference.header[0].after == "2");
  CHECK(difference.header[1].what == "digest");
  CHECK(difference.rules.empty());
}

TEST_CASE("rules that came, went, changed or moved, in words") {
  struct Case {
    std::string before, after, words;
  };
  const Case cases[] = {
      {kA, R"({"name":"a","match":"*/*/*/temp","absolute":1.5,"heartbeat":"1m"})",
       "deadband: rule 'a' (*/*/*/temp): absolute 1 -> 1.5, heartbeat none -> 1m\n"},
      {kA, R"({"name":"a","match":"p/*/*/temp","absolute":1})",
       "deadband: rule 'a' (p/*/*/temp): match */*/*/temp -> p/*/*/temp\n"},
      {kA, R"({"name":"warm","match":"*/*/*/temp","absolute":1})", "deadband: rule 'warm' (*/*/*/temp): name a -> warm\n"},
      {kA, R"({"name":"a","match":"*/*/*/temp","absolute":1,"expires":"1970-01-01T00:01:00Z","reason":"r"})",
       "deadband: rule 'a' (*/*/*/temp): expires none -> 1970-01-01T00:01:00Z, reason none -> r\n"},
      {list({kA, kC}), list({kA, kB, kC}),
       "deadband: rule 'b' (*/*/*/rpm) is new in place 2: absolute 2, in place of c (absolute 3)\n"},
      {kA, list({kA, kC}), "deadband: rule 'c' (*/*/*/*) is new in place 2: absolute 3, in place of a (absolute 1) or no rule\n"},
      {list({kA, kB, kC}), list({kA, kC}), "deadband: rule 'b' (*/*/*/rpm) is gone: absolute 2, now c (absolute 3)\n"},
      {list({kA, kB, kC}), list({kB, kA, kC}), "deadband: rule 'a' (*/*/*/temp): place 1 -> 2\n"},
      {list({kA, kB, kC}), list({kC, kA, kB}), "deadband: rule 'c' (*/*/*/*): place 3 -> 1\n"},
      // A rule without a name is known by its pattern, wherever it stands.
      {R"({"match":"*/*/*/x","absolute":1})", R"({"match":"*/*/*/y","absolute":2},{"match":"*/*/*/x","absolute":3})",
       "deadband: rule 'deadband[0]' (*/*/*/y) is new in place 1: absolute 2, in place of no rule\n"
       "deadband: rule 'deadband[1]' (*/*/*/x): absolute 1 -> 3\n"},
      {R"({"match":"*/*/*/x","absolute":5,"expires":"1970-01-01T00:01:00Z","reason":"r"},{"match":"*/*/*/x","absolute":1})",
       R"({"match":"*/*/*/x","absolute":1})",
       "deadband: rule 'deadband[0]' (*/*/*/x) is gone: absolute 5 until 1970-01-01T00:01:00Z (r), now deadband[0] (absolute "
       "1)\n"},
  };
  for (const Case& c : cases) {
    INFO(c.before << "\n" << c.after);
    CHECK(words(c.before, c.after) == c.words);
    CHECK(words(c.before, c.before).empty());
  }
}

TEST_CASE("what listed series get, those with the same change together") {
  const std::vector<ListedSeries> series{{*split_series_name("p/l/a/temp"), false, {}, {}, {}},
                                         {*split_series_name("p/l/b/temp"), false, {}, {}, {}},
                                         {*split_series_name("p/l/a/rpm"), false, {}, {}, {}}};
  const PolicyDifference difference = compare(policy_of(list({kA, kC})), policy_of(list({kB, kC})), &series);
  REQUIRE(difference.series.size() == 2);
  CHECK(difference.series[0].before == "absolute 1");
  CHECK(difference.series[0].after == "absolute 3");
  CHECK(difference.series[0].series == std::vector<std::string>{"p/l/a/temp", "p/l/b/temp"});
  CHECK(difference.series[1].before == "absolute 3");
  CHECK(difference.series[1].after == "absolute 2");
  CHECK(difference.series[1].series == std::vector<std::string>{"p/l/a/rpm"});
  // A move that no listed series can tell changes none.
  CHECK(compare(policy_of(list({kA, kB})), policy_of(list({kB, kA})), &series).series.empty());
}

TEST_CASE("what a series gets in turn") {
  const Policy policy = policy_of(
      R"({"match":"*/*/*/temp","absolute":9,"expires":"1970-01-01T00:01:00Z","reason":"r"},{"match":"p/*/*/temp","absolute":1},{"match":"*/*/*/rpm"})");
  CHECK(settings_in_turn(policy, "deadband", {"p", "l", "a", "temp"}) ==
        "absolute 9 until 1970-01-01T00:01:00Z (r), then absolute 1");
  CHECK(settings_in_turn(policy, "deadband", {"q", "l", "a", "temp"}) ==
        "absolute 9 until 1970-01-01T00:01:00Z (r), then no rule");
  CHECK(settings_in_turn(policy, "deadband", {"p", "l", "a", "rpm"}) == "all as by default");
  CHECK(settings_in_turn(policy, "deadband", {"p", "l", "a", "x"}).empty());
  CHECK(settings_in_turn(policy, "freshness", {"p", "l", "a", "temp"}).empty());
}

TEST_CASE("a difference as JSON lines") {
  const std::vector<ListedSeries> series{{*split_series_name("p/l/a/rpm"), false, {}, {}, {}}};
  PolicyDifference difference =
      compare(policy_of(kA), policy_of(list({R"({"name":"a","match":"*/*/*/temp","absolute":2})", kB})), &series);
  difference.header.resize(0);
  CHECK(
      cli::difference_as_json(difference) ==
      R"({"change":"changed","section":"deadband","rule":"a","match":"*/*/*/temp","changes":[{"what":"absolute","before":"1","after":"2"}]})"
      "\n"
      R"({"change":"added","section":"deadband","rule":"b","match":"*/*/*/rpm","settings":"absolute 2","in_place_of":[null],"changes":[{"what":"place","before":null,"after":"2"}]})"
      "\n"
      R"({"change":"series","section":"deadband","before":null,"after":"absolute 2","series":["p/l/a/rpm"]})"
      "\n");
}
