// SPDX-License-Identifier: Apache-2.0
// What check_policies() finds: each check fires on one policy and is silent on its neighbour.
#include "policy/checks.hpp"

#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <span>

#include "kernel/setting_checks.hpp"

using namespace twinpipe;

namespace {

PolicyFile file_of(const std::string& name, const std::string& sections) {
  Result<Policy> policy = Policy::parse(R"({"name":"n","version":"1","owner":"o",)" + sections + "}");
  if (!policy.ok()) FAIL(policy.status().message);
  return {name, *policy};
}

/// "error deadband 'rule': text" a finding.
std::vector<std::string> found_in(const std::vector<PolicyFile>& files, const CheckScope& scope = {}) {
  std::vector<std::string> lines;
  for (const Finding& finding : check_policies(files, setting_checks(), scope))
    lines.push_back(fmt::format("{} {} {} '{}': {}", finding.file, finding.severity == Severity::error ? "error" : "warning",
                                finding.section, finding.rule, finding.text));
  return lines;
}
std::vector<std::string> found(const std::string& sections, const CheckScope& scope = {}) {
  return found_in({file_of("f", sections)}, scope);
}

ListedSeries listed(const char* name) { return {*split_series_name(name), false, {}, {}, {}}; }

struct Case {
  const char* sections;
  std::vector<std::string> findings;
};

void check_all(const std::vector<Case>& cases, const CheckScope& scope = {}) {
  for (const Case& c : cases) {
    INFO(c.sections);
    CHECK(found(c.sections, scope) == c.findings);
  }
}

constexpr Nanos kMinute = 60 * kSecond;

}  // namespace

TEST_CASE("a rule that one before it leaves nothing to") {
  check_all({
      {R"("deadband":[{"name":"all","match":"*/*/+/temp-*"},{"name":"late","match":"a/*/*/temp-motor"}])",
       {"f error deadband 'late': never applies: rule 'all' before it matches all that a/*/*/temp-motor does"}},
      {R"("deadband":[{"match":"a/*/*/temp-motor"},{"match":"*/*/+/temp-*"}])", {}},
      {R"("deadband":[{"match":"*/*/*/temp-1"},{"match":"*/*/*/temp-?"}])", {}},
      // In another section it shadows nothing.
      {R"("deadband":[{"match":"*/*/*/*","heartbeat":"1m"}],"freshness":[{"match":"*/*/*/x","slo":"1h"}])", {}},
  });
}

TEST_CASE("a temporary rule hides what is behind it only as long as it lasts") {
  check_all({
      {R"("deadband":[{"match":"*/*/*/*","expires":"1970-01-01T00:01:00Z","reason":"r"},{"match":"*/*/*/*"}])", {}},
      {R"("deadband":[{"match":"*/*/*/*","expires":"1970-01-01T00:01:00Z","reason":"r"},
          {"match":"*/*/*/x","expires":"1970-01-01T00:02:00Z","reason":"r"}])",
       {}},
      {R"("deadband":[{"name":"long","match":"*/*/*/*","expires":"1970-01-01T00:02:00Z","reason":"r"},
          {"name":"short","match":"*/*/*/x","expires":"1970-01-01T00:01:00Z","reason":"r"}])",
       {"f error deadband 'short': never applies: rule 'long' before it matches all that */*/*/x does"}},
  });
}

TEST_CASE("an expired rule is told where a time is given") {
  const char* const policy =
      R"("deadband":[{"name":"flood","match":"a/*/*/*","expires":"1970-01-01T00:01:00Z","reason":"ticket 1"}])";
  CHECK(found(policy).empty());
  CHECK(found(policy, {kMinute - 1, nullptr}).empty());
  CHECK(found(policy, {kMinute, nullptr}) ==
        std::vector<std::string>{"f warning deadband 'flood': has expired at 1970-01-01T00:01:00Z (ticket 1): remove it"});
}

TEST_CASE("a heartbeat that is longer than the freshness SLO of a periodic sensor") {
  const std::string complaint =
      "f error deadband 'd': heartbeat 5m is longer than the freshness SLO 2m: a quiet sensor reads as stale (rule 's'): for "
      "example ";
  check_all({
      {R"("deadband":[{"name":"d","match":"*/*/*/temp","heartbeat":"5m"}],"freshness":[{"name":"s","match":"p/*/*/*","slo":"2m"}])",
       {complaint + "p/x/x/temp"}},
      {R"("deadband":[{"name":"d","match":"*/*/*/temp","heartbeat":"2m"}],"freshness":[{"match":"p/*/*/*","slo":"2m"}])", {}},
      {R"("deadband":[{"name":"d","match":"*/*/*/temp"}],"freshness":[{"name":"s","match":"p/*/*/*","slo":"2m"}])",
       {"f error deadband 'd': has no heartbeat, and the freshness SLO is 2m: a quiet sensor reads as stale (rule 's'): for "
        "example "
        "p/x/x/temp"}},
      // Not the same sensors, no SLO, or one that reports on change.
      {R"("deadband":[{"match":"*/*/*/temp","heartbeat":"5m"}],"freshness":[{"match":"*/*/*/rpm","slo":"2m"}])", {}},
      {R"("deadband":[{"match":"*/*/*/temp","heartbeat":"5m"}],"freshness":[{"match":"*/*/*/*","slo":"0"}])", {}},
      {R"("deadband":[{"match":"*/*/*/s","heartbeat":"5m"}],"freshness":[{"match":"*/*/*/*","slo":"2m","reports":"on-change"}])",
       {}},
      // The rule that would disagree is not the first to match.
      {R"("deadband":[{"match":"*/*/*/temp","heartbeat":"5m"}],
          "freshness":[{"match":"+/+/+/temp","slo":"10m"},{"match":"*/*/*/*","slo":"2m"}])",
       {}},
      {R"("deadband":[{"match":"*/*/*/temp","heartbeat":"1m"},{"match":"*/*/*/*","heartbeat":"5m"}],
          "freshness":[{"match":"*/*/*/temp","slo":"2m"}])",
       {}},
  });
}

TEST_CASE("what a temporary rule hides is found for the time after it") {
  const char* const policy = R"("deadband":[{"match":"*/*/*/*","heartbeat":"1m","expires":"1970-01-01T00:01:00Z","reason":"r"},
      {"name":"d","match":"*/*/*/*","heartbeat":"5m"}],"freshness":[{"name":"s","match":"*/*/*/*","slo":"2m"}])";
  REQUIRE(found(policy).size() == 1);
  CHECK(found(policy)[0].starts_with("f error deadband 'd': heartbeat 5m is longer"));
  const char* const widened =
      R"("deadband":[{"name":"d","match":"*/*/*/*","heartbeat":"5m","expires":"1970-01-01T00:01:00Z","reason":"r"},
      {"match":"*/*/*/*","heartbeat":"1m"}],"freshness":[{"name":"s","match":"*/*/*/*","slo":"2m"}])";
  CHECK(found(widened).size() == 1);
  const std::vector<std::string> after = found(widened, {kMinute, nullptr});
  REQUIRE(after.size() == 1);
  CHECK(after[0].find("has expired") != std::string::npos);
}

TEST_CASE("rules are checked against those of other files") {
  const PolicyFile edge = file_of("edge.json", R"("deadband":[{"name":"d","match":"*/*/*/*","heartbeat":"5m"}])");
  const PolicyFile spine = file_of("spine.json", R"("freshness":[{"name":"s","match":"*/*/*/*","slo":"2m"}])");
  const PolicyFile lenient = file_of("lenient.json", R"("freshness":[{"name":"s","match":"*/*/*/*","slo":"9m"}])");
  CHECK(found_in({edge}).empty());
  CHECK(found_in({edge, lenient}).empty());
  CHECK(found_in({spine, edge}) ==
        std::vector<std::string>{
            "edge.json error deadband 'd': heartbeat 5m is longer than the freshness SLO 2m: a quiet sensor reads as "
            "stale (rule 's' of spine.json): for example x/x/x/x"});
}

TEST_CASE("with a list: patterns that match nothing, and rules that others leave nothing to") {
  const std::vector<ListedSeries> list{listed("p/l/a/temp"), listed("p/l/b/temp"), listed("p/l/a/rpm")};
  const CheckScope scope{std::nullopt, &list};
  check_all(
      {
          {R"("deadband":[{"match":"p/l/+/temp"},{"match":"p/*/*/*"}])", {}},
          {R"("deadband":[{"name":"typo","match":"p/l/+/tmep"}])",
           {"f warning deadband 'typo': matches nothing: none of the 3 listed series is like p/l/+/tmep"}},
          {R"("deadband":[{"match":"p/l/a/*"},{"match":"p/l/b/*"},{"name":"rest","match":"*/*/*/temp"}])",
           {"f warning deadband 'rest': never applies: rules before it take all 2 listed series that it matches"}},
      },
      scope);
}

TEST_CASE("with a list: rules that disagree are told with the series that they meet on") {
  const std::vector<ListedSeries> list{listed("p/l/a/temp"), listed("p/l/b/temp"), listed("p/l/a/rpm")};
  const CheckScope scope{std::nullopt, &list};
  check_all(
      {
          {R"("deadband":[{"name":"d","match":"*/*/*/temp","heartbeat":"5m"}],"freshness":[{"name":"s","match":"*/*/*/*","slo":"2m"}])",
           {"f error deadband 'd': heartbeat 5m is longer than the freshness SLO 2m: a quiet sensor reads as stale (rule 's'): "
            "p/l/a/temp and 1 more"}},
          {R"("deadband":[{"match":"*/*/*/rpm","heartbeat":"5m"}],"freshness":[{"match":"*/*/*/temp","slo":"2m"}])", {}},
      },
      scope);
}

TEST_CASE("with a list that declares: per cent of a range that is not there") {
  std::vector<ListedSeries> list{listed("p/l/a/temp"), listed("p/l/a/load")};
  const CheckScope scope{std::nullopt, &list};
  const char* const percent = R"("deadband":[{"name":"d","match":"*/*/*/*","percent":1}])";
  CHECK(found(percent, scope).empty());  // names alone do not say
  for (ListedSeries& series : list) series.declared = true;
  list[1].low = 0;
  list[1].high = 100;
  CHECK(found(percent, scope) ==
        std::vector<std::string>{
            "f error deadband 'd': wants per cent of the engineering range, and the series declares none: p/l/a/temp"});
  CHECK(found(R"("deadband":[{"match":"*/*/*/temp","absolute":1},{"match":"*/*/*/*","percent":1}])", scope).empty());
  list[1].high = 0;  // an empty range is none
  CHECK(found(percent, scope)[0].ends_with("p/l/a/temp and 1 more"));
  list[1].low = -1e308;
  list[1].high = 1e308;
  REQUIRE(found(percent, scope).size() == 2);
  CHECK(found(percent, scope)[0] ==
        "f error deadband 'd': wants per cent of the engineering range, and the bound is not finite: p/l/a/load");
}

TEST_CASE("a swinging door without a heartbeat") {
  const std::string complaint =
      "f warning deadband 'd': a swinging door without a heartbeat: nothing bounds how far the live value may be off until its "
      "line ends";
  check_all({
      {R"("deadband":[{"name":"d","match":"*/*/*/*","swinging_door":1}])", {complaint}},
      {R"("deadband":[{"name":"d","match":"*/*/*/*","swinging_door_percent":1}])", {complaint}},
      {R"("deadband":[{"name":"d","match":"*/*/*/*","swinging_door":1,"heartbeat":"1m"}])", {}},
      {R"("deadband":[{"name":"d","match":"*/*/*/*","absolute":1}])", {}},
  });
}

TEST_CASE("what a tool says of its section before it runs") {
  const std::string mixed =
      "f error deadband '': rule 'd': one bound in the unit and the other in per cent: they do not add up to one that a "
      "reader can count with";
  check_all({
      {R"("deadband":[{"name":"d","match":"*/*/*/*","absolute":1,"percent":1}])",
       {"f error deadband '': rule 'd': 'absolute' and 'percent' exclude each other"}},
      {R"("deadband":[{"name":"d","match":"*/*/*/*","swinging_door":0,"swinging_door_percent":1,"heartbeat":"1m"}])",
       {"f error deadband '': rule 'd': 'swinging_door' and 'swinging_door_percent' exclude each other"}},
      {R"("deadband":[{"name":"d","match":"*/*/*/*","absolute":1,"swinging_door_percent":1,"heartbeat":"1m"}])", {mixed}},
      {R"("deadband":[{"name":"d","match":"*/*/*/*","percent":1,"swinging_door":1,"heartbeat":"1m"}])", {mixed}},
      {R"("deadband":[{"match":"*/*/*/*","percent":1,"swinging_door_percent":1,"heartbeat":"1m"}])", {}},
      {R"("deadband":[{"match":"*/*/*/*","absolute":1,"swinging_door":1,"heartbeat":"1m"}])", {}},
      {R"("deadband":[{"name":"d","match":"*/*/*/*","absolute":1,"heartbeat":"1m","shortest":"60s"}])",
       {"f error deadband '': rule 'd': the shortest interval, 1m, is not below the heartbeat, 1m"}},
      {R"("deadband":[{"match":"*/*/*/*","absolute":1,"heartbeat":"1m","shortest":"59s"}])", {}},
      {R"("deadband":[{"match":"*/*/*/*","absolute":1,"shortest":"1h"}])", {}},
      {R"("deadband":[{"match":"*/*/*/*","absolute":1,"heartbeat":"0s","shortest":"0s"}])", {}},
      {R"("winagg":[{"name":"w","match":"*/*/*/*","window":"10s","slide":"3s"}])",
       {"f error winagg '': winagg 'w': the slide, 3s, does not divide the window, 10s"}},
      {R"("winagg":[{"name":"w","match":"*/*/*/*","window":"10s","slide":"5s"}])", {}},
      {R"("exc-pass":[{"name":"e","match":"*/*/*/*"}])",
       {"f error exc-pass '': rule 'e': neither 'above' nor 'below': it would never be crossed"}},
      {R"("exc-pass":[{"name":"e","match":"*/*/*/*","above":1}])", {}},
      {R"("fft-bands":[{"match":"*/*/*/*","bands":{"a":[10,100]}}])", {}},
  });
  CHECK(found(R"("fft-bands":[{"match":"*/*/*/*","envelope":true}])").size() == 1);
}

TEST_CASE("exceptions on different signals of one series stand beside each other") {
  check_all({
      {R"("exc-pass":[{"match":"*/*/*/*","above":1},{"match":"*/*/*/*","signal":"rate","above":1}])", {}},
      {R"("exc-pass":[{"name":"a","match":"*/*/*/*","above":1},{"name":"b","match":"*/*/*/x","signal":"value","above":2}])",
       {"f error exc-pass 'b': never applies: rule 'a' before it matches all that */*/*/x does"}},
  });
}

TEST_CASE("an exception that looks at what the windows or spectra beside it do not give in time, or at all") {
  check_all({
      {R"("exc-pass":[{"name":"e","match":"*/*/*/v","signal":"rms","above":1}],
          "winagg":[{"name":"w","match":"*/*/*/*","window":"5m","lateness":"30s"}])",
       {"f warning exc-pass 'e': looks at windows that come 5m30s behind raw, and raw waits 2m by default: exc-pass needs "
        "--reach (rule "
        "'w'): for example x/x/x/v"}},
      {R"("exc-pass":[{"match":"*/*/*/v","signal":"rms","above":1}],"winagg":[{"match":"*/*/*/*","window":"1m","lateness":"30s"}])",
       {}},
      {R"("exc-pass":[{"match":"*/*/*/v","above":1}],"winagg":[{"match":"*/*/*/*","window":"5m","lateness":"30s"}])", {}},
      {R"("exc-pass":[{"name":"e","match":"*/*/*/v","signal":"band:bpfo","above":1}],
          "fft-bands":[{"name":"f","match":"*/*/*/*","bands":{"low":[10,100]}}])",
       {"f warning exc-pass 'e': looks at band:bpfo, which the spectra do not have (rule 'f'): for example x/x/x/v"}},
      {R"("exc-pass":[{"match":"*/*/*/v","signal":"band:low","above":1}],"fft-bands":[{"match":"*/*/*/*","bands":{"low":[10,100]}}])",
       {}},
      {R"("exc-pass":[{"match":"*/*/*/v","signal":"total","above":1}],"fft-bands":[{"match":"*/*/*/*","bands":{"low":[10,100]}}])",
       {}},
  });
}

TEST_CASE("an exception whose signal no rule makes") {
  const std::string alone = R"("exc-pass":[{"name":"e","match":"*/*/*/v","signal":"rms","above":1}])";
  const std::string never = "f warning exc-pass 'e': never fires: it looks at rms, and no winagg rule applies to what it watches";
  CHECK(found(alone) == std::vector{never});
  CHECK(found(alone + R"(,"winagg":[{"match":"*/*/*/w","window":"1m"}])") == std::vector{never});
  CHECK(found(alone + R"(,"winagg":[{"match":"p/*/*/*","window":"1m"}])").empty());
  CHECK(found_in({file_of("f", alone), file_of("g", R"("winagg":[{"match":"*/*/*/v","window":"1m"}])")}).empty());
  CHECK(found(R"("exc-pass":[{"match":"*/*/*/v","signal":"rate","above":1}])").empty());
  for (const char* signal : {"total", "peak_frequency", "band:low@envelope"})
    CHECK(found(fmt::format(R"("exc-pass":[{{"name":"e","match":"*/*/*/v","signal":"{}","above":1}}],
                               "winagg":[{{"match":"*/*/*/v","window":"1m"}}])",
                            signal)) ==
          std::vector{fmt::format("f warning exc-pass 'e': never fires: it looks at {}, and no fft-bands rule applies to what it "
                                  "watches",
                                  signal)});
  const std::vector<ListedSeries> list{listed("p/l/a/v"), listed("p/l/b/v"), listed("q/l/a/v")};
  CHECK(found(alone + R"(,"winagg":[{"match":"p/*/*/*","window":"1m"}])", {std::nullopt, &list}) ==
        std::vector{never + ": q/l/a/v"});
}

TEST_CASE("with a list: an exception that passes no sensor of its asset") {
  const std::vector<ListedSeries> list{listed("p/l/a/temp"), listed("p/l/a/vib-1"), listed("p/l/b/temp")};
  const char* const policy = R"("exc-pass":[{"name":"e","match":"*/*/*/temp","above":1,"passes":"vib-*"}])";
  CHECK(found(policy).empty());
  CHECK(
      found(policy, {std::nullopt, &list}) ==
      std::vector<std::string>{"f warning exc-pass 'e': passes no raw: no listed sensor of the asset is like vib-*: p/l/b/temp"});
}

TEST_CASE("with a list that declares: bands above the Nyquist frequency") {
  std::vector<ListedSeries> list{listed("p/l/a/v"), listed("p/l/a/w"), listed("p/l/a/x")};
  list[0].sample_rate = 1000;
  list[1].sample_rate = 8000;
  const CheckScope scope{std::nullopt, &list};
  check_all(
      {
          {R"("fft-bands":[{"name":"f","match":"*/*/*/*","segment":1000,"bands":{"low":[10,100],"high":[100,600]}}])",
           {"f error fft-bands 'f': band 'high' from 100 to 600 Hz reaches above the Nyquist frequency of 500 Hz: p/l/a/v"}},
          {R"("fft-bands":[{"name":"f","match":"*/*/*/*","segment":1000,"bands":{"low":[10,100],"high":[100,500]}}])", {}},
      },
      scope);
}

TEST_CASE("warnings alone are no errors") {
  const PolicyFile file = file_of("f", R"("deadband":[{"match":"*/*/*/*","expires":"1970-01-01T00:01:00Z","reason":"r"}])");
  CHECK_FALSE(has_errors(check_policies(std::span(&file, 1), setting_checks(), {kMinute, nullptr})));
  const PolicyFile shadowed = file_of("f", R"("deadband":[{"match":"*/*/*/*"},{"match":"*/*/*/*"}])");
  CHECK(has_errors(check_policies(std::span(&shadowed, 1), setting_checks(), {})));
}
