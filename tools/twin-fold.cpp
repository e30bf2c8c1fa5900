// SPDX-License-Identifier: Apache-2.0
// twin-fold: the current state of every asset, on event time, with its freshness.
#include <fmt/format.h>

#include "cli/cursor.hpp"
#include "cli/policy_option.hpp"
#include "cli/runner.hpp"
#include "cli/snapshot.hpp"
#include "io/fd.hpp"
#include "kernel/twin_diff.hpp"
#include "kernel/twin_fold.hpp"

using namespace twinpipe;

namespace {

/// --diff
Status print_differences(const std::vector<std::string>& files) {
  std::vector<Twins> snapshots;
  for (const std::string& file : files) {
    const Result<std::string> text = read_file(file);
    if (!text.ok()) return text.status();
    Result<Twins> twins = read_twins(*text);
    if (!twins.ok()) return Status::error(twins.status().code, file + ": " + twins.status().message);
    snapshots.push_back(std::move(*twins));
  }
  const std::vector<TwinDifference> differences = compare(snapshots[0], snapshots[1]);
  if (Status status = cli::print(differences_as_text(differences)); !status.ok() || differences.empty()) return status;
  return Status::error(Code::finding, fmt::format("assets that differ: {}", assets_of(differences)));
}

}  // namespace

int main(int argc, char** argv) {
  cli::Tool tool("twin-fold", "Fold readings into the state of every asset", cli::Role::filter);
  TwinOptions options;
  std::string changes = "all", snapshot_file, cursor;
  Nanos snapshot_every = 10 * kSecond;
  cli::PolicyOption policy(tool, "freshness", cli::PolicyOption::Need::optional);
  tool.option("--changes", changes, "WHICH", "Twin frames to write: all, state (freshness or liveness changed) or none")
      ->check(CLI::IsMember({"all", "state", "none"}))
      ->capture_default_str();
  cli::duration_option(tool, "--slo", options.default_slo, "Freshness SLO of series that no rule matches; 0: none");
  cli::duration_option(tool, "--lateness", options.lateness,
                       "How far the ticks of nodes that send none are behind their newest reading");
  cli::duration_option(tool, "--retire-after", options.retire_after,
                       "Retire assets that are dead, or that their node declares no longer, for this long; 0: never");
  tool.option("--snapshot", snapshot_file, "FILE", "Keep the twins of all assets in this JSON file, replaced atomically");
  cli::duration_option(tool, "--snapshot-every", snapshot_every, "How often, beside every Position and the end");
  tool.option("--cursor", cursor, "FILE", "Record each Position here once state and snapshot are safe");
  std::vector<std::string> diff;
  tool.option("--diff", diff, "FILE", "Compare two snapshots instead: print what differs, and end with 1 if anything does")
      ->expected(2);
  return tool.run(argc, argv, [&]() -> Status {
    if (!diff.empty()) return print_differences(diff);
    if (Status status = policy.load(); !status.ok() || policy.answered()) return status;
    options.changes = changes == "all" ? TwinChanges::all : changes == "state" ? TwinChanges::state : TwinChanges::none;
    SeriesTable table(tool.common().max_series);
    TwinFold stage(table, policy.get(), options);
    cli::Snapshot snapshot(snapshot_file, snapshot_every);
    cli::Hooks hooks;
    hooks.on_position = [&](const v1::Position& position) -> Status {
      if (Status status = snapshot.write(stage, table); !status.ok() || cursor.empty()) return status;
      return cli::write_cursor(cursor, position);
    };
    if (snapshot.enabled()) hooks.on_wake = [&] { return snapshot.write_if_due(stage, table); };
    hooks.on_end = [&](bool) { return snapshot.write(stage, table); };
    return cli::run_stage(tool, table, stage, hooks);
  });
}
