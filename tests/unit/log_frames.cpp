// SPDX-License-Identifier: Apache-2.0
// ksub's side: copies of node frames, watermarks over partitions, declarations, and values that are no segments.
#include "kernel/log_frames.hpp"

#include <catch2/catch.hpp>

#include "kafka_records.hpp"

using namespace twinpipe;
using namespace twinpipe::testing;

namespace {

std::string value(const std::function<void(StreamWriter&)>& fill) {
  StreamWriter writer;
  writer.out().clear();
  writer.out().open("test 0", false);
  fill(writer);
  return std::string(writer.out().pending());
}

std::string declared(const std::string& asset, Nanos birth = 1) {
  return value([&](StreamWriter& writer) { writer.series("n", asset, {"a"}, 0, birth); });
}
std::string tick(Nanos time) {
  return value([&](StreamWriter& writer) { writer.watermark("n", time); });
}
std::string death() {
  return value([](StreamWriter& writer) { writer.lifecycle("n", false, v1::Lifecycle::REASON_WILL, 1, 9); });
}

struct Reader {
  LogFrames frames{3, 1000, kDefaultFrameLimit};
  Output out;
  Reader() { out.open("test 0"); }
  void take(std::uint32_t partition, Nanos stamp, const std::string& bytes) {
    REQUIRE(frames.take(partition, stamp, bytes, out).ok());
  }
  std::vector<Nanos> watermarks() const {
    std::vector<Nanos> times;
    for (const v1::Frame& frame : frames_of(out.pending(), FrameKind::watermark)) times.push_back(frame.watermark().time());
    return times;
  }
};

}  // namespace

TEST_CASE("a node's watermark is the least of the partitions that hold it") {
  Reader reader;
  reader.take(0, 1, declared("x"));
  reader.take(1, 1, declared("y"));
  reader.take(0, 2, tick(100));
  reader.take(0, 3, tick(200));
  reader.frames.settle(reader.out);
  CHECK(reader.watermarks().empty());  // partition 1 has not ticked yet
  reader.take(1, 4, tick(150));
  reader.frames.settle(reader.out);
  CHECK(reader.watermarks() == std::vector<Nanos>{150});
  reader.take(1, 5, tick(300));
  reader.frames.settle(reader.out);
  CHECK(reader.watermarks() == std::vector<Nanos>{150, 200});
}

TEST_CASE("a partition that no longer ticks for a node is forgotten") {
  Reader reader;
  reader.take(0, 1, declared("x"));
  reader.take(1, 1, declared("y"));
  reader.take(0, 2, tick(100));
  reader.take(1, 2, tick(100));
  reader.take(0, 1000 * kSecond, tick(200));
  reader.frames.settle(reader.out);
  CHECK(reader.watermarks() == std::vector<Nanos>{100, 200});
}

TEST_CASE("each death comes once, and one that is alike but later is another") {
  Reader reader;
  for (const std::uint32_t partition : {0U, 1U, 2U}) reader.take(partition, 5, death());
  CHECK(frames_of(reader.out.pending(), FrameKind::lifecycle).size() == 1);
  reader.take(0, 6, value([](StreamWriter& writer) { writer.lifecycle("n", true, v1::Lifecycle::REASON_BIRTH, 2, 20); }));
  reader.take(1, 7, death());  // a copy from a partition that is behind
  CHECK(frames_of(reader.out.pending(), FrameKind::lifecycle).size() == 2);
}

TEST_CASE("two gaps that are alike to the byte are two, their copies are not") {
  const std::string gap = value([](StreamWriter& writer) {
    v1::Frame frame;
    frame.mutable_gap()->set_node("n");
    writer.out().frame(frame);
  });
  Reader reader;
  for (const Nanos stamp : {5, 5, 8, 8}) reader.take(0, stamp, gap);
  CHECK(frames_of(reader.out.pending(), FrameKind::gap).size() == 2);
}

TEST_CASE("copies are awaited where the node, or the device, is known to be") {
  Reader reader;
  reader.take(0, 1, declared("x"));
  reader.take(2, 1, declared("y"));
  CHECK(reader.frames.awaited(death()) == std::set<std::uint32_t>{0, 2});
  CHECK(reader.frames.awaited(tick(5)).empty());
  const std::string device = value([](StreamWriter& writer) {
    v1::Frame frame;
    frame.mutable_lifecycle()->set_node("n");
    frame.mutable_lifecycle()->set_site("s");
    frame.mutable_lifecycle()->set_line("l");
    frame.mutable_lifecycle()->set_asset("y");
    writer.out().frame(frame);
  });
  CHECK(reader.frames.awaited(device) == std::set<std::uint32_t>{2});
}

TEST_CASE("a declaration is written when it says something new, whichever of an asset's series it has") {
  const auto some = [](const std::vector<std::string>& sensors, Nanos birth) {
    return value([&](StreamWriter& writer) { writer.series("n", "x", sensors, 0, birth); });
  };
  Reader reader;
  const auto written = [&] { return frames_of(reader.out.pending(), FrameKind::series).size(); };
  reader.take(0, 1, some({"a", "b"}, 1));
  CHECK(written() == 1);
  reader.take(0, 2, some({"b"}, 1));
  reader.take(0, 3, some({"a"}, 1));
  CHECK(written() == 1);
  reader.take(0, 4, some({"b"}, 2));  // another session
  CHECK(written() == 2);
  reader.take(0, 5, some({"b"}, 1));  // and the first one's bytes again
  CHECK(written() == 3);
  CHECK(frames_of(reader.out.pending(), FrameKind::series)[1].series().sensor(0).alias() == 1);
}

TEST_CASE("values that are no segments are bad data, and what is whole of them is kept") {
  Reader reader;
  const std::string good = declared("x");
  for (std::size_t size = 1; size < good.size(); ++size) {
    const Status status = reader.frames.take(0, 1, std::string_view(good).substr(0, size), reader.out);
    // A cut between two frames leaves a segment.
    if (!status.ok()) CHECK(status.code == Code::bad_data);
  }
  CHECK(reader.frames.take(0, 1, "{\"json\": 1}", reader.out).code == Code::bad_data);
  std::string headless;
  append_frame(frames_of(tick(1), FrameKind::watermark)[0], headless);
  CHECK(reader.frames.take(0, 1, headless, reader.out).code == Code::bad_data);
  const std::string stray = value([](StreamWriter& writer) {
    ReadingsBuilder builder;
    builder.add(3, 1, 1.0);
    writer.out().readings(builder.columns());
  });
  CHECK(reader.frames.take(0, 1, stray, reader.out).message.find("undeclared alias 3") != std::string::npos);
}
