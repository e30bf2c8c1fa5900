// SPDX-License-Identifier: Apache-2.0
// exc-pass: lets raw pass, pinned and at full rate, around the times at which a threshold is crossed.
#include "cli/policy_option.hpp"
#include "cli/runner.hpp"
#include "kernel/exc_pass.hpp"

using namespace twinpipe;

int main(int argc, char** argv) {
  cli::Tool tool("exc-pass", "Let raw pass around exceptions", cli::Role::filter);
  cli::PolicyOption policy(tool);
  ExcPassOptions options;
  tool.flag("--gate", options.gate, "Drop raw of the series that rules pass, but for their exceptions");
  cli::bytes_option(tool, "--ring", options.ring, "With --gate: bytes of raw that wait for an exception, at most");
  cli::duration_option(tool, "--reach", options.reach,
                       "How far aggregates and spectra lie behind raw, and raw behind other raw: window and lateness");
  return tool.run(argc, argv, [&]() -> Status {
    if (Status status = policy.load(); !status.ok()) return status;
    Result<ExceptionRules> rules = ExceptionRules::make(policy.get());
    if (!rules.ok()) return rules.status();
    if (policy.answered()) return {};
    SeriesTable table(tool.common().max_series);
    ExcPass stage(table, *rules, options);
    return cli::run_stage(tool, table, stage);
  });
}
