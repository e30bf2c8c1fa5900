// SPDX-License-Identifier: Apache-2.0
// work-order: makes one work order of each episode of predictions, with its evidence, and brings completed ones back.
#include <fmt/format.h>

#include <map>

#include "cli/policy_option.hpp"
#include "cli/work_order_poll.hpp"
#include "cli/work_order_run.hpp"
#include "io/fd.hpp"
#include "wire/quantity.hpp"

using namespace twinpipe;

namespace {

struct Options {
  std::string command;
  WorkOrderOptions orders;
  std::vector<std::string> templates, pointers;
  std::string reproduce, search_url, since;
  Nanos settle = 30 * kSecond, overlap = 30 * 24 * 3600 * kSecond, every = 0;
  bool print = false;
};

void declare(cli::Tool& tool, Options& options) {
  tool.option("COMMAND", options.command, "COMMAND", "poll: write completed orders as a stream; without it this is a filter")
      ->check(CLI::IsMember({"poll"}));
  tool.option("--template", options.templates, "[NAME=]FILE", "JSON with placeholders that shapes orders; can be repeated")
      ->allow_extra_args(false);
  tool.option("--reproduce", options.reproduce, "TEXT", "Command that shows the evidence again, with placeholders");
  tool.option("--search-url", options.search_url, "URL", "Finds an order by its reference, which stands for {key} in it");
  tool.option("--pointer", options.pointers, "NAME=POINTER",
              "Where list, id, reference, asset, failure_mode, completed stand in answers")
      ->allow_extra_args(false);
  cli::duration_option(tool, "--settle", options.settle, "Time that a request without an answer may take to have an effect");
  cli::duration_option(tool, "--past-after", options.orders.past_after, "No order for a row known so long behind its time");
  tool.flag("--keep", options.orders.keep, "Predictions go on as well");
  tool.flag("--print", options.print, "Print orders as they would be sent, a line each, and deliver nothing");
  tool.option("--since", options.since, "TIME", "poll: no order that was done before; RFC 3339, or nanoseconds since 1970");
  cli::duration_option(tool, "--overlap", options.overlap, "poll: ask again for so long before the newest order");
  cli::duration_option(tool, "--every", options.every, "poll: ask again and again; 0: once");
}

/// Options that the other use would have heeded are mistakes.
Status check_options(cli::Tool& tool, const Options& options) {
  static const std::vector<std::string> kOfFilter{"--policy",     "--template", "--reproduce", "--search-url", "--settle",
                                                  "--past-after", "--keep",     "--print",     "--outbox"};
  static const std::vector<std::string> kOfPoll{"--since", "--overlap", "--every"};
  const bool poll = options.command == "poll";
  for (const std::string& option : poll ? kOfFilter : kOfPoll)
    if (tool.app().count(option) > 0)
      return Status::error(Code::usage,
                           fmt::format("{} is not an option of {}", option, poll ? "work-order poll" : "the filter"));
  if (options.print && (tool.app().count("--outbox") > 0 || !tool.common().state_directory.empty()))
    return Status::error(Code::usage, "--print delivers nothing and remembers nothing: it takes no --outbox and no --state");
  return {};
}

Result<OrderPointers> read_pointers(const std::vector<std::string>& all) {
  OrderPointers pointers;
  const std::map<std::string, std::string*> names{{"list", &pointers.list},
                                                  {"id", &pointers.id},
                                                  {"reference", &pointers.reference},
                                                  {"asset", &pointers.asset},
                                                  {"failure_mode", &pointers.failure_mode},
                                                  {"completed", &pointers.completed}};
  for (const std::string& one : all) {
    const std::size_t equals = one.find('=');
    const auto at = names.find(one.substr(0, equals));
    if (equals == one.npos || at == names.end())
      return Status::error(Code::usage, fmt::format("--pointer '{}' is not NAME=POINTER with a name that there is", one));
    *at->second = one.substr(equals + 1);
  }
  if (Status status = pointers.check(); !status.ok()) return status;
  return pointers;
}

Result<WorkOrderShapes> read_shapes(const Options& options, const std::vector<WorkOrderRule>& rules) {
  WorkOrderShapes shapes;
  for (const std::string& one : options.templates) {
    const std::size_t equals = one.find('=');
    const std::string name = equals == one.npos ? "" : one.substr(0, equals);
    const std::string file = equals == one.npos ? one : one.substr(equals + 1);
    const Result<std::string> json = read_file(file);
    if (!json.ok()) return json.status();
    if (Status status = shapes.add(name, *json); !status.ok()) return Status::error(status.code, file + ": " + status.message);
  }
  if (!options.reproduce.empty())
    if (Status status = shapes.set_command(options.reproduce); !status.ok())
      return Status::error(status.code, "--reproduce: " + status.message);
  if (Status status = shapes.check(rules); !status.ok()) return status;
  return shapes;
}

Status poll(cli::Tool& tool, const cli::OutboxOption& outbox, const Options& options, OrderPointers pointers) {
  if (outbox.url().empty()) return Status::error(Code::usage, "--url is required: it answers with completed orders");
  if (Status status = outbox.check_http(); !status.ok()) return status;
  cli::WorkOrderPollOptions to;
  constexpr std::size_t kLongestAnswer = std::size_t{64} << 20;
  to.http = outbox.http();
  to.http.answer_limit = kLongestAnswer;
  to.url = outbox.url();
  to.pointers = std::move(pointers);
  to.overlap = options.overlap;
  to.every = options.every;
  if (!options.since.empty()) {
    const Result<Nanos> since = parse_time(options.since);
    if (!since.ok()) return Status::error(Code::usage, "--since: " + since.status().message);
    to.since = *since;
  }
  return cli::WorkOrderPoll(tool, std::move(to)).run();
}

Status run(cli::Tool& tool, cli::PolicyOption& policy, cli::OutboxOption& outbox, Options& options) {
  if (Status status = check_options(tool, options); !status.ok()) return status;
  Result<OrderPointers> pointers = read_pointers(options.pointers);
  if (!pointers.ok()) return pointers.status();
  if (options.command == "poll") return poll(tool, outbox, options, std::move(*pointers));
  if (Status status = policy.load(); !status.ok() || policy.answered()) return status;
  if (tool.app().count("--policy") == 0) return Status::error(Code::usage, "--policy is required; see work-order --help");
  Result<std::vector<WorkOrderRule>> rules = work_order_rules(policy.get());
  if (!rules.ok()) return rules.status();
  Result<WorkOrderShapes> shapes = read_shapes(options, *rules);
  if (!shapes.ok()) return shapes.status();
  options.orders.max_assets = tool.common().max_series;
  SeriesTable table(tool.common().max_series);
  WorkOrders stage(table, policy.get(), std::move(*rules), std::move(*shapes), options.orders);
  if (options.print) return cli::print_work_orders(tool, table, stage);
  if (Status status = outbox.check(); !status.ok()) return status;
  if (options.search_url.empty())
    return Status::error(Code::usage, "--search-url is required: an order is searched for before it is created");
  if (const Result<std::string> url = url_with(options.search_url, "key", "x"); !url.ok()) return url.status();
  if (Status status = outbox.check_other_url(options.search_url); !status.ok()) return status;
  return cli::WorkOrderRun(tool, table, stage, outbox,
                           {outbox.http(), outbox.url(), options.search_url, std::move(*pointers), options.settle})
      .run();
}

}  // namespace

int main(int argc, char** argv) {
  cli::Tool tool("work-order", "Make one work order of each episode of predictions, with its evidence", cli::Role::filter);
  cli::PolicyOption policy(tool, {}, cli::PolicyOption::Need::optional);
  Options options;
  declare(tool, options);
  cli::OutboxOption outbox(tool, cli::OutboxOption::To::url);
  return tool.run(argc, argv, [&] { return run(tool, policy, outbox, options); });
}
