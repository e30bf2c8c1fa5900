// SPDX-License-Identifier: Apache-2.0
// pit-join: joins labels with the feature rows that were known at their time.
#include <algorithm>

#include "cli/pit_run.hpp"

using namespace twinpipe;

namespace {

struct Options : cli::PitRunOptions {
  std::string direction = "backward";
};

void declare(cli::Tool& tool, Options& options) {
  const auto one_of = [](const std::vector<std::string>& names) { return CLI::IsMember(names); };
  tool.option("LABELS", options.labels, "LABELS", "Rows with an entity and a time; '-' is standard input")->required();
  tool.option("FEATURES", options.features, "FEATURES", "Streams with Features frames; none, or '-': standard input");
  tool.option("--from", options.from, "FORM", "Form of the labels; without it, what the file's name ends with, or csv")
      ->check(one_of({"csv", "json", "frames"}));
  tool.option("--to", options.to, "FORM", "What goes out; without it, the form of the labels")
      ->check(one_of({"csv", "json", "frames"}));
  tool.option("--entity", options.entity, "NAME", "The labels' column that names the entity")->capture_default_str();
  tool.option("--time", options.time, "NAME", "The labels' column with their time T: RFC 3339, or nanoseconds since 1970")
      ->capture_default_str();
  tool.option("--columns", options.columns, "NAMES", "Only these features, with commas between, in this order")
      ->delimiter(',')
      ->allow_extra_args(false);
  cli::duration_option(tool, "--tolerance", options.join.tolerance, "Greatest T - as_of; a row that old is joined still")
      ->default_str("");
  tool.flag("--strict", options.join.strict, "Only rows as of before T, not as of T");
  tool.option("--direction", options.direction, "DIRECTION", "Only backward: rows as of later than T are not known at T")
      ->capture_default_str();
  tool.flag("--each", options.join.each, "Join each feature by itself, for rows of one entity with different columns");
  tool.flag("--event-time", options.join.event_time, "Join rows whether they were known at T or not: this leaks");
  tool.option("--order", options.order, "ORDER",
              "Inputs are sorted already, or in any order and sorted here; auto looks through files first")
      ->check(one_of({"auto", "sorted", "any"}))
      ->capture_default_str();
  cli::bytes_option(tool, "--memory", options.memory, "About the most memory for sorting and waiting, in bytes");
  tool.option("--spill", options.spill, "DIR", "Where sorting puts what memory has no room for; $TMPDIR, or /tmp");
  tool.option("--prefix", options.output.prefix, "TEXT", "Put before the name of each column that is added");
  tool.flag("--quiet", options.quiet, "Leave out the summary on standard error");
  tool.option("--explain", options.explain, "ROW", "Say why the label of this row, from 1, gets what it gets")
      ->check(CLI::PositiveNumber);
}

Status run(cli::Tool& tool, Options& options) {
  if (options.direction != "backward")
    return Status::error(Code::usage, "--direction " + options.direction +
                                          ": rows as of later than T are not known at T, and nothing could be served so");
  if (options.features.empty()) options.features.emplace_back("-");
  if (std::ranges::count(options.features, "-") + (options.labels == "-" ? 1 : 0) > 1)
    return Status::error(Code::usage, "standard input is named twice");
  if (options.join.each && (options.to == "frames" || (options.to.empty() && cli::labels_are_frames(options))))
    return Status::error(Code::usage, "--each gives each value times of its own, and a row of frames has them once: --to json");
  return cli::run_pit_join(tool, options);
}

}  // namespace

int main(int argc, char** argv) {
  cli::Tool tool("pit-join", "Join labels with the feature rows that were known at their time", cli::Role::viewer);
  Options options;
  declare(tool, options);
  return tool.run(argc, argv, [&] { return run(tool, options); });
}
