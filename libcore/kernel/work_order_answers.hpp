// SPDX-License-Identifier: Apache-2.0
// What a maintenance system answers, read by JSON pointers (RFC 6901): whether an order is there, and which ones are done.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "wire/frame.hpp"
#include "wire/status.hpp"

namespace twinpipe {

/// Where things stand: the list in the answer, everything else in an order.
struct OrderPointers {
  std::string list;  // empty: the answer itself, or its "items"
  std::string id = "/id";
  std::string reference = "/externalReference";
  std::string asset = "/asset";
  std::string failure_mode = "/failureMode";
  std::string completed = "/completedAt";

  /// Errors (usage): one that is no pointer.
  Status check() const;
};

/// The answer to a search: the id of the order under this reference, or nothing when there is none. Errors (bad_data): no JSON,
/// no list or order where it should be, or only orders of other references, as of a search that does not search.
Result<std::optional<std::string>> find_order(std::string_view answer, std::string_view reference, const OrderPointers& pointers);

/// The id in the answer to a creation; empty: there is none.
std::string id_of_order(std::string_view answer, const OrderPointers& pointers);

struct CompletedOrders {
  std::vector<v1::WorkOrder> orders;
  std::vector<std::string> left_out;  // a line each: why
};
/// The answer to a question for completed orders. Errors (bad_data): no JSON, no list where it should be.
Result<CompletedOrders> completed_orders(std::string_view answer, const OrderPointers& pointers);

/// RFC 3339 with any offset, as such systems write it. Errors: usage.
Result<Nanos> parse_zoned_time(std::string_view text);

}  // namespace twinpipe
