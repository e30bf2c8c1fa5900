// SPDX-License-Identifier: Apache-2.0
// An outbox and where it is delivered to.
#include "cli/outbox_option.hpp"

#include <fmt/format.h>

#include "io/command.hpp"
#include "io/waiter.hpp"

namespace twinpipe::cli {

OutboxOption::OutboxOption(Tool& tool, To to) : tool_(&tool), to_(to) {
  tool.option("--outbox", directory_, "DIR", "Keeps every message on disk until it was taken");
  tool.option("--outbox-limit", limit_, "COUNT", "Messages that wait, at most; then the input waits")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  if (to == To::command_or_url)
    tool.option("--command", command_, "COMMAND", "Run by sh for each message, which is its standard input; exit code 0: taken");
  tool.option("--url", url_, "URL", "Each message is POSTed here as JSON, with an Idempotency-Key");
  tool.option("--token-file", http_.token_file, "FILE", "Holds a bearer token in its first line");
  tool.option("--ca", http_.ca_file, "FILE", "CA certificates (PEM) for https://; by default the system's");
  tool.option("--cert", http_.certificate_file, "FILE", "Own certificate (PEM) for https://");
  tool.option("--key", http_.key_file, "FILE", "Its key (PEM)");
  duration_option(tool, "--timeout", http_.timeout, "Longest time that one attempt takes");
  duration_option(tool, "--retry-first", plan_.first, "Wait after the first failure; doubled after each further one");
  duration_option(tool, "--retry-longest", plan_.longest, "Longest wait between two attempts");
  duration_option(tool, "--drain-for", drain_for_, "How long the end of the input waits for what is not yet delivered");
}

Status OutboxOption::check() const {
  if (to_ == To::command_or_url && command_.empty() == url_.empty())
    return Status::error(Code::usage, "exactly one of --command and --url says who is told");
  if (to_ == To::url && url_.empty()) return Status::error(Code::usage, "--url is required: it says who is told");
  if (directory_.empty()) return Status::error(Code::usage, "--outbox is required: a message must survive what is restarted");
  return check_http();
}

Status OutboxOption::check_http() const {
  if (plan_.first <= 0 || plan_.longest < plan_.first)
    return Status::error(Code::usage, "--retry-first is above zero, and --retry-longest is not below it");
  if (http_.timeout <= 0) return Status::error(Code::usage, "--timeout is above zero");
  return url_.empty() ? Status{} : check_url(url_, !http_.token_file.empty());
}

Status OutboxOption::start() {
  return start([this](Outbox&) { return url_.empty() ? by_command() : by_http(); }, {});
}

Status OutboxOption::start(const std::function<Courier::Deliver(Outbox&)>& way, Courier::Concluded concluded) {
  outbox_ = std::make_unique<Outbox>(directory_, limit_);
  if (Status status = outbox_->open(); !status.ok()) return status;
  courier_ = std::make_unique<Courier>(*outbox_, plan_, way(*outbox_), std::move(concluded));
  courier_->start();
  return {};
}

HttpOptions OutboxOption::http() const {
  HttpOptions options = http_;
  options.user_agent = tool_->producer();
  options.connect_timeout = std::min(options.connect_timeout, options.timeout);
  return options;
}

Courier::Deliver OutboxOption::by_http() const {
  const auto client = std::make_shared<HttpClient>(http());
  return [client, url = url_](const OutboxMessage& message) -> Attempt {
    const Result<HttpAnswer> answer = client->send({"POST", url, message.body, {"Idempotency-Key: " + message.id}, false});
    if (!answer.ok()) return {Verdict::wait, answer.status().message, {}};
    const Verdict verdict = verdict_of(answer->status);
    if (verdict == Verdict::done) return {};
    return {verdict, fmt::format("{} answers {}", url, answer->status), fmt::format("{}\n{}\n", answer->status, answer->body),
            answer->retry_after};
  };
}

/// A command that fails may fail at one message alone; one that cannot be run fails at all.
Courier::Deliver OutboxOption::by_command() const {
  return [command = command_, timeout = http_.timeout](const OutboxMessage& message) -> Attempt {
    const Result<int> code = run_command(command, message.body, timeout);
    if (!code.ok()) return {Verdict::again, code.status().message, {}};
    if (*code == 0) return {};
    constexpr int kCannotRun = 126, kNotFound = 127;
    return {*code == kCannotRun || *code == kNotFound ? Verdict::wait : Verdict::again,
            fmt::format("'{}' ends with {}", command, *code),
            {}};
  };
}

Result<bool> OutboxOption::put(std::string_view key, std::string_view id, std::string_view body) {
  const Status status = outbox_->put(key, id, body);
  if (status.code == Code::temporary) {
    if (!std::exchange(full_said_, true)) tool_->say(status.message + ", and the input waits with them");
    return false;
  }
  if (!status.ok()) return status;
  full_said_ = false;
  courier_->notify();
  return true;
}

Status OutboxOption::look() {
  std::vector<std::string> lines;
  const Status status = courier_->look(lines);
  for (const std::string& line : lines) tool_->say(line);
  return status;
}

bool OutboxOption::draining() {
  if (drain_until_ == 0) drain_until_ = saturating_add(monotonic_now(), drain_for_);
  return outbox_->waiting() > 0 && monotonic_now() < drain_until_;
}

Status OutboxOption::drain() {
  for (Signals signals; draining();) {
    if (wait_ready(-1, -1, fd(), signals, 100 * kMillisecond).stop) break;
    if (Status status = look(); !status.ok()) return status;
  }
  return stop(true);
}

Status OutboxOption::stop(bool all, std::size_t without_room, std::string_view things) {
  courier_->stop();
  if (Status status = look(); !status.ok()) return status;
  if (const std::size_t left = outbox_->waiting(); all && left > 0)
    return Status::error(Code::temporary,
                         fmt::format("{} messages wait in {}: whoever uses it next delivers them", left, directory_));
  if (without_room == 0) return {};
  return Status::error(Code::temporary,
                       fmt::format("{} {} found no room in the outbox: they come again with the frames behind the "
                                   "last Position",
                                   without_room, things));
}

std::vector<Counter> OutboxOption::counters() const {
  return {{"waiting", outbox_->waiting()},
          {"delivered", courier_->delivered()},
          {"delivery_failures", courier_->failures()},
          {"refused", courier_->refused()},
          {"repeated", outbox_->repeated()}};
}

}  // namespace twinpipe::cli
