// SPDX-License-Identifier: Apache-2.0
// A replay of a span: what is in force where it begins.
#include "kernel/rawbuf_replay.hpp"

#include <catch2/catch.hpp>

#include "drive.hpp"
#include "kernel/rawbuf_writer.hpp"
#include "model_disk.hpp"

using namespace twinpipe;

TEST_CASE("a span that falls between the records of a segment begins with the policies in force all the same") {
  testing::StreamWriter stream;
  v1::Frame applied;
  applied.mutable_applied()->set_tool("deadband");
  applied.mutable_applied()->set_digest("d1");
  stream.out().frame(applied);
  stream.series("n", "a", {"s"}, 0);
  for (const Nanos time : {1, 100, 2, 101, 50, 3, 102}) {
    ReadingsBuilder rows;
    rows.add(0, time * kSecond, 1.5);
    stream.out().readings(rows.columns());
  }
  const std::string recorded = stream.take();
  for (std::uint64_t segment_bytes = 100; segment_bytes < 2000; segment_bytes += 20) {
    testing::ModelDisk disk;
    rawbuf::WriterOptions options;
    options.block_bytes = 1;  // every frame a record
    options.segment_bytes = segment_bytes;
    rawbuf::Writer writer(disk, options);
    REQUIRE(writer.start().ok());
    REQUIRE(testing::for_each_frame(recorded, [&](const FrameView& view) { return writer.append(view, 0); }).ok());
    REQUIRE(writer.close(0).ok());
    for (const auto order : {rawbuf::Order::event_time, rawbuf::Order::arrival}) {
      rawbuf::ReplayOptions span;
      span.from = 40 * kSecond;
      span.to = 60 * kSecond;
      span.order = order;
      rawbuf::Replay replay(disk, span);
      REQUIRE(replay.start().ok());
      Output out;
      out.open("test 0", false);
      for (bool more = true; more;) REQUIRE(replay.step(kForever, out.pending().size() + 1, out, more).ok());
      std::vector<FrameKind> kinds;
      REQUIRE(testing::for_each_frame(out.pending(), [&](const FrameView& view) {
                if (view.kind != FrameKind::arrival) kinds.push_back(view.kind);
                return Status{};
              }).ok());
      CAPTURE(segment_bytes, order == rawbuf::Order::arrival);
      CHECK(kinds == std::vector{FrameKind::open, FrameKind::applied, FrameKind::series, FrameKind::readings});
    }
  }
}
