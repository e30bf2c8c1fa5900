// SPDX-License-Identifier: Apache-2.0
// The twin and what others say of it: registry facts by event time, retirement, readings that were rejected, and nodes that
// send no Watermarks.
#include <rapidcheck.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <set>

#include "drive.hpp"
#include "kernel/twin_fold.hpp"

using namespace twinpipe;
using testing::StreamWriter;

namespace {

constexpr Nanos kMinute = 60 * kSecond;

void facts(StreamWriter& writer, const std::string& asset, Nanos from, Nanos until, const std::string& model,
           bool unknown = false) {
  v1::Frame frame;
  v1::AssetFacts& facts = *frame.mutable_asset_facts();
  facts.set_site("s");
  facts.set_line("l");
  facts.set_asset(asset);
  facts.set_from(from);
  facts.set_until(until);
  facts.set_unknown(unknown);
  facts.set_registry_as_of(1);
  if (!model.empty()) {
    v1::Fact& fact = *facts.add_fact();
    fact.set_name("model");
    fact.set_value(model);
  }
  writer.out().frame(frame);
}

void reading(StreamWriter& writer, std::uint32_t alias, Nanos time, double value = 1, bool historical = false) {
  ReadingsBuilder rows;
  rows.set_historical(historical);
  rows.add(alias, time, value);
  writer.out().readings(rows.columns());
}

void reject(StreamWriter& writer, const std::string& asset, const std::string& sensor, Nanos time, const std::string& rule,
            v1::Reject::Action action = v1::Reject::ACTION_QUARANTINE, Nanos birth = 1) {
  v1::Frame frame;
  v1::Reject& reject = *frame.mutable_reject();
  reject.mutable_series()->set_site("s");
  reject.mutable_series()->set_line("l");
  reject.mutable_series()->set_asset(asset);
  reject.mutable_series()->mutable_session()->set_birth(birth);
  reject.mutable_series()->add_sensor()->set_name(sensor);
  reject.mutable_reading()->add_series(0);
  reject.mutable_reading()->add_time(time);
  reject.mutable_reading()->add_double_value(600);
  reject.set_rule(rule);
  reject.set_action(action);
  writer.out().frame(frame);
}

struct Folded {
  std::vector<v1::Twin> twins, told;
};

Folded fold(const std::string& stream, TwinOptions options = {}) {
  const Policy policy;
  SeriesTable table;
  TwinFold stage(table, policy, options);
  Output out;
  REQUIRE(testing::drive(stream, stage, table, out).ok());
  Folded folded;
  stage.snapshot([&](const v1::Twin& twin) { folded.twins.push_back(twin); });
  for (const v1::Frame& frame : testing::frames_of(out.pending(), FrameKind::twin)) folded.told.push_back(frame.twin());
  return folded;
}

std::string model_of(const v1::Twin& twin) {
  const auto at = twin.facts().find("model");
  return at == twin.facts().end() ? "" : at->second;
}

}  // namespace

TEST_CASE("twin: facts in force at as_of, told with the tick that reaches them") {
  StreamWriter writer;
  facts(writer, "a", 10 * kSecond, 20 * kSecond, "old");  // before its declaration
  writer.series("n", "a", {"x"}, 0);
  writer.series("n", "b", {"x"}, 1);
  facts(writer, "a", 20 * kSecond, 0, "new");
  facts(writer, "b", 0, 0, "", true);
  reading(writer, 0, 1 * kSecond);
  for (const int second : {2, 9, 10, 15, 19, 20, 25}) writer.watermark("n", second * kSecond);
  facts(writer, "a", 5 * kSecond, 10 * kSecond, "ancient");  // a historical span moves nothing back
  writer.watermark("n", 26 * kSecond);
  const Folded folded = fold(writer.take(), {TwinChanges::state});
  std::vector<std::pair<Nanos, std::string>> told;
  for (const v1::Twin& twin : folded.told)
    if (twin.asset() == "a") told.emplace_back(twin.as_of(), model_of(twin));
  CHECK(told == std::vector<std::pair<Nanos, std::string>>{{2 * kSecond, ""}, {10 * kSecond, "old"}, {20 * kSecond, "new"}});
  CHECK(model_of(folded.twins.at(0)) == "new");
  CHECK_FALSE(folded.twins.at(0).unknown());
  CHECK(folded.twins.at(1).unknown());
}

TEST_CASE("twin: facts equal a search among all rows, wherever they stand in the stream and whatever comes between") {
  CHECK(rc::check([] {
    struct Row {
      Nanos from, until;
    };
    std::vector<Row> rows;
    for (int i = 0, n = *rc::gen::inRange(0, 6); i < n; ++i) {
      const Nanos from = *rc::gen::inRange(0, 30) * kSecond;
      rows.push_back({from, *rc::gen::arbitrary<bool>() ? 0 : from + *rc::gen::inRange(1, 10) * kSecond});
    }
    std::set<Nanos> starts;
    std::erase_if(rows, [&](const Row& row) { return !starts.insert(row.from).second; });
    // Facts stand before the data that they are about; the future's as early as it pleases the registry.
    const auto end = *rc::gen::inRange(1, 40);
    StreamWriter writer;
    std::vector<bool> said(rows.size());
    std::vector<std::size_t> order;
    const auto say = [&](std::size_t i) {
      if (!said[i]) order.push_back(i);
      if (!said[i]) facts(writer, "a", rows[i].from, rows[i].until, std::to_string(i));
      said[i] = true;
    };
    const bool late_birth = *rc::gen::arbitrary<bool>();
    if (!late_birth) writer.series("n", "a", {"x"}, 0);
    for (std::size_t i = 0; i < rows.size(); ++i)
      if (*rc::gen::arbitrary<bool>()) say(i);
    if (late_birth) writer.series("n", "a", {"x"}, 0);
    for (int second = 0; second <= end; ++second) {
      for (std::size_t i = 0; i < rows.size(); ++i)
        if (rows[i].from <= second * kSecond) say(i);
      if (*rc::gen::arbitrary<bool>()) reading(writer, 0, second * kSecond);
      writer.watermark("n", second * kSecond);
    }
    const Folded folded = fold(writer.take(), {*rc::gen::element(TwinChanges::all, TwinChanges::state)});
    const auto naive = [&](Nanos time) {
      std::string last;
      for (const std::size_t i : order)
        if (rows[i].from <= time && (rows[i].until == 0 || time < rows[i].until)) last = std::to_string(i);
      return last;
    };
    // What was told last is what holds at each second, so every change was told.
    std::size_t next = 0;
    std::string told;
    for (Nanos time = 0; time <= end * kSecond; time += kSecond) {
      for (; next < folded.told.size() && folded.told[next].as_of() <= time; ++next) told = model_of(folded.told[next]);
      RC_ASSERT(told == naive(time));
    }
    // Retired when the last row ended: then there is no twin to ask.
    for (const v1::Twin& twin : folded.twins) RC_ASSERT(model_of(twin) == naive(twin.as_of()));
  }));
}

TEST_CASE("twin: an asset that left the registry retires when it is silent, and is unknown while it speaks") {
  const auto stream = [](bool speaks) {
    StreamWriter writer;
    writer.series("n", "a", {"x"}, 0);
    facts(writer, "a", 0, 10 * kMinute, "m");
    facts(writer, "a", 10 * kMinute, 0, "", true);
    for (int minute = 0; minute < 40; ++minute) {
      if (minute < 10 || (speaks && minute < 30)) reading(writer, 0, minute * kMinute);
      writer.watermark("n", minute * kMinute);
    }
    return writer;
  };
  SECTION("silent") {
    const Folded folded = fold(stream(false).take());
    CHECK(folded.twins.empty());
    REQUIRE(folded.told.back().retired());
    CHECK(folded.told.back().as_of() == 20 * kMinute);  // the lateness behind the end
    CHECK(std::ranges::count_if(folded.told, &v1::Twin::retired) == 1);
  }
  SECTION("speaking") {
    const Folded folded = fold(stream(true).take());
    REQUIRE(folded.twins.size() == 1);
    CHECK(folded.twins[0].unknown());
    CHECK(std::ranges::count_if(folded.told, &v1::Twin::retired) == 0);
  }
  SECTION("dead: at once") {
    StreamWriter writer = stream(true);
    writer.lifecycle("n", false, v1::Lifecycle::REASON_DEATH, 1, 40 * kMinute);
    const Folded folded = fold(writer.take());
    CHECK(folded.twins.empty());
    CHECK(folded.told.back().retired());
  }
  SECTION("and back again") {
    StreamWriter writer = stream(false);
    facts(writer, "a", 41 * kMinute, 0, "again");
    writer.watermark("n", 41 * kMinute);
    const Folded folded = fold(writer.take(), {TwinChanges::state});
    REQUIRE(folded.twins.size() == 1);
    CHECK_FALSE(folded.told.back().retired());
    CHECK(model_of(folded.told.back()) == "again");
  }
}

TEST_CASE("twin: gone for as long as the options say, an asset retires with another node's tick, and a birth brings it back") {
  StreamWriter writer;
  writer.series("n", "a", {"x"}, 0);
  writer.series("m", "b", {"x"}, 1);
  reading(writer, 0, 1 * kMinute);
  writer.watermark("m", 1 * kMinute);
  writer.lifecycle("n", false, v1::Lifecycle::REASON_WILL, 1, 1 * kMinute);
  for (int minute = 2; minute <= 60; ++minute) {
    reading(writer, 1, minute * kMinute);
    writer.watermark("m", minute * kMinute);
  }
  SECTION("retired") {
    const Folded folded = fold(writer.take(), {.retire_after = 30 * kMinute});
    REQUIRE(folded.twins.size() == 1);
    CHECK(folded.twins[0].asset() == "b");
    const auto last = std::ranges::find_if(folded.told, &v1::Twin::retired);
    REQUIRE(last != folded.told.end());
    CHECK(last->asset() == "a");
    CHECK(last->metric(0).value().double_value() == 1);
    const auto at = std::ranges::find_if(folded.told, [](const v1::Twin& twin) { return twin.as_of() == 31 * kMinute; });
    CHECK((last == at + 1 || last + 1 == at));
  }
  SECTION("back") {
    writer.series("n", "a", {"x"}, 0, 2);
    writer.watermark("n", 61 * kMinute);
    const Folded folded = fold(writer.take(), {.changes = TwinChanges::state, .retire_after = 30 * kMinute});
    CHECK(folded.twins.size() == 2);
    CHECK(folded.told.back().asset() == "a");
    CHECK_FALSE(folded.told.back().retired());
  }
  SECTION("never, by default") { CHECK(fold(writer.take()).twins.size() == 2); }
}

TEST_CASE("twin: a device that its node's newest birth does not declare is gone") {
  StreamWriter writer;
  writer.series("n", "a", {"x"}, 0);
  writer.series("n", "b", {"x"}, 1);
  writer.watermark("n", 1 * kMinute);
  writer.series("n", "b", {"x"}, 1, 2);
  for (int minute = 2; minute <= 40; ++minute) writer.watermark("n", minute * kMinute);
  const Folded folded = fold(writer.take(), {.retire_after = 30 * kMinute});
  REQUIRE(folded.twins.size() == 1);
  CHECK(folded.twins[0].asset() == "b");
}

TEST_CASE("twin: the value stays, and rejects newer than it are counted, whatever the order and however often they come") {
  CHECK(rc::check([] {
    std::set<int> good, bad;
    for (int i = 0, n = *rc::gen::inRange(0, 12); i < n; ++i)
      (*rc::gen::arbitrary<bool>() ? good : bad).insert(*rc::gen::inRange(0, 30));
    for (const int time : good) bad.erase(time);
    std::vector<int> order(good.begin(), good.end());
    order.insert(order.end(), bad.begin(), bad.end());
    for (const int time : bad)
      if (*rc::gen::arbitrary<bool>()) order.push_back(time);
    for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[*rc::gen::inRange<std::size_t>(0, i)]);
    StreamWriter writer;
    writer.series("n", "a", {"x", "y"}, 0);
    for (const int time : order) {
      if (good.contains(time)) reading(writer, 0, time * kSecond, time);
      else reject(writer, "a", "x", time * kSecond, "rule " + std::to_string(time));
    }
    const v1::Twin twin = fold(writer.take()).twins.at(0);
    const int newest = good.empty() ? -1 : *good.rbegin();
    const auto count = std::ranges::count_if(bad, [&](int time) { return time > newest; });
    const v1::TwinMetric& metric = twin.metric(0);
    RC_ASSERT(metric.rejected() == static_cast<std::uint32_t>(count));
    RC_ASSERT(metric.rejected_by() == (count == 0 ? "" : "rule " + std::to_string(*bad.rbegin())));
    RC_ASSERT(metric.has_value() == !good.empty());
    if (!good.empty()) RC_ASSERT(metric.value().double_value() == newest && metric.time() == newest * kSecond);
    if (newest >= 0 || count > 0) RC_ASSERT(metric.last_seen() == std::max(newest, count == 0 ? -1 : *bad.rbegin()) * kSecond);
    RC_ASSERT(twin.metric(1).rejected() == 0U);
  }));
}

TEST_CASE("twin: what was only warned of, released, or of an earlier birth is no reject of the value") {
  StreamWriter writer;
  writer.series("n", "a", {"x"}, 0);
  reading(writer, 0, 1 * kSecond);
  reject(writer, "a", "x", 2 * kSecond, "r", v1::Reject::ACTION_WARN);
  reject(writer, "a", "x", 3 * kSecond, "r", v1::Reject::ACTION_RELEASED);
  reject(writer, "nobody", "x", 3 * kSecond, "r");
  reject(writer, "a", "nothing", 3 * kSecond, "r");
  writer.series("n", "a", {"x"}, 0, 2);
  reject(writer, "a", "x", 4 * kSecond, "r", v1::Reject::ACTION_QUARANTINE, 1);
  CHECK(fold(writer.take()).twins.at(0).metric(0).rejected() == 0);
}

TEST_CASE("twin: a node that sends no Watermarks is told behind its readings, however they are grouped") {
  const Policy policy = *Policy::parse(R"({"name":"p","version":"1","owner":"o","freshness":[{"match":"+/+/+/x","slo":"1m"}]})");
  const auto run = [&](std::size_t columns) {
    StreamWriter writer;
    writer.series("n", "a", {"x", "y"}, 0);
    ReadingsBuilder rows;
    for (int second = 0; second <= 1200; ++second) {
      if (second < 300) rows.add(0, second * kSecond, 1.0);
      rows.add(1, second * kSecond, 1.0);
      if (rows.rows() < columns) continue;
      writer.out().readings(rows.columns());
      rows.clear();
    }
    writer.out().readings(rows.columns());
    SeriesTable table;
    TwinFold stage(table, policy, {TwinChanges::state});
    Output out;
    REQUIRE(testing::drive(writer.take(), stage, table, out).ok());
    return testing::frames_of(out.pending(), FrameKind::twin);
  };
  const auto twins = run(1);
  for (const std::size_t columns : {2UL, 7UL, 5000UL}) {
    const auto others = run(columns);
    REQUIRE(others.size() == twins.size());
    for (std::size_t i = 0; i < twins.size(); ++i) CHECK(others[i].SerializeAsString() == twins[i].SerializeAsString());
  }
  // Told when the readings span the lateness, and when x, silent since 299 s, is a minute behind the ticks, ten behind y.
  REQUIRE(twins.size() == 2);
  CHECK(twins[0].twin().as_of() == 600 * kSecond);
  CHECK(twins[1].twin().as_of() == 960 * kSecond);
  CHECK(twins[1].twin().metric(0).freshness() == v1::FRESHNESS_STALE);
  CHECK(twins[1].twin().metric(0).age() == 61 * kSecond);
  CHECK(twins[1].twin().metric(1).freshness() == v1::FRESHNESS_FRESH);
}
