// SPDX-License-Identifier: Apache-2.0
// unit-norm: brings readings to the canonical units of a policy.
#include "cli/policy_option.hpp"
#include "cli/runner.hpp"
#include "kernel/unit_norm.hpp"

using namespace twinpipe;

int main(int argc, char** argv) {
  cli::Tool tool("unit-norm", "Bring readings to canonical units", cli::Role::filter);
  cli::PolicyOption policy(tool);
  return tool.run(argc, argv, [&]() -> Status {
    if (Status status = policy.load(); !status.ok()) return status;
    if (Status status = UnitNorm::check(policy.get()); !status.ok() || policy.answered()) return status;
    const Result<Units> units = Units::load();
    if (!units.ok()) return units.status();
    SeriesTable table(tool.common().max_series);
    UnitNorm stage(table, policy.get(), *units);
    return cli::run_stage(tool, table, stage);
  });
}
