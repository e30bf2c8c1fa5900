// SPDX-License-Identifier: Apache-2.0
// Readings as the text or JSON of a plain topic's message.
#include "kernel/sparkplug_plain.hpp"

#include <fmt/format.h>

#include <cmath>

#include "wire/quantity.hpp"

namespace twinpipe::sparkplug {
namespace {

std::string number_text(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
  return fmt::format("{}", value);
}

std::string json_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') (out += '\\') += c;
    else if (byte < 0x20) out += fmt::format("\\u{:04x}", byte);
    else out += c;
  }
  return out + '"';
}

}  // namespace

Result<std::string> plain_text(const ColumnValue& value, const EdgeRow& row) {
  if (is_null(row.quality)) return std::string();
  switch (value.type) {
    case v1::VALUE_TYPE_INT64: return fmt::format("{}", value.integer);
    case v1::VALUE_TYPE_UINT64: return fmt::format("{}", value.natural);
    case v1::VALUE_TYPE_BOOL: return std::string(value.truth ? "true" : "false");
    case v1::VALUE_TYPE_STRING: return std::string(value.text);
    case v1::VALUE_TYPE_DOUBLE: return number_text(value.number);
    default: return Status::error(Code::bad_data, "bytes and waveforms need Sparkplug payloads");
  }
}

Result<std::string> plain_json(const ColumnValue& value, const EdgeRow& row) {
  Result<std::string> text = plain_text(value, row);
  if (!text.ok()) return text.status();
  const bool quoted =
      value.type == v1::VALUE_TYPE_STRING || (value.type == v1::VALUE_TYPE_DOUBLE && !std::isfinite(value.number));
  std::string out = fmt::format(R"({{"time":"{}","value":{})", format_time(row.time),
                                is_null(row.quality) ? "null"
                                : quoted             ? json_string(*text)
                                                     : *text);
  if (quality_code(row.quality) != kGood) out += fmt::format(R"(,"quality":{})", quality_code(row.quality));
  if (row.historical) out += R"(,"historical":true)";
  return out + '}';
}

}  // namespace twinpipe::sparkplug
