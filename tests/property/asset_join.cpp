// SPDX-License-Identifier: Apache-2.0
// Laws of the asset join: every datum goes to the asset, under the facts, that a linear scan of the registry gives for its event
// time; a row that begins later leaves the past alone; grouping, stop and resume change nothing.
#include "kernel/asset_join.hpp"

#include <fmt/format.h>
#include <rapidcheck.h>

#include <catch2/catch.hpp>
#include <map>
#include <optional>
#include <set>

#include "drive.hpp"

using namespace twinpipe;
using testing::StreamWriter;

namespace {

constexpr std::uint32_t kAssets = 4, kSensors = 3, kSeries = kAssets * kSensors;
constexpr Nanos kSpan = 1000;  // event times are below it

struct Datum {
  std::uint32_t series = 0;
  Nanos time = 0;
  bool historical = false;
  std::optional<Nanos> tick;  // a Watermark of node series % 2 instead
};

/// A registry as numbers: what the oracle scans, and the text that is parsed.
struct Row {
  std::uint32_t asset = 0;
  Nanos from = 0, until = kForever;
  int value = 0;
};
struct Mount {
  std::string pattern;
  std::uint32_t asset = 0;
  Nanos from = 0, until = kForever;
};
struct Registry {
  std::vector<Row> rows;
  std::vector<Mount> mounts;
  Nanos stale = kForever;
};

std::string asset_name(std::uint32_t asset) { return fmt::format("a{}", asset); }

std::string csv_of(const Registry& registry) {
  const auto time = [](Nanos at) { return at == kForever ? std::string() : fmt::format("{}", at); };
  std::string text = fmt::format("registry,r,owner,o,as_of,0,slo,{}ns\nasset,from,until,series,class\n", registry.stale);
  for (const Row& row : registry.rows)
    text += fmt::format("s.l.{},{},{},,{}\n", asset_name(row.asset), row.from, time(row.until), row.value);
  for (const Mount& mount : registry.mounts)
    text += fmt::format("s.l.{},{},{},{},\n", asset_name(mount.asset), mount.from, time(mount.until), mount.pattern);
  return text;
}

Registry some_registry() {
  Registry registry;
  registry.stale = *rc::gen::inRange<Nanos>(1, 2 * kSpan);
  // Ascending edges per asset, some of them ends.
  for (std::uint32_t asset = 0; asset < kAssets; ++asset) {
    Nanos at = *rc::gen::inRange<Nanos>(0, kSpan);
    for (int count = *rc::gen::inRange(0, 4); count > 0; --count) {
      const Nanos end = at + *rc::gen::inRange<Nanos>(1, kSpan / 2);
      const bool ends = *rc::gen::arbitrary<bool>();
      registry.rows.push_back({asset, at, ends ? end : kForever, *rc::gen::inRange(0, 1000)});
      at = end + *rc::gen::inRange<Nanos>(0, 50);
    }
  }
  const std::vector<std::string> patterns{"s/l/a0/t0", "s/l/a0/+", "s/l/a1/t*", "+/+/a2/t1", "s/l/+/t2", "s/l/a3/t0"};
  for (const std::string& pattern : patterns) {
    Nanos at = *rc::gen::inRange<Nanos>(0, kSpan);
    for (int count = *rc::gen::inRange(0, 3); count > 0; --count) {
      const Nanos end = at + *rc::gen::inRange<Nanos>(1, kSpan / 2);
      registry.mounts.push_back(
          {pattern, *rc::gen::inRange<std::uint32_t>(0, kAssets + 1), at, *rc::gen::arbitrary<bool>() ? end : kForever});
      at = end + *rc::gen::inRange<Nanos>(0, 50);
    }
  }
  return registry;
}

/// The oracle: where a series is at a time, by looking at every row. A row ends where the next of its kind begins.
std::uint32_t owner_at(const Registry& registry, std::uint32_t series, Nanos time) {
  for (const Mount& mount : registry.mounts) {
    bool holds = time >= mount.from && time < mount.until;
    for (const Mount& other : registry.mounts)
      if (other.pattern == mount.pattern && other.from > mount.from && time >= other.from) holds = false;
    if (holds &&
        Pattern::parse(mount.pattern)->matches("s", "l", asset_name(series / kSensors), fmt::format("t{}", series % kSensors)))
      return mount.asset;
  }
  return series / kSensors;
}

/// Likewise what is said of an asset: its class, "unknown", and whether the registry is too old.
std::pair<std::string, bool> facts_at(const Registry& registry, std::uint32_t asset, Nanos time) {
  std::pair<std::string, bool> said{"unknown", time >= registry.stale};
  Nanos newest = -1;
  for (const Row& row : registry.rows)
    if (row.asset == asset && time >= row.from && row.from > newest) {
      newest = row.from;
      said.first = time < row.until ? fmt::format("{}", row.value) : "unknown";
    }
  return said;
}

std::vector<Datum> some_data() {
  std::vector<Datum> data(*rc::gen::inRange<std::size_t>(0, 60));
  Nanos time = *rc::gen::inRange<Nanos>(0, kSpan);
  const bool ticks = *rc::gen::arbitrary<bool>();
  for (Datum& datum : data) {
    time = std::min(time + *rc::gen::inRange<Nanos>(0, 60), kSpan - 1);
    datum.series = *rc::gen::inRange<std::uint32_t>(0, kSeries);
    datum.time = *rc::gen::inRange(0, 4) == 0 ? *rc::gen::inRange<Nanos>(0, kSpan) : time;
    datum.historical = *rc::gen::inRange(0, 4) == 0;
    if (ticks && *rc::gen::inRange(0, 4) == 0) datum.tick = time;
  }
  return data;
}

std::string node_of(std::uint32_t asset) { return asset % 2 == 0 ? "even" : "odd"; }

void declare(Output& out, std::uint32_t asset, Nanos birth) {
  v1::Frame frame;
  v1::Series& series = *frame.mutable_series();
  series.set_site("s");
  series.set_line("l");
  series.set_asset(asset_name(asset));
  series.set_node(node_of(asset));
  if (birth != 0) series.mutable_session()->set_birth(birth);
  for (std::uint32_t sensor = 0; sensor < kSensors; ++sensor) {
    v1::Sensor& to = *series.add_sensor();
    to.set_alias(asset * kSensors + sensor);
    to.set_name(fmt::format("t{}", sensor));
    to.set_type(v1::VALUE_TYPE_DOUBLE);
  }
  out.frame(frame);
}

/// `late`: so many assets are declared only behind the first half of the data that do not need them.
std::string stream_of(const std::vector<Datum>& data, std::size_t grouping, Nanos birth, std::uint32_t late = 0) {
  StreamWriter writer;
  for (std::uint32_t asset = 0; asset < kAssets - late; ++asset) declare(writer.out(), asset, birth);
  ReadingsBuilder builder;
  bool all = late == 0;
  const auto flush = [&] {
    writer.out().readings(builder.columns());
    builder.clear();
  };
  for (std::size_t i = 0; i < data.size(); ++i) {
    const Datum& datum = data[i];
    if (!all && (datum.series / kSensors >= kAssets - late || i >= data.size() / 2)) {
      flush();
      for (std::uint32_t asset = kAssets - late; asset < kAssets; ++asset) declare(writer.out(), asset, birth);
      all = true;
    }
    if (datum.tick) {
      flush();
      writer.watermark(node_of(datum.series % 2), *datum.tick);
      continue;
    }
    if (!builder.empty() && (builder.rows() >= grouping || builder.columns().historical != datum.historical)) flush();
    builder.set_historical(datum.historical);
    builder.add(datum.series, datum.time, static_cast<double>(i));  // the value names the datum
  }
  flush();
  return writer.take();
}

AssetRegistry parsed(const Registry& registry) {
  Result<AssetRegistry> result = AssetRegistry::parse(csv_of(registry), "r.csv");
  if (!result.ok()) RC_FAIL(result.status().message);
  return std::move(*result);
}

std::string run(const AssetRegistry& registry, const std::string& stream) {
  SeriesTable table;
  AssetJoin stage(table, registry);
  Output out;
  const Status status = testing::drive(stream, stage, table, out);
  if (!status.ok()) RC_FAIL(status.message);
  return std::string(out.pending());
}

/// What a reader of the output knows: each datum's asset, and the facts that stood ahead of it for its event time.
struct Read {
  std::string series;
  Nanos time = 0;
  std::string value;
  bool stale = false;
  bool operator==(const Read&) const = default;
};

class Reader {
 public:
  std::map<std::size_t, Read> data;         // by datum
  std::vector<std::string> facts_in_order;  // every AssetFacts frame

  Status take(const FrameView& view) {
    v1::Stream one;
    one.ParseFromArray(view.bytes.data(), static_cast<int>(view.bytes.size()));
    const v1::Frame& frame = one.frame(0);
    std::vector<Declared> declared;
    if (frame.has_open()) table_.open_segment();
    if (frame.has_series()) return table_.declare(frame.series(), declared);
    if (frame.has_asset_facts()) {
      facts_[frame.asset_facts().asset()].push_back(frame.asset_facts());
      facts_in_order.push_back(frame.SerializeAsString());
    }
    for (int row = 0; row < frame.readings().series_size(); ++row) read(frame.readings(), row);
    return {};
  }

 private:
  void read(const v1::Readings& rows, int row) {
    RC_ASSERT(rows.series(row) < table_.slots().size());
    const std::uint32_t slot = table_.slots()[rows.series(row)];
    Read read{table_.name(slot), rows.time(row), "untold", false};
    for (const v1::AssetFacts& facts : facts_[table_.asset_of(slot).asset]) {
      if (read.time < facts.from() || (facts.until() != 0 && read.time >= facts.until())) continue;
      read.value = facts.unknown() ? "unknown" : facts.fact(0).value();
      read.stale = facts.registry_stale();
    }
    RC_ASSERT(data.emplace(static_cast<std::size_t>(rows.double_value(row)), read).second);
  }

  SeriesTable table_;
  std::map<std::string, std::vector<v1::AssetFacts>> facts_;
};

Reader read_of(const std::string& stream) {
  Reader reader;
  const Status status = testing::for_each_frame(stream, [&](const FrameView& view) { return reader.take(view); });
  if (!status.ok()) RC_FAIL(status.message);
  return reader;
}

}  // namespace

TEST_CASE("asset-join: every reading goes to the asset, behind the facts, that a scan of the registry gives for its time") {
  CHECK(rc::check([] {
    const Registry registry = some_registry();
    const std::vector<Datum> data = some_data();
    const Nanos birth = *rc::gen::inRange<Nanos>(0, 2) * *rc::gen::inRange<Nanos>(0, kSpan);
    const auto late = *rc::gen::inRange<std::uint32_t>(0, kAssets);
    const Reader reader = read_of(run(parsed(registry), stream_of(data, *rc::gen::inRange<std::size_t>(1, 9), birth, late)));
    std::size_t readings = 0;
    for (std::size_t i = 0; i < data.size(); ++i) {
      if (data[i].tick) continue;
      ++readings;
      const std::uint32_t owner = owner_at(registry, data[i].series, data[i].time);
      const auto [value, stale] = facts_at(registry, owner, data[i].time);
      const Read expected{fmt::format("s/l/{}/t{}", asset_name(owner), data[i].series % kSensors), data[i].time, value, stale};
      RC_ASSERT(reader.data.at(i) == expected);
    }
    RC_ASSERT(reader.data.size() == readings);
  }));
}

TEST_CASE("asset-join: what is told, and in which order, does not depend on how readings are grouped") {
  CHECK(rc::check([] {
    const AssetRegistry registry = parsed(some_registry());
    const std::vector<Datum> data = some_data();
    const Reader one = read_of(run(registry, stream_of(data, 1, 1))), many = read_of(run(registry, stream_of(data, 1000, 1)));
    RC_ASSERT(one.data == many.data);
    RC_ASSERT(one.facts_in_order == many.facts_in_order);
  }));
}

TEST_CASE("asset-join: a row that begins later leaves the past as it was") {
  CHECK(rc::check([] {
    Registry registry = some_registry();
    const Nanos later = *rc::gen::inRange<Nanos>(kSpan / 2, kSpan);
    std::erase_if(registry.rows, [later](const Row& row) { return row.from >= later; });
    std::erase_if(registry.mounts, [later](const Mount& mount) { return mount.from >= later; });
    Registry grown = registry;
    // Rows that had ended by themselves by then, so that none overlap.
    const std::uint32_t asset = *rc::gen::inRange<std::uint32_t>(0, kAssets);
    if (std::ranges::none_of(grown.rows,
                             [&](const Row& row) { return row.asset == asset && row.until != kForever && row.until > later; }))
      grown.rows.push_back({asset, later, kForever, 7777});
    grown.mounts.push_back({"s/l/a1/t1", asset, later, kForever});
    const std::vector<Datum> data = some_data();
    const Reader before = read_of(run(parsed(registry), stream_of(data, 4, 1))),
                 after = read_of(run(parsed(grown), stream_of(data, 4, 1)));
    for (const auto& [number, read] : before.data)
      if (read.time < later) RC_ASSERT(after.data.at(number) == read);
  }));
}

TEST_CASE("asset-join: when the clock of a node passes a date, what holds from there is told, data or not") {
  CHECK(rc::check([] {
    const Registry registry = some_registry();
    const AssetRegistry asset_registry = parsed(registry);
    StreamWriter writer;
    for (std::uint32_t asset = 0; asset < kAssets; ++asset) declare(writer.out(), asset, 1);
    Nanos time = 0;
    std::vector<Nanos> ticks;
    for (int i = 0; i < 8; ++i) {
      ticks.push_back(time += *rc::gen::inRange<Nanos>(1, kSpan / 4));
      writer.watermark("even", time);
    }
    // Told between a tick and the one before, that is ahead of its Watermark.
    std::map<std::string, v1::AssetFacts> known;
    std::size_t tick = 0;
    (void)testing::for_each_frame(run(asset_registry, writer.take()), [&](const FrameView& view) -> Status {
      v1::Stream one;
      one.ParseFromArray(view.bytes.data(), static_cast<int>(view.bytes.size()));
      if (one.frame(0).has_asset_facts()) known[one.frame(0).asset_facts().asset()] = one.frame(0).asset_facts();
      if (!one.frame(0).has_watermark()) return {};
      const Nanos now = ticks[tick++];
      for (const std::uint32_t asset : {0U, 2U}) {
        bool here = false;  // a device of which every sensor is elsewhere since its birth is not in the stream
        for (std::uint32_t sensor = 0; sensor < kSensors; ++sensor)
          here = here || owner_at(registry, asset * kSensors + sensor, 1) == asset;
        if (!here) continue;
        const v1::AssetFacts& facts = known.at(asset_name(asset));
        const auto [value, stale] = facts_at(registry, asset, now);
        RC_ASSERT(facts.from() <= now && (facts.until() == 0 || facts.until() > now));
        RC_ASSERT((facts.unknown() ? "unknown" : facts.fact(0).value()) == value);
        RC_ASSERT(facts.registry_stale() == stale);
      }
      return {};
    });
    RC_ASSERT(tick == ticks.size());
  }));
}

TEST_CASE("asset-join: stop and resume at any frame equals an uninterrupted run") {
  CHECK(rc::check([] {
    const AssetRegistry registry = parsed(some_registry());
    const std::string stream = stream_of(some_data(), *rc::gen::inRange<std::size_t>(1, 9), 1);
    std::vector<std::string> frames;
    (void)testing::for_each_frame(stream, [&](const FrameView& view) -> Status {
      frames.emplace_back(view.bytes);
      return {};
    });
    frames.pop_back();  // the Close
    const auto cut = *rc::gen::inRange<std::size_t>(1 + kAssets, frames.size() + 1);
    SeriesTable table, second_table;
    AssetJoin first(table, registry), second(second_table, registry);
    Output out, second_out;
    Driver driver(first, table, "test 0"), second_driver(second, second_table, "test 0");
    const auto feed = [](Driver& to, Output& into, const std::string& bytes) {
      const Status status = testing::for_each_frame(bytes, [&](const FrameView& frame) { return to.take(frame, into); });
      if (!status.ok()) RC_FAIL(status.message);
    };
    for (std::size_t i = 0; i < cut; ++i) feed(driver, out, frames[i]);
    // Open, the state, and then a restarted source declares again what it goes on with.
    feed(second_driver, second_out, frames[0]);
    RC_ASSERT(second_table.restore(table.save()).ok());
    RC_ASSERT(second.load(first.save()).ok());
    for (std::size_t i = 1; i <= kAssets; ++i) feed(second_driver, second_out, frames[i]);
    // A reader that went on from before the stop. More may be told: aliases are declared for where their sensors are by now.
    std::string resumed(out.pending());
    for (std::size_t i = cut; i < frames.size(); ++i) {
      feed(driver, out, frames[i]);
      feed(second_driver, second_out, frames[i]);
    }
    resumed += second_out.pending();
    const Reader whole = read_of(std::string(out.pending())), parts = read_of(resumed);
    RC_ASSERT(whole.data == parts.data);
    const std::set<std::string> told(parts.facts_in_order.begin(), parts.facts_in_order.end());
    for (const std::string& facts : whole.facts_in_order) RC_ASSERT(told.contains(facts));
    RC_ASSERT(std::ranges::includes(second.unknown(), first.unknown()));
  }));
}
