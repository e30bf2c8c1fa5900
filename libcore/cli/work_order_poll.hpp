// SPDX-License-Identifier: Apache-2.0
// work-order poll: completed orders of a maintenance system, as a stream of WorkOrder frames.
#pragma once

#include <map>
#include <string>

#include "cli/source.hpp"
#include "client/http_client.hpp"
#include "io/fd.hpp"
#include "kernel/work_order_answers.hpp"

namespace twinpipe::cli {

struct WorkOrderPollOptions {
  HttpOptions http;
  std::string url;  // with {since} perhaps
  OrderPointers pointers;
  Nanos since = 0;                           // of the first question
  Nanos overlap = 30 * 24 * 3600 * kSecond;  // orders are entered late: each question goes back so far
  Nanos every = 0;                           // 0: once
};

class WorkOrderPoll {
 public:
  WorkOrderPoll(Tool& tool, WorkOrderPollOptions options) : tool_(&tool), options_(std::move(options)), source_(tool) {}
  /// Until it was asked once, or until told to stop. Errors: unavailable, bad_data (the first question has no answer that can be
  /// used), and those of the state directory.
  Status run();

 private:
  Status load();
  Status save() const;
  Status ask(HttpClient& client);
  Nanos since() const;
  static std::string name_of(const v1::WorkOrder& order);

  Tool* tool_;
  const WorkOrderPollOptions options_;
  Source source_;
  Fd lock_;
  std::map<std::string, Nanos> told_;  // names of orders, and when they were done
  Nanos newest_ = kBeginning;          // of these
  std::uint64_t completed_ = 0, left_out_ = 0, failures_ = 0;
};

}  // namespace twinpipe::cli
