// SPDX-License-Identifier: Apache-2.0
// twin-fold: the current state of every asset, on event time, with its freshness.
#include "kernel/twin_fold.hpp"

#include "cli/policy_option.hpp"
#include "cli/runner.hpp"

using namespace twinpipe;

int main(int argc, char** argv) {
  cli::Tool tool("twin-fold", "Fold readings into the state of every asset", cli::Role::filter);
  TwinOptions options;
  std::string changes = "all";
  cli::PolicyOption policy(tool, "freshness", cli::PolicyOption::Need::optional);
  tool.option("--changes", changes, "WHICH", "Twin frames to write: all, state (only when freshness or liveness changed) or none")
      ->check(CLI::IsMember({"all", "state", "none"}))
      ->capture_default_str();
  cli::duration_option(tool, "--slo", options.default_slo, "Freshness SLO of series that no rule matches; 0: none");
  return tool.run(argc, argv, [&]() -> Status {
    if (Status status = policy.load(); !status.ok() || policy.answered()) return status;
    options.changes = changes == "all" ? TwinChanges::all : changes == "state" ? TwinChanges::state : TwinChanges::none;
    SeriesTable table(tool.common().max_series);
    TwinFold stage(table, policy.get(), options);
    return cli::run_stage(tool, table, stage);
  });
}
