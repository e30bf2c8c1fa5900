// SPDX-License-Identifier: Apache-2.0
// policy: checks policy files, compares two of them, and says which policy shaped the values of a stream.
#include <fmt/format.h>

#include "cli/policy_option.hpp"
#include "cli/policy_report.hpp"
#include "cli/runner.hpp"
#include "io/fd.hpp"
#include "kernel/form_driver.hpp"
#include "kernel/lineage.hpp"
#include "kernel/series_list.hpp"
#include "kernel/setting_checks.hpp"
#include "wire/quantity.hpp"

using namespace twinpipe;

namespace {

struct Options {
  std::string command, series, at;
  std::vector<std::string> files, patterns;
  bool json = false, strict = false;
};

void declare(cli::Tool& tool, Options& options) {
  tool.option("COMMAND", options.command, "COMMAND", "What to do: check, diff or audit")
      ->check(CLI::IsMember({"check", "diff", "audit"}))
      ->required();
  tool.option("FILE", options.files, "FILE",
              "check: policy files; diff: the old and the new one; audit: streams, '-' is standard input");
  tool.option("--series", options.series, "FILE",
              "check, diff: the series there are, as names a line, or as frames or JSON lines that declare them");
  tool.option("--at", options.at, "TIME", "check: tell rules expired by this event time; RFC 3339, or nanoseconds since 1970");
  tool.flag("--strict", options.strict, "check: warnings count as errors");
  tool.option("--match", options.patterns, "PATTERN",
              "audit: only series like site/line/asset/sensor, a glob a level; can be repeated")
      ->allow_extra_args(false);
  tool.flag("--json", options.json, "Answer in JSON lines");
}

/// Nothing was found wrong, or alike: the exit code is the answer.
Status finding(bool negative) { return negative ? Status::error(Code::finding, "") : Status{}; }

Result<std::vector<ListedSeries>> read_list(const cli::Tool& tool, const std::string& file) {
  if (file.empty()) return std::vector<ListedSeries>{};
  Result<std::string> content = read_file(file);
  if (!content.ok()) return content.status();
  Result<std::vector<ListedSeries>> list = read_series_list(*content, tool.common().max_series);
  if (!list.ok()) return Status::error(list.status().code, fmt::format("{}: {}", file, list.status().message));
  return list;
}

Result<std::vector<PolicyFile>> read_policies(const std::vector<std::string>& files) {
  std::vector<PolicyFile> policies;
  for (const std::string& file : files) {
    Result<Policy> policy = cli::read_policy(file);
    if (!policy.ok()) return policy.status();
    policies.push_back({file, std::move(*policy)});
  }
  return policies;
}

Status check(const Options& options, const std::vector<PolicyFile>& policies, const std::vector<ListedSeries>* list) {
  CheckScope scope{std::nullopt, list};
  if (!options.at.empty()) {
    Result<Nanos> at = parse_time(options.at);
    if (!at.ok()) return Status::error(Code::usage, "--at: " + at.status().message);
    scope.at = *at;
  }
  const std::vector<Finding> findings = check_policies(policies, setting_checks(), scope);
  Status printed = cli::print(options.json ? cli::findings_as_json(findings) : cli::findings_as_text(findings));
  return printed.ok() ? finding(has_errors(findings) || (options.strict && !findings.empty())) : printed;
}

Status diff(const Options& options, const std::vector<PolicyFile>& policies, const std::vector<ListedSeries>* list) {
  if (policies.size() != 2) return Status::error(Code::usage, "diff compares two policy files: the old and the new one");
  const PolicyDifference difference = compare(policies[0].policy, policies[1].policy, list);
  Status printed = cli::print(options.json ? cli::difference_as_json(difference) : cli::difference_as_text(difference));
  return printed.ok() ? finding(!difference.same()) : printed;
}

Status audit(cli::Tool& tool, const Options& options) {
  SelectionOptions selected;
  for (const std::string& text : options.patterns) {
    Result<Pattern> pattern = Pattern::parse(text);
    if (!pattern.ok()) return pattern.status();
    selected.patterns.push_back(*pattern);
  }
  SeriesTable table(tool.common().max_series);
  Lineage form(table, selected.patterns, options.json);
  Selection selection(table, std::move(selected));
  FormDriver driver(form, selection, table);
  driver.set_skip_bad(tool.common().skip_bad);
  FrameReader frames(-1, tool.common().max_frame);
  return cli::run_feed(tool, {frames, driver, options.files, true, {}});
}

Status run(cli::Tool& tool, const Options& options) {
  if (options.command == "audit") return audit(tool, options);
  if (options.files.empty()) return Status::error(Code::usage, "which policy file?");
  Result<std::vector<PolicyFile>> policies = read_policies(options.files);
  if (!policies.ok()) return policies.status();
  Result<std::vector<ListedSeries>> list = read_list(tool, options.series);
  if (!list.ok()) return list.status();
  const std::vector<ListedSeries>* listed = options.series.empty() ? nullptr : &*list;
  return options.command == "check" ? check(options, *policies, listed) : diff(options, *policies, listed);
}

}  // namespace

int main(int argc, char** argv) {
  cli::Tool tool("policy", "Check policies, compare them, and say which one shaped a value", cli::Role::viewer);
  Options options;
  declare(tool, options);
  return tool.run(argc, argv, [&] { return run(tool, options); });
}
