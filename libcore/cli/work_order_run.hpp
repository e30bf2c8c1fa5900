// SPDX-License-Identifier: Apache-2.0
// work-order's loop: predictions from standard input, orders into an outbox, and what became of them onto standard output.
#pragma once

#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "cli/outbox_option.hpp"
#include "cli/runner.hpp"
#include "client/work_order_service.hpp"
#include "kernel/work_orders.hpp"

namespace twinpipe::cli {

class WorkOrderRun {
 public:
  /// References must outlive this.
  WorkOrderRun(Tool& tool, SeriesTable& table, WorkOrders& orders, OutboxOption& outbox, WorkOrderServiceOptions service)
      : tool_(&tool), table_(&table), orders_(&orders), outbox_(&outbox), service_(std::move(service)) {}
  Status run();

 private:
  /// What the courier's thread has to say.
  struct Heard {
    Verdict verdict;
    std::string key, why, answer;
  };
  Status start();
  Status store();
  Result<Nanos> hold(bool ended);
  Status recall();
  Status tell(Output& out);
  Status tell_answer(const std::string& key, const std::string& answer, Output& out);
  void tell_waiting(const std::string& key, const std::string& why, Output& out);
  Status on_end(bool final);

  Tool* tool_;
  SeriesTable* table_;
  WorkOrders* orders_;
  OutboxOption* outbox_;
  const WorkOrderServiceOptions service_;
  std::deque<WorkOrderRequest> waiting_;  // for room in the outbox
  bool broken_ = false;                   // nothing can be put any more
  bool recall_ = false;                   // a state was loaded: its orders may have been answered since
  bool last_ = false;                     // the end of the input waits no longer
  std::string service_waits_;             // why nothing is taken now; empty: it is
  std::vector<Heard> known_;              // answers of earlier processes

  std::mutex mutex_;
  std::vector<Heard> heard_;  // under the mutex
};

/// Orders as they would be sent, a line each on standard output; nothing is delivered.
Status print_work_orders(Tool& tool, SeriesTable& table, WorkOrders& orders);

}  // namespace twinpipe::cli
