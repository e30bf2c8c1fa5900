// SPDX-License-Identifier: Apache-2.0
// Carries messages from an outbox to a service.
#include "io/courier.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "io/waiter.hpp"
#include "wire/quantity.hpp"

namespace twinpipe {

Nanos RetryPlan::after(std::uint32_t failures) const {
  Nanos wait = first;
  for (std::uint32_t i = 1; i < failures && wait < longest; ++i) wait = saturating_add(wait, wait);
  return std::min(wait, longest);
}

Courier::Courier(Outbox& outbox, RetryPlan plan, Deliver deliver, Concluded concluded)
    : outbox_(&outbox), plan_(plan), deliver_(std::move(deliver)), concluded_(std::move(concluded)) {}

Courier::~Courier() { stop(); }

void Courier::start() {
  thread_ = std::thread([this] { run(); });
}

void Courier::notify() {
  const std::lock_guard lock(mutex_);
  news_ = true;
  changed_.notify_one();
}

void Courier::stop() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_one();
  }
  thread_.join();
}

Status Courier::look(std::vector<std::string>& lines) {
  wake_.drain();
  const std::lock_guard lock(mutex_);
  lines = std::exchange(lines_, {});
  return status_;
}

// ---- the thread -----------------------------------------------------------------------------------------------------

void Courier::say(std::string line) {
  const std::lock_guard lock(mutex_);
  lines_.push_back(std::move(line));
}

void Courier::run() {
  for (;;) {
    Nanos next = kForever;
    Status status = step(monotonic_now(), next);
    std::unique_lock lock(mutex_);
    if (!status.ok()) {
      status_ = std::move(status);
      wake_.ring();
      return;
    }
    const auto due = [this] { return stopping_ || news_; };
    if (next == kForever) {
      changed_.wait(lock, due);
    } else if (const Nanos wait = next - monotonic_now(); wait > 0) {
      (void)changed_.wait_for(lock, std::chrono::nanoseconds(wait), due);
    }
    if (stopping_) return;
    news_ = false;
  }
}

/// One attempt, where there is something to deliver. `next`: when to look again, without news.
Status Courier::step(Nanos now, Nanos& next) {
  if (service_.until > now) {
    next = service_.until;
    return {};
  }
  const auto may = [&](std::uint64_t key) {
    const auto at = keys_.find(key);
    return at == keys_.end() || at->second.until <= now;
  };
  Result<std::optional<OutboxMessage>> message = outbox_->first(may);
  if (!message.ok()) return message.status();
  if (!*message) {  // whoever waits no longer has no message
    std::erase_if(keys_, [&](const auto& entry) { return entry.second.until <= now; });
    for (const auto& [key, patience] : keys_) next = std::min(next, patience.until);
    return {};
  }
  next = now;
  const Attempt attempt = deliver_(**message);
  const Status status = conclude(**message, attempt);
  if (status.ok() && concluded_) concluded_(**message, attempt);
  wake_.ring();
  return status;
}

/// Says the first failure of a row.
Nanos Courier::fail(Patience& patience, const Attempt& attempt) {
  ++failures_;
  const Nanos wait = std::max(plan_.after(++patience.failures), attempt.not_before.value_or(0));
  patience.until = saturating_add(monotonic_now(), wait);
  return wait;
}

Status Courier::conclude(const OutboxMessage& message, const Attempt& attempt) {
  if (attempt.verdict == Verdict::wait) {
    const Nanos wait = fail(service_, attempt);
    if (service_.failures == 1)
      say(fmt::format("{}: {} messages wait, the next attempt is in {}", attempt.why, outbox_->waiting(), format_duration(wait)));
    return {};
  }
  if (service_.failures > 0) say(fmt::format("delivers again, after {} failures", service_.failures));
  service_ = {};
  if (attempt.verdict == Verdict::again) {
    Patience& patience = keys_[message.key];
    const Nanos wait = fail(patience, attempt);
    if (patience.failures == 1)
      say(fmt::format("message {}: {}: the next attempt is in {}", message.id, attempt.why, format_duration(wait)));
    return {};
  }
  keys_.erase(message.key);
  if (attempt.verdict == Verdict::done) {
    ++delivered_;
    return outbox_->sent(message, attempt.answer);
  }
  ++refused_;
  say(fmt::format("message {} is refused: {}: kept as {}", message.id, attempt.why, outbox_->path_of_refused(message)));
  return outbox_->refused(message, attempt.answer);
}

}  // namespace twinpipe
