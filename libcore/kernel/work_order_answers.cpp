// SPDX-License-Identifier: Apache-2.0
// What a maintenance system answers.
#include "kernel/work_order_answers.hpp"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>

#include "kernel/message_json.hpp"
#include "wire/names.hpp"
#include "wire/quantity.hpp"

namespace twinpipe {
namespace {

using simdjson::dom::element;

Status bad(std::string what) { return Status::error(Code::bad_data, std::move(what)); }

/// A text, or a number as its text; nothing where there is neither.
std::optional<std::string> text_at(element from, const std::string& pointer) {
  element found;
  if (from.at_pointer(pointer).get(found) != simdjson::SUCCESS) return std::nullopt;
  std::string_view text;
  if (found.get(text) == simdjson::SUCCESS) return std::string(text);
  if (found.is_int64() || found.is_uint64()) return simdjson::minify(found);
  return std::nullopt;
}

struct Parsed {
  simdjson::dom::parser parser;
  std::vector<element> orders;
};

/// The orders in an answer. A single object where the pointer leads is a list of one, and null is none.
Status read_list(std::string_view answer, const OrderPointers& pointers, Parsed& to) {
  element root, list;
  if (to.parser.parse(answer.data(), answer.size()).get(root) != simdjson::SUCCESS) return bad("the answer is not JSON");
  if (pointers.list.empty()) {
    list = root;
    if (root.is_object() && root["items"].get(list) != simdjson::SUCCESS) return bad("the answer is no list and has no 'items'");
  } else if (root.at_pointer(pointers.list).get(list) != simdjson::SUCCESS) {
    return bad(fmt::format("the answer has nothing at {}", pointers.list));
  }
  simdjson::dom::array array;
  if (list.get(array) == simdjson::SUCCESS)
    for (const element order : array) to.orders.push_back(order);
  else if (list.is_object()) to.orders.push_back(list);
  else if (!list.is_null()) return bad("what should be the list of orders is none");
  return {};
}

/// One order, or why it is none.
Result<v1::WorkOrder> completed_order(element from, const OrderPointers& pointers) {
  const auto asset = text_at(from, pointers.asset);
  const auto completed = text_at(from, pointers.completed);
  if (!asset) return bad(fmt::format("no asset at {}", pointers.asset));
  if (!split_asset_key(*asset)) return bad(fmt::format("'{}' is not an asset: site.line.asset", *asset));
  if (!completed) return bad(fmt::format("no time at {}", pointers.completed));
  const Result<Nanos> time = parse_zoned_time(*completed);
  if (!time.ok()) return bad(time.status().message);
  v1::WorkOrder order;
  order.set_state(v1::WorkOrder::STATE_COMPLETED);
  order.set_asset(*asset);
  order.set_failure_mode(text_at(from, pointers.failure_mode).value_or(""));
  order.set_idempotency_key(text_at(from, pointers.reference).value_or(""));
  order.set_external_id(text_at(from, pointers.id).value_or(""));
  order.set_time(*time);
  return order;
}

}  // namespace

Status OrderPointers::check() const {
  for (const std::string* pointer : {&list, &id, &reference, &asset, &failure_mode, &completed})
    if (!pointer->empty() && pointer->front() != '/')
      return Status::error(Code::usage, fmt::format("'{}' is not a JSON pointer: it begins with '/'", *pointer));
  return {};
}

Result<std::optional<std::string>> find_order(std::string_view answer, std::string_view reference,
                                              const OrderPointers& pointers) {
  Parsed parsed;
  if (Status status = read_list(answer, pointers, parsed); !status.ok()) return status;
  if (parsed.orders.empty()) return std::optional<std::string>();
  for (const element order : parsed.orders)
    if (text_at(order, pointers.reference) == reference) return std::optional(text_at(order, pointers.id).value_or(""));
  return bad(fmt::format("it finds {} orders, none with the reference {} at {}: does it search for the reference?",
                         parsed.orders.size(), reference, pointers.reference));
}

std::string id_of_order(std::string_view answer, const OrderPointers& pointers) {
  simdjson::dom::parser parser;
  element root;
  if (parser.parse(answer.data(), answer.size()).get(root) != simdjson::SUCCESS) return {};
  return text_at(root, pointers.id).value_or("");
}

Result<CompletedOrders> completed_orders(std::string_view answer, const OrderPointers& pointers) {
  Parsed parsed;
  if (Status status = read_list(answer, pointers, parsed); !status.ok()) return status;
  CompletedOrders all;
  for (const element order : parsed.orders) {
    Result<v1::WorkOrder> read = completed_order(order, pointers);
    if (read.ok()) all.orders.push_back(std::move(*read));
    else all.left_out.push_back(fmt::format("{}: {}", excerpt(order), read.status().message));
  }
  std::ranges::stable_sort(all.orders, {}, [](const v1::WorkOrder& order) { return order.time(); });
  return all;
}

Result<Nanos> parse_zoned_time(std::string_view text) {
  constexpr std::size_t kOffset = 6;  // "+02:00"
  const char sign = text.size() > kOffset ? text[text.size() - kOffset] : 'Z';
  const bool dated = text.find('T') != text.npos && text.find('T') < text.size() - std::min(text.size(), kOffset);
  if (!dated || (sign != '+' && sign != '-') || text[text.size() - 3] != ':') return parse_time(text);
  const std::string_view hours = text.substr(text.size() - 5, 2), minutes = text.substr(text.size() - 2);
  const auto digits = [](std::string_view two) { return std::ranges::all_of(two, [](char c) { return c >= '0' && c <= '9'; }); };
  if (!digits(hours) || !digits(minutes)) return parse_time(text);
  const Result<Nanos> local = parse_time(text.substr(0, text.size() - kOffset));
  if (!local.ok()) return local;
  const auto two = [](std::string_view pair) { return Nanos{10} * (pair[0] - '0') + (pair[1] - '0'); };
  const Nanos offset = (two(hours) * 3600 + two(minutes) * 60) * kSecond;
  return sign == '+' ? saturating_sub(*local, offset) : saturating_add(*local, offset);
}

}  // namespace twinpipe
