// SPDX-License-Identifier: Apache-2.0
// features: rows of features over rolling windows, one an asset and step.
#include "kernel/features.hpp"

#include "cli/policy_option.hpp"
#include "cli/runner.hpp"

using namespace twinpipe;

int main(int argc, char** argv) {
  cli::Tool tool("features", "Compute rows of features over rolling windows of event time", cli::Role::filter);
  cli::PolicyOption policy(tool);
  FeaturesOptions options;
  tool.flag("--keep", options.keep, "Forward the data that features are made of, too");
  tool.flag("--known-at-as-of", options.known_at_as_of,
            "Let rows be known at their as_of: for streams without Arrivals, and for nothing that people act on");
  tool.option("--max-open", options.max_open, "COUNT", "Greatest number of steps of a series that wait for a watermark")
      ->check(CLI::Range(2, 1'000'000))
      ->capture_default_str();
  return tool.run(argc, argv, [&]() -> Status {
    if (Status status = policy.load(); !status.ok()) return status;
    const Result<FeatureDefinitions> definitions = FeatureDefinitions::make(policy.get());
    if (!definitions.ok() || policy.answered()) return definitions.ok() ? Status{} : definitions.status();
    SeriesTable table(tool.common().max_series);
    Features stage(table, policy.get(), *definitions, options);
    return cli::run_stage(tool, table, stage);
  });
}
