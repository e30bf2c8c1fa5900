// SPDX-License-Identifier: Apache-2.0
// Splits bytes in memory into frames: tag byte, varint length, message Frame.
#include "wire/scanner.hpp"

#include <fmt/format.h>

#include "wire/fields.hpp"

namespace twinpipe {
namespace {

/// Finds the kind among the fields of a Frame. A later schema may add fields beside the oneof: they are stepped
/// over here and survive in the bytes. Two kinds in one frame are refused: protobuf would silently keep the last.
bool find_kind(std::string_view body, FrameView& frame) {
  while (!body.empty()) {
    Field field;
    if (!take_field(body, field)) return false;
    if (field.number >= kFrameKinds || field.type != WireType::length_delimited) continue;
    if (frame.kind != FrameKind::unknown) return false;
    frame.kind = static_cast<FrameKind>(field.number);
    frame.payload = field.value;
  }
  return true;
}

}  // namespace

Scanner::Outcome Scanner::bad(std::string message) {
  status_ = Status{Code::bad_data, std::move(message), frames_ + 1, offset_};
  return Outcome::bad;
}

Scanner::Outcome Scanner::next(std::string_view bytes, FrameView& frame) {
  wanted_ = 0;
  if (bytes.empty()) return Outcome::need_more;
  if (bytes[0] != kFrameTag)
    return bad(fmt::format("wrong tag byte 0x{:02x}, want 0x0a: not a twinpipe stream, or damaged",
                           static_cast<unsigned char>(bytes[0])));
  std::uint64_t length = 0;
  const int used = read_varint(bytes.substr(1), length);
  if (used == 0) return Outcome::need_more;
  if (used < 0) return bad("frame length is not a varint");
  if (length > limit_) return bad(fmt::format("frame of {} bytes is longer than the limit of {} (--max-frame)", length, limit_));
  const std::size_t header = 1 + static_cast<std::size_t>(used);
  wanted_ = header + static_cast<std::size_t>(length);
  if (bytes.size() < wanted_) return Outcome::need_more;

  frame = FrameView{};
  frame.bytes = bytes.substr(0, wanted_);
  frame.number = frames_ + 1;
  frame.offset = offset_;
  if (!find_kind(frame.bytes.substr(header), frame)) return bad("frame is not a valid Frame message");
  ++frames_;
  offset_ += wanted_;
  return Outcome::whole;
}

}  // namespace twinpipe
