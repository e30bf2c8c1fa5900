// SPDX-License-Identifier: Apache-2.0
// alert's loop.
#include "cli/alert_sink.hpp"

#include "cli/cursor.hpp"

namespace twinpipe::cli {

Status AlertSink::run() {
  if (outbox_ != nullptr)
    if (Status status = outbox_->start(); !status.ok()) return status;
  Hooks hooks;
  hooks.fd = outbox_ != nullptr ? outbox_->fd() : -1;
  hooks.on_wake = [this] { return on_wake(); };
  hooks.hold = [this](bool ended) { return hold(ended); };
  // All messages before a Position are in the outbox by now, and what still waits for company is in the state.
  hooks.on_position = [this](const v1::Position& position) -> Status {
    barrier_ = true;
    return cursor_.empty() ? Status{} : write_cursor(cursor_, position);
  };
  hooks.on_resume = [this](const v1::Position&) -> Status {
    barrier_ = true;
    return {};
  };
  hooks.on_end = [this](bool final) { return on_end(final); };
  if (outbox_ != nullptr) hooks.counters = [this] { return outbox_->counters(); };
  const Status ran = run_stage(*tool_, *table_, *alert_, hooks);
  if (ran.ok()) return ran;
  // Bad input: what was whole before it is told all the same.
  if (!broken_ && (ran.code == Code::bad_data || ran.code == Code::io_error)) {
    if (Status status = store(); !status.ok()) tool_->say(status);
    if (outbox_ != nullptr)
      if (Status status = outbox_->drain(); !status.ok()) tool_->say(status);
  }
  return ran;
}

/// Puts messages where they are safe, in order, as far as there is room.
Status AlertSink::store() {
  for (AlertMessage& message : alert_->take_messages()) waiting_.push_back(std::move(message));
  for (; !waiting_.empty(); waiting_.pop_front()) {
    const AlertMessage& message = waiting_.front();
    if (outbox_ == nullptr) {
      const Status status = print(message.json + "\n");
      broken_ = !status.ok();
      if (broken_) return status;
      continue;
    }
    const Result<bool> put = outbox_->put(message.key, message.id, message.json + "\n");
    broken_ = !put.ok();
    if (broken_) return put.status();
    if (!*put) return {};
  }
  return {};
}

Result<Nanos> AlertSink::hold(bool ended) {
  quiet_since_ = 0;
  if (std::exchange(barrier_, false)) alert_->flush(Alert::Flush::due);
  if (alert_->has_messages() || !waiting_.empty())
    if (Status status = store(); !status.ok()) return status;
  if (outbox_ == nullptr) return Nanos{0};
  if (waiting_.empty() && !(ended && outbox_->draining())) return Nanos{0};
  if (Status status = outbox_->look(); !status.ok()) return status;
  return 100 * kMillisecond;
}

/// Streams without ticks, and a link that is lost: what waits for company while the input is quiet leaves after a second.
Status AlertSink::on_wake() {
  const Nanos now = monotonic_now();
  if (quiet_since_ == 0) quiet_since_ = now;
  if (now - quiet_since_ > kSecond) {
    alert_->flush(Alert::Flush::all);
    if (Status status = store(); !status.ok()) return status;
  }
  return outbox_ != nullptr ? outbox_->look() : Status{};
}

Status AlertSink::on_end(bool final) {
  if (Status status = store(); !status.ok()) return status;
  if (outbox_ == nullptr) return {};
  return outbox_->stop(final, waiting_.size());
}

}  // namespace twinpipe::cli
