// SPDX-License-Identifier: Apache-2.0
// sp-sub: a Sparkplug B host application that turns what MQTT brokers deliver into frames.
#include "cli/mqtt_option.hpp"
#include "cli/sparkplug_source.hpp"

using namespace twinpipe;

namespace {

void declare_host(cli::Tool& tool, sparkplug::HostOptions& host, std::string& map) {
  const std::map<std::string, sparkplug::Role> roles{
      {"passive", sparkplug::Role::passive}, {"active", sparkplug::Role::active}, {"primary", sparkplug::Role::primary}};
  tool.option("--role", host.role, "ROLE",
              "passive: never publish; active (the default): may request births; primary: publish STATE too")
      ->transform(CLI::Transformer(roles).description(""));
  tool.option("--map", map, "LEVELS",
              "How Sparkplug names become site/line/asset/sensor; default {group}/{node}/{device}/{metric}");
  tool.flag("--origin", host.origin, "Keep every reading's message number and index: for fmerge");
  cli::duration_option(tool, "--tick", host.tick, "Time between a node's watermarks");
  cli::duration_option(tool, "--delay", host.delay, "Lateness that a node's watermark allows for");
  cli::duration_option(tool, "--reorder-timeout", host.reorder_timeout, "Longest wait for a message that is missing");
  tool.option("--reorder-messages", host.reorder_messages, "COUNT", "Messages of a node that may wait for their turn")
      ->capture_default_str();
  cli::bytes_option(tool, "--reorder-bytes", host.reorder_bytes, "Bytes of a node that may wait");
  cli::bytes_option(tool, "--reorder-total", host.reorder_total, "Bytes of all nodes that may wait");
  cli::duration_option(tool, "--rebirth-interval", host.rebirth_interval, "Shortest time between two birth requests to a node");
  tool.option("--rebirth-rate", host.rebirth_rate, "COUNT", "Most birth requests a second, in all")->capture_default_str();
  cli::bytes_option(tool, "--max-payload", host.payload.bytes, "Greatest payload accepted, in bytes");
  tool.option("--max-metrics", host.payload.metrics, "COUNT", "Most metrics in a payload")->capture_default_str();
  tool.option("--max-aliases", host.max_aliases, "COUNT", "Most aliases of a node")->capture_default_str();
  tool.option("--max-nodes", host.max_nodes, "COUNT", "Most nodes")->capture_default_str();
  tool.option("--max-series", host.max_series, "COUNT", "Most series")->capture_default_str();
  cli::duration_option(tool, "--max-future", host.clock.future, "Refuse times further ahead of the node's own clock");
}

}  // namespace

int main(int argc, char** argv) {
  cli::Tool tool("sp-sub", "Read Sparkplug B and plain MQTT topics as frames", cli::Role::source);
  cli::SparkplugSourceOptions options;
  std::string map, buffer;
  cli::MqttOption mqtt(tool);
  tool.option("--group", options.groups, "GROUP", "Sparkplug group to read; several may be named; default all");
  tool.option("--host-id", options.host_id, "ID", "Host id of a primary host")->capture_default_str();
  declare_host(tool, options.host, map);
  tool.option("--plain", options.plain.patterns, "PATTERN",
              "Read plain topics site/line/asset/sensor too, QoS 1: one glob a level");
  tool.option("--payload", options.plain.payloads, "[PATTERN=]FORMAT",
              "Payload of plain topics: sparkplug, text or json:/VALUE[@/TIME]");
  tool.option("--clock", options.plain.clocks, "[PATTERN=]CLOCK",
              "Clock of plain topics: sensor, or arrival for devices without one");
  tool.option("--plain-node", options.plain.node, "NAME", "Node of plain topics, with {site} {line} {asset}")
      ->capture_default_str();
  tool.option("--state", options.state_directory, "DIR", "Keep birth tables here, so that aliases resolve after a restart");
  cli::duration_option(tool, "--connect-timeout", options.connect_timeout, "Give up when no broker answers at the start");
  tool.option("--buffer", buffer, "DIR", "Record into this buffer, in place of standard output; see rawbuf(1)");
  cli::RecorderOption recorder(tool, "buffer: ", "always");
  cli::bytes_option(tool, "--buffer-memory", options.buffer_memory,
                    "Bytes that may wait for standard output, or the buffer's disk, before readings are lost");
  tool.option("--count", options.count, "COUNT", "End after so many readings");
  cli::duration_option(tool, "--for", options.duration, "End after so long; 0: never");
  return tool.run(argc, argv, [&]() -> Status {
    Result<MqttOptions> brokers = mqtt.load();
    if (!brokers.ok()) return brokers.status();
    options.mqtt = std::move(*brokers);
    if (tool.app().count("--buffer") == 0 && !recorder.given().empty())
      return Status::error(Code::usage, recorder.given() + " needs --buffer");
    if (tool.app().count("--buffer") > 0 && buffer.empty()) return Status::error(Code::usage, "--buffer: no directory is named");
    Result<cli::RecorderOptions> recording = recorder.load(buffer);
    if (!recording.ok()) return recording.status();
    options.buffer = std::move(*recording);
    if (!map.empty()) {
      Result<sparkplug::IdentityMap> parsed = sparkplug::IdentityMap::parse(map);
      if (!parsed.ok()) return parsed.status();
      options.host.map = std::move(*parsed);
    }
    options.plain.payload = options.host.payload;
    options.plain.clock = options.host.clock;
    options.plain.delay = options.host.delay;
    return cli::SparkplugSource(tool, std::move(options)).run();
  });
}
