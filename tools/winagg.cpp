// SPDX-License-Identifier: Apache-2.0
// winagg: windowed aggregates of readings and waveforms.
#include "kernel/winagg.hpp"

#include "cli/policy_option.hpp"
#include "cli/runner.hpp"
#include "cli/side_file.hpp"
#include "io/huge_pages.hpp"

using namespace twinpipe;

int main(int argc, char** argv) {
  cli::Tool tool("winagg", "Aggregate readings and waveforms over windows of event time", cli::Role::filter);
  cli::PolicyOption policy(tool);
  WinAggOptions options;
  std::string late_file;
  tool.flag("--keep", options.keep, "Forward the raw readings and waveforms that are aggregated, too");
  tool.option("--late", late_file, "FILE", "Write what comes too late to this file, as a stream of its own");
  tool.option("--max-open", options.max_open, "COUNT", "Greatest number of open windows of a series, counted in slides")
      ->check(CLI::Range(2, 1'000'000))
      ->capture_default_str();
  cli::bytes_option(tool, "--memory", options.memory, "Bytes of readings that open windows may hold");
  return tool.run(argc, argv, [&]() -> Status {
    if (Status status = policy.load(); !status.ok()) return status;
    if (Status status = WinAgg::check(policy.get()); !status.ok() || policy.answered()) return status;
    cli::SideFile side(late_file);
    if (Status status = side.open(!tool.common().state_directory.empty()); !status.ok()) return status;
    Output late;
    SeriesTable table(tool.common().max_series);
    HugePages pages;
    options.pages = &pages;
    WinAgg stage(table, policy.get(), options, side.enabled() ? &late : nullptr);
    const auto write = [&] {
      const Status status = side.write(late, stage.late_bytes(), stage.resumed());
      if (const auto notice = side.take_notice()) tool.say(*notice);
      return status;
    };
    cli::Hooks hooks;
    hooks.hold = [&](bool) -> Result<Nanos> {
      constexpr std::size_t kEnough = std::size_t{64} << 10;
      if (late.pending().size() < kEnough) return Nanos{0};
      if (Status status = write(); !status.ok()) return status;
      return Nanos{0};
    };
    hooks.before_position = [&]() -> Status {
      if (Status status = write(); !status.ok()) return status;
      return side.sync();
    };
    hooks.on_end = [&](bool) { return write(); };
    const Status ran = cli::run_stage(tool, table, stage, hooks);
    const Status written = write();  // whatever ended the run
    return ran.ok() ? written : ran;
  });
}
