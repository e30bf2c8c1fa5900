// SPDX-License-Identifier: Apache-2.0
// Sparkplug B datatypes and values ⇄ the stream's value columns, and property sets ⇄ declarations of sensors.
//
// | Sparkplug                                   | column                                                  |
// | Int8 Int16 Int32 Int64                      | int64, sign-extended by the declared datatype           |
// | UInt8 UInt16 UInt32 UInt64, DateTime (ms)   | uint64                                                  |
// | Float Double                                | double                                                  |
// | Boolean                                     | bool                                                    |
// | String Text UUID                            | string                                                  |
// | Bytes File, arrays, DataSet, Template       | bytes: as in the metric; the serialized message of the last two |
// | FloatArray, DoubleArray with a samplePeriod | Waveform frames                                         |
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sparkplug_b.pb.h"
#include "wire/columns.hpp"

namespace twinpipe::sparkplug {

/// Sparkplug 3.0.0 §6.4.16.
enum DataType : std::uint32_t {
  kUnknown = 0,
  kInt8 = 1,
  kInt16 = 2,
  kInt32 = 3,
  kInt64 = 4,
  kUInt8 = 5,
  kUInt16 = 6,
  kUInt32 = 7,
  kUInt64 = 8,
  kFloat = 9,
  kDouble = 10,
  kBoolean = 11,
  kString = 12,
  kDateTime = 13,
  kText = 14,
  kUuid = 15,
  kDataSet = 16,
  kBytes = 17,
  kFile = 18,
  kTemplate = 19,
  kPropertySet = 20,
  kPropertySetList = 21,
  kInt8Array = 22,
  kInt16Array = 23,
  kInt32Array = 24,
  kInt64Array = 25,
  kUInt8Array = 26,
  kUInt16Array = 27,
  kUInt32Array = 28,
  kUInt64Array = 29,
  kFloatArray = 30,
  kDoubleArray = 31,
  kBooleanArray = 32,
  kStringArray = 33,
  kDateTimeArray = 34,
};
inline constexpr std::uint32_t kDataTypes = 35;

/// "Int8", …; "Unknown" for anything else.
std::string_view datatype_name(std::uint32_t datatype);
std::optional<std::uint32_t> datatype_of_name(std::string_view name);
/// The column of a metric's datatype; unspecified for those that no metric can have (0, PropertySet, above 34).
ValueType column_type(std::uint32_t datatype);
/// The datatype to publish a series under that declares none.
std::uint32_t default_datatype(ValueType type);
/// The datatype that fits a series: the declared one where its column is `type` (or, for a waveform, where it is an
/// array of numbers with a fraction), else the default.
std::uint32_t publish_datatype(const v1::Sensor& sensor);

/// A metric's value as it lies on the wire: which field of the oneof, and its content.
struct RawValue {
  std::uint32_t field = 0;  // Metric::kIntValueFieldNumber …; 0: there is none
  std::uint64_t bits = 0;   // a varint's value, or the bits of a float or a double
  std::string_view bytes;   // of strings, bytes and messages
};

/// One value of a column; the member that `type` names is set. `text` is borrowed.
struct ColumnValue {
  ValueType type = v1::VALUE_TYPE_UNSPECIFIED;
  double number = 0;
  std::int64_t integer = 0;
  std::uint64_t natural = 0;
  bool truth = false;
  std::string_view text;
};

enum class ValueError {
  none,
  datatype,  // a datatype that no metric can have
  field,     // the value lies in a field that its datatype does not use
  range,     // more bits than the datatype has
};
std::string_view describe(ValueError error);

/// Reads a value by its declared datatype. Integers are accepted from either integer field, Float and Double from either
/// field: publishers mix them up, and nothing is lost. Arrays are not looked into.
ValueError decode_value(std::uint32_t datatype, const RawValue& raw, ColumnValue& value);

/// Appends the metric's value field to a serialized Metric. False: the value's type is not the datatype's column, or an
/// integer does not fit; nothing is appended then. Float rounds to the nearest.
bool append_value(std::uint32_t datatype, const ColumnValue& value, std::string& metric);
/// The same into a message; false also for a DataSet or Template that does not parse.
bool set_value(std::uint32_t datatype, const ColumnValue& value, Metric& metric);

/// One row of columns as a value.
ColumnValue value_at(const Columns& columns, std::size_t row);

/// Samples of a FloatArray or DoubleArray, little-endian. False: a length that is no whole number of samples.
bool decode_samples(std::uint32_t datatype, std::string_view bytes, v1::Waveform& waveform);
/// The way back: the bytes of a FloatArray (float samples) or DoubleArray; `datatype` says which.
std::string encode_samples(const v1::Waveform& waveform, std::uint32_t& datatype);

// ---- properties -----------------------------------------------------------------------------------------------------

inline constexpr std::string_view kQualityProperty = "Quality";
inline constexpr std::string_view kUnitProperty = "engUnit";
inline constexpr std::string_view kLowProperty = "engLow";
inline constexpr std::string_view kHighProperty = "engHigh";
inline constexpr std::string_view kSamplePeriodProperty = "samplePeriod";  // seconds

/// Equal without regard to the case of ASCII letters.
bool same_letters(std::string_view a, std::string_view b);

/// Sets declared_unit, low, high and the properties of `sensor`. Quality stays out: it belongs to one value and not to
/// the series. Keys and values of unequal number pair as far as they go.
void declare_properties(const PropertySet& properties, v1::Sensor& sensor);
/// The way back: its properties, then unit and range where no property says them already. A declared unit wins over
/// the canonical one, because low and high are in it.
void publish_properties(const v1::Sensor& sensor, PropertySet& properties);

/// The quality code in a property set, in the low 16 bits; nothing when there is none. A code outside 0..65535 is bad.
std::optional<std::uint32_t> quality_of(const PropertySet& properties);
/// Adds the Quality property: for a code other than good.
void set_quality(std::uint32_t quality, PropertySet& properties);
/// The sample period of a declaration in seconds, when it is a number above zero.
std::optional<double> sample_period_of(const v1::Sensor& sensor);

/// One property's value; absent when it is null or of an unknown kind.
std::optional<v1::Value> property_value(const PropertyValue& property);

}  // namespace twinpipe::sparkplug
