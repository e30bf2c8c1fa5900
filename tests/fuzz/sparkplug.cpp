// SPDX-License-Identifier: Apache-2.0
// Any messages to the Sparkplug host: no crash, bounded work, and what comes out always is a valid stream.
//
// Input: messages of { verb and node, device, time step, length (2 bytes, little-endian), payload }.
#include <cstdint>
#include <cstdlib>

#include "kernel/driver.hpp"
#include "kernel/plain_topics.hpp"
#include "wire/scanner.hpp"

using namespace twinpipe;
using namespace twinpipe::sparkplug;

namespace {

/// Reads all and keeps nothing: declarations, columns and aliases are checked on the way.
class Reader final : public Stage {
 public:
  using Stage::Stage;
  bool reads(FrameKind kind) const override {
    return kind == FrameKind::readings || kind == FrameKind::waveform || kind == FrameKind::series;
  }
};

void must_be_a_stream(std::string_view bytes) {
  SeriesTable table;
  Reader stage(table);
  Driver driver(stage, table, "fuzz");
  Scanner scanner;
  Output out;
  FrameView frame;
  while (scanner.next(bytes, frame) == Scanner::Outcome::whole) {
    bytes.remove_prefix(frame.bytes.size());
    if (!driver.take(frame, out).ok()) std::abort();
    out.clear();
  }
  if (!bytes.empty() || !driver.end(false, out).ok()) std::abort();
}

HostOptions small() {
  HostOptions options;
  options.payload = {.bytes = 4096, .metrics = 64, .name_bytes = 64, .template_depth = 4, .dataset_cells = 64, .properties = 16};
  options.max_nodes = 3;
  options.max_devices = 8;
  options.max_aliases = 32;
  options.max_series = 48;
  options.reorder_messages = 8;
  options.reorder_total = 8192;
  options.origin = true;
  return options;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static constexpr std::string_view kVerbs[] = {"NBIRTH", "DBIRTH", "NDATA", "DDATA", "NDEATH", "DDEATH", "NCMD", "plain"};
  SparkplugHost host(small());
  PlainOptions plain;
  plain.patterns = {"+/+/+/+"};
  plain.payloads = {"+/+/+/t=text", "+/+/+/j=json:/v@/t"};
  const std::unique_ptr<PlainTopics> topics = std::move(*PlainTopics::make(plain, host));
  Output out;
  Publications sent;
  out.open("fuzz");
  Nanos now = 1'790'000'000 * kSecond;
  while (size >= 5) {
    const std::size_t length = std::min<std::size_t>(data[3] | data[4] << 8, size - 5);
    const std::string_view payload(reinterpret_cast<const char*>(data) + 5, length);
    const std::string_view verb = kVerbs[data[0] & 7];
    const char node = static_cast<char>('a' + (data[0] >> 3 & 3));
    now += static_cast<Nanos>(data[2]) * data[2] * kMillisecond;
    if (verb == "plain") {
      const std::string topic = std::string("s/l/a/") + "tjx+"[data[1] & 3];
      topics->message({topic, payload, (data[1] & 4) != 0, now}, out);
    } else {
      std::string topic = "spBv1.0/G/" + std::string(verb) + "/" + node;
      if (verb[0] == 'D') topic += std::string("/") + static_cast<char>('A' + (data[1] & 3));
      host.message({topic, payload, (data[0] & 128) != 0, now}, out, sent);
    }
    if (data[1] & 8) host.link_lost(now, out);
    if (data[1] & 16) host.link_restored(now);
    if (data[1] & 32) host.set_shedding(!host.shedding(), out);
    host.tick(now, out, sent);
    data += 5 + length;
    size -= 5 + length;
  }
  std::string name, table;
  SparkplugHost restarted(small());
  while (host.take_changed_table(name, table))
    if (!restarted.load_table(table).ok()) std::abort();
  host.tick(now + 100 * kSecond, out, sent);
  topics->tick(now, out);
  host.flush(out);
  out.close(true);
  must_be_a_stream(out.pending());
  return 0;
}
