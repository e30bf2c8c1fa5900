// SPDX-License-Identifier: Apache-2.0
// WorkOrders under test: predictions in, and its orders as values.
#pragma once

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "drive.hpp"
#include "kernel/work_orders.hpp"

namespace twinpipe::testing {

inline Policy work_order_policy(const std::string& rules) {
  Result<Policy> policy = Policy::parse(R"({"name":"p","version":"1","owner":"o","work-order":[)" + rules + "]}");
  if (!policy.ok()) FAIL(policy.status().message);
  return *policy;
}

/// A stage with its table and driver: takes streams one after another.
class WorkOrdersRun {
 public:
  explicit WorkOrdersRun(const Policy& policy, WorkOrderOptions options = {}, WorkOrderShapes shapes = {})
      : stage_(table_, policy, rules_of(policy), std::move(shapes), options), driver_(stage_, table_, "test 0") {}

  Status take(std::string_view stream) {
    const Status status = for_each_frame(stream, [&](const FrameView& frame) { return driver_.take(frame, out_); });
    for (WorkOrderRequest& order : stage_.take_orders()) orders.push_back(std::move(order));
    return status;
  }
  WorkOrders& stage() { return stage_; }
  SeriesTable& table() { return table_; }
  Output& out() { return out_; }
  std::vector<WorkOrderRequest> orders;

 private:
  static std::vector<WorkOrderRule> rules_of(const Policy& policy) {
    Result<std::vector<WorkOrderRule>> rules = work_order_rules(policy);
    if (!rules.ok()) FAIL(rules.status().message);
    return *rules;
  }
  SeriesTable table_;
  WorkOrders stage_;
  Driver driver_;
  Output out_;
};

}  // namespace twinpipe::testing
