// SPDX-License-Identifier: Apache-2.0
// Reading from a descriptor: the same frames, places and verdict whatever the sizes of the reads, and for every cut.
#include "io/frame_reader.hpp"

#include <rapidcheck.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <thread>

#include "drive.hpp"

using namespace twinpipe;

namespace {

struct Seen {
  std::vector<std::string> frames;
  std::vector<std::uint64_t> offsets;
  std::uint64_t bytes = 0;
  Status status;
};

/// Writes `stream` into a pipe in pieces of the given sizes, and reads it with a FrameReader.
Seen read_in_pieces(std::string_view stream, const std::vector<std::size_t>& pieces) {
  int ends[2];
  if (pipe(ends) != 0) std::abort();
  const Fd out(ends[0]);
  Fd in(ends[1]);
  std::thread writer([&] {
    std::size_t at = 0;
    for (std::size_t i = 0; at < stream.size(); ++i) {
      const std::size_t size = pieces.empty() ? stream.size() : std::min(pieces[i % pieces.size()], stream.size() - at);
      (void)write_all(in.get(), stream.substr(at, size));
      at += size;
    }
    in = Fd();
  });
  FrameReader reader(out.get(), kDefaultFrameLimit);
  Seen seen;
  do {
    for (FrameView frame; reader.next(frame);) {
      seen.frames.emplace_back(frame.bytes);
      seen.offsets.push_back(frame.offset);
    }
  } while (reader.refill());
  writer.join();
  seen.bytes = reader.bytes();
  seen.status = reader.status();
  return seen;
}

/// A stream of frames of very different sizes, the largest beyond a read's first buffer.
std::string a_stream(const std::vector<std::uint32_t>& sizes) {
  testing::StreamWriter writer;
  for (const std::uint32_t size : sizes) writer.watermark(std::string(size, 'n'), 7);
  return writer.take();
}

}  // namespace

TEST_CASE("pieces do not matter") {
  CHECK(rc::check("random frames in random pieces", [] {
    const auto sizes = *rc::gen::container<std::vector<std::uint32_t>>(rc::gen::inRange<std::uint32_t>(0, 3000));
    const auto pieces = *rc::gen::nonEmpty(rc::gen::container<std::vector<std::size_t>>(rc::gen::inRange<std::size_t>(1, 5000)));
    const std::string stream = a_stream(sizes);
    const Seen whole = read_in_pieces(stream, {});
    const Seen seen = read_in_pieces(stream, pieces);
    RC_ASSERT(whole.frames.size() == sizes.size() + 2);
    RC_ASSERT(seen.frames == whole.frames);
    RC_ASSERT(seen.offsets == whole.offsets);
    RC_ASSERT(seen.status.ok());
    RC_ASSERT(seen.bytes == stream.size());
  }));
}

TEST_CASE("a cut gives the whole frames before it and names the place") {
  CHECK(rc::check("random cuts", [] {
    const auto sizes =
        *rc::gen::nonEmpty(rc::gen::container<std::vector<std::uint32_t>>(rc::gen::inRange<std::uint32_t>(0, 500)));
    const std::string stream = a_stream(sizes);
    const Seen whole = read_in_pieces(stream, {});
    const std::size_t cut = *rc::gen::inRange<std::size_t>(0, stream.size());
    const Seen seen = read_in_pieces(std::string_view(stream).substr(0, cut), {1 + cut / 3});
    const std::size_t count = seen.frames.size();
    RC_ASSERT(count < whole.frames.size());
    RC_ASSERT(std::equal(seen.frames.begin(), seen.frames.end(), whole.frames.begin()));
    const std::uint64_t end = whole.offsets[count];
    if (cut == end) {
      RC_ASSERT(seen.status.ok());
    } else {
      RC_ASSERT(seen.status.code == Code::bad_data);
      RC_ASSERT(seen.status.offset == std::optional(end));
      RC_ASSERT(seen.status.frame == std::optional<std::uint64_t>(count + 1));
    }
  }));
}

TEST_CASE("a frame larger than any read before it") {
  const std::string stream = a_stream({10, 5'000'000, 10});
  const Seen seen = read_in_pieces(stream, {65536});
  CHECK(seen.status.ok());
  CHECK(seen.frames.size() == 5);
}
