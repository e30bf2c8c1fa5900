// SPDX-License-Identifier: Apache-2.0
// A maintenance system behind HTTP: an order is created once there, however often it is tried.
//
// Its reference is searched for before it is created. Behind a request that had no answer, or one that says nothing for sure, it
// is only searched for until the system has had time to finish it (`settle`), by another process too: that such a request went
// out is on disk before it does.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "client/http_client.hpp"
#include "io/outbox.hpp"
#include "kernel/work_order_answers.hpp"
#include "kernel/work_order_message.hpp"

namespace twinpipe {

struct WorkOrderServiceOptions {
  HttpOptions http;
  std::string url;         // orders are POSTed here
  std::string search_url;  // with {key}
  OrderPointers pointers;
  Nanos settle = 30 * kSecond;
};

/// What stands in place of {name} in a URL, percent-encoded (RFC 3986). Errors (usage): it is not there.
Result<std::string> url_with(std::string_view url, std::string_view name, std::string_view value);

class WorkOrderService {
 public:
  /// The outbox must outlive this.
  WorkOrderService(WorkOrderServiceOptions options, Outbox& outbox);

  /// One attempt at a message that outbox_text() made. The answer of what was taken or refused is answer_text().
  Attempt deliver(const OutboxMessage& message);

 private:
  struct Found {
    std::string id;
    HttpAnswer answer;
  };
  /// Nothing, with `failed` set where it cannot be known.
  std::optional<Found> search(const std::string& key, std::optional<Attempt>& failed);
  Attempt create(const OutboxMessage& message, const WorkOrderRequest& request);
  std::optional<Nanos> still_settling(const OutboxMessage& message, Status& status) const;
  Attempt conclude(const WorkOrderRequest& request, v1::WorkOrder::State state, const std::string& id, const HttpAnswer& answer);

  const WorkOrderServiceOptions options_;
  Outbox* outbox_;
  HttpClient client_;
};

}  // namespace twinpipe
