// SPDX-License-Identifier: Apache-2.0
// quarantine: sets aside what cannot be, and says why.
#include "kernel/quarantine.hpp"

#include "cli/policy_option.hpp"
#include "cli/runner.hpp"
#include "cli/side_file.hpp"

using namespace twinpipe;

namespace {

Status run(cli::Tool& tool, const Policy& policy, const std::string& rejects_file) {
  Result<std::vector<Expectation>> expectations = read_expectations(policy);
  if (!expectations.ok()) return expectations.status();
  cli::SideFile side(rejects_file);
  if (Status status = side.open(!tool.common().state_directory.empty()); !status.ok()) return status;
  Output rejects;
  SeriesTable table(tool.common().max_series);
  Quarantine stage(table, policy, std::move(*expectations), {side.enabled() ? &rejects : nullptr, side.live()});
  const auto write = [&] {
    const Status status = side.write(rejects, stage.side_bytes(), stage.resumed());
    if (const auto notice = side.take_notice()) tool.say(*notice);
    return status;
  };
  cli::Hooks hooks;
  hooks.hold = [&](bool) -> Result<Nanos> {
    constexpr std::size_t kEnough = std::size_t{64} << 10;
    if (rejects.pending().size() < kEnough) return Nanos{0};
    if (Status status = write(); !status.ok()) return status;
    return Nanos{0};
  };
  hooks.before_position = [&]() -> Status {
    if (Status status = write(); !status.ok()) return status;
    return side.sync();
  };
  if (side.live()) hooks.on_wake = write;
  hooks.on_end = [&](bool) { return write(); };
  const Status ran = cli::run_stage(tool, table, stage, hooks);
  const Status written = write();  // whatever ended the run
  return ran.ok() ? written : ran;
}

}  // namespace

int main(int argc, char** argv) {
  cli::Tool tool("quarantine", "Set aside what cannot be, and say why", cli::Role::filter);
  cli::PolicyOption policy(tool);
  std::string rejects_file;
  tool.option("--rejects", rejects_file, "FILE",
              "Write rejects to this file, or pipe such as /dev/fd/3, as a stream of its own, and not to standard output");
  return tool.run(argc, argv, [&]() -> Status {
    if (Status status = policy.load(); !status.ok()) return status;
    if (Status status = Quarantine::check(policy.get()); !status.ok() || policy.answered()) return status;
    return run(tool, policy.get(), rejects_file);
  });
}
