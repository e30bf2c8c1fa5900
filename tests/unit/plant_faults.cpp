// SPDX-License-Identifier: Apache-2.0
// Faults as they are written, and what they do to a node over time.
#include "kernel/plant_faults.hpp"

#include <catch2/catch.hpp>

using namespace twinpipe;

TEST_CASE("faults are read") {
  const Result<Fault> outage = Fault::parse("outage:plant-1/+:1m:30s:delayed");
  REQUIRE(outage.ok());
  CHECK(outage->kind == FaultKind::outage);
  CHECK(outage->from == 60 * kSecond);
  CHECK(outage->until == 90 * kSecond);
  CHECK(outage->backlog == Backlog::delayed);
  CHECK(outage->matches_node("plant-1", "line-7"));
  CHECK_FALSE(outage->matches_node("plant-2", "line-7"));
  CHECK_FALSE(outage->matches_series("plant-1", "line-7", "a", "b"));

  const Result<Fault> bearing = Fault::parse("bearing:*/*/pump-1/vibration-de:0:0:inner@2.5");
  REQUIRE(bearing.ok());
  CHECK(bearing->bearing == BearingFault::inner);
  CHECK(bearing->value == 2.5);
  CHECK(bearing->growth(0) == 1);

  CHECK(Fault::parse("skew:a/b:0:0:10m")->offset == 600 * kSecond);
  CHECK(Fault::parse("skew:a/b:0:0:-10m")->offset == -600 * kSecond);
  CHECK(Fault::parse("step:a/b:0:0:10m")->offset == -600 * kSecond);
  CHECK(Fault::parse("spike:a/b/c/d:5s:1s:-3.5")->value == -3.5);
  CHECK(Fault::parse("outage:a/b:5s:1s")->backlog == Backlog::historical);
}

TEST_CASE("what is no fault is refused with the reason") {
  struct Case {
    const char* text;
    const char* message;
  };
  const Case cases[] = {{"", "write KIND:PATTERN:START:DURATION"},
                        {"spike:a/b/c/d:0", "write KIND:PATTERN:START:DURATION"},
                        {"melt:a/b:0:0", "none of spike, drift"},
                        {"spike:a/b:0:0:1", "not a pattern site/line/asset/sensor"},
                        {"kill:a/b/c/d:0:0", "not a pattern site/line"},
                        {"kill:a/:0:0", "not a pattern site/line"},
                        {"kill:a/b:x:0", "start: 'x' is not a duration"},
                        {"kill:a/b:0:-1s", "duration: '-1s' is not a duration"},
                        {"kill:a/b:0:0:now", "takes no value"},
                        {"spike:a/b/c/d:0:0", "not a number"},
                        {"spike:a/b/c/d:0:0:nan", "not a number"},
                        {"drift:a/b/c/d:0:0:1x", "not a number"},
                        {"bearing:a/b/c/d:0:0:race", "not outer, inner, ball or cage"},
                        {"bearing:a/b/c/d:0:0:outer@-1", "not outer, inner, ball or cage"},
                        {"outage:a/b:0:0:lost", "neither historical nor delayed"},
                        {"skew:a/b:0:0", "not a duration"}};
  for (const Case& c : cases) {
    INFO(c.text);
    const Result<Fault> fault = Fault::parse(c.text);
    REQUIRE_FALSE(fault.ok());
    CHECK(fault.status().code == Code::usage);
    CHECK(fault.status().message.find(c.message) != std::string::npos);
  }
}

TEST_CASE("damage grows from nothing to all and stays") {
  const Fault fault = *Fault::parse("bearing:*/*/*/*:10s:100s:outer");
  CHECK(fault.growth(0) == 0);
  CHECK(fault.growth(10 * kSecond) == 0);
  double before = 0;
  for (Nanos at = 11 * kSecond; at <= 110 * kSecond; at += kSecond) {
    CHECK(fault.growth(at) > before);
    before = fault.growth(at);
  }
  CHECK(before == 1);
  CHECK(fault.growth(1000 * kSecond) == 1);
}

TEST_CASE("a node's faults become events in order") {
  using Kind = NodeEvent::Kind;
  const auto events_of = [](std::initializer_list<const char*> texts) {
    std::vector<Fault> faults;
    for (const char* text : texts) faults.push_back(*Fault::parse(text));
    return node_events(faults, "a", "b");
  };
  const auto events =
      events_of({"outage:a/b:30s:10s", "skew:a/*:10s:30s:5s", "step:a/b:20s:0:2s", "kill:a/b:40s:5s", "kill:x/y:1s:0"});
  REQUIRE(events.ok());
  std::vector<std::pair<Nanos, Kind>> seen;
  std::vector<Nanos> offsets;
  for (const NodeEvent& event : *events) {
    seen.emplace_back(event.at / kSecond, event.kind);
    if (event.kind == Kind::clock) offsets.push_back(event.offset / kSecond);
  }
  CHECK(seen == std::vector<std::pair<Nanos, Kind>>{{10, Kind::clock},
                                                    {20, Kind::clock},
                                                    {30, Kind::link_down},
                                                    {40, Kind::clock},
                                                    {40, Kind::link_up},
                                                    {40, Kind::die},
                                                    {45, Kind::revive}});
  CHECK(offsets == std::vector<Nanos>{5, 3, -2});
  const auto overlap = events_of({"outage:a/b:30s:10s", "kill:a/b:35s:0"});
  REQUIRE_FALSE(overlap.ok());
  CHECK(overlap.status().message.find("overlaps 'outage:a/b:30s:10s' on a/b") != std::string::npos);
}
