// SPDX-License-Identifier: Apache-2.0
// Plain topics: rules, payloads, clocks, watermarks, the link.
#include "kernel/plain_topics.hpp"

#include <catch2/catch.hpp>

#include "kernel/plain_payload.hpp"
#include "unit/sparkplug_scene.hpp"

using namespace twinpipe;
using namespace twinpipe::sparkplug;
using Story = std::vector<std::string>;

namespace {

struct PlainScene : Scene {
  explicit PlainScene(PlainOptions options) : plain(std::move(*PlainTopics::make(std::move(options), host))) {}
  std::unique_ptr<PlainTopics> plain;
  PlainScene& say(const std::string& topic, const std::string& payload, bool retained = false) {
    plain->message({topic, payload, retained, now}, out);
    return *this;
  }
};

PlainOptions with(std::vector<std::string> payloads, std::vector<std::string> clocks = {}) {
  PlainOptions options;
  options.patterns = {"s/+/a*/+"};
  options.payloads = std::move(payloads);
  options.clocks = std::move(clocks);
  return options;
}

}  // namespace

TEST_CASE("text on plain topics: a number, a boolean, anything else") {
  PlainScene scene(with({"text"}));
  scene.say("s/l/a/n", " 20.5\n").say("s/l/a/b", "true").say("s/l/a/s", "RUN").say("s/l/other/n", "1").say("s/l/a/n/x", "1");
  CHECK(scene.story() == Story{"series s/l/a bd0@-1790000000000 #0:n", "#0=20.5@0 arrival-time",
                               "series s/l/a bd0@-1790000000000 #1:b", "#1=true@0 arrival-time",
                               "series s/l/a bd0@-1790000000000 #2:s", "#2='RUN'@0 arrival-time"});
  scene.say("s/l/a/n", "ERR");
  CHECK(scene.story() == Story{"gap s/l malformed 0..0 m1 r1"});
  scene.say("s/l/a/n", "3", true);
  CHECK(scene.story() == Story{"#0=3@0 q500 arrival-time"});  // retained: how old, nobody knows
}

TEST_CASE("JSON on plain topics, by pointer, with a time of its own") {
  PlainScene scene(with({"s/+/a/x=json:/v", "json:/data/0/v@/t"}));
  scene.say("s/l/a/n", R"({"t":1790000001.5,"data":[{"v":1}]})");
  scene.say("s/l/a/n", R"({"t":1790000002001,"data":[{"v":2}]})");  // exactly
  scene.say("s/l/a/n", R"({"t":"2026-09-21T14:13:23Z","data":[{"v":3}]})");
  scene.say("s/l/a/n", R"({"t":1790000004000000000,"data":[{"v":null}]})");
  scene.say("s/l/a/x", R"({"v":7})");
  Story story = scene.story();
  std::erase_if(story, [](const std::string& line) { return line.starts_with("series"); });
  CHECK(story == Story{"#0=1@1500", "#0=2@2001", "#0=3@3000", "#0=0@4000 null", "#1=7@0 arrival-time"});
  for (const char* wrong : {"nope", "{}", R"({"t":1790000001})", R"({"data":[{"v":1}]})", R"({"t":[],"data":[{"v":1}]})"})
    scene.say("s/l/a/n", wrong);
  CHECK(scene.story() == Story(5, "gap s/l malformed 0..0 m1 r1"));
}

TEST_CASE("Sparkplug payloads on plain topics declare by their properties") {
  PlainScene scene(with({}));
  Payload payload;
  payload.set_timestamp(scene.ms());
  Metric& metric = *payload.add_metrics();
  metric.set_datatype(kDoubleArray);
  metric.set_bytes_value(std::string(24, '\0'));
  metric.mutable_properties()->add_keys("samplePeriod");
  metric.mutable_properties()->add_values()->set_double_value(0.001);
  metric.mutable_properties()->mutable_values(0)->set_type(kDouble);
  scene.say("s/l/a/w", payload.SerializeAsString()).say("s/l/a/w", payload.SerializeAsString());
  CHECK(scene.story() == Story{"series s/l/a bd0@-1790000000000 #0:w", "wave #0 3", "wave #0 3"});
  payload.add_metrics();
  scene.say("s/l/a/w", payload.SerializeAsString());
  CHECK(scene.story() == Story{"gap s/l malformed 0..0 m1 r1"});
}

TEST_CASE("a plain node's watermark follows its clock; blind, it has none") {
  PlainScene scene(with({"json:/v@/t"}));
  scene.say("s/l/a/n", R"({"t":1789999990,"v":1})");
  scene.plain->tick(scene.now, scene.out);
  CHECK(scene.story().back() == "mark s/l -12000");
  scene.plain->link_lost(scene.now, scene.out);
  scene.plain->tick(scene.now + kSecond, scene.out);
  CHECK(scene.story() == Story{"offline s/l blind bd0@-1790000000000"});
  scene.now += 3600 * kSecond;
  scene.plain->link_restored();
  scene.say("s/l/a/n", R"({"t":1790000000,"v":2})");  // the backlog: an hour old, and not late
  scene.plain->tick(scene.now, scene.out);
  CHECK(scene.story() == Story{"online s/l seen bd0@-1790000000000", "#0=2@0", "mark s/l -2000"});
}

TEST_CASE("subscriptions are the patterns with '+' for globs; wrong rules are refused") {
  Scene scene;
  PlainOptions options;
  options.patterns = {"plant-*/line/+/vibration-?", "a/b/c/d"};
  CHECK((*PlainTopics::make(options, scene.host))->filters() == Story{"+/line/+/+", "a/b/c/d"});
  for (const auto& [payload, clock] :
       {std::pair{"xml", "sensor"}, {"json:v", "sensor"}, {"text", "mine"}, {"a/b=text", "sensor"}}) {
    PlainOptions wrong = with({payload}, {clock});
    CHECK_FALSE(PlainTopics::make(wrong, scene.host).ok());
  }
}
