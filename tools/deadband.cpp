// SPDX-License-Identifier: Apache-2.0
// deadband: drops readings that differ from the last one sent by no more than the policy allows.
#include "kernel/deadband.hpp"

#include "cli/policy_option.hpp"
#include "cli/runner.hpp"

using namespace twinpipe;

int main(int argc, char** argv) {
  cli::Tool tool("deadband", "Drop readings that say nothing new", cli::Role::filter);
  cli::PolicyOption policy(tool);
  return tool.run(argc, argv, [&]() -> Status {
    if (Status status = policy.load(); !status.ok()) return status;
    if (Status status = Deadband::check(policy.get()); !status.ok() || policy.answered()) return status;
    SeriesTable table(tool.common().max_series);
    Deadband stage(table, policy.get());
    return cli::run_stage(tool, table, stage);
  });
}
