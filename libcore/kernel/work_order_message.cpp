// SPDX-License-Identifier: Apache-2.0
// A work order on its way, and the answer to it, as text.
#include "kernel/work_order_message.hpp"

#include <simdjson.h>

#include "kernel/frame_json.hpp"
#include "kernel/message_json.hpp"
#include "wire/series_table.hpp"

namespace twinpipe {
namespace {

std::string as_json(const v1::WorkOrder& order) {
  const SeriesTable none;
  std::string json;
  MessageJson(none, JsonStyle::exact).append(order, json);
  return json;
}

Result<v1::WorkOrder> from_json(simdjson::dom::element element) {
  simdjson::dom::object object;
  if (element.get(object) != simdjson::SUCCESS) return Status::error(Code::bad_data, "a work order is an object");
  v1::WorkOrder order;
  const auto alias = [](std::string_view) -> Result<std::uint32_t> { return Status::error(Code::bad_data, "it has no series"); };
  if (Status status = MessageFromJson().read(object, order, alias); !status.ok()) return status;
  return order;
}

Status not_json() { return Status::error(Code::bad_data, "it is not JSON"); }

}  // namespace

std::string outbox_text(const WorkOrderRequest& request) {
  return R"({"work_order":)" + as_json(request.order) + R"(,"request":)" + request.body + "}\n";
}

Result<WorkOrderRequest> read_outbox_text(std::string_view text) {
  simdjson::dom::parser parser;
  simdjson::dom::element root, order, body;
  if (parser.parse(text.data(), text.size()).get(root) != simdjson::SUCCESS) return not_json();
  if (root["work_order"].get(order) != simdjson::SUCCESS || root["request"].get(body) != simdjson::SUCCESS)
    return Status::error(Code::bad_data, "it has no 'work_order' and 'request'");
  Result<v1::WorkOrder> read = from_json(order);
  if (!read.ok()) return read.status();
  return WorkOrderRequest{std::move(*read), simdjson::minify(body)};
}

std::string answer_text(const v1::WorkOrder& order) { return as_json(order) + "\n"; }

Result<v1::WorkOrder> read_answer_text(std::string_view text) {
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  if (parser.parse(text.data(), text.size()).get(root) != simdjson::SUCCESS) return not_json();
  return from_json(root);
}

}  // namespace twinpipe
