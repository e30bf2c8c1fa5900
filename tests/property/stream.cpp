// SPDX-License-Identifier: Apache-2.0
// Laws of the stream: truncation, joining, and what passes through a filter.
#include <rapidcheck.h>

#include <catch2/catch.hpp>

#include "kernel/driver.hpp"
#include "property/arbitrary_stream.hpp"
#include "wire/scanner.hpp"

using namespace twinpipe;

namespace {

struct PassThrough final : Stage {
  using Stage::Stage;
  bool reads(FrameKind) const override { return false; }
};

struct Passed {
  std::string data;  // frames that came out, but for Open and Close
  std::uint64_t frames = 0;
  int verdicts = 0;     // failures that were told
  bool inside = false;  // the input ended inside a frame
};

std::string data_frames(std::string_view stream) {
  std::string data;
  Scanner scanner;
  FrameView view;
  for (; scanner.next(stream, view) == Scanner::Outcome::whole; stream.remove_prefix(view.bytes.size()))
    if (view.kind != FrameKind::open && view.kind != FrameKind::close) data += view.bytes;
  return data;
}

Passed pass(std::string_view stream) {
  SeriesTable table;
  PassThrough stage(table);
  Driver driver(stage, table, "test 0");
  Output out;
  Scanner scanner;
  FrameView view;
  Passed passed;
  Status status;
  while (status.ok() && scanner.next(stream, view) == Scanner::Outcome::whole) {
    stream.remove_prefix(view.bytes.size());
    status = driver.take(view, out);
    ++passed.frames;
  }
  passed.inside = !stream.empty();
  if (status.ok() && !passed.inside) status = driver.end(false, out);
  passed.verdicts = status.ok() && !passed.inside ? 0 : 1;
  passed.data = data_frames(out.pending());
  return passed;
}

/// Ends of frames in `stream`, and whether the stream may end there: behind a Close, or in an unsealed segment.
std::vector<std::pair<std::size_t, bool>> frame_ends(std::string_view stream) {
  std::vector<std::pair<std::size_t, bool>> ends;
  Scanner scanner;
  FrameView view;
  bool may_end = false;
  for (; scanner.next(stream, view) == Scanner::Outcome::whole; stream.remove_prefix(view.bytes.size())) {
    v1::Open open;
    if (view.kind == FrameKind::open && open.ParseFromArray(view.payload.data(), static_cast<int>(view.payload.size())))
      may_end = !open.sealed();
    if (view.kind == FrameKind::close) may_end = true;
    ends.emplace_back(view.offset + view.bytes.size(), may_end);
  }
  return ends;
}

}  // namespace

TEST_CASE("a stream cut at any byte gives the whole frames before it and one verdict") {
  CHECK(rc::check([] {
    arbitrary::StreamShape shape;
    shape.most_frames = 5;
    const std::string stream = *arbitrary::stream(shape);
    const auto ends = frame_ends(stream);
    std::size_t whole = 0;
    for (std::size_t size = 0; size <= stream.size(); ++size) {
      while (whole < ends.size() && ends[whole].first <= size) ++whole;
      const std::size_t boundary = whole == 0 ? 0 : ends[whole - 1].first;
      const Passed passed = pass(std::string_view(stream).substr(0, size));
      RC_ASSERT(passed.frames == whole);
      RC_ASSERT(passed.data == data_frames(std::string_view(stream).substr(0, boundary)));
      RC_ASSERT(passed.inside == (size != boundary));
      const bool fine = size == boundary && whole > 0 && ends[whole - 1].second;
      RC_ASSERT(passed.verdicts == (fine ? 0 : 1));
    }
  }));
}

TEST_CASE("two streams joined are a stream, and every frame passes byte for byte") {
  CHECK(rc::check([] {
    const std::string a = *arbitrary::stream(), b = *arbitrary::stream();
    const Passed passed = pass(a + b);
    RC_ASSERT(passed.verdicts == 0);
    RC_ASSERT(passed.data == data_frames(a) + data_frames(b));
  }));
}

TEST_CASE("a whole stream is one Stream message of the schema") {
  CHECK(rc::check([] {
    const std::string bytes = *arbitrary::stream();
    v1::Stream stream;
    RC_ASSERT(stream.ParseFromString(bytes));
    RC_ASSERT(static_cast<std::size_t>(stream.frame_size()) == frame_ends(bytes).size());
  }));
}
