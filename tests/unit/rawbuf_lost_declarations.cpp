// SPDX-License-Identifier: Apache-2.0
// Declarations that were damaged, and that a repair took out of the segment's index: what builds on them is left out and counted,
// not taken for a stream of that kind.
#include <catch2/catch.hpp>

#include "drive.hpp"
#include "kernel/rawbuf_repair.hpp"
#include "kernel/rawbuf_replay.hpp"
#include "kernel/rawbuf_writer.hpp"
#include "model_disk.hpp"

using namespace twinpipe;
using testing::ModelDisk;

namespace {

/// Every frame a record: Open (1), Series of alias 0 (2), a reading (3), Series of alias 1 (4), a reading (5), Close (6).
void fill(ModelDisk& disk, std::uint64_t segment_bytes) {
  testing::StreamWriter stream;
  for (std::uint32_t alias = 0; alias < 2; ++alias) {
    stream.series("n", "a" + std::to_string(alias), {"s"}, alias);
    ReadingsBuilder rows;
    rows.add(alias, (alias + 1) * kSecond, 1.5);
    stream.out().readings(rows.columns());
  }
  rawbuf::WriterOptions options;
  options.block_bytes = 1;
  options.segment_bytes = segment_bytes;
  rawbuf::Writer writer(disk, options);
  REQUIRE(writer.start().ok());
  REQUIRE(testing::for_each_frame(stream.take(), [&](const FrameView& view) { return writer.append(view, 0); }).ok());
  REQUIRE(writer.close(0).ok());
}

/// Damages the n-th record of a segment and takes it out.
void lose(ModelDisk& disk, std::uint64_t first, std::size_t record) {
  rawbuf::Segment segment = std::move(*rawbuf::Segment::open(disk, first));
  REQUIRE(segment.load().ok());
  disk.files.at(rawbuf::segment_name(first))->bytes[static_cast<std::size_t>(segment.records().at(record).offset)] ^= 1;
  const Result<rawbuf::CatalogEntry> entry = rawbuf::rewrite(disk, first);
  REQUIRE(entry.ok());
  REQUIRE(rawbuf::rewrite_catalog(disk, {*entry}).ok());
}

/// Readings of a whole replay, which has to end well.
std::size_t readings(rawbuf::Replay& replay) {
  REQUIRE(replay.start().ok());
  Output out;
  out.open("test 0", false);
  for (bool more = true; more;) {
    const Status status = replay.step(kForever, out.pending().size() + 1, out, more);
    INFO(status.message);
    REQUIRE(status.ok());
  }
  return static_cast<std::size_t>(out.rows());
}

bool declarations_whole(ModelDisk& disk, std::uint64_t before) {
  rawbuf::Reader reader(disk);
  rawbuf::Declarations state;
  REQUIRE(reader.seek(before, state).ok());
  return reader.declarations_whole();
}

}  // namespace

TEST_CASE("a Series frame that a repair took out: what is declared behind it, and what it declared, is left out and counted") {
  ModelDisk disk;
  fill(disk, 1 << 20);
  lose(disk, 1, 1);
  rawbuf::Replay replay(disk, {});
  CHECK(readings(replay) == 0);
  CHECK(replay.undeclared() == 3);
  CHECK(replay.damaged() == 1);
  CHECK(replay.take_notices() == std::vector<std::string>{"00000000000000000001.seg: frames 2 to 2 are missing",
                                                          "frames whose declarations were lost are left out"});
  CHECK(declarations_whole(disk, 2));
  CHECK(!declarations_whole(disk, 3));
  CHECK(!declarations_whole(disk, 5));
}

TEST_CASE("the declarations that a segment begins with, taken out by a repair, have no number that would be missing") {
  ModelDisk disk;
  fill(disk, 1);  // every frame a segment
  lose(disk, 5, 0);
  rawbuf::Replay replay(disk, {});
  CHECK(readings(replay) == 1);
  CHECK(replay.undeclared() == 1);
  CHECK(declarations_whole(disk, 4));
  CHECK(!declarations_whole(disk, 5));
}
