// SPDX-License-Identifier: Apache-2.0
// The Sparkplug host: order, births, deaths, aliases, requests, watermarks, the link.
#include "kernel/sparkplug_host.hpp"

#include <catch2/catch.hpp>

#include "unit/sparkplug_scene.hpp"

using namespace twinpipe;
using namespace twinpipe::sparkplug;
using Story = std::vector<std::string>;

TEST_CASE("births declare, data by alias follows", "[tck-id-principles-birth-certificates-order][tck-id-topic-structure]") {
  Scene scene;
  scene.born();
  CHECK(scene.story() == Story{"online G/E birth bd1@0", "series G/E/$node bd1@0 #0:load", "#0=0.5@0", "online G/E/D birth bd1@0",
                               "series G/E/D bd1@0 #1:rpm", "#1=1500@0"});
  scene.message("spBv1.0/G/NDATA/E", scene.data(1, 0.75)).message("spBv1.0/G/DDATA/E/D", scene.data(2, 1501));
  CHECK(scene.story() == Story{"#0=0.75@0", "#1=1501@0"});
}

TEST_CASE("our aliases stay when a node is born again with others", "[sparkplug]") {
  Scene scene;
  scene.born();
  (void)scene.story();
  scene.now += kSecond;
  Payload birth = scene.birth_payload(1);
  Scene::add(birth, "new", 1, 7);
  Scene::add(birth, "load", 9, 0.25);
  scene.message("spBv1.0/G/NBIRTH/E", birth);
  CHECK(scene.story() ==
        Story{"online G/E birth bd1@1000", "series G/E/$node bd1@1000 #2:new #0:load", "#2=7@1000", "#0=0.25@1000"});
}

TEST_CASE("messages that overtook others wait for them",
          "[tck-id-operational-behavior-host-reordering-start][tck-id-operational-behavior-host-reordering-success]") {
  Scene scene;
  scene.born();
  (void)scene.story();
  const Payload a = scene.data(1, 1), b = scene.data(1, 2), c = scene.data(2, 3);
  scene.message("spBv1.0/G/DDATA/E/D", c).message("spBv1.0/G/NDATA/E", b);
  CHECK(scene.story().empty());
  scene.message("spBv1.0/G/NDATA/E", a);
  CHECK(scene.story() == Story{"#0=1@0", "#0=2@0", "#1=3@0"});
  scene.tick(10 * kSecond);
  CHECK(scene.host.counts().gaps == 0);
  CHECK(scene.sent.empty());
}

TEST_CASE("a message that never comes is one gap, one request, and what waited leaves marked",
          "[tck-id-operational-behavior-host-reordering-rebirth][tck-id-operational-behavior-host-reordering-param]"
          "[tck-id-payloads-sequence-num-incrementing]") {
  HostOptions options;
  options.reorder_timeout = 3 * kSecond;
  Scene scene(options);
  scene.born();
  (void)scene.story();
  scene.seq = 5;  // 2, 3 and 4 are lost
  scene.message("spBv1.0/G/NDATA/E", scene.data(1, 1)).message("spBv1.0/G/NDATA/E", scene.data(1, 2));
  scene.host.tick(scene.now + 2999 * kMillisecond, scene.out, scene.sent);
  CHECK(scene.sent.empty());
  (void)scene.story();
  scene.tick(3 * kSecond);
  Story story = scene.story();
  REQUIRE(story.size() >= 3);
  CHECK(story[0] == "gap G/E sequence 2..4 m3");
  CHECK(story[1] == "#0=1@0 after-gap");
  CHECK(story[2] == "#0=2@0 after-gap");
  CHECK(scene.sent.size() == 1);
  scene.message("spBv1.0/G/NDATA/E", scene.data(1, 3));
  CHECK(scene.story() == Story{"#0=3@3000"});
  CHECK(scene.host.counts().gaps == 1);
}

TEST_CASE("each hole is one gap", "[sparkplug]") {
  Scene scene;
  scene.born();
  (void)scene.story();
  for (const std::uint8_t seq : {4, 3, 8, 6}) {
    scene.seq = seq;
    scene.message("spBv1.0/G/NDATA/E", scene.data(1, seq));
  }
  scene.tick(2 * kSecond);
  CHECK(scene.story() == Story{"gap G/E sequence 2..2 m1", "#0=3@0 after-gap", "#0=4@0 after-gap", "gap G/E sequence 5..5 m1",
                               "#0=6@0 after-gap", "gap G/E sequence 7..7 m1", "#0=8@0 after-gap", "mark G/E 0"});
}

TEST_CASE("late and double numbers are taken and counted, never lost", "[sparkplug]") {
  Scene scene;
  scene.born();
  scene.seq = 3;
  scene.message("spBv1.0/G/NDATA/E", scene.data(1, 3)).tick(2 * kSecond);
  (void)scene.story();
  scene.seq = 2;
  scene.message("spBv1.0/G/NDATA/E", scene.data(1, 2));
  CHECK(scene.story() == Story{"#0=2@2000"});
  CHECK(scene.host.counts().late == 1);
  scene.seq = 3;
  scene.message("spBv1.0/G/NDATA/E", scene.data(1, 33)).message("spBv1.0/G/NDATA/E", scene.data(1, 4));
  CHECK(scene.story() == Story{"#0=33@2000", "#0=4@2000"});
  CHECK(scene.host.counts().twice == 1);
  CHECK(scene.host.counts().gaps == 1);
}

TEST_CASE("a loss of nearly a whole round of numbers is seen by its second message", "[sparkplug]") {
  Scene scene;
  scene.born();
  (void)scene.story();
  scene.seq = 252;
  scene.message("spBv1.0/G/NDATA/E", scene.data(1, 1)).message("spBv1.0/G/NDATA/E", scene.data(1, 2));
  CHECK(scene.story() == Story{"#0=1@0", "gap G/E sequence 2..252 m251", "#0=2@0 after-gap"});
}

TEST_CASE("the reorder window is bounded", "[sparkplug]") {
  HostOptions options;
  options.reorder_messages = 3;
  Scene scene(options);
  scene.born();
  (void)scene.story();
  scene.seq = 3;
  scene.message("spBv1.0/G/NDATA/E", scene.data(1, 1)).message("spBv1.0/G/NDATA/E", scene.data(1, 2));
  CHECK(scene.story().empty());
  scene.message("spBv1.0/G/NDATA/E", scene.data(1, 3));
  CHECK(scene.story().front() == "gap G/E sequence 2..2 m1");
}

TEST_CASE("a death stales node and devices once",
          "[tck-id-operational-behavior-edge-node-termination-host-action-ndeath-node-offline]"
          "[tck-id-operational-behavior-edge-node-termination-host-action-ndeath-node-tags-stale]"
          "[tck-id-operational-behavior-edge-node-termination-host-action-ndeath-devices-offline]"
          "[tck-id-operational-behavior-edge-node-termination-host-action-ndeath-devices-tags-stale]") {
  Scene scene;
  scene.born();
  (void)scene.story();
  scene.message("spBv1.0/G/NDEATH/E", Scene::death(1)).message("spBv1.0/G/NDEATH/E", Scene::death(1));
  CHECK(scene.story() == Story{"offline G/E will bd1@0"});
  // Whatever the clocks say.
  scene.now += 300 * kSecond;
  scene.message("spBv1.0/G/NDATA/E", scene.data(1, 1)).message("spBv1.0/G/DDATA/E/D", scene.data(2, 2));
  CHECK(scene.story() == Story{"#0=1@300000 q500", "#1=2@300000 q500"});
  CHECK(scene.sent.size() == 1);  // who speaks long after its death should be born again
  scene.born(2);
  CHECK(scene.story().back() == "#1=1500@300000");
}

TEST_CASE("a device's death stales the device alone",
          "[tck-id-operational-behavior-edge-node-termination-host-action-ddeath-devices-offline]"
          "[tck-id-operational-behavior-edge-node-termination-host-action-ddeath-devices-tags-stale]") {
  Scene scene;
  scene.born();
  (void)scene.story();
  scene.message("spBv1.0/G/DDEATH/E/D", scene.payload());
  scene.message("spBv1.0/G/DDATA/E/D", scene.data(2, 2)).message("spBv1.0/G/NDATA/E", scene.data(1, 1));
  CHECK(scene.story() == Story{"offline G/E/D death bd1@0", "#1=2@0 q500", "#0=1@0"});
}

TEST_CASE("a death on purpose is told from a will by its time", "[sparkplug]") {
  Scene scene;
  scene.born();
  (void)scene.story();
  Payload death = Scene::death(1);
  death.set_timestamp(scene.ms(kSecond));
  scene.message("spBv1.0/G/NDEATH/E", death);
  CHECK(scene.story() == Story{"offline G/E death bd1@0"});
}

TEST_CASE("a death with a foreign bdSeq changes nothing", "[sparkplug]") {
  Scene scene;
  scene.born(5);
  (void)scene.story();
  scene.message("spBv1.0/G/NDEATH/E", Scene::death(4));
  CHECK(scene.story().empty());
  CHECK(scene.host.counts().foreign_deaths == 1);
  scene.message("spBv1.0/G/NDATA/E", scene.data(1, 1));
  CHECK(scene.story() == Story{"#0=1@0"});
}

TEST_CASE("a will that comes behind the next birth of the same bdSeq leaves the birth standing, and is put to the proof",
          "[sparkplug]") {
  Scene scene;
  scene.born(1);
  scene.now += kSecond;
  scene.born(1);
  (void)scene.story();
  scene.message("spBv1.0/G/NDEATH/E", Scene::death(1));
  CHECK(scene.story().empty());
  CHECK(scene.sent.size() == 1);
  SECTION("who answers lives") {
    scene.now += 3 * kSecond;
    scene.message("spBv1.0/G/NDATA/E", scene.data(1, 1));
    scene.tick(20 * kSecond);
    CHECK(scene.host.counts().deaths == 0);
  }
  SECTION("who does not is dead") {
    scene.tick(7 * kSecond);
    CHECK(scene.story().front() == "offline G/E will bd1@1000");
  }
}

TEST_CASE("data and device births that overtook the node's birth wait for it", "[sparkplug]") {
  Scene scene;
  Payload birth = scene.birth_payload(1);
  Scene::add(birth, "load", 1, 0.5);
  Payload device = scene.payload();
  Scene::add(device, "rpm", 2, 1500);
  scene.message("spBv1.0/G/DDATA/E/D", scene.data(2, 1501)).message("spBv1.0/G/DBIRTH/E/D", device);
  CHECK(scene.story().empty());
  scene.message("spBv1.0/G/NBIRTH/E", birth);
  CHECK(scene.story() == Story{"online G/E birth bd1@0", "series G/E/$node bd1@0 #0:load", "#0=0.5@0", "online G/E/D birth bd1@0",
                               "series G/E/D bd1@0 #1:rpm", "#1=1500@0", "#1=1501@0"});
  CHECK(scene.host.counts().gaps == 0);
}

TEST_CASE("a device's birth without a node's is accepted in the end", "[sparkplug]") {
  Scene scene;
  scene.seq = 4;
  Payload device = scene.payload();
  Scene::add(device, "rpm", 2, 1500);
  scene.message("spBv1.0/G/DBIRTH/E/D", device).message("spBv1.0/G/DDATA/E/D", scene.data(2, 1501));
  CHECK(scene.story().empty());
  CHECK(scene.sent.size() == 1);
  scene.tick(2 * kSecond);
  const Story story = scene.story();
  REQUIRE(story.size() >= 5);
  CHECK(story[0] == "online G/E birth bd0@0");
  CHECK(story[2] == "series G/E/D bd0@0 #0:rpm");
  CHECK(story[4] == "#0=1501@0 after-gap");
}

TEST_CASE("data of a node without any birth is one gap, and asks for a birth", "[sparkplug]") {
  Scene scene;
  scene.seq = 10;
  scene.message("spBv1.0/G/NDATA/E", scene.data(1, 1)).message("spBv1.0/G/NDATA/E", scene.data(1, 2));
  CHECK(scene.sent.size() == 1);
  scene.tick(2 * kSecond);
  CHECK(scene.story() == Story{"gap G/E alias 0..0 m2 r2"});
}

TEST_CASE("what came before the first birth we saw is read by name alone", "[sparkplug]") {
  Scene scene;
  scene.seq = 100;
  Payload named = scene.payload();
  Scene::add(named, "load", 0, 0.1);
  scene.message("spBv1.0/G/NDATA/E", named).message("spBv1.0/G/NDATA/E", scene.data(1, 2));
  scene.now += kSecond;
  Payload birth = scene.birth_payload(1);
  Scene::add(birth, "load", 1, 0.5);
  scene.message("spBv1.0/G/NBIRTH/E", birth);
  CHECK(scene.story() == Story{"online G/E birth bd1@1000", "series G/E/$node bd1@1000 #0:load", "#0=0.5@1000", "#0=0.1@0",
                               "gap G/E alias 0..0 r1"});
}

TEST_CASE("what came before a birth in its own millisecond is known by numbers that are not due", "[sparkplug]") {
  Scene scene;
  const bool known = GENERATE(false, true);
  if (known) scene.born();
  scene.seq = 4;  // of a node that was born known: 2 and 3 are missing
  for (const double value : {0.1, 0.2, 0.3}) scene.message("spBv1.0/G/NDATA/E", scene.data(1, value));
  Payload birth = scene.birth_payload(1);
  Scene::add(birth, "load", 1, 0.5);
  const Payload next = scene.data(1, 1);
  if (!known) scene.message("spBv1.0/G/NDATA/E", next);  // it overtook the birth
  scene.message("spBv1.0/G/NBIRTH/E", birth);
  if (known) scene.message("spBv1.0/G/NDATA/E", next);
  for (int i = 2; i < 9; ++i) scene.message("spBv1.0/G/NDATA/E", scene.data(1, i));
  scene.tick(10 * kSecond);
  Story live;
  const Story story = scene.story();
  std::ranges::copy_if(story, std::back_inserter(live), [](const std::string& line) { return line.ends_with("@0"); });
  REQUIRE(live.size() >= 9);
  CHECK(std::vector(live.end() - 9, live.end()) ==
        Story{"#0=0.5@0", "#0=1@0", "#0=2@0", "#0=3@0", "#0=4@0", "#0=5@0", "#0=6@0", "#0=7@0", "#0=8@0"});
  CHECK(scene.host.counts().twice == 0);
  CHECK(scene.host.counts().before_birth == (known ? 0U : 3U));
}

TEST_CASE("left-overs of the session before a birth are read with its aliases", "[sparkplug]") {
  Scene scene;
  scene.born(1);
  scene.seq = 40;
  const Payload late = scene.data(2, 9);
  scene.now += kSecond;
  Payload birth = scene.birth_payload(2);
  Scene::add(birth, "other", 2, 1);
  scene.message("spBv1.0/G/NBIRTH/E", birth);
  (void)scene.story();
  scene.message("spBv1.0/G/DDATA/E/D", late);
  CHECK(scene.story() == Story{"#1=9@0"});
  CHECK(scene.host.counts().stragglers == 1);
  scene.tick(5 * kSecond);
  CHECK(scene.host.counts().gaps == 0);
}

TEST_CASE("unknown aliases are visible and ask for a birth; known ones of the same message pass", "[sparkplug]") {
  Scene scene;
  scene.born();
  (void)scene.story();
  Payload data = scene.data(1, 1);
  Scene::add(data, "", 77, 2);
  Scene::add(data, "", 2, 3);  // the device's alias in a message of the node
  scene.message("spBv1.0/G/NDATA/E", data);
  CHECK(scene.story() == Story{"#0=1@0", "gap G/E alias 2..2 r2"});
  CHECK(scene.sent.size() == 1);
}

TEST_CASE("name and alias together are accepted when they agree", "[sparkplug]") {
  Scene scene;
  scene.born();
  (void)scene.story();
  Payload good = scene.payload(), bad = scene.payload();
  Scene::add(good, "load", 1, 1);
  Scene::add(bad, "load", 2, 1);
  scene.message("spBv1.0/G/NDATA/E", good).message("spBv1.0/G/NDATA/E", bad);
  CHECK(scene.story() == Story{"#0=1@0", "gap G/E malformed 3..3 r1"});
  CHECK(scene.host.counts().disagreeing == 1);
}

TEST_CASE("historical data leave live ones alone", "[sparkplug]") {
  Scene scene;
  scene.born();
  (void)scene.story();
  scene.now += 100 * kSecond;
  Payload data = scene.data(1, 1);
  Metric& old = Scene::add(data, "", 1, 9);
  old.set_is_historical(true);
  old.set_timestamp(scene.ms(-50 * kSecond));
  scene.message("spBv1.0/G/NDATA/E", data);
  CHECK(scene.story() == Story{"#0=1@100000", "old #0=9@50000"});
  scene.tick();
  CHECK(scene.story() == Story{"mark G/E 98000", "old mark G/E 48000"});
  scene.tick(kSecond);
  CHECK(scene.story() == Story{"mark G/E 99000", "old mark G/E 99000"});
}

TEST_CASE("historical data whose alias meant another metric before the last birth are refused", "[sparkplug]") {
  Scene scene;
  Payload birth = scene.birth_payload(1);
  Scene::add(birth, "a", 1, 1);
  Scene::add(birth, "b", 2, 2);
  scene.message("spBv1.0/G/NBIRTH/E", birth);
  scene.now += 100 * kSecond;
  birth = scene.birth_payload(2);
  Scene::add(birth, "b", 1, 2);
  Scene::add(birth, "a", 3, 1);
  scene.message("spBv1.0/G/NBIRTH/E", birth);
  (void)scene.story();
  Payload data = scene.payload();
  for (const std::uint64_t alias : {1, 3}) {
    Metric& old = Scene::add(data, "", alias, 9);
    old.set_is_historical(true);
    old.set_timestamp(scene.ms(-50 * kSecond));
  }
  scene.message("spBv1.0/G/NDATA/E", data);
  CHECK(scene.story() == Story{"old #0=9@50000", "gap G/E alias 1..1 r1"});
}

TEST_CASE("times, nulls and qualities", "[sparkplug]") {
  Scene scene;
  scene.born();
  (void)scene.story();
  Payload data = scene.payload();
  data.add_metrics()->set_alias(1);
  data.mutable_metrics(0)->set_double_value(1);
  data.add_metrics()->set_alias(1);
  data.mutable_metrics(1)->set_is_null(true);
  Metric& stale = Scene::add(data, "", 1, 3);
  stale.mutable_properties()->add_keys("Quality");
  set_quality(v1::QUALITY_BAD, *stale.mutable_properties());
  scene.message("spBv1.0/G/NDATA/E", data);
  Payload timeless = scene.data(1, 4);
  timeless.clear_timestamp();
  timeless.mutable_metrics(0)->clear_timestamp();
  scene.message("spBv1.0/G/NDATA/E", timeless);
  CHECK(scene.story() == Story{"#0=1@0 payload-time", "#0=0@0 null payload-time", "#0=3@0 q0", "#0=4@0 arrival-time"});
}

TEST_CASE("times too far ahead of the node's own clock are refused; a clock ahead of ours is not", "[sparkplug]") {
  Scene scene;
  scene.now += 3600 * kSecond;
  Payload birth = scene.birth_payload(1);
  Scene::add(birth, "load", 1, 0.5);
  scene.now -= 3600 * kSecond;
  scene.message("spBv1.0/G/NBIRTH/E", birth);
  CHECK(scene.story().back() == "#0=0.5@3600000");
  scene.tick();
  CHECK(scene.story() == Story{"mark G/E 3598000"});
  Payload data = scene.data(1, 1);
  data.set_timestamp(scene.ms(3600 * kSecond));
  data.mutable_metrics(0)->set_timestamp(scene.ms(3600 * kSecond + 301 * kSecond));
  scene.message("spBv1.0/G/NDATA/E", data);
  CHECK(scene.story() == Story{"gap G/E malformed 1..1 r1"});
  CHECK(scene.host.counts().future == 1);
  // One wrong time of a message moves no watermark.
  data = scene.data(1, 1);
  data.set_timestamp(scene.ms(90000 * kSecond));
  data.mutable_metrics(0)->set_timestamp(scene.ms(3600 * kSecond));
  scene.message("spBv1.0/G/NDATA/E", data).tick(kSecond);
  CHECK(scene.story() == Story{"#0=1@3600000", "mark G/E 3599000"});
}

TEST_CASE("a clock that steps back opens a session", "[sparkplug]") {
  Scene scene;
  scene.born();
  (void)scene.story();
  const auto stepped = [&](double value) {
    scene.now += kSecond;
    Payload data = scene.data(1, value);
    data.set_timestamp(scene.ms(-3600 * kSecond));
    data.mutable_metrics(0)->set_timestamp(data.timestamp());
    scene.message("spBv1.0/G/NDATA/E", data);
  };
  stepped(1);
  stepped(2);
  CHECK(scene.story().size() == 2);
  stepped(3);
  CHECK(scene.story() == Story{"online G/E birth bd1@-3597000", "series G/E/$node bd1@-3597000 #0:load",
                               "series G/E/D bd1@-3597000 #1:rpm", "#0=3@-3597000"});
  scene.tick();
  CHECK(scene.story() == Story{"mark G/E -3599000"});
}

TEST_CASE(
    "a birth request is an NCMD",
    "[tck-id-payloads-ncmd-timestamp][tck-id-payloads-ncmd-seq][tck-id-payloads-ncmd-qos][tck-id-payloads-ncmd-retain]"
    "[tck-id-topics-ncmd-mqtt][tck-id-topics-ncmd-topic][tck-id-topics-ncmd-timestamp][tck-id-topics-ncmd-payload]"
    "[tck-id-operational-behavior-data-commands-ncmd-rebirth-name][tck-id-operational-behavior-data-commands-ncmd-rebirth-value]"
    "[tck-id-operational-behavior-data-commands-ncmd-rebirth-verb][tck-id-operational-behavior-data-commands-ncmd-verb]"
    "[tck-id-operational-behavior-data-commands-ncmd-metric-name][tck-id-operational-behavior-data-commands-ncmd-metric-value]"
    "[tck-id-payloads-name-cmd-requirement][tck-id-payloads-timestamp-in-utc]") {
  Scene scene;
  scene.message("spBv1.0/G/NDATA/E", scene.data(1, 1));
  REQUIRE(scene.sent.size() == 1);
  CHECK(scene.sent[0].topic == "spBv1.0/G/NCMD/E");
  CHECK(scene.sent[0].qos == 0);
  CHECK_FALSE(scene.sent[0].retain);
  Payload payload;
  REQUIRE(payload.ParseFromString(scene.sent[0].payload));
  CHECK(payload.timestamp() == scene.ms());
  CHECK_FALSE(payload.has_seq());
  REQUIRE(payload.metrics_size() == 1);
  CHECK(payload.metrics(0).name() == "Node Control/Rebirth");
  CHECK(payload.metrics(0).datatype() == kBoolean);
  CHECK(payload.metrics(0).boolean_value());
  CHECK_FALSE(payload.metrics(0).has_alias());
}

TEST_CASE("birth requests are limited by node and in all", "[sparkplug]") {
  HostOptions options;
  options.rebirth_rate = 3;
  Scene scene(options);
  for (int i = 0; i < 5; ++i) scene.message("spBv1.0/G/NDATA/E" + std::to_string(i), scene.data(1, 1));
  CHECK(scene.sent.size() == 3);
  scene.tick(kSecond);
  CHECK(scene.sent.size() == 5);
  for (int i = 0; i < 5; ++i) scene.message("spBv1.0/G/NDATA/E" + std::to_string(i), scene.data(1, 1));
  scene.tick(3 * kSecond);
  CHECK(scene.sent.size() == 5);
  scene.tick(kSecond);
  CHECK(scene.sent.size() == 8);
}

TEST_CASE("a passive host publishes nothing", "[sparkplug]") {
  HostOptions options;
  options.role = Role::passive;
  Scene scene(options);
  scene.message("spBv1.0/G/NDATA/E", scene.data(1, 1)).born();
  scene.seq = 9;
  scene.message("spBv1.0/G/NDATA/E", scene.data(1, 1)).tick(10 * kSecond);
  scene.message("spBv1.0/G/NDATA/E", scene.data(99, 1)).tick(10 * kSecond);
  CHECK(scene.sent.empty());
  CHECK(scene.host.counts().gaps == 3);
}

TEST_CASE("a lost link makes every living node blind, and the first message sees it again", "[sparkplug]") {
  Scene scene;
  scene.born(1, "E").born(1, "F").born(1, "dead");
  scene.message("spBv1.0/G/NDEATH/dead", Scene::death(1)).tick();
  (void)scene.story();
  scene.host.link_lost(scene.now, scene.out);
  CHECK(scene.story() == Story{"offline G/E blind bd1@0", "offline G/F blind bd1@0"});
  scene.tick(kSecond);
  CHECK(scene.story().empty());  // blind: no watermarks
  scene.host.link_restored(scene.now);
  scene.seq = 7;
  scene.message("spBv1.0/G/NDATA/E", scene.data(1, 1));
  CHECK(scene.story() == Story{"online G/E seen bd1@0", "gap G/E sequence 2..6 m5", "#0=1@1000 after-gap"});
  CHECK(scene.sent.empty());
  scene.tick(2 * kSecond);
  CHECK(scene.sent.size() == 2);  // E missed something, F keeps silent; a dead one is let alone
}

TEST_CASE("watermarks follow the arrival clock, less skew and delay, a node each", "[sparkplug]") {
  Scene scene;
  scene.born(1, "E").born(1, "F").tick();
  CHECK(Story{"mark G/E -2000", "mark G/F -2000"} == [&] {
    Story s = scene.story();
    return Story(s.end() - 2, s.end());
  }());
  scene.seq = 3;
  scene.message("spBv1.0/G/NDATA/F", scene.data(1, 1));  // waits: F's watermark does too
  scene.tick(kSecond);
  CHECK(scene.story() == Story{"mark G/E -1000"});
}

TEST_CASE("shed readings are counted by node; births and deaths pass", "[sparkplug]") {
  Scene scene;
  scene.born();
  (void)scene.story();
  scene.host.set_shedding(true, scene.out);
  scene.message("spBv1.0/G/NDATA/E", scene.data(1, 1)).message("spBv1.0/G/DDATA/E/D", scene.data(2, 1));
  scene.message("spBv1.0/G/DDEATH/E/D", scene.payload());
  CHECK(scene.story() == Story{"offline G/E/D death bd1@0"});
  scene.host.set_shedding(false, scene.out);
  CHECK(scene.story() == Story{"gap G/E overflow 0..0 m2 r2"});
}

TEST_CASE("group, node and device ids are told apart by case",
          "[tck-id-case-sensitivity-sparkplug-ids][tck-id-topic-structure-namespace-a]") {
  Scene scene;
  scene.born(1, "E").born(1, "e");
  CHECK(scene.host.nodes() == 2);
  scene.message("spAv1.0/G/NDATA/E", scene.data(1, 1)).message("spBv1.0/G/NOPE/E", scene.data(1, 1));
  scene.message("spBv1.0/G/NDATA/E/D", scene.data(1, 1)).message("spBv1.0/G/DDATA/E", scene.data(1, 1));
  CHECK(scene.host.counts().foreign_topics == 4);
}

TEST_CASE("retained Sparkplug messages are of the past", "[sparkplug]") {
  Scene scene;
  Payload birth = scene.birth_payload(1);
  scene.message("spBv1.0/G/NBIRTH/E", birth.SerializeAsString(), true);
  CHECK(scene.story().empty());
  CHECK(scene.host.counts().retained == 1);
}

TEST_CASE("nodes beyond the limit are refused visibly", "[sparkplug]") {
  HostOptions options;
  options.max_nodes = 1;
  Scene scene(options);
  scene.born(1, "E");
  (void)scene.story();
  scene.born(1, "F");
  CHECK(scene.story() == Story{"gap G/F overflow 0..0 m1", "gap G/F overflow 0..0 m1"});
}

TEST_CASE("a message that cannot be read takes its place in the order", "[sparkplug]") {
  HostOptions options;
  options.payload.metrics = 2;
  Scene scene(options);
  scene.born();
  (void)scene.story();
  Payload big = scene.data(1, 1);
  Scene::add(big, "", 1, 2);
  Scene::add(big, "", 1, 3);
  scene.message("spBv1.0/G/NDATA/E", big).message("spBv1.0/G/NDATA/E", scene.data(1, 4));
  CHECK(scene.story() == Story{"gap G/E malformed 2..2 m1", "#0=4@0"});
  scene.message("spBv1.0/G/NDATA/E", std::string("\xFF\xFF"));
  CHECK(scene.story() == Story{"gap G/E malformed 4..4 m1"});
}

TEST_CASE("the commands of a birth are no series", "[sparkplug]") {
  Scene scene;
  Payload birth = scene.birth_payload(1);
  Scene::add(birth, "load", 1, 0.5);
  Metric& rebirth = *birth.add_metrics();
  rebirth.set_name("Node Control/Rebirth");
  rebirth.set_alias(5);
  rebirth.set_datatype(kBoolean);
  rebirth.set_boolean_value(false);
  scene.message("spBv1.0/G/NBIRTH/E", birth);
  CHECK(scene.story() == Story{"online G/E birth bd1@0", "series G/E/$node bd1@0 #0:load", "#0=0.5@0"});
  scene.message("spBv1.0/G/NDATA/E", scene.data(5, 1));
  CHECK(scene.story().empty());
  CHECK(scene.host.counts().controls == 3);  // bdSeq too
}

TEST_CASE("seq and index come along when they are asked for, counted on beyond 255", "[sparkplug]") {
  HostOptions options;
  options.origin = true;
  Scene scene(options);
  scene.born();
  for (int i = 0; i < 300; ++i) scene.message("spBv1.0/G/NDATA/E", scene.data(1, i));
  const Story story = scene.story();
  CHECK(story.back() == "#0=299@0 seq301.0");
}

TEST_CASE("another mapping of names", "[sparkplug]") {
  HostOptions options;
  options.map = *IdentityMap::parse("plant/{group}-{node}/{device}/x {metric}");
  Scene scene(options);
  scene.born();
  CHECK(scene.story()[1] == "series plant/G-E/$node bd1@0 #0:x load");
  for (const char* wrong :
       {"{group}/{node}/{device}", "{group}/{node}/{metric}/{metric}", "a/b/c/d", "{grp}/b/c/{metric}", "//x/{metric}"})
    CHECK_FALSE(IdentityMap::parse(wrong).ok());
}
