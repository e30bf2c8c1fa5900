// SPDX-License-Identifier: Apache-2.0
// alert's loop: frames from standard input, messages into an outbox or onto standard output, Positions to a cursor.
#pragma once

#include <deque>
#include <string>

#include "cli/outbox_option.hpp"
#include "cli/runner.hpp"
#include "kernel/alert.hpp"

namespace twinpipe::cli {

class AlertSink {
 public:
  /// `outbox`: none prints messages. References must outlive this.
  AlertSink(Tool& tool, SeriesTable& table, Alert& alert, OutboxOption* outbox, std::string cursor)
      : tool_(&tool), table_(&table), alert_(&alert), outbox_(outbox), cursor_(std::move(cursor)) {}
  Status run();

 private:
  Result<Nanos> hold(bool ended);
  Status on_wake();
  Status store();
  Status on_end(bool final);

  Tool* tool_;
  SeriesTable* table_;
  Alert* alert_;
  OutboxOption* outbox_;
  const std::string cursor_;
  std::deque<AlertMessage> waiting_;  // for room in the outbox
  bool broken_ = false;               // nothing can be told any more
  bool barrier_ = false;              // a Position or Resume has passed
  Nanos quiet_since_ = 0;             // monotonic; 0: the input is not quiet
};

}  // namespace twinpipe::cli
