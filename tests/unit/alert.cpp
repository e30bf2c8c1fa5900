// SPDX-License-Identifier: Apache-2.0
// Alert: what a policy may say, what a message says, and scenes in which somebody must be told something, or must not.
#include "alert_run.hpp"
#include "kernel/setting_checks.hpp"

using namespace twinpipe;
using testing::StreamWriter;

namespace {

constexpr Nanos kStart = 1'000'000 * kSecond;

void tick(StreamWriter& writer, const std::string& node, Nanos time, Nanos clock = 0) {
  v1::Frame frame;
  frame.mutable_watermark()->set_node(node);
  frame.mutable_watermark()->set_time(kStart + time);
  frame.mutable_watermark()->set_clock(kStart + (clock == 0 ? time : clock));
  writer.out().frame(frame);
}

void state(StreamWriter& writer, std::uint32_t alias, Nanos time, const char* value, bool historical = false) {
  ReadingsBuilder row(v1::VALUE_TYPE_STRING);
  row.set_historical(historical);
  row.add(alias, kStart + time, value);
  writer.out().readings(row.columns());
}

v1::Frame twin(const std::string& asset, Nanos as_of, bool online, v1::Lifecycle::Reason reason, v1::Freshness freshness) {
  v1::Frame frame;
  v1::Twin& twin = *frame.mutable_twin();
  twin.set_site("s");
  twin.set_line("l");
  twin.set_asset(asset);
  twin.set_node("n");
  twin.set_online(online);
  twin.set_reason(reason);
  twin.set_since(kStart);
  twin.set_as_of(kStart + as_of);
  v1::TwinMetric& metric = *twin.add_metric();
  metric.set_sensor("x");
  metric.set_freshness(freshness);
  metric.set_slo(10 * kSecond);
  metric.set_time(kStart);
  return frame;
}

v1::Frame reject(Nanos time, v1::Reject::Action action = v1::Reject::ACTION_QUARANTINE) {
  v1::Frame frame;
  v1::Series& series = *frame.mutable_reject()->mutable_series();
  series.set_site("s");
  series.set_line("l");
  series.set_asset("a");
  series.set_node("n");
  series.add_sensor()->set_name("x");
  frame.mutable_reject()->mutable_reading()->add_series(0);
  frame.mutable_reject()->mutable_reading()->add_time(time);
  frame.mutable_reject()->set_action(action);
  frame.mutable_reject()->set_reason("above 400");
  return frame;
}

std::vector<std::string> texts(const std::vector<testing::Told>& told) {
  std::vector<std::string> all;
  for (const auto& message : told) all.push_back(message.phase + " " + message.condition + " " + message.subject);
  return all;
}

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("alert rules: what goes together") {
  const auto complaint = [](const std::string& rule) {
    const auto policy = Policy::parse(R"({"name":"p","version":"1","owner":"o","alert":[{"match":"+/+/+/+",)" + rule + "}]}");
    if (!policy.ok()) return policy.status().message;
    return alert_rules(*policy).ok() ? std::string() : alert_rules(*policy).status().message;
  };
  CHECK(complaint(R"("on":"alarm","values":["1","TRIP"])").empty());
  CHECK(complaint(R"("on":"quarantine","count":3,"span":"1m")").empty());
  CHECK(complaint(R"("on":"exception","exception":"hot*","labels":"a=b, c=d=e","notify":["x","y"])").empty());
  for (const char* wrong :
       {R"("severity":"info")", R"("on":"alarm")", R"("on":"alarm","values":["1"],"normal":["0"])", R"("on":"alarm","values":[])",
        R"("on":"dead","values":["1"])", R"("on":"stale","span":"1m")", R"("on":"quarantine","count":3)",
        R"("on":"quarantine","count":1.5,"span":"1m")", R"("on":"quarantine","count":1e9,"span":"1m")",
        R"("on":"dead","exception":"x")", R"("on":"dead","labels":"nonsense")", R"("on":"dead","labels":"a=1,a=2")",
        R"("on":"rain")", R"("on":"dead","group":"planet")"}) {
    INFO(wrong);
    CHECK(complaint(wrong).starts_with("policy: "));
  }
  const auto of_sensor = Policy::parse(R"({"name":"p","version":"1","owner":"o","alert":[{"match":"+/+/+/x","on":"dead"}]})");
  REQUIRE(of_sensor.ok());
  CHECK(alert_rules(*of_sensor).status().message.find("speaks of assets") != std::string::npos);
}

TEST_CASE("alert message: everything that the rule says, quoted, and members up to a hundred") {
  const Policy policy = testing::alert_policy(
      R"({"name":"r \"1\"","match":"+/+/+/+","on":"dead","severity":"critical","notify":["a","b"],"labels":"team=x"})");
  const auto rules = alert_rules(policy);
  REQUIRE(rules.ok());
  AlertNews news{AlertPhase::raise, &rules->front(), "n \"1\"", kStart, {}};
  for (int i = 0; i < 150; ++i) news.members.push_back({"s/l/a" + std::to_string(i), "", 1, kStart - i, 0, 0, ""});
  const AlertMessage message = alert_message(news, policy);
  simdjson::dom::parser parser;
  const simdjson::dom::element json = parser.parse(message.json);
  CHECK(std::string_view(json["id"]) == message.id);
  CHECK(std::string_view(json["rule"]) == "r \"1\"");
  CHECK(std::string_view(json["subject"]) == "n \"1\"");
  CHECK(std::string_view(json["notify"].at(1)) == "b");
  CHECK(std::string_view(json["labels"]["team"]) == "x");
  CHECK(std::uint64_t(json["count"]) == 150);
  CHECK(simdjson::dom::array(json["members"]).size() == kMembersNamed);
  CHECK(std::string_view(json["policy_digest"]) == policy.digest());
  std::reverse(news.members.begin(), news.members.end());
  CHECK(alert_message(news, policy).id == message.id);
  news.phase = AlertPhase::recover;
  CHECK(alert_message(news, policy).id != message.id);
}

TEST_CASE("alert: one dead node with 1000 sensors is one message, and so is its return") {
  const Policy policy = testing::alert_policy(R"({"match":"+/+/+/+","on":"dead"})");
  StreamWriter writer;
  for (std::uint32_t asset = 0; asset < 10; ++asset) {
    std::vector<std::string> sensors;
    for (int i = 0; i < 100; ++i) sensors.push_back("x" + std::to_string(i));
    writer.series("n", "a" + std::to_string(asset), sensors, 100 * asset);
  }
  tick(writer, "n", 1 * kSecond);
  writer.lifecycle("n", false, v1::Lifecycle::REASON_WILL, 1, kStart + 2 * kSecond);
  tick(writer, "other", 3 * kSecond);
  writer.lifecycle("n", true, v1::Lifecycle::REASON_BIRTH, 2, kStart + 9 * kSecond);
  writer.lifecycle("n", false, v1::Lifecycle::REASON_WILL, 1, kStart + 10 * kSecond);  // of the session before
  tick(writer, "n", 11 * kSecond);
  const auto told = testing::alerts(policy, writer.take());
  CHECK(texts(told) == Texts{"raise dead n", "recover dead n"});
  CHECK(told[0].count == 10);
  CHECK(told[0].members[3].since == kStart + 2 * kSecond);
  CHECK(told[1].members[3].until == kStart + 9 * kSecond);
  CHECK(told[0].members[3].episode == told[1].members[3].episode);
}

TEST_CASE("alert: a state in alarm by its values, not by its past or its noise") {
  const Policy policy = testing::alert_policy(
      R"({"match":"+/+/+/x","on":"alarm","normal":["RUN","IDLE"],"on_delay":"5s","off_delay":"3s"},
         {"match":"+/+/+/y","on":"alarm","values":["TRIP"]})");
  StreamWriter writer;
  writer.series("n", "a", {"x", "y"}, 0, 1, v1::VALUE_TYPE_STRING);
  state(writer, 0, 0, "RUN");
  state(writer, 0, 1 * kSecond, "FAULT");
  tick(writer, "n", 4 * kSecond);
  state(writer, 0, 5 * kSecond, "RUN");  // shorter than its delay
  state(writer, 0, 10 * kSecond, "FAULT");
  tick(writer, "n", 15 * kSecond);
  state(writer, 0, 16 * kSecond, "IDLE");
  tick(writer, "n", 17 * kSecond);
  state(writer, 0, 18 * kSecond, "FAULT");  // the same episode
  tick(writer, "n", 19 * kSecond);
  state(writer, 0, 20 * kSecond, "IDLE");
  state(writer, 0, 12 * kSecond, "FAULT");       // late: it was known to be otherwise since
  state(writer, 1, 21 * kSecond, "TRIP", true);  // historical
  tick(writer, "n", 22 * kSecond);
  tick(writer, "n", 23 * kSecond);
  state(writer, 1, 24 * kSecond, "TRIP");
  const auto told = testing::alerts(policy, writer.take());
  CHECK(texts(told) == Texts{"raise alarm s/l/a/x", "recover alarm s/l/a/x", "raise alarm s/l/a/y"});
  CHECK(told[0].members[0].since == kStart + 10 * kSecond);
  CHECK(told[0].members[0].value == "FAULT");
  CHECK(told[1].members[0].until == kStart + 20 * kSecond);
  CHECK(told[1].members[0].since == kStart + 10 * kSecond);
}

TEST_CASE("alert: twins say what is stale, dead and out of sight") {
  const Policy policy = testing::alert_policy(
      R"({"match":"+/+/+/+","on":"dead"},{"match":"+/+/+/+","on":"blind"},{"match":"+/+/+/+","on":"stale"})");
  StreamWriter writer;
  const auto see = [&](const v1::Frame& frame) {
    writer.out().frame(frame);
    tick(writer, "n", frame.twin().as_of() - kStart);
  };
  const auto birth = v1::Lifecycle::REASON_BIRTH, link = v1::Lifecycle::REASON_HOST_LINK_LOST, will = v1::Lifecycle::REASON_WILL;
  see(twin("a", 1 * kSecond, true, birth, v1::FRESHNESS_NEVER));
  see(twin("a", 2 * kSecond, true, birth, v1::FRESHNESS_FRESH));
  see(twin("a", 12 * kSecond, true, birth, v1::FRESHNESS_STALE));
  see(twin("a", 13 * kSecond, false, link, v1::FRESHNESS_BLIND));
  see(twin("a", 14 * kSecond, false, will, v1::FRESHNESS_DEAD));  // it is dead, and we see it
  see(twin("a", 15 * kSecond, false, link, v1::FRESHNESS_DEAD));
  see(twin("a", 16 * kSecond, true, birth, v1::FRESHNESS_STALE));
  see(twin("a", 17 * kSecond, true, birth, v1::FRESHNESS_FRESH));
  see(twin("b", 18 * kSecond, false, will, v1::FRESHNESS_NEVER));
  v1::Frame retired = twin("b", 19 * kSecond, false, will, v1::FRESHNESS_NEVER);
  retired.mutable_twin()->set_retired(true);
  see(retired);
  const auto told = testing::alerts(policy, writer.take());
  CHECK(texts(told) == Texts{"raise stale s/l/a/x", "raise blind s/l/a", "raise dead s/l/a", "recover blind s/l/a",
                             "recover dead s/l/a", "recover stale s/l/a/x", "raise dead s/l/b", "recover dead s/l/b"});
  CHECK(told[0].members[0].since == kStart + 10 * kSecond);
}

TEST_CASE("alert: a burst of rejects, by event time, over when they stop") {
  const Policy policy = testing::alert_policy(R"({"match":"+/+/+/+","on":"quarantine","count":3,"span":"10s"})");
  StreamWriter writer;
  writer.series("n", "a", {"x"}, 0);
  tick(writer, "n", 1 * kSecond);
  for (const Nanos time : {0, 11, 22, 33}) writer.out().frame(reject(kStart + time * kSecond));  // too far apart
  for (int i = 0; i < 5; ++i) writer.out().frame(reject(kStart + 40 * kSecond, v1::Reject::ACTION_WARN));
  tick(writer, "n", 41 * kSecond);
  writer.out().frame(reject(kStart + 36 * kSecond));
  writer.out().frame(reject(kStart + 38 * kSecond));
  tick(writer, "n", 42 * kSecond);
  writer.out().frame(reject(0));  // no time at all: now
  tick(writer, "n", 52 * kSecond);
  tick(writer, "n", 53 * kSecond);
  const auto told = testing::alerts(policy, writer.take());
  CHECK(texts(told) == Texts{"raise quarantine s/l/a/x", "recover quarantine s/l/a/x"});
  CHECK(told[0].members[0].since == kStart + 33 * kSecond);
  CHECK(told[1].members[0].until == kStart + 52 * kSecond);
}

TEST_CASE("alert: reminders while it holds, and none afterwards") {
  const Policy policy = testing::alert_policy(R"({"match":"+/+/+/+","on":"dead"})");
  StreamWriter writer;
  writer.series("n", "a", {"x"}, 0);
  tick(writer, "m", 0);
  writer.lifecycle("n", false, v1::Lifecycle::REASON_WILL, 1, kStart);
  for (Nanos second = 1; second <= 25; ++second) tick(writer, "m", second * kSecond);
  writer.lifecycle("n", true, v1::Lifecycle::REASON_BIRTH, 2, kStart + 26 * kSecond);
  for (Nanos second = 26; second <= 60; ++second) tick(writer, "m", second * kSecond);
  const auto told = testing::alerts(policy, writer.take(), {900 * kSecond, 10 * kSecond});
  CHECK(texts(told) == Texts{"raise dead s/l/a", "remind dead s/l/a", "remind dead s/l/a", "recover dead s/l/a"});
}

TEST_CASE("alert: a node whose clock is slow is not in the past for ever") {
  const Policy policy = testing::alert_policy(R"({"match":"+/+/+/x","on":"alarm","values":["TRIP"]})");
  StreamWriter writer;
  writer.series("n", "a", {"x"}, 0, 1, v1::VALUE_TYPE_STRING);
  constexpr Nanos kHour = 3600 * kSecond;
  tick(writer, "other", kHour);
  state(writer, 0, 1, "TRIP");
  for (Nanos second = 1; second < 70; ++second) tick(writer, "n", second * kSecond, kHour + second * kSecond);
  const auto told = testing::alerts(policy, writer.take(), {60 * kSecond, 0});
  REQUIRE(told.size() == 1);
  CHECK(told[0].known_at == kStart + kHour + 60 * kSecond);
}

TEST_CASE("alert: the first of a group waits for the others") {
  const Policy policy = testing::alert_policy(R"({"match":"+/+/+/+","on":"blind","group_wait":"5s"})");
  StreamWriter writer;
  for (std::uint32_t i = 0; i < 3; ++i) writer.series("n" + std::to_string(i), "a" + std::to_string(i), {"x"}, i);
  tick(writer, "other", 0);
  for (std::uint32_t i = 0; i < 3; ++i) {
    writer.lifecycle("n" + std::to_string(i), false, v1::Lifecycle::REASON_HOST_LINK_LOST, 0, kStart + i * kSecond);
    tick(writer, "other", (i + 1) * kSecond);
  }
  for (Nanos second = 4; second <= 6; ++second) tick(writer, "other", second * kSecond);
  const auto told = testing::alerts(policy, writer.take());
  REQUIRE(texts(told) == Texts{"raise blind s"});
  CHECK(told[0].count == 3);
  CHECK(told[0].known_at == kStart + 5 * kSecond);
}

TEST_CASE("alert: news of a group that leaves gives back no place whose turn is still to come") {
  const Policy policy = testing::alert_policy(
      R"({"match":"+/+/+/+","on":"alarm","values":["1"],"on_delay":"5s","off_delay":"5s","group":"node","group_wait":"100s"})");
  StreamWriter writer;
  writer.series("n", "a", {"x", "y"}, 0, 1, v1::VALUE_TYPE_STRING);
  const auto both = [&](Nanos time, const char* x, const char* y) {
    state(writer, 0, time, x);
    state(writer, 1, time, y);
    tick(writer, "n", time + 9 * kSecond);
  };
  both(1 * kSecond, "1", "1");
  both(11 * kSecond, "1", "0");
  both(21 * kSecond, "0", "0");
  // Both recoveries wait for company. x is raised again, which sends them, while y was back for less than its delay.
  state(writer, 0, 31 * kSecond, "1");
  state(writer, 1, 31 * kSecond, "1");
  state(writer, 1, 32 * kSecond, "0");
  tick(writer, "n", 40 * kSecond);
  tick(writer, "n", 200 * kSecond);
  CHECK(texts(testing::alerts(policy, writer.take())) == Texts{"raise alarm n", "recover alarm n", "raise alarm s/l/a/x"});
}

TEST_CASE("alert: a temporary rule ends at its event time, and what it told is over") {
  const Policy policy = testing::alert_policy(
      R"({"name":"trial","match":"+/+/+/x","on":"alarm","values":["TRIP"],"expires":"1970-01-12T13:46:50Z","reason":"trial"})");
  StreamWriter writer;
  writer.series("n", "a", {"x"}, 0, 1, v1::VALUE_TYPE_STRING);
  state(writer, 0, 1 * kSecond, "TRIP");
  tick(writer, "n", 2 * kSecond);
  tick(writer, "n", 11 * kSecond);
  state(writer, 0, 12 * kSecond, "TRIP");
  tick(writer, "n", 13 * kSecond);
  testing::AlertRun run(policy);
  run.take(writer.take());
  run.end();
  CHECK(texts(run.told()) == Texts{"raise alarm s/l/a/x", "recover alarm s/l/a/x"});
  CHECK(run.stage().counters()[1].value == 1);
}

TEST_CASE("alert: a state that is none is refused") {
  const Policy policy = testing::alert_policy(R"({"match":"+/+/+/x","on":"alarm","values":["TRIP"]})");
  testing::AlertRun run(policy), other(policy);
  CHECK(run.stage().load("\xff\xff").code == Code::bad_config);
  StreamWriter writer;
  writer.series("n", "a", {"x"}, 0, 1, v1::VALUE_TYPE_STRING);
  state(writer, 0, 1 * kSecond, "TRIP");
  other.take(writer.take());
  const std::string state_bytes = other.stage().save();
  for (std::size_t at = 0; at < state_bytes.size(); ++at) {
    std::string damaged = state_bytes;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x15);
    testing::AlertRun fresh(policy);
    (void)fresh.stage().load(damaged);  // refused or not, it must not do harm
  }
}
