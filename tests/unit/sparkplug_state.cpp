// SPDX-License-Identifier: Apache-2.0
// STATE of a primary host, and birth tables that outlive the process.
#include "kernel/sparkplug_state.hpp"

#include <catch2/catch.hpp>

#include "unit/sparkplug_scene.hpp"

using namespace twinpipe;
using namespace twinpipe::sparkplug;
using Story = std::vector<std::string>;

TEST_CASE(
    "STATE's will, birth and death",
    "[tck-id-host-topic-phid-birth-topic][tck-id-host-topic-phid-birth-payload][tck-id-host-topic-phid-birth-payload-timestamp]"
    "[tck-id-host-topic-phid-birth-qos][tck-id-host-topic-phid-birth-retain][tck-id-host-topic-phid-death-topic]"
    "[tck-id-host-topic-phid-death-payload][tck-id-host-topic-phid-death-payload-timestamp-connect]"
    "[tck-id-host-topic-phid-death-payload-timestamp-disconnect-clean][tck-id-host-topic-phid-death-qos][tck-id-host-topic-phid-"
    "death-retain]"
    "[tck-id-operational-behavior-host-application-connect-birth-topic][tck-id-operational-behavior-host-application-connect-"
    "birth-payload]"
    "[tck-id-operational-behavior-host-application-connect-birth-qos][tck-id-operational-behavior-host-application-connect-will-"
    "topic]"
    "[tck-id-operational-behavior-host-application-connect-will-payload][tck-id-operational-behavior-host-application-connect-"
    "will-qos]"
    "[tck-id-operational-behavior-host-application-connect-will-retained][tck-id-operational-behavior-host-application-death-"
    "topic]"
    "[tck-id-operational-behavior-host-application-death-payload][tck-id-operational-behavior-host-application-death-qos]"
    "[tck-id-operational-behavior-host-application-death-retained][tck-id-payloads-state-birth-payload]"
    "[tck-id-payloads-state-will-message-payload][tck-id-payloads-state-will-message-qos][tck-id-payloads-state-will-message-"
    "retain]") {
  StatePublisher state("plant");
  const Publication will = state.will(kStart + 5), birth = state.birth(), death = state.death(kStart + kSecond);
  for (const Publication& p : {will, birth, death}) {
    CHECK(p.topic == "spBv1.0/STATE/plant");
    CHECK(p.qos == 1);
    CHECK(p.retain);
  }
  CHECK(will.payload == R"({"online":false,"timestamp":1790000000000})");
  CHECK(birth.payload == R"({"online":true,"timestamp":1790000000000})");
  CHECK(death.payload == R"({"online":false,"timestamp":1790000001000})");
}

TEST_CASE("who says that we are offline is contradicted; who goes on saying it has our id") {
  StatePublisher state("plant");
  (void)state.will(kStart);
  const auto hear = [&](const std::string& text, Nanos at, bool retained = false) {
    return state.observe({state.topic(), text, retained, at});
  };
  using Answer = StatePublisher::Answer;
  CHECK(hear(state.birth().payload, kStart) == Answer::none);
  CHECK(hear(R"({"online":false,"timestamp":1})", kStart, true) == Answer::none);
  CHECK(hear(R"({"online":false,"timestamp":1})", kStart) == Answer::publish_again);
  CHECK(hear("garbage", kStart) == Answer::publish_again);
  CHECK(hear(R"({"online":true,"timestamp":2})", kStart) == Answer::publish_again);
  CHECK(hear(R"({"online":true,"timestamp":2})", kStart + kSecond) == Answer::conflict);
  CHECK(hear(R"({"online":true,"timestamp":2})", kStart + 60 * kSecond) == Answer::publish_again);
}

namespace {

std::string table_of(Scene& scene) {
  std::string node, bytes;
  REQUIRE(scene.host.take_changed_table(node, bytes));
  CHECK(node == "G/E");
  CHECK_FALSE(scene.host.take_changed_table(node, bytes));
  return bytes;
}

}  // namespace

TEST_CASE("a table from disk is confirmed by the first message that fits it") {
  Scene before;
  before.born(7);
  const std::string table = table_of(before);
  Scene scene;
  scene.now += 3600 * kSecond;
  REQUIRE(scene.host.load_table(table).ok());
  scene.seq = 100;
  scene.message("spBv1.0/G/DDATA/E/D", scene.data(2, 1501));
  CHECK(scene.story() == Story{"online G/E seen bd7@0", "series G/E/$node bd7@0 #0:load", "series G/E/D bd7@0 #1:rpm",
                               "gap G/E sequence 0..0", "#1=1501@3600000"});
  scene.message("spBv1.0/G/NDATA/E", scene.data(1, 0.75));
  CHECK(scene.story() == Story{"#0=0.75@3600000"});
  CHECK(scene.sent.empty());
}

TEST_CASE("a table from disk that does not fit is forgotten, and a birth asked for") {
  Scene before;
  before.born(7);
  const std::string table = table_of(before);
  Scene scene;
  REQUIRE(scene.host.load_table(table).ok());
  scene.message("spBv1.0/G/NDATA/E", scene.data(2, 1));  // the device's alias
  CHECK(scene.story().empty());
  CHECK(scene.sent.size() == 1);
  CHECK(scene.host.counts().unconfirmed_tables == 1);
  scene.born(8);
  CHECK(scene.story().front() == "online G/E birth bd8@0");
}

TEST_CASE("a node from disk that keeps silent is asked for a birth, and its will is believed") {
  Scene before;
  before.born(7);
  const std::string table = table_of(before);
  Scene scene;
  REQUIRE(scene.host.load_table(table).ok());
  scene.host.link_restored(scene.now);
  scene.tick(kSecond);
  CHECK(scene.sent.empty());
  scene.tick(kSecond);
  CHECK(scene.sent.size() == 1);
  scene.message("spBv1.0/G/NDEATH/E", Scene::death(6));
  CHECK(scene.story().empty());
  scene.message("spBv1.0/G/NDEATH/E", Scene::death(7));
  CHECK(scene.story() == Story{"offline G/E will bd7@0"});
}

TEST_CASE("aliases stay dense when only some of the tables from disk are confirmed") {
  Scene before;
  before.born(1, "E");
  const std::string first = table_of(before);
  Scene other;
  other.born(1, "F");
  std::string node, second;
  REQUIRE(other.host.take_changed_table(node, second));
  Scene scene;
  REQUIRE(scene.host.load_table(first).ok());
  REQUIRE(scene.host.load_table(second).ok());
  scene.message("spBv1.0/G/NDATA/F", scene.data(1, 1));
  CHECK(scene.story()[1] == "series G/F/$node bd1@0 #0:load");
}

TEST_CASE("what is no table is refused") {
  Scene before;
  before.born(7);
  std::string table = table_of(before);
  Scene scene;
  table[table.size() / 2] = static_cast<char>(table[table.size() / 2] ^ 1);
  CHECK_FALSE(scene.host.load_table(table).ok());
  CHECK_FALSE(scene.host.load_table("").ok());
}

TEST_CASE("two hosts of one id that connected in the same millisecond are told apart by the number of births that come back") {
  StatePublisher state("plant");
  (void)state.will(kStart);
  using Answer = StatePublisher::Answer;
  const std::string birth = state.birth().payload;
  const auto hear = [&] { return state.observe({state.topic(), birth, false, kStart}); };
  CHECK(hear() == Answer::none);           // our own
  CHECK(hear() == Answer::publish_again);  // the other's
  (void)state.birth();
  CHECK(hear() == Answer::none);
}
