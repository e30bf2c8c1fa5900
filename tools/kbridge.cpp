// SPDX-License-Identifier: Apache-2.0
// kbridge: frames to Kafka topics, keyed by asset.
#include "cli/cursor.hpp"
#include "cli/kafka_option.hpp"
#include "cli/runner.hpp"
#include "client/kafka_producer.hpp"
#include "kernel/kafka_values.hpp"

using namespace twinpipe;

namespace {

struct Options {
  std::vector<std::string> routes;
  std::string dead_letter = "twinpipe.dead-letters", cursor;
  ValueLimits limits;
  ProducerOptions producer;
};

void declare(cli::Tool& tool, Options& options) {
  tool.option("--route", options.routes, "PATTERN=TOPIC",
              "Topic of the series that match; the first match wins; replaces the four default routes");
  tool.option("--dead-letter", options.dead_letter, "TOPIC", "Topic of what no route takes")->capture_default_str();
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

Status run(cli::Tool& tool, const cli::KafkaOption& kafka, Options& options) {
  Result<Routes> routes = Routes::parse(options.routes.empty() ? Routes::defaults() : options.routes, options.dead_letter);
  if (!routes.ok()) return routes.status();
  Result<KafkaProperties> properties = kafka.load();
  if (!properties.ok()) return properties.status();
  options.producer.properties = std::move(*properties);
  options.producer.connect_timeout = kafka.connect_timeout();
  KafkaProducer producer(options.producer);
  if (Status status = producer.connect(routes->topics()); !status.ok()) return status;
  if (!options.cursor.empty())
    producer.on_confirmed([&](const v1::Position& position) { return cli::write_cursor(options.cursor, position); });

  SeriesTable table(tool.common().max_series);
  KafkaValues values(table, *routes, producer.partitions(), options.limits, tool.producer(), producer);
  const auto flush = [&]() -> Status {
    if (Status status = values.put_all(); !status.ok()) return status;
    return producer.flush();
  };
  // Streams without ticks: what waits while the input is quiet leaves after a while. With ticks this comes too late to matter, so
  // that values depend on the frames alone.
  const Nanos patience = std::max<Nanos>(kSecond, 2 * options.limits.linger);
  Nanos quiet_since = 0;
  cli::Hooks hooks;
  hooks.on_wake = [&]() -> Status {
    const Nanos now = monotonic_now();
    if (!values.waiting()) quiet_since = 0;
    else if (quiet_since == 0) quiet_since = now;
    if (quiet_since != 0 && now - quiet_since > patience) {
      quiet_since = 0;
      if (Status status = values.put_all(); !status.ok()) return status;
    }
    const Status status = producer.poll();
    if (const auto notice = producer.take_notice()) tool.say(*notice);
    return status;
  };
  hooks.on_position = [&](const v1::Position& position) -> Status {
    if (Status status = values.put_all(); !status.ok()) return status;
    producer.mark(position);
    return producer.poll();
  };
  hooks.fd = producer.fd();
  hooks.hold = [&](bool ended) -> Result<Nanos> {
    if (ended)
      if (Status status = values.put_all(); !status.ok()) return status;
    if (!(ended ? producer.waiting() : producer.full())) return Nanos{0};
    if (Status status = producer.poll(); !status.ok()) return status;
    return (ended ? producer.waiting() : producer.full()) ? 100 * kMillisecond : Nanos{0};
  };
  hooks.counters = [&] { return std::vector<Counter>{{"acknowledged", producer.acknowledged()}}; };
  hooks.on_end = [&](bool) { return flush(); };
  const Status ran = cli::run_stage(tool, table, values, hooks);
  // Bad input: what was whole before it is delivered all the same.
  if (ran.code == Code::bad_data || ran.code == Code::io_error)
    if (Status status = flush(); !status.ok()) tool.say(status);
  return ran;
}

}  // namespace

int main(int argc, char** argv) {
  cli::Tool tool("kbridge", "Write frames to Kafka topics, keyed by asset", cli::Role::sink);
  cli::KafkaOption kafka(tool);
  Options options;
  declare(tool, options);
  return tool.run(argc, argv, [&] { return run(tool, kafka, options); });
}
