// SPDX-License-Identifier: Apache-2.0
// Policy files: what is refused and how it is named, which rule applies, and what the digest depends on.
#include "policy/policy.hpp"

#include <catch2/catch.hpp>

using namespace twinpipe;

namespace {

std::string with(const std::string& sections) {
  return R"({"name":"n","version":"1","owner":"o")" + (sections.empty() ? "" : "," + sections) + "}";
}
std::string with_rule(const std::string& rule) { return with(R"("deadband":[)" + rule + "]"); }

Policy parse(const std::string& json) {
  Result<Policy> policy = Policy::parse(json);
  if (!policy.ok()) FAIL(policy.status().message);
  return *policy;
}

}  // namespace

TEST_CASE("a policy is read") {
  const Policy policy = parse(with(R"("$schema":"x","deadband":[
    {"name":"temps","match":"*/*/*/temp-*","absolute":0.5,"heartbeat":"60s"},
    {"match":"*/*/*/*","percent":1,"shortest":"100ms"}],
    "freshness":[{"match":"*/*/*/state","slo":"5m","reports":"on-change"}])"));
  CHECK(policy.name() == "n");
  CHECK(policy.version() == "1");
  CHECK(policy.owner() == "o");
  const std::vector<Rule>& rules = policy.rules("deadband");
  REQUIRE(rules.size() == 2);
  CHECK(rules[0].name == "temps");
  CHECK(rules[0].number("absolute") == 0.5);
  CHECK(rules[0].duration("heartbeat") == 60 * kSecond);
  CHECK_FALSE(rules[0].number("percent").has_value());
  CHECK_FALSE(rules[0].number("heartbeat").has_value());
  CHECK(rules[1].name == "deadband[1]");
  CHECK(rules[1].number("percent") == 1.0);
  CHECK(policy.rules("freshness")[0].text("reports", "periodic") == "on-change");
  CHECK(policy.rules("freshness")[0].text("missing", "periodic") == "periodic");
  CHECK(policy.rules("nothing").empty());
}

TEST_CASE("bands are read in the order of their edges, whatever the file's") {
  const Policy policy =
      parse(with(R"("fft-bands":[{"match":"*/*/*/*","bands":{"mid":[10,1000.5],"all":[0,2000],"low":[0,10]}}])"));
  const NamedBands& bands = policy.rules("fft-bands")[0].bands("bands");
  REQUIRE(bands.size() == 3);
  CHECK(bands[0].name == "low");
  CHECK(bands[1].name == "all");
  CHECK(bands[2].name == "mid");
  CHECK(bands[2].low == 10);
  CHECK(bands[2].high == 1000.5);
  CHECK(policy.rules("fft-bands")[0].bands("velocity_bands").empty());
}

TEST_CASE("what is wrong with a policy is named with its place") {
  struct Case {
    std::string json;
    const char* message;
  };
  const Case cases[] = {
      {"", "not JSON"},
      {"{", "not JSON"},
      {"[]", "the file is not an object"},
      {R"({"version":"1","owner":"o"})", "'name' is missing"},
      {R"({"name":"","version":"1","owner":"o"})", "'name' is missing"},
      {R"({"name":"n","version":1,"owner":"o"})", "'version' is missing or not a text"},
      {with(R"("name":"again")"), "'name' stands there twice"},
      {with(R"("deadband":[],"deadband":[])"), "'deadband' stands there twice"},
      {with(R"("deadbands":[])"), "unknown key 'deadbands'"},
      {with(R"("deadband":{})"), "'deadband' is not a list of rules"},
      {with_rule("1"), "deadband[0]: a rule is an object"},
      {with_rule("{}"), "deadband[0]: 'match' is missing"},
      {with_rule(R"({"match":1})"), "deadband[0]: 'match' is not a text"},
      {with_rule(R"({"match":"a/b"})"), "deadband[0]: pattern 'a/b' has not the four levels"},
      {with_rule(R"({"match":"*/*/*/*","match":"a/b/c/d"})"), "deadband[0]: 'match' stands there twice"},
      {with_rule(R"({"match":"*/*/*/*","absolute":1,"absolute":2})"), "deadband[0]: 'absolute' stands there twice"},
      {with(R"("fft-bands":[{"match":"*/*/*/*","bands":[]}])"), "fft-bands[0]: 'bands' is not an object of bands"},
      {with(R"("fft-bands":[{"match":"*/*/*/*","bands":{"":[1,2]}}])"), "fft-bands[0]: 'bands' has a band without a name"},
      {with(R"("fft-bands":[{"match":"*/*/*/*","bands":{"a":[1]}}])"), "'bands': band 'a' is not [low, high] in Hz"},
      {with(R"("fft-bands":[{"match":"*/*/*/*","bands":{"a":["1",2]}}])"), "'bands': band 'a' is not [low, high] in Hz"},
      {with(R"("fft-bands":[{"match":"*/*/*/*","bands":{"a":[2,2]}}])"), "'bands': band 'a' from 2 to 2 Hz is none"},
      {with(R"("fft-bands":[{"match":"*/*/*/*","bands":{"a":[-1,2]}}])"), "'bands': band 'a' from -1 to 2 Hz is none"},
      {with(R"("fft-bands":[{"match":"*/*/*/*","bands":{"a":[1,2],"a":[1,3]}}])"), "'bands': band 'a' stands there twice"},
      {with_rule(R"({"match":"*/*/*/*","name":""})"), "deadband[0]: 'name' is empty"},
      {with_rule(R"({"match":"*/*/*/*","absolut":1})"), "deadband[0]: unknown key 'absolut'"},
      {with_rule(R"({"match":"*/*/*/*","slo":"1s"})"), "deadband[0]: unknown key 'slo'"},
      {with_rule(R"({"match":"*/*/*/*","absolute":"1"})"), "deadband[0]: 'absolute' is not a number"},
      {with_rule(R"({"match":"*/*/*/*","absolute":-1})"), "deadband[0]: 'absolute' is below 0"},
      {with_rule(R"({"match":"*/*/*/*","heartbeat":60})"), "deadband[0]: 'heartbeat' is not a duration"},
      {with_rule(R"({"match":"*/*/*/*","heartbeat":"60"})"), "deadband[0]: 'heartbeat': '60' is not a duration"},
      {with_rule(R"({"match":"*/*/*/*","expires":"2026-01-01T00:00:00Z"})"),
       "deadband[0]: a temporary rule ('expires') needs a 'reason'"},
      {with_rule(R"({"match":"*/*/*/*","expires":"tomorrow","reason":"r"})"), "deadband[0]: 'expires': 'tomorrow' is not a time"},
      {with_rule(R"({"match":"*/*/*/*"},{"match":"*/*/*/*","name":"x"},{"match":"*/*/*/*","name":"x"})"),
       "two rules are called 'x'"},
      {with_rule(R"({"match":"*/*/*/*","name":"deadband[1]"},{"match":"*/*/*/*"})"), "two rules are called 'deadband[1]'"},
      {with(R"("freshness":[{"match":"*/*/*/*","reports":"onchange"}])"),
       "freshness[0]: 'reports' is 'onchange', not one of periodic, on-change"},
  };
  for (const Case& c : cases) {
    INFO(c.json);
    const Result<Policy> policy = Policy::parse(c.json);
    REQUIRE_FALSE(policy.ok());
    CHECK(policy.status().code == Code::bad_config);
    INFO(policy.status().message);
    CHECK(policy.status().message.find(c.message) != std::string::npos);
  }
}

TEST_CASE("the first rule that matches and has not expired applies") {
  const Policy policy =
      parse(with_rule(R"({"name":"incident","match":"*/*/*/temp-*","absolute":9,"expires":"1970-01-01T00:01:00Z","reason":"r"},
    {"name":"temps","match":"*/*/*/temp-*","absolute":1},{"name":"rest","match":"plant/*/*/*","absolute":2})"));
  const auto name = [&](const char* site, const char* sensor, Nanos at) {
    const Rule* rule = policy.match("deadband", site, "l", "a", sensor, at);
    return rule == nullptr ? std::string() : rule->name;
  };
  CHECK(name("plant", "temp-1", 0) == "incident");
  CHECK(name("plant", "temp-1", 60 * kSecond - 1) == "incident");
  CHECK(name("plant", "temp-1", 60 * kSecond) == "temps");
  CHECK(name("plant", "rpm", 0) == "rest");
  CHECK(name("other", "rpm", 0).empty());
  CHECK(policy.match("freshness", "plant", "l", "a", "temp-1", 0) == nullptr);
}

TEST_CASE("the digest depends on content and not on layout") {
  const std::string digest = parse(with_rule(R"({"match":"*/*/*/*","absolute":0.5,"name":"a\"b"})")).digest();
  CHECK(digest.size() == 64);
  const std::string same[] = {
      R"({ "deadband" : [ {"name":"a\u0022b", "absolute": 5e-1, "match":"*/*/*/*"} ],
           "owner":"o", "version":"1", "name":"n" })",
      R"({"name":"n","version":"1","owner":"o","deadband":[{"match":"*\/*\/*\/*","absolute":0.50,"name":"a\"b"}]})",
  };
  for (const std::string& json : same) CHECK(parse(json).digest() == digest);
  CHECK(parse(with_rule(R"({"match":"*/*/*/*","absolute":1})")).digest() ==
        parse(with_rule(R"({"match":"*/*/*/*","absolute":1.0})")).digest());
  const std::string other[] = {
      with_rule(R"({"match":"*/*/*/*","absolute":0.51,"name":"a\"b"})"),
      with_rule(R"({"match":"*/*/*/?","absolute":0.5,"name":"a\"b"})"),
      with_rule(R"({"match":"*/*/*/*","absolute":0.5,"name":"ab"})"),
      with_rule(R"({"match":"*/*/*/*","percent":0.5,"name":"a\"b"})"),
      with_rule(R"({"match":"*/*/*/*","absolute":0.5,"name":"a\"b"},{"match":"*/*/*/*"})"),
      R"({"name":"n","version":"2","owner":"o","deadband":[{"match":"*/*/*/*","absolute":0.5,"name":"a\"b"}]})",
  };
  for (const std::string& json : other) CHECK(parse(json).digest() != digest);
  // A name that looks like JSON is one name.
  const Policy two = parse(with(R"("fft-bands":[{"match":"*/*/*/*","bands":{"x":[1,2],"y":[3,4]}}])"));
  const Policy one = parse(with(R"("fft-bands":[{"match":"*/*/*/*","bands":{"x\":[1,2],\"y":[3,4]}}])"));
  CHECK(one.digest() != two.digest());
  const Policy one_spaced = parse(with(R"("fft-bands":[{"match":"*/*/*/*","bands":{"x\": [1, 2], \"y":[3,4]}}])"));
  CHECK(one_spaced.rules("fft-bands")[0].settings() != two.rules("fft-bands")[0].settings());
  // Order is meaning: the first match wins.
  CHECK(parse(with_rule(R"({"match":"a/*/*/*"},{"match":"*/*/*/*"})")).digest() !=
        parse(with_rule(R"({"match":"*/*/*/*"},{"match":"a/*/*/*"})")).digest());
}
