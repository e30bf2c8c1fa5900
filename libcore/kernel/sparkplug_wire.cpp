// SPDX-License-Identifier: Apache-2.0
// Sparkplug B payloads read in place.
#include "kernel/sparkplug_wire.hpp"

#include <cstring>

#include "wire/fields.hpp"

namespace twinpipe::sparkplug {
namespace {

struct FaultText {
  std::string_view words, counter;
};
constexpr std::array<FaultText, kPayloadFaults> kFaults{{
    {"no fault", "none"},
    {"not a Sparkplug payload", "payload_malformed"},
    {"larger than --max-payload", "payload_too_large"},
    {"more metrics than --max-metrics", "payload_metrics"},
    {"a name longer than the limit", "payload_name"},
    {"templates nested too deep", "payload_template_depth"},
    {"a DataSet with too many cells", "payload_dataset_cells"},
    {"a metric with too many properties", "payload_properties"},
    {"a compressed body that does not unpack within the limit", "payload_compression"},
    {"text that is not UTF-8", "payload_text"},
    {"a time beyond the year 2262", "payload_time"},
    {"a seq above 255", "payload_seq"},
}};

/// A field's content as an integer, whatever its width.
std::uint64_t integer(const Field& field) {
  std::uint64_t value = 0;
  if (field.type == WireType::varint) (void)read_varint(field.value, value);
  else if (field.type != WireType::length_delimited) std::memcpy(&value, field.value.data(), field.value.size());
  return value;
}

/// The wire type that a field of the value oneof has.
WireType value_wire_type(std::uint64_t field) {
  switch (field) {
    case Metric::kIntValueFieldNumber:
    case Metric::kLongValueFieldNumber:
    case Metric::kBooleanValueFieldNumber: return WireType::varint;
    case Metric::kFloatValueFieldNumber: return WireType::fixed32;
    case Metric::kDoubleValueFieldNumber: return WireType::fixed64;
    default: return WireType::length_delimited;
  }
}

constexpr std::string_view kCompressed = "SPBV1.0_COMPRESSED";

}  // namespace

std::string_view describe(PayloadFault fault) { return kFaults[static_cast<std::size_t>(fault)].words; }
std::string_view counter_of(PayloadFault fault) { return kFaults[static_cast<std::size_t>(fault)].counter; }

bool is_utf8(std::string_view text) {
  const char* at = text.data();
  const char* const end = at + text.size();
  const auto continues = [&at](int i) { return (static_cast<std::uint8_t>(at[i]) & 0xC0) == 0x80; };
  while (at != end) {
    if (end - at >= 8) {
      std::uint64_t eight = 0;
      std::memcpy(&eight, at, 8);
      if ((eight & 0x8080808080808080U) == 0) {
        at += 8;
        continue;
      }
    }
    const auto first = static_cast<std::uint8_t>(*at);
    const int length = first < 0x80                    ? 1
                       : first >= 0xC2 && first < 0xE0 ? 2
                       : first >= 0xE0 && first < 0xF0 ? 3
                       : first >= 0xF0 && first < 0xF5 ? 4
                                                       : 0;
    if (length == 0 || end - at < length) return false;
    for (int i = 1; i < length; ++i)
      if (!continues(i)) return false;
    const auto second = length > 1 ? static_cast<std::uint8_t>(at[1]) : std::uint8_t{0};
    if ((first == 0xE0 && second < 0xA0) || (first == 0xED && second >= 0xA0) || (first == 0xF0 && second < 0x90) ||
        (first == 0xF4 && second >= 0x90))
      return false;
    at += length;
  }
  return true;
}

PayloadFault PayloadReader::read(std::string_view bytes) {
  if (bytes.size() > limits_.bytes) return PayloadFault::bytes;
  const PayloadFault fault = parse(bytes, payload_);
  return fault == PayloadFault::none && payload_.uuid == kCompressed ? unpack() : fault;
}

PayloadFault PayloadReader::parse(std::string_view bytes, WirePayload& payload) {
  payload.has_timestamp = payload.has_seq = false;
  payload.uuid = payload.body = {};
  payload.metrics.clear();
  metrics_ = 0;
  for (Field field; !bytes.empty();) {
    if (!take_field(bytes, field)) return PayloadFault::malformed;
    const bool text = field.type == WireType::length_delimited;
    switch (field.number) {
      case Payload::kTimestampFieldNumber:
        if (field.type != WireType::varint) return PayloadFault::malformed;
        payload.timestamp = integer(field);
        payload.has_timestamp = true;
        break;
      case Payload::kMetricsFieldNumber: {
        if (!text) return PayloadFault::malformed;
        if (++metrics_ > limits_.metrics) return PayloadFault::metrics;
        if (PayloadFault fault = parse_metric(field.value, payload.metrics.emplace_back()); fault != PayloadFault::none)
          return fault;
        break;
      }
      case Payload::kSeqFieldNumber:
        if (field.type != WireType::varint) return PayloadFault::malformed;
        payload.seq = integer(field);
        payload.has_seq = true;
        break;
      case Payload::kUuidFieldNumber:
        if (!text) return PayloadFault::malformed;
        payload.uuid = field.value;
        break;
      case Payload::kBodyFieldNumber:
        if (!text) return PayloadFault::malformed;
        payload.body = field.value;
        break;
      default: break;
    }
  }
  if (payload.has_timestamp && payload.timestamp > kLastMillisecond) return PayloadFault::time;
  if (payload.has_seq && payload.seq > 255) return PayloadFault::seq;
  return PayloadFault::none;
}

PayloadFault PayloadReader::parse_metric(std::string_view bytes, WireMetric& metric) {
  for (Field field; !bytes.empty();) {
    if (!take_field(bytes, field)) return PayloadFault::malformed;
    if (field.number >= Metric::kIntValueFieldNumber && field.number <= Metric::kExtensionValueFieldNumber) {
      if (field.type != value_wire_type(field.number)) return PayloadFault::malformed;
      metric.value.field = static_cast<std::uint32_t>(field.number);
      if (field.type == WireType::length_delimited) metric.value.bytes = field.value;
      else metric.value.bits = integer(field);
      continue;
    }
    const bool text = field.number == Metric::kNameFieldNumber || field.number == Metric::kMetadataFieldNumber ||
                      field.number == Metric::kPropertiesFieldNumber;
    if (field.number <= Metric::kPropertiesFieldNumber && text != (field.type == WireType::length_delimited))
      return PayloadFault::malformed;
    switch (field.number) {
      case Metric::kNameFieldNumber:
        metric.name = field.value;
        metric.has_name = true;
        break;
      case Metric::kAliasFieldNumber:
        metric.alias = integer(field);
        metric.has_alias = true;
        break;
      case Metric::kTimestampFieldNumber:
        metric.timestamp = integer(field);
        metric.has_timestamp = true;
        break;
      case Metric::kDatatypeFieldNumber:
        metric.datatype = static_cast<std::uint32_t>(integer(field));
        metric.has_datatype = true;
        break;
      case Metric::kIsHistoricalFieldNumber: metric.is_historical = integer(field) != 0; break;
      case Metric::kIsTransientFieldNumber: metric.is_transient = integer(field) != 0; break;
      case Metric::kIsNullFieldNumber: metric.is_null = integer(field) != 0; break;
      case Metric::kPropertiesFieldNumber:
        metric.properties = field.value;
        metric.has_properties = true;
        break;
      default: break;
    }
  }
  if (metric.name.size() > limits_.name_bytes) return PayloadFault::name_bytes;
  if (metric.has_timestamp && metric.timestamp > kLastMillisecond) return PayloadFault::time;
  if (metric.has_name && !is_utf8(metric.name)) return PayloadFault::text;
  switch (metric.value.field) {
    case Metric::kStringValueFieldNumber: metric.broken_text = !is_utf8(metric.value.bytes); break;
    case Metric::kDatasetValueFieldNumber:
      if (PayloadFault fault = check_dataset(metric.value.bytes); fault != PayloadFault::none) return fault;
      break;
    case Metric::kTemplateValueFieldNumber:
      if (PayloadFault fault = check_template(metric.value.bytes, 1); fault != PayloadFault::none) return fault;
      break;
    default: break;
  }
  std::size_t properties = 0;
  return metric.has_properties ? check_properties(metric.properties, 1, properties) : PayloadFault::none;
}

PayloadFault PayloadReader::check_template(std::string_view bytes, std::size_t depth) {
  if (depth > limits_.template_depth) return PayloadFault::template_depth;
  for (Field field; !bytes.empty();) {
    if (!take_field(bytes, field)) return PayloadFault::malformed;
    if (field.number != Template::kMetricsFieldNumber) continue;
    if (field.type != WireType::length_delimited) return PayloadFault::malformed;
    if (++metrics_ > limits_.metrics) return PayloadFault::metrics;
    if (PayloadFault fault = check_nested_metric(field.value, depth); fault != PayloadFault::none) return fault;
  }
  return PayloadFault::none;
}

PayloadFault PayloadReader::check_nested_metric(std::string_view bytes, std::size_t depth) {
  for (Field field; !bytes.empty();) {
    if (!take_field(bytes, field)) return PayloadFault::malformed;
    if (field.type != WireType::length_delimited) continue;
    PayloadFault fault = PayloadFault::none;
    std::size_t properties = 0;
    if (field.number == Metric::kNameFieldNumber && field.value.size() > limits_.name_bytes) fault = PayloadFault::name_bytes;
    else if (field.number == Metric::kTemplateValueFieldNumber) fault = check_template(field.value, depth + 1);
    else if (field.number == Metric::kDatasetValueFieldNumber) fault = check_dataset(field.value);
    else if (field.number == Metric::kPropertiesFieldNumber) fault = check_properties(field.value, 1, properties);
    if (fault != PayloadFault::none) return fault;
  }
  return PayloadFault::none;
}

PayloadFault PayloadReader::check_dataset(std::string_view bytes) const {
  std::size_t cells = 0;
  for (Field field; !bytes.empty();) {
    if (!take_field(bytes, field)) return PayloadFault::malformed;
    if (field.type != WireType::length_delimited) continue;
    if (field.number == DataSet::kColumnsFieldNumber && ++cells > limits_.dataset_cells) return PayloadFault::dataset_cells;
    if (field.number != DataSet::kRowsFieldNumber) continue;
    // A row without cells costs memory like a cell.
    if (++cells > limits_.dataset_cells) return PayloadFault::dataset_cells;
    std::string_view row = field.value;
    for (Field cell; !row.empty();) {
      if (!take_field(row, cell)) return PayloadFault::malformed;
      if (cell.number == DataSetRow::kElementsFieldNumber && ++cells > limits_.dataset_cells) return PayloadFault::dataset_cells;
    }
  }
  return PayloadFault::none;
}

/// Nested sets lie in PropertyValue 9 (a set) and 10 (a list of sets, field 1).
PayloadFault PayloadReader::check_properties(std::string_view bytes, std::size_t depth, std::size_t& count) const {
  if (depth > limits_.template_depth) return PayloadFault::properties;
  for (Field field; !bytes.empty();) {
    if (!take_field(bytes, field)) return PayloadFault::malformed;
    if (++count > 2 * limits_.properties) return PayloadFault::properties;  // a key and a value each
    if (field.number == PropertySet::kKeysFieldNumber && !is_utf8(field.value)) return PayloadFault::text;
    if (field.number != PropertySet::kValuesFieldNumber || field.type != WireType::length_delimited) continue;
    std::string_view value = field.value;
    for (Field part; !value.empty();) {
      if (!take_field(value, part)) return PayloadFault::malformed;
      PayloadFault fault = PayloadFault::none;
      if (part.number == PropertyValue::kStringValueFieldNumber && !is_utf8(part.value)) fault = PayloadFault::text;
      if (part.number == PropertyValue::kPropertysetValueFieldNumber) fault = check_properties(part.value, depth + 1, count);
      if (part.number == PropertyValue::kPropertysetsValueFieldNumber) {
        std::string_view list = part.value;
        for (Field set; !list.empty() && fault == PayloadFault::none;)
          fault = ++count <= 2 * limits_.properties && take_field(list, set) ? check_properties(set.value, depth + 1, count)
                                                                             : PayloadFault::properties;
      }
      if (fault != PayloadFault::none) return fault;
    }
  }
  return PayloadFault::none;
}

std::optional<std::uint8_t> peek_seq(std::string_view bytes) {
  std::optional<std::uint8_t> seq;
  for (Field field; !bytes.empty() && take_field(bytes, field);)
    if (field.number == Payload::kSeqFieldNumber && field.type == WireType::varint && integer(field) <= 255)
      seq = static_cast<std::uint8_t>(integer(field));
  return seq;
}

/// The body is a whole payload of its own. Publishers put seq and timestamp inside it, outside it, or both.
PayloadFault PayloadReader::unpack() {
  ++compressed_;
  for (const WireMetric& metric : payload_.metrics)
    if (metric.name == "algorithm" && metric.value.bytes != "GZIP" && metric.value.bytes != "DEFLATE")
      return PayloadFault::compression;
  if (!inflate_bounded(payload_.body, limits_.bytes, unpacked_)) return PayloadFault::compression;
  const auto [has_timestamp, timestamp] = std::pair(payload_.has_timestamp, payload_.timestamp);
  const auto [has_seq, seq] = std::pair(payload_.has_seq, payload_.seq);
  if (PayloadFault fault = parse(unpacked_, payload_); fault != PayloadFault::none) return fault;
  if (payload_.uuid == kCompressed) return PayloadFault::compression;  // once is enough
  if (!payload_.has_timestamp && has_timestamp) payload_.timestamp = timestamp;
  if (!payload_.has_seq && has_seq) payload_.seq = seq;
  payload_.has_timestamp = payload_.has_timestamp || has_timestamp;
  payload_.has_seq = payload_.has_seq || has_seq;
  return PayloadFault::none;
}

}  // namespace twinpipe::sparkplug
