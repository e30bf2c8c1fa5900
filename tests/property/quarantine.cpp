// SPDX-License-Identifier: Apache-2.0
// Laws of quarantine: each rule against a naive oracle, in = passed + quarantined + dropped, grouping, lanes, stop and resume.
#include "kernel/quarantine.hpp"

#include <rapidcheck.h>

#include <catch2/catch.hpp>
#include <cmath>
#include <map>
#include <set>

#include "drive.hpp"

using namespace twinpipe;
using testing::StreamWriter;

namespace {

Policy policy_of(const std::string& rules) {
  Result<Policy> policy = Policy::parse(R"({"name":"p","version":"7","owner":"o","quarantine":[)" + rules + "]}");
  if (!policy.ok()) FAIL(policy.status().message);
  return *policy;
}

const char* const kRules = R"(
  {"name":"warm","match":"+/+/+/d*","expect":"range","max":40,"action":"warn"},
  {"name":"possible","match":"+/+/+/d*","expect":"range","min":-50,"max":60},
  {"name":"null","match":"+/+/+/+","expect":"not-null","action":"drop"},
  {"name":"rate","match":"+/+/+/?","expect":"rate","per_second":20},
  {"name":"stuck","match":"+/+/+/+","expect":"stuck","longest":"3s"},
  {"name":"text","match":"+/+/+/s","expect":"set","values":["on","off"]},
  {"name":"code","match":"+/+/+/i","expect":"set","values":[10,20,30]},
  {"name":"truth","match":"+/+/+/b","expect":"set","values":[true],"action":"warn"},
  {"name":"future","match":"+/+/+/+","expect":"future","skew":"2s"},
  {"name":"stamp","match":"+/+/+/+","expect":"timestamp","origin":"payload"})";

/// Series and their types; a sensor's name begins with that of its type.
const std::vector<std::pair<const char*, ValueType>> kSensors{{"d", v1::VALUE_TYPE_DOUBLE},  {"e", v1::VALUE_TYPE_DOUBLE},
                                                              {"d2", v1::VALUE_TYPE_DOUBLE}, {"i", v1::VALUE_TYPE_INT64},
                                                              {"s", v1::VALUE_TYPE_STRING},  {"b", v1::VALUE_TYPE_BOOL}};

/// A reading, or the clock of the source (`alias` negative).
struct Item {
  int alias;
  Nanos time;
  int value;  // as a number; texts and bools are made of it
  std::uint32_t quality;
  bool historical;
  std::string text() const { return value == 0 ? "off" : value == 10 ? "on" : "x" + std::to_string(value); }
};

std::vector<Item> some_items() {
  std::vector<Item> items(*rc::gen::inRange<std::size_t>(0, 80));
  Nanos now = 1000 * kSecond;
  for (Item& item : items) {
    now += *rc::gen::inRange(0, 12) * kSecond / 10;
    item.alias = *rc::gen::inRange(-1, static_cast<int>(kSensors.size()));
    item.time = now + *rc::gen::weightedElement<int>({{8, 0}, {1, -5}, {1, 1}, {1, 4}}) * kSecond;
    if (item.alias >= 0 && *rc::gen::inRange(0, 40) == 0) item.time = 0;
    item.value = *rc::gen::weightedElement<int>({{4, 10}, {3, 20}, {2, 30}, {1, 0}, {1, 50}, {1, 600}, {1, -70}});
    item.quality = *rc::gen::weightedElement<std::uint32_t>({{12, kGood},
                                                             {1, v1::QUALITY_BAD},
                                                             {1, v1::QUALITY_STALE},
                                                             {1, kGood | v1::QUALITY_NULL},
                                                             {1, kGood | v1::QUALITY_TIME_OF_PAYLOAD},
                                                             {1, kGood | v1::QUALITY_TIME_OF_ARRIVAL}});
    item.historical = *rc::gen::inRange(0, 5) == 0;
  }
  return items;
}

/// Number of an item → rules that it broke; passed: "" among them.
using Outcome = std::map<std::size_t, std::vector<std::string>>;

/// What kRules say, one reading after another.
Outcome oracle(const std::vector<Item>& items) {
  struct Known {
    bool has = false;
    int value = 0;
    Nanos time = 0, since = 0, newest = kBeginning;
  };
  std::map<std::pair<int, bool>, Known> all;
  std::optional<Nanos> now;
  Outcome outcome;
  for (std::size_t at = 0; at < items.size(); ++at) {
    const Item& item = items[at];
    if (item.alias < 0) {
      now = std::max(now.value_or(0), item.time);
      continue;
    }
    Known& known = all[{item.alias, item.historical}];
    const char kind = kSensors[static_cast<std::size_t>(item.alias)].first[0];
    const bool number = kind == 'd' || kind == 'e' || kind == 'i',
               early_type = kSensors[static_cast<std::size_t>(item.alias)].first[1] == 0;
    const bool null = item.quality & v1::QUALITY_NULL, good = !null && (item.quality & 0xFFFF) == kGood;
    const bool in_order = item.time >= known.newest, follows = good && known.has && in_order;
    const auto same = [&](int one, int other) { return kind == 'b' ? (one != 0) == (other != 0) : one == other; };
    std::vector<std::string> broken;
    bool gone = false, wrong_time = false;
    const auto rule = [&](const char* name, bool breaks, bool warns = false) {
      if (gone || !breaks) return;
      broken.emplace_back(name);
      gone = !warns;
      wrong_time |= gone && (std::string(name) == "future" || std::string(name) == "stamp");
    };
    rule("warm", kind == 'd' && good && item.value > 40, true);
    rule("possible", kind == 'd' && good && (item.value > 60 || item.value < -50));
    rule("null", null);
    rule("rate", number && early_type && follows && item.time > known.time &&
                     std::abs(item.value - known.value) > 20 * (static_cast<double>(item.time - known.time) * 1e-9));
    rule("stuck", follows && same(item.value, known.value) && item.time - known.since > 3 * kSecond);
    rule("text", kind == 's' && good && item.text() != "on" && item.text() != "off");
    rule("code", kind == 'i' && good && item.value != 10 && item.value != 20 && item.value != 30);
    rule("truth", kind == 'b' && good && item.value == 0, true);
    rule("future", now && item.time - *now > 2 * kSecond);
    rule("stamp", item.time <= 0 || (item.quality & v1::QUALITY_TIME_OF_ARRIVAL));
    if (!gone) broken.emplace_back();
    outcome[at] = broken;
    if (wrong_time) continue;
    if (!gone && good && in_order) {
      if (!known.has || !same(item.value, known.value)) known.since = item.time;
      known.has = true;
      known.value = item.value;
      known.time = item.time;
    }
    known.newest = std::max(known.newest, item.time);
  }
  return outcome;
}

void add(ReadingsBuilder& rows, const Item& item, std::size_t number) {
  const auto alias = static_cast<std::uint32_t>(item.alias);
  switch (rows.type()) {
    case v1::VALUE_TYPE_INT64: rows.add(alias, item.time, std::int64_t{item.value}, item.quality); break;
    case v1::VALUE_TYPE_STRING: rows.add(alias, item.time, item.text(), item.quality); break;
    case v1::VALUE_TYPE_BOOL: rows.add(alias, item.time, item.value != 0, item.quality); break;
    default: rows.add(alias, item.time, static_cast<double>(item.value), item.quality);
  }
  rows.set_origin(number, 0);
}

/// Frames of items, up to `grouping` readings each.
std::vector<std::string> frames_of(const std::vector<Item>& items, std::size_t grouping) {
  std::vector<std::string> frames;
  for (std::size_t alias = 0; alias < kSensors.size(); ++alias) {
    v1::Frame frame;
    v1::Series& series = *frame.mutable_series();
    series.set_site("s");
    series.set_line("l");
    series.set_asset("x");
    series.set_node("n");
    v1::Sensor& sensor = *series.add_sensor();
    sensor.set_alias(static_cast<std::uint32_t>(alias));
    sensor.set_name(kSensors[alias].first);
    sensor.set_type(kSensors[alias].second);
    sensor.set_unit("degC");
    append_frame(frame, frames.emplace_back());
  }
  std::optional<ReadingsBuilder> rows;
  bool lane = false;
  const auto flush = [&] {
    if (rows) encode_columns(rows->columns(), frames.emplace_back());
    rows.reset();
  };
  for (std::size_t at = 0; at < items.size(); ++at) {
    const Item& item = items[at];
    if (item.alias < 0) {
      flush();
      v1::Frame frame;
      frame.mutable_arrival()->set_time(item.time);
      append_frame(frame, frames.emplace_back());
      continue;
    }
    const ValueType type = kSensors[static_cast<std::size_t>(item.alias)].second;
    if (rows && (rows->type() != type || lane != item.historical || rows->rows() >= grouping)) flush();
    if (!rows) rows.emplace(type), rows->set_historical(lane = item.historical);
    add(*rows, item, at);
  }
  flush();
  return frames;
}

std::string joined(const std::vector<std::string>& frames) {
  Output open;
  open.open("test 0", false);
  std::string stream(open.pending());
  for (const std::string& frame : frames) stream += frame;
  return stream;
}

Outcome outcome_of(const std::string& stream) {
  Outcome outcome;
  (void)testing::for_each_frame(stream, [&](const FrameView& view) -> Status {
    v1::Stream one;
    one.ParseFromArray(view.bytes.data(), static_cast<int>(view.bytes.size()));
    const v1::Frame& frame = one.frame(0);
    if (frame.has_reject()) {
      const v1::Reject& reject = frame.reject();
      RC_ASSERT(reject.policy() == "p" && reject.policy_version() == "7" && reject.policy_digest().size() == 64U);
      RC_ASSERT(reject.reading().time_size() == 1 && !reject.reason().empty() && reject.series().sensor_size() == 1);
      RC_ASSERT(reject.lineage().seq() == reject.reading().seq(0));
      outcome[reject.lineage().seq()].push_back(reject.rule());
    }
    for (const std::uint64_t seq : frame.readings().seq()) outcome[seq].insert(outcome[seq].begin(), "");
    return {};
  });
  for (auto& [number, rules] : outcome) std::ranges::sort(rules);
  return outcome;
}

std::string run(const Policy& policy, const std::string& stream) {
  SeriesTable table;
  Quarantine stage(table, policy, *read_expectations(policy));
  Output out;
  RC_ASSERT(testing::drive(stream, stage, table, out).ok());
  std::uint64_t counted = 0;
  for (const Counter& counter : stage.counters())
    if (counter.name == "passed" || counter.name == "quarantined" || counter.name == "dropped") counted += counter.value;
  RC_ASSERT(counted == outcome_of(std::string(out.pending())).size());
  return std::string(out.pending());
}

}  // namespace

TEST_CASE(
    "quarantine: every reading passes or is a reject of the first rule that keeps it, as a naive reader of the rules says") {
  const Policy policy = policy_of(kRules);
  CHECK(rc::check([&] {
    const auto items = some_items();
    Outcome expected = oracle(items);
    for (auto& [number, rules] : expected) std::ranges::sort(rules);
    RC_ASSERT(outcome_of(run(policy, joined(frames_of(items, *rc::gen::inRange<std::size_t>(1, 9))))) == expected);
  }));
}

TEST_CASE("quarantine: without a broken rule the output is the input, byte for byte") {
  const Policy policy = policy_of(R"({"match":"+/+/+/+","expect":"range","min":-1000,"max":1000},
                                     {"match":"+/+/+/+","expect":"rate","per_second":1e9})");
  CHECK(rc::check([&] {
    const std::string stream = joined(frames_of(some_items(), *rc::gen::inRange<std::size_t>(1, 9)));
    std::string in, out;
    const auto data_of = [](const std::string& from, std::string& to) {
      (void)testing::for_each_frame(from, [&](const FrameView& view) -> Status {
        if (view.kind == FrameKind::series || view.kind == FrameKind::readings || view.kind == FrameKind::arrival)
          to += view.bytes;
        return {};
      });
    };
    data_of(stream, in);
    data_of(run(policy, stream), out);
    RC_ASSERT(in == out);
  }));
}

TEST_CASE("quarantine: a temporary rule ends at its event time, wherever frames end, and Rejects and news keep their order") {
  const Policy policy = policy_of(R"(
    {"name":"short","match":"+/+/+/d","expect":"range","max":5,"expires":"1970-01-01T00:16:50Z","reason":"r"},
    {"name":"long","match":"+/+/+/d","expect":"range","max":25})");
  CHECK(rc::check([&] {
    auto items = some_items();
    Nanos time = 1000 * kSecond;
    for (Item& item : items) item.alias = 0, item.quality = kGood, item.historical = false, item.time = time += kSecond / 2;
    const auto others = [&](std::size_t grouping) {
      std::vector<std::string> rules;
      (void)testing::for_each_frame(run(policy, joined(frames_of(items, grouping))), [&](const FrameView& view) -> Status {
        v1::Stream one;
        one.ParseFromArray(view.bytes.data(), static_cast<int>(view.bytes.size()));
        if (one.frame(0).has_reject() || one.frame(0).has_applied()) rules.push_back(one.SerializeAsString());
        return {};
      });
      return rules;
    };
    RC_ASSERT(others(*rc::gen::inRange<std::size_t>(1, 9)) == others(1000));
    const Outcome outcome = outcome_of(run(policy, joined(frames_of(items, 4))));
    for (std::size_t at = 0; at < items.size(); ++at) {
      const char* rule = items[at].time < 1010 * kSecond ? "short" : "long";
      const bool broken = items[at].value > (items[at].time < 1010 * kSecond ? 5 : 25);
      RC_ASSERT(outcome.at(at) == std::vector<std::string>{broken ? rule : ""});
    }
  }));
}

TEST_CASE("quarantine: a waveform is rejected whole, at its first impossible sample") {
  const Policy policy = policy_of(R"({"name":"range","match":"+/+/+/+","expect":"range","min":-5,"max":5})");
  CHECK(rc::check([&] {
    v1::Frame frame;
    v1::Waveform& waveform = *frame.mutable_waveform();
    waveform.set_time(kSecond);
    waveform.set_sample_period(0.001);
    const bool floats = *rc::gen::arbitrary<bool>();
    std::optional<std::uint64_t> first;
    const int samples = *rc::gen::inRange(0, 50);
    for (int i = 0; i < samples; ++i) {
      const double sample = *rc::gen::weightedElement<double>({{30, 1.5}, {1, 5.5}, {1, -80.0}, {1, std::nan("")}});
      if (floats) waveform.add_float_sample(static_cast<float>(sample));
      else waveform.add_double_sample(sample);
      if (!first && !(std::abs(sample) <= 5)) first = i;
    }
    StreamWriter writer;
    writer.series("n", "x", {"w"}, 0, 1, v1::VALUE_TYPE_WAVEFORM);
    writer.out().frame(frame);
    SeriesTable table;
    Quarantine stage(table, policy, *read_expectations(policy));
    Output out;
    RC_ASSERT(testing::drive(writer.take(), stage, table, out).ok());
    const auto passed = testing::frames_of(std::string(out.pending()), FrameKind::waveform);
    const auto rejects = testing::frames_of(std::string(out.pending()), FrameKind::reject);
    RC_ASSERT(passed.size() == (first ? 0U : 1U));
    RC_ASSERT(rejects.size() == (first ? 1U : 0U));
    if (!first) return;
    RC_ASSERT(rejects[0].reject().position() == *first);
    RC_ASSERT(rejects[0].reject().waveform().SerializeAsString() == waveform.SerializeAsString());
  }));
}

TEST_CASE("quarantine: stop and resume at any frame equals an uninterrupted run") {
  const Policy policy = policy_of(kRules);
  CHECK(rc::check([&] {
    std::vector<std::string> frames = frames_of(some_items(), *rc::gen::inRange<std::size_t>(1, 5));
    v1::Frame applied;  // a deadband upstream, which a restarted source's segment says again
    applied.mutable_applied()->set_tool("deadband");
    applied.mutable_applied()->add_rule()->set_pattern("+/+/+/d");
    applied.mutable_applied()->mutable_rule(0)->set_heartbeat(2 * kSecond);
    std::string again;
    append_frame(applied, again);
    frames.insert(frames.begin(), again);
    const std::size_t declared = kSensors.size() + 1;
    const auto cut = *rc::gen::inRange<std::size_t>(declared, frames.size() + 1);
    SeriesTable table, second_table;
    Quarantine first(table, policy, *read_expectations(policy)), second(second_table, policy, *read_expectations(policy));
    Output out, second_out, open;
    open.open("test 0");
    Driver driver(first, table, "test 0"), second_driver(second, second_table, "test 0");
    const auto feed = [](Driver& to, Output& into, const std::string& bytes) {
      return testing::for_each_frame(bytes, [&](const FrameView& frame) { return to.take(frame, into); });
    };
    RC_ASSERT(feed(driver, out, std::string(open.pending())).ok());
    for (std::size_t i = 0; i < cut; ++i) RC_ASSERT(feed(driver, out, frames[i]).ok());
    RC_ASSERT(second_table.restore(table.save()).ok());
    RC_ASSERT(second.load(first.save()).ok());
    RC_ASSERT(feed(second_driver, second_out, std::string(open.pending())).ok());
    for (std::size_t i = 0; i < declared; ++i) RC_ASSERT(feed(second_driver, second_out, frames[i]).ok());
    out.clear();
    second_out.clear();
    for (std::size_t i = cut; i < frames.size(); ++i) {
      RC_ASSERT(feed(driver, out, frames[i]).ok());
      RC_ASSERT(feed(second_driver, second_out, frames[i]).ok());
    }
    RC_ASSERT(out.pending() == second_out.pending());
    RC_ASSERT(first.save() == second.save());
  }));
}
