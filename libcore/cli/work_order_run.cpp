// SPDX-License-Identifier: Apache-2.0
// work-order's loop.
#include "cli/work_order_run.hpp"

#include <fmt/format.h>

#include "io/waiter.hpp"

namespace twinpipe::cli {

Status WorkOrderRun::start() {
  const auto way = [this](Outbox& outbox) -> Courier::Deliver {
    const auto service = std::make_shared<WorkOrderService>(service_, outbox);
    return [service](const OutboxMessage& message) { return service->deliver(message); };
  };
  return outbox_->start(way, [this](const OutboxMessage& message, const Attempt& attempt) {
    const std::lock_guard guard(mutex_);
    heard_.push_back({attempt.verdict, message.id, attempt.why, attempt.answer});
  });
}

Status WorkOrderRun::run() {
  if (Status status = start(); !status.ok()) return status;
  Hooks hooks;
  hooks.fd = outbox_->fd();
  hooks.on_wake = [this] { return outbox_->look(); };
  hooks.hold = [this](bool ended) { return hold(ended); };
  hooks.add = [this](Output& out) { return tell(out); };
  hooks.on_resume = [this](const v1::Position&) -> Status {
    recall_ = true;
    return {};
  };
  hooks.on_end = [this](bool final) { return on_end(final); };
  hooks.counters = [this] { return outbox_->counters(); };
  const Status ran = run_stage(*tool_, *table_, *orders_, hooks);
  if (ran.ok() || broken_) return ran;
  // Bad input, or nobody who could be answered: orders made before that are delivered all the same.
  if (ran.code == Code::bad_data || ran.code == Code::io_error) {
    if (Status status = store(); !status.ok()) tool_->say(status);
    if (Status status = outbox_->drain(); !status.ok()) tool_->say(status);
  }
  return ran;
}

/// Puts orders where they are safe, as far as there is room. One that the outbox knows was answered perhaps.
Status WorkOrderRun::store() {
  for (WorkOrderRequest& request : orders_->take_orders()) waiting_.push_back(std::move(request));
  for (; !waiting_.empty(); waiting_.pop_front()) {
    const WorkOrderRequest& request = waiting_.front();
    const std::string& key = request.order.idempotency_key();
    Result<Outbox::Kept> kept = outbox_->find(key);
    broken_ = !kept.ok();
    if (broken_) return kept.status();
    if (kept->place == Outbox::Place::sent || kept->place == Outbox::Place::refused) {
      known_.push_back({Verdict::done, key, {}, std::move(kept->answer)});
      continue;
    }
    const Result<bool> put = outbox_->put(key, key, outbox_text(request));
    broken_ = !put.ok();
    if (broken_) return put.status();
    if (!*put) return {};
  }
  return {};
}

/// Orders of a saved state may have been answered while nobody wrote it down.
Status WorkOrderRun::recall() {
  std::vector<std::string> lost;
  for (const auto& [key, order] : orders_->unanswered()) {
    Result<Outbox::Kept> kept = outbox_->find(key);
    if (!kept.ok()) return kept.status();
    if (kept->place == Outbox::Place::sent || kept->place == Outbox::Place::refused)
      known_.push_back({Verdict::done, key, {}, std::move(kept->answer)});
    if (kept->place == Outbox::Place::unknown) lost.push_back(key);
  }
  for (const std::string& key : lost) {
    tool_->say(fmt::format("order {} of the saved state is not in the outbox: nobody delivers it", key));
    (void)orders_->answered(key);
  }
  return {};
}

Result<Nanos> WorkOrderRun::hold(bool ended) {
  if (std::exchange(recall_, false))
    if (Status status = recall(); !status.ok()) return status;
  if (orders_->has_orders() || !waiting_.empty())
    if (Status status = store(); !status.ok()) return status;
  if (waiting_.empty() && !ended) return Nanos{0};
  if (Status status = outbox_->look(); !status.ok()) return status;
  if (waiting_.empty() && !outbox_->draining()) {
    last_ = true;
    return Nanos{0};
  }
  return 100 * kMillisecond;
}

/// Writes what became of orders.
Status WorkOrderRun::tell(Output& out) {
  std::vector<Heard> all = std::exchange(known_, {});
  {
    const std::lock_guard guard(mutex_);
    for (Heard& heard : heard_) all.push_back(std::move(heard));
    heard_.clear();
  }
  for (const Heard& heard : all) {
    if (heard.verdict == Verdict::wait) {
      service_waits_ = heard.why;
      continue;
    }
    service_waits_.clear();
    if (heard.verdict == Verdict::again) tell_waiting(heard.key, heard.why, out);
    else if (Status status = tell_answer(heard.key, heard.answer, out); !status.ok()) return status;
  }
  if (service_waits_.empty() && !last_) return {};
  const std::string why = service_waits_.empty() ? "the input has ended, and it was not yet delivered" : service_waits_;
  for (const auto& [key, order] : orders_->unanswered()) tell_waiting(key, why, out);
  return {};
}

Status WorkOrderRun::tell_answer(const std::string& key, const std::string& answer, Output& out) {
  Result<v1::WorkOrder> order = read_answer_text(answer);
  if (!order.ok()) {  // of a message that somebody has changed: it was refused, and a line said so
    (void)orders_->answered(key);
    return {};
  }
  v1::Frame frame;
  *frame.mutable_work_order() = std::move(*order);
  out.frame(frame);
  (void)orders_->answered(key);
  return {};
}

/// Once an order.
void WorkOrderRun::tell_waiting(const std::string& key, const std::string& why, Output& out) {
  const auto at = orders_->unanswered().find(key);
  if (at == orders_->unanswered().end() || at->second.state() == v1::WorkOrder::STATE_SPOOLED) return;
  v1::Frame frame;
  v1::WorkOrder& order = *frame.mutable_work_order();
  order = at->second;
  order.set_state(v1::WorkOrder::STATE_SPOOLED);
  order.set_answer(why);
  order.set_time(wall_now());
  out.frame(frame);
  orders_->spooled(key);
}

Status WorkOrderRun::on_end(bool final) {
  if (Status status = store(); !status.ok()) return status;
  return outbox_->stop(final, waiting_.size(), "orders");
}

Status print_work_orders(Tool& tool, SeriesTable& table, WorkOrders& orders) {
  Driver driver(orders, table, tool.producer());
  driver.set_skip_bad(tool.common().skip_bad);
  FrameReader reader(0, tool.common().max_frame);
  const auto write = [&](Output& out) -> Status {
    out.clear();
    for (const std::string& line : orders.take_notices()) tool.say(line);
    for (const WorkOrderRequest& request : orders.take_orders())
      if (Status status = print(request.body + "\n"); !status.ok()) return status;
    return {};
  };
  return run_feed(tool, Feed{reader, driver, {}, false, write});
}

}  // namespace twinpipe::cli
