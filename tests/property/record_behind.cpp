// SPDX-License-Identifier: Apache-2.0
// Laws of recording by a thread: what was put comes back byte for byte, however it was cut into groups, and what is called
// written can be read.
#include "cli/record_behind.hpp"

#include <poll.h>
#include <rapidcheck.h>

#include <catch2/catch.hpp>

#include "drive.hpp"
#include "kernel/rawbuf_reader.hpp"
#include "property/arbitrary_stream.hpp"
#include "scratch.hpp"

using namespace twinpipe;

namespace {

std::string recorded(const std::string& path) {
  RawbufDirectory directory(path);
  rawbuf::Reader reader(directory);
  rawbuf::Declarations state;
  std::string all;
  if (!reader.seek(1, state).ok()) return all;  // nothing was written yet
  for (bool found = true; found;) {
    rawbuf::Piece piece;
    REQUIRE(reader.next(piece, found).ok());
    if (found) all += piece.frames;
  }
  return all;
}

}  // namespace

TEST_CASE("what is put behind comes back, in whatever groups, and what is called written can be read") {
  CHECK(rc::check([] {
    const testing::Scratch scratch;
    arbitrary::StreamShape shape;
    shape.most_frames = 20;
    const std::string stream = *arbitrary::stream(shape);
    cli::RecorderOptions options;
    options.directory = scratch.path("raw");
    options.sync = *rc::gen::element(cli::SyncWhen::always, cli::SyncWhen::interval, cli::SyncWhen::none);
    options.sync_every = *rc::gen::element(Nanos{kMillisecond}, Nanos{kSecond});
    options.writer.durable = options.sync != cli::SyncWhen::none;
    options.writer.segment_bytes = *rc::gen::inRange<std::uint64_t>(100, 3000);
    cli::RecordBehind recording(options, *rc::gen::inRange<std::size_t>(1, 1500), [](const std::string&) {});
    REQUIRE(recording.start().ok());
    REQUIRE(testing::for_each_frame(stream, [&](const FrameView& frame) {
              if (Status status = recording.put(frame.bytes); !status.ok()) return status;
              if (*rc::gen::inRange(0, 4) == 0) recording.hurry();
              if (*rc::gen::inRange(0, 8) == 0) {
                const std::uint64_t written = recording.written();
                RC_ASSERT(recorded(options.directory).size() >= written);
              }
              return recording.write_more();
            }).ok());
    REQUIRE(recording.finish().ok());
    RC_ASSERT(recording.written() == stream.size());
    RC_ASSERT(recording.waiting() == 0U);
    RC_ASSERT(recorded(options.directory) == stream);
  }));
}
