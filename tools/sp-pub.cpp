// SPDX-License-Identifier: Apache-2.0
// sp-pub: publishes frames as Sparkplug B 3.0 edge nodes.
#include <charconv>

#include "cli/mqtt_option.hpp"
#include "cli/runner.hpp"
#include "client/sparkplug_publisher.hpp"

using namespace twinpipe;

namespace {

/// "max" → 0, "1x" → 1, "0.5x" → 0.5.
Result<double> parse_rate(const std::string& text) {
  if (text == "max") return 0.0;
  double speed = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), speed);
  const bool whole =
      error == std::errc{} && std::string_view(end, static_cast<std::size_t>(text.data() + text.size() - end)) == "x";
  if (!whole || !(speed > 0) || speed > 1e9) return Status::error(Code::usage, "--rate " + text + ": write 1x, 10x, 0.5x or max");
  return speed;
}

}  // namespace

int main(int argc, char** argv) {
  cli::Tool tool("sp-pub", "Publish frames as Sparkplug B edge nodes", cli::Role::sink);
  cli::MqttOption mqtt(tool);
  PublisherOptions options;
  sparkplug::EdgeOptions edge_options;
  std::vector<std::string> plain;
  std::string rate = "max", payload = "sparkplug";
  tool.option("--rate", rate, "RATE", "Pace by event time (1x, 10x, 0.5x) or as fast as it goes (max)")->capture_default_str();
  tool.option("--metrics-per-message", edge_options.metrics_per_message, "COUNT", "Greatest number of metrics in a data message")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  tool.option("--plain", plain, "PATTERN", "Series that go to topic site/line/asset/sensor with QoS 1; repeatable")->take_all();
  tool.option("--payload", payload, "FORMAT", "Of plain topics: sparkplug, text or json")
      ->check(CLI::IsMember({"sparkplug", "text", "json"}))
      ->capture_default_str();
  tool.option("--primary-host", options.primary_host, "ID", "Births wait until this host application is online");
  cli::duration_option(tool, "--forward", edge_options.forward,
                       "Publish again, as history, what left within so long before an outage; 0: never");
  cli::duration_option(tool, "--birth-wait", options.birth_wait, "How long a birth waits for a value of every metric");
  cli::duration_option(tool, "--linger", options.linger, "How long sessions stay open after the end of the input");
  tool.option("--queue", options.queue, "COUNT", "Greatest number of a node's messages on their way")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  return tool.run(argc, argv, [&]() -> Status {
    Result<MqttOptions> brokers = mqtt.load();
    if (!brokers.ok()) return brokers.status();
    options.mqtt = std::move(*brokers);
    options.state_directory = tool.common().state_directory;
    Result<double> speed = parse_rate(rate);
    if (!speed.ok()) return speed.status();
    options.speed = *speed;
    // Rows that are this close in time are published together.
    if (*speed > 0) edge_options.message_span = static_cast<Nanos>(100 * kMillisecond * *speed);
    for (const std::string& text : plain) {
      Result<Pattern> pattern = Pattern::parse(text);
      if (!pattern.ok()) return pattern.status();
      edge_options.plain.push_back(std::move(*pattern));
    }
    using sparkplug::PlainPayload;
    edge_options.payload = payload == "text"   ? PlainPayload::text
                           : payload == "json" ? PlainPayload::json
                                               : PlainPayload::sparkplug;

    SeriesTable table(tool.common().max_series);
    sparkplug::SparkplugEdge stage(table, std::move(edge_options));
    SparkplugPublisher publisher(stage, std::move(options), [&tool](const std::string& line) { tool.say(line); });
    if (Status status = publisher.start(); !status.ok()) return status;
    cli::Hooks hooks;
    hooks.fd = publisher.fd();
    hooks.hold = [&publisher](bool ended) { return publisher.work(ended); };
    hooks.on_wake = [&publisher]() -> Status {
      const Result<Nanos> wait = publisher.work(false);
      return wait.ok() ? Status{} : wait.status();
    };
    hooks.on_end = [&publisher](bool) { return publisher.stop(); };
    hooks.counters = [&publisher] { return publisher.counters(); };
    return cli::run_stage(tool, table, stage, hooks);
  });
}
