// SPDX-License-Identifier: Apache-2.0
// Sparkplug B payloads written field by field.
#include "kernel/sparkplug_writer.hpp"

#include <cmath>

#include "kernel/waveform_split.hpp"
#include "wire/fields.hpp"

namespace twinpipe::sparkplug {
namespace {

void append_number(int field, std::uint64_t value, std::string& out) {
  append_tag(field, WireType::varint, out);
  append_varint(value, out);
}

void append_bytes(int field, std::string_view bytes, std::string& out) {
  append_tag(field, WireType::length_delimited, out);
  append_varint(bytes.size(), out);
  out.append(bytes);
}

void append_property(std::string_view name, const PropertyValue& value, std::string& out) {
  append_bytes(PropertySet::kKeysFieldNumber, name, out);
  append_bytes(PropertySet::kValuesFieldNumber, value.SerializeAsString(), out);
}

void append_period(const WrittenMetric& metric, std::string& out) {
  PropertyValue value;
  value.set_type(kDouble);
  if (metric.sample_period > 0) value.set_double_value(metric.sample_period);
  else value.set_is_null(true);
  append_property(kSamplePeriodProperty, value, out);
}

/// The specification knows three codes (tck-id-payloads-propertyset-quality-value-value); any other one is not good.
void append_quality(std::uint32_t quality, std::string& out) {
  const std::uint32_t code = quality_code(quality);
  PropertyValue value;
  value.set_type(kInt32);
  value.set_int_value(code == v1::QUALITY_STALE ? code : static_cast<std::uint32_t>(v1::QUALITY_BAD));
  append_property(kQualityProperty, value, out);
}

}  // namespace

void append_metric(const WrittenMetric& metric, std::string& payload) {
  std::string fields(metric.definition);
  if (metric.alias != 0) append_number(Metric::kAliasFieldNumber, metric.alias, fields);
  append_number(Metric::kTimestampFieldNumber, to_milliseconds(metric.time), fields);
  if (metric.historical) append_number(Metric::kIsHistoricalFieldNumber, 1, fields);
  if (metric.value.empty()) append_number(Metric::kIsNullFieldNumber, 1, fields);
  const bool good = quality_code(metric.quality) == kGood;
  const bool period = metric.sample_period > 0 || metric.null_period;
  if (good && !period) {
    if (!metric.properties.empty()) append_bytes(Metric::kPropertiesFieldNumber, metric.properties, fields);
  } else {
    // One PropertySet: a decoder may take the last of two instead of merging them.
    std::string properties(metric.properties);
    if (period) append_period(metric, properties);
    if (!good) append_quality(metric.quality, properties);
    append_bytes(Metric::kPropertiesFieldNumber, properties, fields);
  }
  append_tag(Payload::kMetricsFieldNumber, WireType::length_delimited, payload);
  append_varint(fields.size() + metric.value.size(), payload);
  payload.append(fields).append(metric.value);
}

void append_timestamp(Nanos time, std::string& payload) {
  append_number(Payload::kTimestampFieldNumber, to_milliseconds(time), payload);
}

void append_seq(std::uint8_t seq, std::string& payload) { append_number(Payload::kSeqFieldNumber, seq, payload); }

void append_uuid(std::string_view uuid, std::string& payload) { append_bytes(Payload::kUuidFieldNumber, uuid, payload); }

std::string definition_fields(std::string_view name, std::uint32_t datatype) {
  std::string out;
  append_bytes(Metric::kNameFieldNumber, name, out);
  append_number(Metric::kDatatypeFieldNumber, datatype, out);
  return out;
}

v1::Sensor published(const v1::Sensor& sensor) {
  v1::Sensor out = sensor;
  if (sensor.unit().empty() || sensor.unit() == sensor.declared_unit()) return out;
  out.clear_property();
  for (const v1::Property& property : sensor.property())
    if (!same_letters(property.name(), kUnitProperty) && !same_letters(property.name(), kLowProperty) &&
        !same_letters(property.name(), kHighProperty))
      *out.add_property() = property;
  out.set_declared_unit(sensor.unit());
  out.clear_low();
  out.clear_high();
  return out;
}

bool encode_samples_as(std::uint32_t datatype, const v1::Waveform& waveform, std::string& bytes) {
  std::uint32_t own = 0;
  if (sample_count(waveform) == 0) {
    bytes.clear();
    return true;
  }
  bytes = encode_samples(waveform, own);
  if (own == datatype) return true;
  v1::Waveform other;
  for (const float sample : waveform.float_sample()) other.add_double_sample(sample);
  for (const double sample : waveform.double_sample()) {
    const auto narrow = static_cast<float>(sample);
    if (static_cast<double>(narrow) != sample && !std::isnan(sample)) return false;
    other.add_float_sample(narrow);
  }
  bytes = encode_samples(other, own);
  return true;
}

}  // namespace twinpipe::sparkplug
