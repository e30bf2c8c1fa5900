// SPDX-License-Identifier: Apache-2.0
// A work order on its way, and the answer to it, as text: what lies in the outbox, readable by people.
#pragma once

#include <string>
#include <string_view>

#include "wire/frame.hpp"
#include "wire/status.hpp"

namespace twinpipe {

struct WorkOrderRequest {
  v1::WorkOrder order;  // without an answer
  std::string body;     // one JSON object, as the maintenance system gets it
};

/// {"work_order":{…},"request":{…}}, a line.
std::string outbox_text(const WorkOrderRequest& request);
/// Errors (bad_data): somebody changed it.
Result<WorkOrderRequest> read_outbox_text(std::string_view text);

/// A WorkOrder as fcat prints it, a line.
std::string answer_text(const v1::WorkOrder& order);
/// Errors: bad_data.
Result<v1::WorkOrder> read_answer_text(std::string_view text);

}  // namespace twinpipe
