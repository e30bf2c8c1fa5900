// SPDX-License-Identifier: Apache-2.0
// Orders that are created once.
#include "client/work_order_service.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "io/waiter.hpp"
#include "kernel/text_values.hpp"
#include "wire/quantity.hpp"

namespace twinpipe {
namespace {

/// For the stream and for people: the beginning of an answer.
std::string excerpt_of(const std::string& body) {
  constexpr std::size_t kMost = 300;
  std::string text = body.substr(0, kMost);
  while (!text.empty() && !is_utf8(text) && body.size() > kMost && text.size() > kMost - 4) text.pop_back();
  if (is_utf8(text)) return text;
  for (char& c : text)
    if (static_cast<unsigned char>(c) >= 0x80) c = '?';
  return text;
}

}  // namespace

Result<std::string> url_with(std::string_view url, std::string_view name, std::string_view value) {
  const std::string placeholder = fmt::format("{{{}}}", name);
  const std::size_t at = url.find(placeholder);
  if (at == url.npos) return Status::error(Code::usage, fmt::format("'{}' has no {}", url, placeholder));
  return fmt::format("{}{}{}", url.substr(0, at), url_encoded(value), url.substr(at + placeholder.size()));
}

WorkOrderService::WorkOrderService(WorkOrderServiceOptions options, Outbox& outbox)
    : options_(std::move(options)), outbox_(&outbox), client_(options_.http) {}

Attempt WorkOrderService::deliver(const OutboxMessage& message) {
  const Result<WorkOrderRequest> request = read_outbox_text(message.body);
  if (!request.ok())
    return {Verdict::refused, "not a work order: " + request.status().message, request.status().message + "\n", {}};
  std::optional<Attempt> failed;
  const std::optional<Found> found = search(request->order.idempotency_key(), failed);
  if (failed) return *failed;
  if (found) return conclude(*request, v1::WorkOrder::STATE_EXISTED, found->id, found->answer);
  Status status;
  const std::optional<Nanos> rest = still_settling(message, status);
  if (!status.ok()) return {Verdict::wait, status.message, {}, {}};
  if (rest) return {Verdict::again, fmt::format("{} may still be at work on an earlier request", options_.url), {}, rest};
  return create(message, *request);
}

/// A system that names orders by their reference in the path has none where it answers 404. In answer to a query, 404 is a wrong
/// address.
std::optional<WorkOrderService::Found> WorkOrderService::search(const std::string& key, std::optional<Attempt>& failed) {
  const std::string url = *url_with(options_.search_url, "key", key);
  const Result<HttpAnswer> answer = client_.send({"GET", url, {}, {}, false});
  if (!answer.ok()) {
    failed = {Verdict::wait, answer.status().message, {}, {}};
    return std::nullopt;
  }
  const bool in_path = options_.search_url.find("{key}") < options_.search_url.find('?');
  if (answer->status == 404 && in_path) return std::nullopt;
  const Verdict verdict = verdict_of(answer->status);
  if (verdict != Verdict::done) {
    failed = {verdict == Verdict::again ? Verdict::again : Verdict::wait,
              fmt::format("the search {} answers {}", url, answer->status),
              {},
              answer->retry_after};
    return std::nullopt;
  }
  const Result<std::optional<std::string>> id = find_order(answer->body, key, options_.pointers);
  if (!id.ok()) failed = {Verdict::wait, fmt::format("the search {}: {}", url, id.status().message), {}, {}};
  if (!id.ok() || !*id) return std::nullopt;
  return Found{**id, *answer};
}

/// How long it may still be at work on a request whose outcome is not known. The note is in wall time, because another process
/// may have written it; it delays at most, should a clock be wrong.
std::optional<Nanos> WorkOrderService::still_settling(const OutboxMessage& message, Status& status) const {
  const Result<std::string> note = outbox_->attempt_noted(message);
  if (!note.ok()) status = note.status();
  if (!note.ok() || note->empty()) return std::nullopt;
  const Result<Nanos> at = parse_time(std::string_view(*note).substr(0, note->find('\n')));
  const Nanos rest = at.ok() ? saturating_sub(saturating_add(*at, options_.settle), wall_now()) : options_.settle;
  return rest > 0 ? std::optional(std::min(rest, options_.settle)) : std::nullopt;
}

Attempt WorkOrderService::create(const OutboxMessage& message, const WorkOrderRequest& request) {
  if (Status status = outbox_->note_attempt(message, format_time(wall_now()) + "\n"); !status.ok())
    return {Verdict::wait, status.message, {}, {}};
  const Result<HttpAnswer> answer =
      client_.send({"POST", options_.url, request.body, {"Idempotency-Key: " + request.order.idempotency_key()}, true});
  // From the end of the attempt the system gets its time.
  const auto uncertain = [&](std::string why, std::optional<Nanos> not_before) -> Attempt {
    const Status status = outbox_->note_attempt(message, format_time(wall_now()) + "\n");
    return {Verdict::again, status.ok() ? std::move(why) : status.message, {}, not_before};
  };
  if (!answer.ok()) return uncertain(answer.status().message, std::nullopt);
  const std::string why = fmt::format("{} answers {}", options_.url, answer->status);
  switch (verdict_of(answer->status)) {
    case Verdict::done:
      return conclude(request, v1::WorkOrder::STATE_CREATED, id_of_order(answer->body, options_.pointers), *answer);
    case Verdict::refused: {
      Attempt attempt = conclude(request, v1::WorkOrder::STATE_REFUSED, {}, *answer);
      attempt.verdict = Verdict::refused;
      attempt.why = why;
      return attempt;
    }
    case Verdict::wait:
      if (answer->status >= 500) break;
      if (Status status = outbox_->note_attempt(message, {}); !status.ok()) return {Verdict::wait, status.message, {}, {}};
      return {Verdict::wait, why, {}, answer->retry_after};
    case Verdict::again: break;
  }
  return uncertain(why, answer->retry_after);
}

Attempt WorkOrderService::conclude(const WorkOrderRequest& request, v1::WorkOrder::State state, const std::string& id,
                                   const HttpAnswer& answer) {
  v1::WorkOrder order = request.order;
  order.set_state(state);
  order.set_external_id(id);
  order.set_http_status(static_cast<std::uint32_t>(answer.status));
  order.set_answer(excerpt_of(answer.body));
  order.set_time(wall_now());
  return {Verdict::done, {}, answer_text(order), {}};
}

}  // namespace twinpipe
