// SPDX-License-Identifier: Apache-2.0
// Sparkplug B property sets ⇄ declarations of sensors.
#include <algorithm>
#include <bit>
#include <cmath>

#include "kernel/sparkplug_value.hpp"

namespace twinpipe::sparkplug {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

/// A property's value in the form that decode_value reads: the two oneofs have the same members up to string_value.
RawValue raw_of(const PropertyValue& property) {
  RawValue raw;
  switch (property.value_case()) {
    case PropertyValue::kIntValue: raw = {Metric::kIntValueFieldNumber, property.int_value(), {}}; break;
    case PropertyValue::kLongValue: raw = {Metric::kLongValueFieldNumber, property.long_value(), {}}; break;
    case PropertyValue::kFloatValue:
      raw = {Metric::kFloatValueFieldNumber, std::bit_cast<std::uint32_t>(property.float_value()), {}};
      break;
    case PropertyValue::kDoubleValue:
      raw = {Metric::kDoubleValueFieldNumber, std::bit_cast<std::uint64_t>(property.double_value()), {}};
      break;
    case PropertyValue::kBooleanValue: raw = {Metric::kBooleanValueFieldNumber, property.boolean_value(), {}}; break;
    case PropertyValue::kStringValue: raw = {Metric::kStringValueFieldNumber, 0, property.string_value()}; break;
    default: break;
  }
  return raw;
}

/// What a property is that does not say its type.
std::uint32_t implied_type(const PropertyValue& property) {
  switch (property.value_case()) {
    case PropertyValue::kIntValue: return kUInt32;
    case PropertyValue::kLongValue: return kUInt64;
    case PropertyValue::kFloatValue: return kFloat;
    case PropertyValue::kDoubleValue: return kDouble;
    case PropertyValue::kBooleanValue: return kBoolean;
    case PropertyValue::kStringValue: return kString;
    case PropertyValue::kPropertysetValue: return kPropertySet;
    case PropertyValue::kPropertysetsValue: return kPropertySetList;
    default: return kUnknown;
  }
}

std::uint32_t type_of(const PropertyValue& property) { return property.type() != 0 ? property.type() : implied_type(property); }

std::optional<double> number_of(const v1::Value& value) {
  switch (value.kind_case()) {
    case v1::Value::kDoubleValue: return value.double_value();
    case v1::Value::kIntValue: return static_cast<double>(value.int_value());
    case v1::Value::kUintValue: return static_cast<double>(value.uint_value());
    default: return std::nullopt;
  }
}

std::uint32_t default_type(const v1::Value& value) {
  switch (value.kind_case()) {
    case v1::Value::kBoolValue: return kBoolean;
    case v1::Value::kIntValue: return kInt64;
    case v1::Value::kUintValue: return kUInt64;
    case v1::Value::kStringValue: return kString;
    case v1::Value::kBytesValue: return kPropertySet;
    default: return kDouble;
  }
}

ColumnValue column_value(const v1::Value& value) {
  ColumnValue column;
  switch (value.kind_case()) {
    case v1::Value::kBoolValue:
      column.type = v1::VALUE_TYPE_BOOL;
      column.truth = value.bool_value();
      break;
    case v1::Value::kIntValue:
      column.type = v1::VALUE_TYPE_INT64;
      column.integer = value.int_value();
      break;
    case v1::Value::kUintValue:
      column.type = v1::VALUE_TYPE_UINT64;
      column.natural = value.uint_value();
      break;
    case v1::Value::kStringValue:
      column.type = v1::VALUE_TYPE_STRING;
      column.text = value.string_value();
      break;
    case v1::Value::kDoubleValue:
      column.type = v1::VALUE_TYPE_DOUBLE;
      column.number = value.double_value();
      break;
    default: break;
  }
  return column;
}

/// False: a value that its type cannot hold.
bool publish_value(std::uint32_t type, const v1::Value& value, PropertyValue& property) {
  property.set_type(type);
  if (type == kPropertySet) return property.mutable_propertyset_value()->ParseFromString(value.bytes_value());
  if (type == kPropertySetList) return property.mutable_propertysets_value()->ParseFromString(value.bytes_value());
  Metric metric;
  if (!set_value(type, column_value(value), metric)) return false;
  switch (metric.value_case()) {
    case Metric::kIntValue: property.set_int_value(metric.int_value()); return true;
    case Metric::kLongValue: property.set_long_value(metric.long_value()); return true;
    case Metric::kFloatValue: property.set_float_value(metric.float_value()); return true;
    case Metric::kDoubleValue: property.set_double_value(metric.double_value()); return true;
    case Metric::kBooleanValue: property.set_boolean_value(metric.boolean_value()); return true;
    case Metric::kStringValue: property.set_string_value(metric.string_value()); return true;
    default: return false;
  }
}

PropertyValue& add(PropertySet& properties, std::string_view name) {
  properties.add_keys(std::string(name));
  return *properties.add_values();
}

bool has(const PropertySet& properties, std::string_view name) {
  return std::ranges::any_of(properties.keys(), [name](const std::string& key) { return same_letters(key, name); });
}

void add_number(PropertySet& properties, std::string_view name, double number) {
  PropertyValue& value = add(properties, name);
  value.set_type(kDouble);
  value.set_double_value(number);
}

}  // namespace

bool same_letters(std::string_view a, std::string_view b) { return std::ranges::equal(a, b, {}, lower, lower); }

std::optional<v1::Value> property_value(const PropertyValue& property) {
  v1::Value value;
  if (property.is_null()) return std::nullopt;
  if (property.has_propertyset_value()) {
    value.set_bytes_value(property.propertyset_value().SerializeAsString());
    return value;
  }
  if (property.has_propertysets_value()) {
    value.set_bytes_value(property.propertysets_value().SerializeAsString());
    return value;
  }
  ColumnValue column;
  const RawValue raw = raw_of(property);
  // A type that the value contradicts is the publisher's mistake: the value is kept by what it is.
  if (decode_value(type_of(property), raw, column) != ValueError::none &&
      decode_value(implied_type(property), raw, column) != ValueError::none)
    return std::nullopt;
  switch (column.type) {
    case v1::VALUE_TYPE_INT64: value.set_int_value(column.integer); break;
    case v1::VALUE_TYPE_UINT64: value.set_uint_value(column.natural); break;
    case v1::VALUE_TYPE_DOUBLE: value.set_double_value(column.number); break;
    case v1::VALUE_TYPE_BOOL: value.set_bool_value(column.truth); break;
    case v1::VALUE_TYPE_STRING: value.set_string_value(std::string(column.text)); break;
    default: return std::nullopt;
  }
  return value;
}

void declare_properties(const PropertySet& properties, v1::Sensor& sensor) {
  const int count = std::min(properties.keys_size(), properties.values_size());
  for (int i = 0; i < count; ++i) {
    const std::string& name = properties.keys(i);
    if (same_letters(name, kQualityProperty)) continue;
    const std::optional<v1::Value> value = property_value(properties.values(i));
    v1::Property& property = *sensor.add_property();
    property.set_name(name);
    property.set_datatype(type_of(properties.values(i)));
    if (!value) continue;
    *property.mutable_value() = *value;
    if (same_letters(name, kUnitProperty) && value->has_string_value()) sensor.set_declared_unit(value->string_value());
    const std::optional<double> number = number_of(*value);
    if (number && std::isfinite(*number) && same_letters(name, kLowProperty)) sensor.set_low(*number);
    if (number && std::isfinite(*number) && same_letters(name, kHighProperty)) sensor.set_high(*number);
  }
}

void publish_properties(const v1::Sensor& sensor, PropertySet& properties) {
  for (const v1::Property& property : sensor.property()) {
    PropertyValue published;
    if (!property.has_value()) {
      published.set_type(property.datatype() != 0 ? property.datatype() : static_cast<std::uint32_t>(kString));
      published.set_is_null(true);
    } else if (!publish_value(property.datatype() != 0 ? property.datatype() : default_type(property.value()), property.value(),
                              published) &&
               !publish_value(default_type(property.value()), property.value(), published)) {
      continue;
    }
    add(properties, property.name()) = std::move(published);
  }
  const std::string& unit = sensor.declared_unit().empty() ? sensor.unit() : sensor.declared_unit();
  if (!unit.empty() && !has(properties, kUnitProperty)) {
    PropertyValue& value = add(properties, kUnitProperty);
    value.set_type(kString);
    value.set_string_value(unit);
  }
  if (sensor.has_low() && !has(properties, kLowProperty)) add_number(properties, kLowProperty, sensor.low());
  if (sensor.has_high() && !has(properties, kHighProperty)) add_number(properties, kHighProperty, sensor.high());
}

std::optional<std::uint32_t> quality_of(const PropertySet& properties) {
  const int count = std::min(properties.keys_size(), properties.values_size());
  for (int i = 0; i < count; ++i) {
    if (!same_letters(properties.keys(i), kQualityProperty)) continue;
    const std::optional<v1::Value> value = property_value(properties.values(i));
    const std::optional<double> code = value ? number_of(*value) : std::nullopt;
    if (!code || *code < 0 || *code > 0xFFFF) return v1::QUALITY_BAD;
    return static_cast<std::uint32_t>(*code);
  }
  return std::nullopt;
}

void set_quality(std::uint32_t quality, PropertySet& properties) {
  PropertyValue& value = add(properties, kQualityProperty);
  value.set_type(kInt32);
  value.set_int_value(quality_code(quality));
}

std::optional<double> sample_period_of(const v1::Sensor& sensor) {
  for (const v1::Property& property : sensor.property()) {
    if (!same_letters(property.name(), kSamplePeriodProperty)) continue;
    const std::optional<double> seconds = number_of(property.value());
    if (seconds && std::isfinite(*seconds) && *seconds > 0) return seconds;
  }
  return std::nullopt;
}

}  // namespace twinpipe::sparkplug
