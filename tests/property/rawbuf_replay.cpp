// SPDX-License-Identifier: Apache-2.0
// Laws of the replay: event-time order or that of the record, nothing added, nothing left out but what was not asked for.
#include "kernel/rawbuf_replay.hpp"

#include <rapidcheck.h>

#include <catch2/catch.hpp>
#include <set>

#include "drive.hpp"
#include "kernel/rawbuf_repair.hpp"
#include "kernel/rawbuf_writer.hpp"
#include "model_disk.hpp"
#include "property/arbitrary_stream.hpp"
#include "wire/names.hpp"

using namespace twinpipe;
using testing::ModelDisk;

namespace {

struct Row {
  Nanos time = 0, arrival = kBeginning;
  std::string series, value;
  friend bool operator==(const Row&, const Row&) = default;
};

struct Contents {
  std::vector<Row> rows;            // in the stream's order
  std::vector<std::string> others;  // frames that are neither rows, declarations, nor of the segment; sorted
  std::vector<std::string> told;    // both, in the stream's order
};

std::string value_of(const Columns& columns, std::size_t row) {
  ReadingsBuilder one(columns.type);
  one.set_historical(columns.historical);
  one.set_pinned(columns.pinned);
  one.add_row(columns, row, 0);
  std::string bytes;
  const Columns built = one.columns();
  encode_columns(built, bytes);
  return bytes;
}

/// Reads a stream. `arrival_ends`: an Arrival is in force until the next Open.
Contents read(std::string_view stream, bool arrival_ends) {
  SeriesTable table;
  ReadingsDecoder decoder;
  std::vector<Declared> declared;
  Contents contents;
  Nanos arrival = kBeginning;
  REQUIRE(testing::for_each_frame(stream, [&](const FrameView& view) -> Status {
            v1::Series series;
            v1::Arrival stamp;
            switch (view.kind) {
              case FrameKind::open:
                table.open_segment();
                if (arrival_ends) arrival = kBeginning;
                return {};
              case FrameKind::close:
              case FrameKind::position:
              case FrameKind::resume: return {};
              case FrameKind::series:
                REQUIRE(series.ParseFromArray(view.payload.data(), static_cast<int>(view.payload.size())));
                return table.declare(series, declared);
              case FrameKind::arrival:
                REQUIRE(stamp.ParseFromArray(view.payload.data(), static_cast<int>(view.payload.size())));
                arrival = stamp.time();
                return {};
              case FrameKind::readings: {
                const Result<Columns> columns = decoder.decode(view.payload, table);
                if (!columns.ok()) return columns.status();
                for (std::size_t row = 0; row < columns->rows(); ++row) {
                  contents.rows.push_back({columns->time[row], arrival, table.name(columns->slot[row]), value_of(*columns, row)});
                  contents.told.push_back(contents.rows.back().series + contents.rows.back().value);
                }
                return {};
              }
              // Their aliases may have to change; what else they say is looked at by fcat's tests.
              case FrameKind::waveform:
              case FrameKind::aggregates:
              case FrameKind::spectra:
              case FrameKind::exception: contents.others.emplace_back("renamed"); break;
              default: contents.others.emplace_back(view.bytes); break;
            }
            contents.told.push_back(contents.others.back());
            return {};
          }).ok());
  std::ranges::sort(contents.others);
  return contents;
}

std::string replay(rawbuf::Disk& disk, rawbuf::ReplayOptions options) {
  rawbuf::Replay replay(disk, std::move(options));
  REQUIRE(replay.start().ok());
  Output out;
  out.open("test 0", false);
  const std::size_t bytes = *rc::gen::inRange<std::size_t>(1, 2000);
  for (bool more = true; more;) {
    const Status status = replay.step(kForever, out.pending().size() + bytes, out, more);
    INFO(status.message);
    REQUIRE(status.ok());
  }
  return std::string(out.pending());
}

/// One run of a writer, in records and segments of any size.
void append(rawbuf::Disk& disk, std::string_view stream) {
  rawbuf::WriterOptions options;
  options.segment_bytes = *rc::gen::inRange<std::uint64_t>(100, 3000);
  options.block_bytes = *rc::gen::inRange<std::size_t>(1, 1500);
  rawbuf::Writer writer(disk, options);
  REQUIRE(writer.start().ok());
  REQUIRE(testing::for_each_frame(stream, [&](const FrameView& view) { return writer.append(view, 0); }).ok());
  REQUIRE(writer.close(0).ok());
}

/// Two nodes that are born again and again, and whose readings come early and late.
std::string births() {
  testing::StreamWriter writer;
  const std::vector<std::string> sensors{"s0", "s1"};
  Nanos session = 0;
  for (const std::uint32_t node : {0, 1}) writer.series("n", "a" + std::to_string(node), sensors, node * 2, ++session);
  for (int steps = *rc::gen::inRange(0, 40); steps > 0; --steps) {
    const auto alias = *rc::gen::inRange<std::uint32_t>(0, 4);
    if (*rc::gen::inRange(0, 4) == 0) {  // of one sensor or of all that the asset has
      const bool all = *rc::gen::arbitrary<bool>();
      const std::vector<std::string> one{sensors[alias % 2]};
      writer.series("n", "a" + std::to_string(alias / 2), all ? sensors : one, all ? alias / 2 * 2 : alias, ++session);
    }
    ReadingsBuilder rows;
    for (int row = *rc::gen::inRange(1, 4); row > 0; --row) rows.add(alias, *rc::gen::inRange<Nanos>(0, 100), 1.0);
    writer.out().readings(rows.columns());
  }
  return writer.take();
}

/// Several runs of a writer.
std::string fill(rawbuf::Disk& disk) {
  std::string all;
  for (int run = *rc::gen::inRange(1, 3); run > 0; --run) {
    arbitrary::StreamShape shape;
    shape.most_frames = 16;
    shape.only_readings = *rc::gen::arbitrary<bool>();
    const std::string stream = *arbitrary::stream(shape);
    append(disk, stream);
    all += stream;
  }
  return all;
}

/// What the series of each row from `from` to `to` was last declared as, its session included.
std::vector<std::string> declared_of_rows(std::string_view stream, Nanos from = kBeginning, Nanos to = kForever) {
  std::vector<std::string> found;
  REQUIRE(testing::for_each_readings(stream, [&](const SeriesTable& table, const Columns& columns) {
            for (std::size_t row = 0; row < columns.rows(); ++row)
              if (columns.time[row] >= from && columns.time[row] < to)
                found.push_back(table.declaration(columns.slot[row], 0).SerializeAsString());
          }).ok());
  return found;
}

/// Writes every segment anew without what is damaged: what it lacks is in no index any more.
void repair(ModelDisk& disk, const std::vector<std::string>& names) {
  std::vector<rawbuf::CatalogEntry> entries;
  for (const std::string& name : names) {
    const Result<rawbuf::CatalogEntry> entry = rawbuf::rewrite(disk, *rawbuf::parse_segment_name(name));
    REQUIRE(entry.ok());
    entries.push_back(*entry);
  }
  REQUIRE(rawbuf::rewrite_catalog(disk, entries).ok());
}

/// Flips a bit of every segment's index of series, which verify has to find; false when there was none.
bool damage_series(ModelDisk& disk) {
  bool any = false;
  for (const auto& [name, node] : disk.files) {
    const auto first = rawbuf::parse_segment_name(name);
    if (!first) continue;
    rawbuf::Segment segment = std::move(*rawbuf::Segment::open(disk, *first));
    REQUIRE(segment.load().ok());
    for (const rawbuf::RecordPlace& record : segment.records()) {
      if (record.header.kind != rawbuf::RecordKind::series) continue;
      node->bytes[static_cast<std::size_t>(record.offset) + record.header.size() - 1] ^= 0x10;
      std::vector<rawbuf::Finding> findings;
      REQUIRE(rawbuf::examine(disk, *first, false, findings).ok());
      REQUIRE(findings.size() == 1);
      any = true;
    }
  }
  return any;
}

/// The arrival of a row before which there was none is whatever the output had last.
void forget_unknown(const Contents& expected, Contents& found) {
  if (expected.rows.size() != found.rows.size()) return;
  for (std::size_t i = 0; i < found.rows.size(); ++i)
    if (expected.rows[i].arrival == kBeginning) found.rows[i].arrival = kBeginning;
}

}  // namespace

TEST_CASE("a replay tells every row and every other frame once, rows in event-time order, equal times as recorded") {
  CHECK(rc::check([] {
    ModelDisk disk;
    Contents expected = read(fill(disk), true);
    std::ranges::stable_sort(expected.rows, {}, &Row::time);
    rawbuf::ReplayOptions options;
    options.memory = *rc::gen::element<std::size_t>(1, 20'000, std::size_t{1} << 30);
    Contents found = read(replay(disk, options), false);
    forget_unknown(expected, found);
    RC_ASSERT(found.rows == expected.rows);
    RC_ASSERT(found.others == expected.others);
  }));
}

TEST_CASE("a replay in the order of arrival is what was recorded") {
  CHECK(rc::check([] {
    ModelDisk disk;
    const Contents expected = read(fill(disk), true);
    rawbuf::ReplayOptions options;
    options.order = rawbuf::Order::arrival;
    options.memory = *rc::gen::element<std::size_t>(1, std::size_t{1} << 30);
    Contents found = read(replay(disk, options), false);
    forget_unknown(expected, found);
    RC_ASSERT(found.rows == expected.rows);
    RC_ASSERT(found.told == expected.told);
  }));
}

TEST_CASE("in the order of arrival every series is declared as it was recorded, before its rows") {
  CHECK(rc::check([] {
    ModelDisk disk;
    const std::string recorded = births();
    append(disk, recorded);
    rawbuf::ReplayOptions options;
    options.order = rawbuf::Order::arrival;
    options.from = *rc::gen::inRange<Nanos>(0, 90);
    options.to = *rc::gen::inRange<Nanos>(options.from + 1, 101);
    RC_ASSERT(declared_of_rows(replay(disk, options)) == declared_of_rows(recorded, options.from, options.to));
  }));
}

TEST_CASE("a replay of a span and a pattern is the whole replay, filtered, in either order") {
  CHECK(rc::check([] {
    ModelDisk disk;
    Contents expected = read(fill(disk), true);
    rawbuf::ReplayOptions options;
    options.from = *arbitrary::time();
    options.to = *rc::gen::oneOf(arbitrary::time(), rc::gen::just(kForever));
    options.memory = *rc::gen::element<std::size_t>(1, std::size_t{1} << 30);
    const bool by_pattern = *rc::gen::arbitrary<bool>();
    const auto pattern = Pattern::parse(*rc::gen::element<std::string>("P1/+/+/+", "*/*/*/*-0", "+/L%2E1/+/+", "+/+/+/none"));
    REQUIRE(pattern.ok());
    if (by_pattern) options.patterns = {*pattern};
    options.order = *rc::gen::element(rawbuf::Order::event_time, rawbuf::Order::arrival);
    if (options.order == rawbuf::Order::event_time) std::ranges::stable_sort(expected.rows, {}, &Row::time);
    std::erase_if(expected.rows, [&](const Row& row) {
      const auto levels = split_series_name(row.series);
      const bool in = row.time >= options.from && (options.to == kForever || row.time < options.to);
      return !in || (by_pattern && !pattern->matches((*levels)[0], (*levels)[1], (*levels)[2], (*levels)[3]));
    });
    Contents found = read(replay(disk, options), false);
    forget_unknown(expected, found);
    RC_ASSERT(found.rows == expected.rows);
    // Which records hold which series saves time, and decides nothing: the same without that.
    RC_ASSERT(damage_series(disk) || !by_pattern);
    Contents without = read(replay(disk, options), false);
    forget_unknown(expected, without);
    RC_ASSERT(without.rows == expected.rows);
    RC_ASSERT(without.others == found.others);
  }));
}

TEST_CASE("a replay of a damaged buffer tells nothing but what was recorded, and tells it in order") {
  CHECK(rc::check([] {
    ModelDisk disk;
    const Contents recorded = read(fill(disk), true);
    std::vector<std::string> names;
    for (const auto& [name, node] : disk.files)
      if (rawbuf::parse_segment_name(name)) names.push_back(name);
    RC_PRE(!names.empty());
    for (int hits = *rc::gen::inRange(1, 4); hits > 0; --hits) {
      std::string& bytes = disk.files[*rc::gen::elementOf(names)]->bytes;
      bytes[*rc::gen::inRange<std::size_t>(0, bytes.size())] ^= 0x10;
    }
    if (*rc::gen::arbitrary<bool>()) repair(disk, names);
    rawbuf::ReplayOptions options;
    options.order = *rc::gen::element(rawbuf::Order::event_time, rawbuf::Order::arrival);
    const Contents found = read(replay(disk, options), false);
    const auto key = [](const Row& row) { return row.series + row.value; };
    if (options.order == rawbuf::Order::arrival) {
      auto at = recorded.rows.begin();
      for (const Row& row : found.rows) {
        at = std::find_if(at, recorded.rows.end(), [&](const Row& other) { return key(other) == key(row); });
        RC_ASSERT(at++ != recorded.rows.end());
      }
      return;
    }
    RC_ASSERT(std::ranges::is_sorted(found.rows, {}, &Row::time));
    std::multiset<std::string> all;
    for (const Row& row : recorded.rows) all.insert(key(row));
    for (const Row& row : found.rows) {
      const auto at = all.find(key(row));
      RC_ASSERT(at != all.end());
      all.erase(at);
    }
  }));
}
