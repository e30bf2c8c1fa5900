// SPDX-License-Identifier: Apache-2.0
// Any bytes as a stream through framing, segments, declarations, columns and a deadband: no crash, and the same frames
// and the same verdict wherever the bytes are cut.
#include <cstdint>
#include <cstdlib>

#include "kernel/deadband.hpp"
#include "kernel/driver.hpp"
#include "wire/scanner.hpp"

using namespace twinpipe;

namespace {

constexpr std::size_t kFrameLimit = 1 << 16;

const Policy& policy() {
  static const Policy kPolicy = *Policy::parse(R"({"name": "fuzz", "version": "1", "owner": "tests", "deadband": [
    {"match": "+/+/+/a*", "absolute": 0.5, "heartbeat": "60s", "shortest": "2s"},
    {"match": "+/+/+/b*", "absolute": 0.25, "swinging_door": 0.5, "heartbeat": "60s"}, {"match": "+/+/+/+", "absolute": 0}]})");
  return kPolicy;
}

struct Outcome {
  std::string out;
  std::uint64_t frames = 0;
  Code code = Code::ok;
  bool operator==(const Outcome&) const = default;
};

/// Feeds `bytes` in two parts, cut at `cut`.
Outcome run(std::string_view bytes, std::size_t cut) {
  SeriesTable table(1000);
  Deadband stage(table, policy());
  Driver driver(stage, table, "fuzz");
  Scanner scanner(kFrameLimit);
  Output out;
  std::size_t begin = 0;
  Outcome outcome;
  for (const std::size_t end : {cut, bytes.size()}) {
    FrameView frame;
    Scanner::Outcome scanned = Scanner::Outcome::need_more;
    while (outcome.code == Code::ok &&
           (scanned = scanner.next(bytes.substr(begin, end - begin), frame)) == Scanner::Outcome::whole) {
      begin += frame.bytes.size();
      outcome.code = driver.take(frame, out).code;
    }
    if (scanned == Scanner::Outcome::bad) outcome.code = scanner.status().code;
  }
  if (outcome.code == Code::ok && begin == bytes.size()) outcome.code = driver.end(false, out).code;
  outcome.out = out.pending();
  outcome.frames = scanner.frames();
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const std::size_t cut = size < 2 ? 0 : (data[size / 2] * 257U) % size;
  if (!(run(bytes, size) == run(bytes, cut))) std::abort();
  return 0;
}
