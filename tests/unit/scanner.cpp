// SPDX-License-Identifier: Apache-2.0
// Framing: whole frames, every kind of damage, and no allocation on a false length.
#include "wire/scanner.hpp"

#include <catch2/catch.hpp>

#include "wire/output.hpp"

using namespace twinpipe;

namespace {

std::string a_stream() {
  Output out;
  out.open("test 0");
  v1::Frame frame;
  frame.mutable_watermark()->set_node("G/E");
  frame.mutable_watermark()->set_time(7);
  out.frame(frame);
  out.close(true);
  return std::string(out.pending());
}

}  // namespace

TEST_CASE("whole frames come in order with their places") {
  const std::string stream = a_stream();
  Scanner scanner;
  FrameView frame;
  std::string_view rest = stream;
  std::vector<FrameKind> kinds;
  while (scanner.next(rest, frame) == Scanner::Outcome::whole) {
    kinds.push_back(frame.kind);
    CHECK(frame.number == kinds.size());
    CHECK(stream.substr(frame.offset, frame.bytes.size()) == frame.bytes);
    rest.remove_prefix(frame.bytes.size());
  }
  CHECK(rest.empty());
  CHECK(kinds == std::vector{FrameKind::open, FrameKind::watermark, FrameKind::close});
}

TEST_CASE("damage is named with its place") {
  struct Case {
    const char* what;
    std::string bytes;
    const char* message;
  };
  const std::string oversize = std::string("\x0a\xff\xff\xff\x7f", 5);
  const std::string endless = "\x0a" + std::string(10, '\xff');
  const std::string not_a_frame = std::string("\x0a\x02\x0a\x05", 4);
  const std::string two_kinds = std::string("\x0a\x04\x0a\x00\x12\x00", 6);
  const Case cases[] = {{"tag", "\x12\x00", "wrong tag byte 0x12"},
                        {"oversize", oversize, "longer than the limit"},
                        {"endless", endless, "not a varint"},
                        {"inside", not_a_frame, "not a valid Frame"},
                        {"two kinds", two_kinds, "not a valid Frame"}};
  for (const Case& c : cases) {
    INFO(c.what);
    Scanner scanner;
    FrameView frame;
    CHECK(scanner.next(c.bytes, frame) == Scanner::Outcome::bad);
    CHECK(scanner.status().code == Code::bad_data);
    CHECK(scanner.status().message.find(c.message) != std::string::npos);
    CHECK(scanner.status().offset == 0U);
    CHECK(scanner.status().frame == 1U);
  }
}
