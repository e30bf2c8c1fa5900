// SPDX-License-Identifier: Apache-2.0
// ksub: Kafka topics that kbridge wrote, as frames.
#include <charconv>

#include "cli/kafka_option.hpp"
#include "cli/log_reader.hpp"

using namespace twinpipe;

namespace {

/// "I/N"
Status parse_shard(std::string_view text, cli::LogOptions& options) {
  const char* end = text.data() + text.size();
  auto [at, error] = std::from_chars(text.data(), end, options.shard);
  if (error == std::errc() && at != end && *at == '/') {
    const auto second = std::from_chars(at + 1, end, options.shards);
    if (second.ec == std::errc() && second.ptr == end && options.shard < options.shards && options.shards <= 65536) return {};
  }
  return Status::error(Code::usage, "shard '" + std::string(text) + "': write I/N, with I from 0 to N-1");
}

}  // namespace

int main(int argc, char** argv) {
  cli::Tool tool("ksub", "Read frames from Kafka topics", cli::Role::source);
  cli::KafkaOption kafka(tool);
  cli::LogOptions options;
  ConsumerOptions consumer;
  std::string shard = "0/1";
  bool uncommitted = false;
  options.topics = {"telemetry.vibration", "telemetry.thermal", "asset.state", "asset.alarms"};
  tool.option("--topic", options.topics, "TOPIC",
              "Topic to read, may be repeated; replaces the four of kbridge's default routes");
  CLI::Option* by_shard =
      tool.option("--shard", shard, "I/N", "Read partitions I, I+N, I+2N, ... of every topic")->capture_default_str();
  tool.option("--group", options.group, "ID", "Read as a member of this consumer group; not for stateful filters")
      ->excludes(by_shard);
  tool.option("--from", options.from, "WHERE",
              "Where to start without a cursor: earliest, latest, a record time, a Position; cursor: nowhere")
      ->capture_default_str();
  tool.option("--cursor", options.cursor, "FILE",
              "Start from the Position in this file, which the last tool of the chain writes");
  tool.flag("--uncommitted", uncommitted, "Read what no transaction has committed yet, and what was taken back");
  tool.flag("--until-end", options.until_end, "Stop at the end that the topics have now");
  cli::duration_option(tool, "--settle", options.settle, "Longest wait for a partition that is behind the others");
  cli::bytes_option(tool, "--fetch-ahead", consumer.fetch_ahead, "Bytes fetched ahead, a partition");
  cli::bytes_option(tool, "--max-frame", options.max_frame, "Greatest frame accepted, in bytes");
  tool.option("--max-series", options.max_series, "COUNT", "Greatest number of series accepted")->capture_default_str();
  tool.flag("--skip-bad", options.skip_bad, "Count and leave out what is bad in a record; the frames before it are kept");
  return tool.run(argc, argv, [&]() -> Status {
    if (Status status = parse_shard(shard, options); !status.ok()) return status;
    Result<KafkaProperties> properties = kafka.load();
    if (!properties.ok()) return properties.status();
    consumer.properties = std::move(*properties);
    if (uncommitted) consumer.properties.emplace_back("isolation.level", "read_uncommitted");
    consumer.connect_timeout = kafka.connect_timeout();
    consumer.group = options.group;
    return cli::LogReader(tool, options, consumer).run();
  });
}
