// SPDX-License-Identifier: Apache-2.0
// twin-fold: the current state of every asset, on event time, with its freshness.
#include "cli/cursor.hpp"
#include "cli/policy_option.hpp"
#include "cli/runner.hpp"
#include "cli/snapshot.hpp"
#include "kernel/twin_fold.hpp"

using namespace twinpipe;

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
  tool.option("--snapshot", snapshot_file, "FILE", "Keep the twins of all assets in this JSON file, replaced atomically");
  cli::duration_option(tool, "--snapshot-every", snapshot_every, "How often, beside every Position and the end");
  tool.option("--cursor", cursor, "FILE", "Record each Position here once state and snapshot are safe");
  return tool.run(argc, argv, [&]() -> Status {
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
