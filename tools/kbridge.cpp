// SPDX-License-Identifier: Apache-2.0
// kbridge: frames to Kafka topics, keyed by asset.
#include "cli/cursor.hpp"
#include "cli/kafka_option.hpp"
#include "cli/log_writer.hpp"
#include "client/kafka_positions.hpp"

using namespace twinpipe;

namespace {

void declare(cli::Tool& tool, cli::LogWriterOptions& options, std::string& value) {
  tool.option("--route", options.routes, "PATTERN=TOPIC",
              "Topic of the series that match; the first match wins; replaces the four default routes");
  tool.option("--dead-letter", options.dead_letter, "TOPIC", "Topic of what no route takes")->capture_default_str();
  tool.option("--twins", options.twins, "TOPIC",
              "Write Twin frames alone, to this compacted topic: a record an asset, and null when it is retired")
      ->excludes("--route", "--dead-letter");
  tool.option("--value", value, "FORM", "What a value is: frames, or json: an object a reading, for consumers without protobuf")
      ->check(CLI::IsMember({"frames", "json"}))
      ->capture_default_str();
  tool.option("--batch", options.limits.batch, "COUNT", "Greatest number of readings in a value")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  cli::bytes_option(tool, "--max-value", options.limits.max_value, "Greatest size of a value, in bytes")
      ->check(CLI::Range(std::size_t{1024}, std::size_t{1} << 30, "BYTES"));
  cli::duration_option(tool, "--linger", options.limits.linger,
                       "Longest wait for a fuller value, on the clock of the stream's ticks");
  cli::bytes_option(tool, "--buffer", options.limits.buffer, "Bytes that wait to become values, at most");
  cli::bytes_option(tool, "--memory", options.producer.memory,
                    "Bytes that wait for acknowledgement, at most; then the input waits");
  tool.option("--compression", options.producer.compression, "CODEC", "Compression of record batches")
      ->check(CLI::IsMember({"none", "lz4", "zstd", "snappy", "gzip"}))
      ->capture_default_str();
  cli::duration_option(tool, "--delivery-timeout", options.producer.delivery_timeout, "Longest time without an acknowledgement");
  tool.option("--cursor", options.cursor, "FILE", "Keep here the last Position before which everything is acknowledged");
  tool.option("--transactional-id", options.producer.transactional_id, "ID",
              "Commit records and the Position that they reach together, under this name");
  tool.option("--positions", options.producer.positions_topic, "TOPIC", "Topic of the committed Positions, compacted")
      ->capture_default_str();
  cli::duration_option(tool, "--commit-every", options.producer.commit_every,
                       "Commit this often without a Position too; 0: at Positions alone");
  tool.flag("--create-topics", options.producer.create_topics, "Create the topics that do not exist");
  TopicSettings& topics = options.producer.topic_settings;
  tool.option("--partitions", topics.partitions, "COUNT", "Partitions of created topics")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  tool.option("--replication", topics.replication, "COUNT", "Replicas of created topics; -1: the broker's default")
      ->capture_default_str();
  tool.option("--min-insync-replicas", topics.min_insync_replicas, "COUNT",
              "Replicas that must have a record, of created topics");
  cli::duration_option(tool, "--retention", topics.retention, "How long created topics keep records; 0: the broker's default");
}

/// --committed
Status print_committed(const ProducerOptions& producer, const std::string& id) {
  const auto position = committed_position(producer.properties, producer.connect_timeout, producer.positions_topic, id);
  if (!position.ok()) return position.status();
  if (!*position) return Status::error(Code::finding, "nothing was committed as " + id + " yet");
  return cli::print(cli::position_text(**position) + "\n");
}

}  // namespace

int main(int argc, char** argv) {
  cli::Tool tool("kbridge", "Write frames to Kafka topics, keyed by asset", cli::Role::sink);
  cli::KafkaOption kafka(tool);
  cli::LogWriterOptions options;
  std::string committed, value = "frames";
  declare(tool, options, value);
  tool.option("--committed", committed, "ID", "Print the Position that was committed last under this name; 1: there is none");
  return tool.run(argc, argv, [&]() -> Status {
    Result<KafkaProperties> properties = kafka.load();
    if (!properties.ok()) return properties.status();
    options.producer.properties = std::move(*properties);
    options.producer.connect_timeout = kafka.connect_timeout();
    options.producer.program = tool.producer();
    options.json = value == "json";
    options.producer.topic_settings.compact = !options.twins.empty();
    if (!committed.empty()) return print_committed(options.producer, committed);
    return cli::LogWriter(tool, options).run();
  });
}
