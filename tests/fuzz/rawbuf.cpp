// SPDX-License-Identifier: Apache-2.0
// Any bytes as the body of a block and as a segment's file: no crash, and no more than was asked for. Any whole frames as a
// block: the same frames again.
#include <cstdint>
#include <cstdlib>

#include "../model_disk.hpp"
#include "kernel/rawbuf_segment.hpp"
#include "wire/scanner.hpp"

using namespace twinpipe;

namespace {

void decode(std::string_view bytes) {
  if (bytes.size() < 2) return;
  const std::size_t raw = static_cast<unsigned char>(bytes[0]) + std::size_t{256} * static_cast<unsigned char>(bytes[1]);
  std::string out;
  const Status status = rawbuf::BlockDecoder().decode(bytes.substr(2), raw, out);
  if (out.size() != (status.ok() ? raw : 0)) std::abort();
  std::string others;
  std::vector<std::uint32_t> numbers;
  if (!rawbuf::BlockDecoder().decode_others(bytes.substr(2), raw, others, numbers).ok() && !others.empty()) std::abort();
}

void encode(std::string_view bytes) {
  rawbuf::BlockEncoder encoder(1, 0);
  Scanner scanner(1 << 16);
  FrameView frame;
  const std::string_view whole = bytes;
  while (scanner.next(bytes, frame) == Scanner::Outcome::whole) {
    encoder.add(frame);
    bytes.remove_prefix(frame.bytes.size());
  }
  if (encoder.empty()) return;
  const std::size_t raw = encoder.raw_bytes();
  std::string out;
  if (!rawbuf::BlockDecoder().decode(encoder.finish(), raw, out).ok() || out != whole.substr(0, raw)) std::abort();
}

void scan(std::string_view bytes) {
  testing::ModelDisk disk;
  disk.files[rawbuf::segment_name(1)] =
      std::make_shared<testing::ModelDisk::Node>(testing::ModelDisk::Node{std::string(bytes), 0});
  for (const bool whole : {false, true}) {
    Result<rawbuf::Segment> segment = rawbuf::Segment::open(disk, 1);
    if (!segment.ok()) std::abort();
    if (!(whole ? segment->scan(rawbuf::Segment::Check::bodies) : segment->load()).ok()) std::abort();
    rawbuf::BlockDecoder decoder;
    std::string frames;
    for (const rawbuf::RecordPlace& record : segment->records()) (void)segment->read(record, decoder, frames);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  decode(bytes);
  encode(bytes);
  scan(bytes);
  return 0;
}
