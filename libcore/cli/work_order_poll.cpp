// SPDX-License-Identifier: Apache-2.0
// work-order poll.
#include "cli/work_order_poll.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "client/work_order_service.hpp"
#include "io/file_lock.hpp"
#include "io/waiter.hpp"
#include "policy/digest.hpp"
#include "wire/quantity.hpp"

namespace twinpipe::cli {
namespace {

constexpr std::string_view kFile = "/completed";

}  // namespace

/// The same order, done at another time, is told again: that corrects it.
std::string WorkOrderPoll::name_of(const v1::WorkOrder& order) {
  return sha256_hex(fmt::format("{}\n{}\n{}\n{}\n{}", order.external_id(), order.idempotency_key(), order.asset(),
                                order.failure_mode(), order.time()))
      .substr(0, 32);
}

/// Lines "NAME TIME" of the orders that were told.
Status WorkOrderPoll::load() {
  const std::string& directory = tool_->common().state_directory;
  if (directory.empty()) return {};
  if (Status status = make_directory(directory); !status.ok()) return status;
  Result<Fd> lock = open_lock(directory + "/lock", directory + ": another process uses this state");
  if (!lock.ok()) return lock.status();
  lock_ = std::move(*lock);
  const std::string path = directory + std::string(kFile);
  const Result<std::string> text = read_file(path);
  if (!text.ok()) return text.status().code == Code::no_input ? Status{} : text.status();
  for (std::size_t begin = 0, end = 0; begin < text->size(); begin = end + 1) {
    end = std::min(text->find('\n', begin), text->size());
    const std::string line = text->substr(begin, end - begin);
    const std::size_t space = line.find(' ');
    const Result<Nanos> time = parse_time(line.substr(std::min(space, line.size() - 1) + 1));
    if (space == line.npos || !time.ok()) return Status::error(Code::bad_config, path + ": not what work-order poll wrote");
    told_[line.substr(0, space)] = *time;
    newest_ = std::max(newest_, *time);
  }
  return {};
}

Status WorkOrderPoll::save() const {
  const std::string& directory = tool_->common().state_directory;
  if (directory.empty()) return {};
  std::string text;
  for (const auto& [name, time] : told_) text += fmt::format("{} {}\n", name, format_time(time));
  return replace_file(directory + std::string(kFile), text);
}

Nanos WorkOrderPoll::since() const {
  return newest_ == kBeginning ? options_.since : std::max(options_.since, saturating_sub(newest_, options_.overlap));
}

/// One question; what is new in the answer is written, flushed, and then remembered: killed in between, it is told again.
Status WorkOrderPoll::ask(HttpClient& client) {
  const Nanos from = since();
  const Result<std::string> filled = url_with(options_.url, "since", format_time(from));
  const std::string url = filled.ok() ? *filled : options_.url;
  const Result<HttpAnswer> answer = client.send({"GET", url, {}, {}, false});
  if (!answer.ok()) return answer.status();
  if (verdict_of(answer->status) != Verdict::done)
    return Status::error(Code::unavailable, fmt::format("{} answers {}", url, answer->status));
  const Result<CompletedOrders> orders = completed_orders(answer->body, options_.pointers);
  if (!orders.ok()) return Status::error(orders.status().code, fmt::format("{}: {}", url, orders.status().message));
  for (const std::string& line : orders->left_out) tool_->say("left out: " + line);
  left_out_ += orders->left_out.size();
  v1::Frame frame;
  frame.mutable_arrival()->set_time(wall_now());
  source_.out().frame(frame);
  for (const v1::WorkOrder& order : orders->orders) {
    if (order.time() < from || !told_.emplace(name_of(order), order.time()).second) continue;
    *frame.mutable_work_order() = order;
    source_.out().frame(frame);
    newest_ = std::max(newest_, order.time());
    ++completed_;
  }
  if (Status status = source_.flush(); !status.ok() || source_.reader_left()) return status;
  std::erase_if(told_, [this](const auto& one) { return one.second < since(); });
  return save();
}

Status WorkOrderPoll::run() {
  if (Status status = load(); !status.ok()) return status;
  if (Status status = source_.open(); !status.ok()) return status;
  source_.set_counters([this] {
    return std::vector<Counter>{{"orders_completed", completed_}, {"left_out", left_out_}, {"failures", failures_}};
  });
  HttpClient client(options_.http);
  Status last;
  for (;;) {
    const Nanos next = saturating_add(monotonic_now(), options_.every);
    const bool failed_before = !last.ok();
    last = ask(client);
    const bool of_service = last.code == Code::unavailable || last.code == Code::bad_data;
    if (!last.ok() && (!of_service || options_.every == 0)) break;
    failures_ += last.ok() ? 0 : 1;
    if (!last.ok() && !failed_before) tool_->say(last.message + ": asked again later");
    if (last.ok() && failed_before) tool_->say("answers again");
    Ready ready;
    while (options_.every > 0 && !source_.done() && monotonic_now() < next)
      if (Status status = source_.wait(-1, next - monotonic_now(), ready); !status.ok()) return status;
    if (options_.every == 0 || source_.done()) break;
  }
  if (source_.reader_left()) return {};
  const bool good = last.ok() || options_.every > 0;
  if (Status status = source_.close(good); !status.ok()) return status;
  return good ? Status{} : last;
}

}  // namespace twinpipe::cli
