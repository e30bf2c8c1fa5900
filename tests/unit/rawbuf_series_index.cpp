// SPDX-License-Identifier: Apache-2.0
// Which records hold which series: what a filter of one record says, and that a replay leaves the others' records alone.
#include "kernel/rawbuf_series_index.hpp"

#include <catch2/catch.hpp>

#include "drive.hpp"
#include "kernel/rawbuf_repair.hpp"
#include "kernel/rawbuf_replay.hpp"
#include "kernel/rawbuf_writer.hpp"
#include "model_disk.hpp"

using namespace twinpipe;
using testing::ModelDisk;

namespace {

/// A segment of three records: the declarations with a reading of each of two assets, then a record for each of them.
void fill(ModelDisk& disk) {
  testing::StreamWriter stream;
  stream.series("n", "a0", {"s"}, 0);
  stream.series("n", "a1", {"s"}, 1);
  rawbuf::Writer writer(disk, {});
  REQUIRE(writer.start().ok());
  const auto put = [&](std::uint32_t alias, Nanos time) {
    ReadingsBuilder rows;
    rows.add(alias, time, 1.5);
    stream.out().readings(rows.columns());
  };
  put(0, 1);
  put(1, 2);
  put(0, 3);
  put(1, 4);
  stream.watermark("n", 5);
  std::size_t count = 0;
  REQUIRE(testing::for_each_frame(stream.take(), [&](const FrameView& view) {
            const Status status = writer.append(view, 0);
            // Behind both declarations with their readings, and behind the third reading.
            return status.ok() && (++count == 5 || count == 6) ? writer.flush(0) : status;
          }).ok());
  REQUIRE(writer.close(0).ok());
}

rawbuf::Segment segment_of(ModelDisk& disk) {
  rawbuf::Segment segment = std::move(*rawbuf::Segment::open(disk, 1));
  REQUIRE(segment.load().ok());
  return segment;
}

struct Told {
  std::uint64_t readings = 0, damaged = 0, watermarks = 0;
};

Told replay(ModelDisk& disk, const char* pattern) {
  rawbuf::ReplayOptions options;
  options.patterns = {*Pattern::parse(pattern)};
  rawbuf::Replay replay(disk, options);
  REQUIRE(replay.start().ok());
  Output out;
  out.open("test 0", false);
  for (bool more = true; more;) REQUIRE(replay.step(kForever, out.pending().size() + 1, out, more).ok());
  Told told{out.rows(), replay.damaged(), 0};
  REQUIRE(testing::for_each_frame(out.pending(), [&](const FrameView& view) {
            told.watermarks += view.kind == FrameKind::watermark ? 1 : 0;
            return Status{};
          }).ok());
  return told;
}

}  // namespace

TEST_CASE("a map of aliases says yes to all that were added, widens for great ones, and is the same once read again") {
  rawbuf::RecordSeries held;
  held.first = 7;
  held.flags = rawbuf::RecordSeries::kOthers;
  const std::uint32_t aliases[] = {0, 1, 2047, 2048, 100'000, 4'000'000'000};
  for (const std::uint32_t alias : aliases) held.aliases.add(alias);
  CHECK(held.aliases.shift() == 21);
  const auto again = rawbuf::decode_series(rawbuf::encode_series({held, held}));
  REQUIRE(again);
  REQUIRE(again->size() == 2);
  CHECK(again->back().first == 7);
  CHECK(again->back().flags == rawbuf::RecordSeries::kOthers);
  for (const std::uint32_t alias : aliases) {
    rawbuf::AliasMap one(21);
    one.add(alias);
    CHECK(again->front().aliases.meets(one));
  }
  rawbuf::AliasMap other(21);
  other.add(2'000'000'000);
  CHECK(!again->front().aliases.meets(other));
  CHECK(!rawbuf::decode_series(rawbuf::encode_series({held}).substr(1)));
}

TEST_CASE("a replay of some series reads no record that holds none of them, and all where the index of series is gone") {
  ModelDisk disk;
  fill(disk);
  CHECK(replay(disk, "s/l/a0/+").readings == 2);
  CHECK(replay(disk, "s/l/a0/+").watermarks == 1);  // it stands in a record of the other asset
  const rawbuf::Segment segment = segment_of(disk);
  REQUIRE(segment.records().size() == 4);
  REQUIRE(segment.records()[3].header.kind == rawbuf::RecordKind::series);
  std::string& bytes = disk.files.at(rawbuf::segment_name(1))->bytes;
  const auto flip = [&](std::size_t record) {
    bytes[static_cast<std::size_t>(segment.records()[record].offset) + rawbuf::kRecordHeaderSize] ^= 1;
  };
  flip(1);  // of a0 alone
  CHECK(replay(disk, "s/l/a0/+").damaged == 1);
  CHECK(replay(disk, "s/l/a1/+").damaged == 0);
  CHECK(replay(disk, "s/l/a1/+").readings == 2);
  flip(3);
  CHECK(replay(disk, "s/l/a1/+").damaged == 1);
  CHECK(replay(disk, "s/l/a1/+").readings == 2);
  // A repair takes the damaged record out, and says again what the others hold.
  REQUIRE(rawbuf::rewrite(disk, 1).ok());
  rawbuf::BlockDecoder decoder;
  const auto held = segment_of(disk).read_series(decoder);
  REQUIRE(held.size() == 2);
  CHECK(held[1].flags == rawbuf::RecordSeries::kOthers);
  rawbuf::AliasMap first(held[1].aliases.shift());
  first.add(0);
  CHECK(!held[1].aliases.meets(first));
}
