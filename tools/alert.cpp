// SPDX-License-Identifier: Apache-2.0
// alert: tells somebody what needs attention, once when it begins and once when it is over.
#include "cli/alert_sink.hpp"
#include "cli/policy_option.hpp"

using namespace twinpipe;

int main(int argc, char** argv) {
  cli::Tool tool("alert", "Tell somebody of alarms, deaths, stale sensors, exceptions and rejects", cli::Role::sink);
  AlertOptions options;
  std::string cursor;
  bool print = false;
  cli::PolicyOption policy(tool);
  cli::duration_option(tool, "--past-after", options.past_after,
                       "A node so far behind is in the past, and nothing is told of it");
  cli::duration_option(tool, "--remind", options.remind, "Tell again of what still holds, this often; 0: never");
  tool.option("--cursor", cursor, "FILE", "Record each Position here once all messages before it are in the outbox");
  tool.flag("--print", print, "Print messages on standard output, a line each, and deliver nothing");
  cli::OutboxOption outbox(tool);
  return tool.run(argc, argv, [&]() -> Status {
    if (Status status = policy.load(); !status.ok() || policy.answered()) return status;
    Result<std::vector<AlertRule>> rules = alert_rules(policy.get());
    if (!rules.ok()) return rules.status();
    if (!print)
      if (Status status = outbox.check(); !status.ok()) return status;
    if (!cursor.empty() && tool.common().state_directory.empty())
      return Status::error(Code::usage, "--cursor needs --state: what is open at a Position must be known behind it");
    SeriesTable table(tool.common().max_series);
    Alert alert(table, policy.get(), std::move(*rules), options);
    return cli::AlertSink(tool, table, alert, print ? nullptr : &outbox, cursor).run();
  });
}
