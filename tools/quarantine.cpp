// SPDX-License-Identifier: Apache-2.0
// quarantine: sets aside what cannot be, and says why.
#include "kernel/quarantine.hpp"

#include <fmt/format.h>

#include <map>

#include "cli/policy_option.hpp"
#include "cli/quarantine_admin.hpp"
#include "cli/runner.hpp"
#include "cli/side_file.hpp"

using namespace twinpipe;

namespace {

Status filter(cli::Tool& tool, const Policy& policy, const std::string& rejects_file) {
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

struct Options {
  cli::RejectChoice choice;
  std::string rejects_file;
  std::uint64_t again = 0;
};

void declare(cli::Tool& tool, Options& options) {
  cli::RejectChoice& choice = options.choice;
  tool.option("COMMAND", choice.command, "COMMAND", "What to do with files of rejects; without a command this is a filter")
      ->check(CLI::IsMember({"ls", "show", "stats", "release", "discard"}));
  tool.option("FILE", choice.files, "FILE", "Streams with rejects; '-', or none, is standard input for ls, show and stats");
  tool.option("--rejects", options.rejects_file, "FILE",
              "Write rejects to this file, or pipe such as /dev/fd/3, as a stream of its own, and not to standard output");
  tool.option("--rule", choice.rule, "NAME", "Commands: only rejects of rules like this, a glob");
  tool.option("--match", choice.patterns, "PATTERN",
              "Commands: only series like site/line/asset/sensor, a glob a level; can be repeated")
      ->allow_extra_args(false);
  tool.option("--from", choice.from, "TIME", "Commands: only event times from this on: RFC 3339, or nanoseconds since 1970");
  tool.option("--to", choice.to, "TIME", "Commands: only event times before this");
  tool.option("--again", options.again, "NUMBER", "release: write this release once more, byte for byte")
      ->check(CLI::PositiveNumber);
  tool.option("--reason", choice.reason, "TEXT", "discard: why");
  tool.flag("--json", choice.json, "ls, stats: answer in JSON lines");
}

/// Options that another command would have heeded are mistakes.
Status check_options(cli::Tool& tool, const std::string& command) {
  static const std::map<std::string, std::string> kCommands{{"--rejects", "filter"},
                                                            {"--state", "filter"},
                                                            {"--policy", "filter release"},
                                                            {"--again", "release"},
                                                            {"--reason", "discard"},
                                                            {"--json", "ls stats"},
                                                            {"--rule", "ls show stats release discard"},
                                                            {"--match", "ls show stats release discard"},
                                                            {"--from", "ls show stats release discard"},
                                                            {"--to", "ls show stats release discard"}};
  for (const auto& [option, commands] : kCommands)
    if (tool.app().count(option) > 0 && commands.find(command) == commands.npos)
      return Status::error(Code::usage, fmt::format("{} is not an option of {}", option,
                                                    command == "filter" ? "the filter" : "quarantine " + command));
  return {};
}

Status run(cli::Tool& tool, cli::PolicyOption& policy, const Options& options) {
  const std::string& command = options.choice.command;
  if (Status status = check_options(tool, command.empty() ? "filter" : command); !status.ok()) return status;
  if (Status status = policy.load(); !status.ok()) return status;
  const bool uses_policy = command.empty() || (command == "release" && options.again == 0);
  if (uses_policy && tool.app().count("--policy") == 0)
    return Status::error(Code::usage, "--policy is required; see quarantine --help");
  if (options.again > 0 && tool.app().count("--policy") > 0)
    return Status::error(Code::usage, "--again writes a release as it was: it takes no --policy");
  if (Status status = Quarantine::check(policy.get()); !status.ok() || policy.answered()) return status;
  if (command.empty()) return filter(tool, policy.get(), options.rejects_file);
  if (command == "release") return cli::quarantine_release(tool, options.choice, policy.get(), options.again);
  return command == "discard" ? cli::quarantine_discard(tool, options.choice) : cli::quarantine_report(tool, options.choice);
}

}  // namespace

int main(int argc, char** argv) {
  cli::Tool tool("quarantine", "Set aside what cannot be, say why, and let it come back", cli::Role::filter);
  cli::PolicyOption policy(tool, {}, cli::PolicyOption::Need::optional);
  Options options;
  declare(tool, options);
  return tool.run(argc, argv, [&] { return run(tool, policy, options); });
}
