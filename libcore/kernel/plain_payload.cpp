// SPDX-License-Identifier: Apache-2.0
// Values in plain payloads.
#include "kernel/plain_payload.hpp"

#include <fmt/format.h>
#include <simdjson.h>

#include <charconv>
#include <cmath>

#include "wire/quantity.hpp"

namespace twinpipe {
namespace {

std::string_view trim(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

}  // namespace

Status parse_plain_format(const std::string& text, PlainFormat& format) {
  if (text == "sparkplug") return {};
  if (text == "text") {
    format.kind = PlainFormat::Kind::text;
    return {};
  }
  if (!text.starts_with("json:"))
    return Status::error(Code::usage, fmt::format("payload '{}': it is sparkplug, text or json:/POINTER[@/TIME-POINTER]", text));
  format.kind = PlainFormat::Kind::json;
  const std::size_t at = text.find('@');
  format.value = text.substr(5, at == std::string::npos ? at : at - 5);
  if (at != std::string::npos) format.time = text.substr(at + 1);
  for (const std::string& pointer : {format.value, format.time})
    if (!pointer.empty() && pointer[0] != '/')
      return Status::error(Code::usage, fmt::format("payload '{}': a JSON pointer begins with '/'", text));
  return {};
}

sparkplug::ColumnValue plain_text_value(std::string_view text) {
  sparkplug::ColumnValue value;
  const std::string_view word = trim(text);
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value.number);
  if (!word.empty() && error == std::errc{} && end == word.data() + word.size()) {
    value.type = v1::VALUE_TYPE_DOUBLE;
  } else if (word == "true" || word == "false") {
    value.type = v1::VALUE_TYPE_BOOL;
    value.truth = word == "true";
  } else {
    value.type = v1::VALUE_TYPE_STRING;
    value.text = text;
  }
  return value;
}

std::optional<Nanos> plain_time(double number) {
  if (!std::isfinite(number) || number < 0) return std::nullopt;
  // The years 1973 to 5138 in seconds, and so on: no two ranges overlap for times after 1973.
  const double unit = number < 1e11 ? 1e9 : number < 1e14 ? 1e6 : number < 1e17 ? 1e3 : 1;
  const double nanos = number * unit;
  if (nanos >= 9.2e18) return std::nullopt;
  return static_cast<Nanos>(std::llround(nanos));
}

/// The same for whole numbers, which a double would round to 256 ns.
std::optional<Nanos> plain_time(std::int64_t number) {
  const Nanos unit = number < 100'000'000'000           ? kSecond
                     : number < 100'000'000'000'000     ? kMillisecond
                     : number < 100'000'000'000'000'000 ? 1'000
                                                        : 1;
  Nanos nanos = 0;
  if (number < 0 || __builtin_mul_overflow(number, unit, &nanos)) return std::nullopt;
  return nanos;
}

struct PlainTopics::Json {
  simdjson::dom::parser parser;
  std::string text;  // of the value that was read last
};

std::string PlainTopics::read_json(const PlainFormat& format, std::string_view payload, Value& value) {
  if (!json_) json_ = std::make_shared<Json>();
  simdjson::dom::element root, found;
  if (json_->parser.parse(payload.data(), payload.size()).get(root) != simdjson::SUCCESS) return "not JSON";
  if (root.at_pointer(format.value).get(found) != simdjson::SUCCESS) return fmt::format("no '{}' in it", format.value);
  std::string_view text;
  if (found.get(value.value.number) == simdjson::SUCCESS) {
    value.value.type = v1::VALUE_TYPE_DOUBLE;
  } else if (found.get(value.value.truth) == simdjson::SUCCESS) {
    value.value.type = v1::VALUE_TYPE_BOOL;
  } else if (found.get(text) == simdjson::SUCCESS) {
    value.value.type = v1::VALUE_TYPE_STRING;
    json_->text = text;
    value.value.text = json_->text;
  } else if (found.is_null()) {
    value.is_null = true;
  } else {
    return fmt::format("'{}' is no single value", format.value);
  }
  if (format.time.empty()) return {};
  double number = 0;
  std::int64_t whole = 0;
  std::optional<Nanos> time;
  if (root.at_pointer(format.time).get(found) != simdjson::SUCCESS) return fmt::format("no '{}' in it", format.time);
  if (found.get(whole) == simdjson::SUCCESS) time = plain_time(whole);
  else if (found.get(number) == simdjson::SUCCESS) time = plain_time(number);
  else if (found.get(text) == simdjson::SUCCESS)
    if (const Result<Nanos> parsed = parse_time(text); parsed.ok()) time = *parsed;
  if (!time) return fmt::format("'{}' is no time", format.time);
  value.time = *time;
  value.has_time = true;
  return {};
}

}  // namespace twinpipe
