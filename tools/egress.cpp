// SPDX-License-Identifier: Apache-2.0
// egress: compares two streams: what the second saves on the way to Kafka, and how far its readings are from the first's.
#include "cli/runner.hpp"
#include "kernel/egress_report.hpp"

using namespace twinpipe;

namespace {

struct Options {
  std::string before, after, dead_letter = "twinpipe.dead-letters";
  std::vector<std::string> routes;
  ValueLimits limits;
  bool json = false;
};

void declare(cli::Tool& tool, Options& options) {
  tool.option("BEFORE", options.before, "BEFORE", "The whole stream; '-' is standard input")->required();
  tool.option("AFTER", options.after, "AFTER", "The one that was made smaller")->required();
  tool.flag("--json", options.json, "Print one JSON object instead of tables");
  tool.option("--route", options.routes, "PATTERN=TOPIC", "Classes, as kbridge has topics; replaces the four default routes");
  tool.option("--dead-letter", options.dead_letter, "TOPIC", "Class of what no route takes")->capture_default_str();
  tool.option("--batch", options.limits.batch, "COUNT", "Greatest number of readings in a Kafka value")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  cli::duration_option(tool, "--linger", options.limits.linger,
                       "Longest wait for a fuller value, on the clock of the stream's ticks");
}

/// Reads one stream to its end; nothing is written.
Status read(cli::Tool& tool, const std::string& file, SeriesTable& table, EgressSide& side) {
  Driver driver(side, table, tool.producer());
  driver.set_skip_bad(tool.common().skip_bad);
  FrameReader reader(-1, tool.common().max_frame);
  const auto forget = [](Output& out) -> Status {
    out.clear();
    return {};
  };
  std::vector<std::string> files;
  if (file != "-") files.push_back(file);
  if (Status status = cli::run_feed(tool, {reader, driver, files, true, forget}); !status.ok()) return status;
  return side.close();
}

Status run(cli::Tool& tool, const Options& options) {
  Result<Routes> routes = Routes::parse(options.routes.empty() ? Routes::defaults() : options.routes, options.dead_letter);
  if (!routes.ok()) return routes.status();
  Reconstruction reconstruction;
  SeriesTable before_table(tool.common().max_series), after_table(tool.common().max_series);
  EgressSide after(after_table, *routes, options.limits, EgressSide::Role::kept, reconstruction);
  EgressSide before(before_table, *routes, options.limits, EgressSide::Role::whole, reconstruction);
  cli::FrameSink output;
  if (Status status = output.open_text(); !status.ok()) return status;
  // The kept readings first: they are few, and the whole ones are compared with them as they come.
  if (Status status = read(tool, options.after, after_table, after); !status.ok()) return status;
  if (Status status = read(tool, options.before, before_table, before); !status.ok()) return status;
  const EgressReport report{*routes, before.counts(), after.counts(), reconstruction};
  return cli::print(options.json ? report.json() : report.text());
}

}  // namespace

int main(int argc, char** argv) {
  cli::Tool tool("egress", "Compare what two streams cost to send", cli::Role::viewer);
  Options options;
  declare(tool, options);
  return tool.run(argc, argv, [&] { return run(tool, options); });
}
