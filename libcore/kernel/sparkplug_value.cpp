// SPDX-License-Identifier: Apache-2.0
// Sparkplug B datatypes and values ⇄ the stream's value columns.
#include "kernel/sparkplug_value.hpp"

#include <array>
#include <bit>
#include <cstring>
#include <limits>

#include "wire/fields.hpp"

namespace twinpipe::sparkplug {
namespace {

static_assert(std::endian::native == std::endian::little, "array elements and fixed-width fields are copied as they are");

struct TypeRow {
  std::string_view name;
  ValueType column;
};

constexpr auto kNone = v1::VALUE_TYPE_UNSPECIFIED;
constexpr auto kInt = v1::VALUE_TYPE_INT64;
constexpr auto kUint = v1::VALUE_TYPE_UINT64;
constexpr auto kNumber = v1::VALUE_TYPE_DOUBLE;
constexpr auto kText_ = v1::VALUE_TYPE_STRING;
constexpr auto kBinary = v1::VALUE_TYPE_BYTES;

constexpr std::array<TypeRow, kDataTypes> kTypes{{
    {"Unknown", kNone},
    {"Int8", kInt},
    {"Int16", kInt},
    {"Int32", kInt},
    {"Int64", kInt},
    {"UInt8", kUint},
    {"UInt16", kUint},
    {"UInt32", kUint},
    {"UInt64", kUint},
    {"Float", kNumber},
    {"Double", kNumber},
    {"Boolean", v1::VALUE_TYPE_BOOL},
    {"String", kText_},
    {"DateTime", kUint},
    {"Text", kText_},
    {"UUID", kText_},
    {"DataSet", kBinary},
    {"Bytes", kBinary},
    {"File", kBinary},
    {"Template", kBinary},
    {"PropertySet", kNone},
    {"PropertySetList", kNone},
    {"Int8Array", kBinary},
    {"Int16Array", kBinary},
    {"Int32Array", kBinary},
    {"Int64Array", kBinary},
    {"UInt8Array", kBinary},
    {"UInt16Array", kBinary},
    {"UInt32Array", kBinary},
    {"UInt64Array", kBinary},
    {"FloatArray", kBinary},
    {"DoubleArray", kBinary},
    {"BooleanArray", kBinary},
    {"StringArray", kBinary},
    {"DateTimeArray", kBinary},
}};

/// Bits of an integer datatype.
unsigned width_of(std::uint32_t datatype) {
  switch (datatype) {
    case kInt8:
    case kUInt8: return 8;
    case kInt16:
    case kUInt16: return 16;
    case kInt32:
    case kUInt32: return 32;
    default: return 64;
  }
}

/// Two's complement of `width` bits in an unsigned field of 32 or 64. The bits above may be zero or copies of the sign:
/// publishers do both. Anything else is no number of that width.
ValueError sign_extend(std::uint64_t bits, unsigned width, bool narrow, std::int64_t& value) {
  if (narrow)
    bits = static_cast<std::uint64_t>(static_cast<std::int64_t>(static_cast<std::int32_t>(static_cast<std::uint32_t>(bits))));
  const unsigned shift = 64 - width;
  value = static_cast<std::int64_t>(bits << shift) >> shift;
  const std::uint64_t above = width == 64 ? 0 : bits >> width;
  const std::uint64_t ones = width == 64 ? 0 : std::numeric_limits<std::uint64_t>::max() >> width;
  // A 32-bit number may also come zero-extended in the 64-bit field, and a negative one sign-extended in either.
  return above == 0 || (above == ones && value < 0) ? ValueError::none : ValueError::range;
}

constexpr auto kIntField = static_cast<std::uint32_t>(Metric::kIntValueFieldNumber);
constexpr auto kLongField = static_cast<std::uint32_t>(Metric::kLongValueFieldNumber);
constexpr auto kFloatField = static_cast<std::uint32_t>(Metric::kFloatValueFieldNumber);
constexpr auto kDoubleField = static_cast<std::uint32_t>(Metric::kDoubleValueFieldNumber);
constexpr auto kBooleanField = static_cast<std::uint32_t>(Metric::kBooleanValueFieldNumber);
constexpr auto kStringField = static_cast<std::uint32_t>(Metric::kStringValueFieldNumber);
constexpr auto kBytesField = static_cast<std::uint32_t>(Metric::kBytesValueFieldNumber);
constexpr auto kDatasetField = static_cast<std::uint32_t>(Metric::kDatasetValueFieldNumber);
constexpr auto kTemplateField = static_cast<std::uint32_t>(Metric::kTemplateValueFieldNumber);

/// The field that a metric of this datatype uses.
std::uint32_t field_of(std::uint32_t datatype) {
  switch (datatype) {
    case kInt64:
    case kUInt64:
    case kDateTime: return kLongField;
    case kFloat: return kFloatField;
    case kDouble: return kDoubleField;
    case kBoolean: return kBooleanField;
    case kString:
    case kText:
    case kUuid: return kStringField;
    case kDataSet: return kDatasetField;
    case kTemplate: return kTemplateField;
    default: return datatype <= kUInt32 ? kIntField : kBytesField;
  }
}

bool fits(std::uint32_t datatype, const ColumnValue& value) {
  const unsigned width = width_of(datatype);
  if (value.type == kInt) {
    const unsigned shift = 64 - width;
    return (static_cast<std::int64_t>(static_cast<std::uint64_t>(value.integer) << shift) >> shift) == value.integer;
  }
  return value.type != kUint || width == 64 || value.natural >> width == 0;
}

template <class T>
void append_fixed(T value, std::string& out) {
  char bytes[sizeof value];
  std::memcpy(bytes, &value, sizeof value);
  out.append(bytes, sizeof value);
}

/// The unsigned form in which an integer travels.
std::uint64_t travelling(std::uint32_t field, const ColumnValue& value) {
  const std::uint64_t bits = value.type == kInt ? static_cast<std::uint64_t>(value.integer) : value.natural;
  return field == kIntField ? bits & 0xFFFFFFFFU : bits;
}

}  // namespace

std::string_view datatype_name(std::uint32_t datatype) { return datatype < kDataTypes ? kTypes[datatype].name : kTypes[0].name; }

std::optional<std::uint32_t> datatype_of_name(std::string_view name) {
  for (std::uint32_t i = 1; i < kDataTypes; ++i)
    if (kTypes[i].name == name) return i;
  return std::nullopt;
}

ValueType column_type(std::uint32_t datatype) { return datatype < kDataTypes ? kTypes[datatype].column : kNone; }

std::uint32_t default_datatype(ValueType type) {
  switch (type) {
    case v1::VALUE_TYPE_BOOL: return kBoolean;
    case v1::VALUE_TYPE_INT64: return kInt64;
    case v1::VALUE_TYPE_UINT64: return kUInt64;
    case v1::VALUE_TYPE_STRING: return kString;
    case v1::VALUE_TYPE_BYTES: return kBytes;
    case v1::VALUE_TYPE_WAVEFORM: return kDoubleArray;
    default: return kDouble;
  }
}

std::uint32_t publish_datatype(const v1::Sensor& sensor) {
  const bool samples = sensor.datatype() == kFloatArray || sensor.datatype() == kDoubleArray;
  if (sensor.type() == v1::VALUE_TYPE_WAVEFORM ? samples
                                               : column_type(sensor.datatype()) == sensor.type() && sensor.datatype() != 0)
    return sensor.datatype();
  return default_datatype(sensor.type());
}

std::string_view describe(ValueError error) {
  switch (error) {
    case ValueError::datatype: return "a datatype that no metric can have";
    case ValueError::field: return "a value in a field that its datatype does not use";
    case ValueError::range: return "a value with more bits than its datatype has";
    default: return "no error";
  }
}

ValueError decode_value(std::uint32_t datatype, const RawValue& raw, ColumnValue& value) {
  value.type = column_type(datatype);
  switch (value.type) {
    case kInt:
      if (raw.field != kIntField && raw.field != kLongField) return ValueError::field;
      return sign_extend(raw.bits, width_of(datatype), raw.field == kIntField, value.integer);
    case kUint:
      if (raw.field != kIntField && raw.field != kLongField) return ValueError::field;
      value.natural = raw.bits;
      return fits(datatype, value) ? ValueError::none : ValueError::range;
    case kNumber:
      if (raw.field == kDoubleField) value.number = std::bit_cast<double>(raw.bits);
      else if (raw.field == kFloatField) value.number = std::bit_cast<float>(static_cast<std::uint32_t>(raw.bits));
      else return ValueError::field;
      return ValueError::none;
    case v1::VALUE_TYPE_BOOL:
      if (raw.field != kBooleanField) return ValueError::field;
      value.truth = raw.bits != 0;
      return ValueError::none;
    case kNone: return ValueError::datatype;
    default:
      if (raw.field != field_of(datatype)) return ValueError::field;
      value.text = raw.bytes;
      return ValueError::none;
  }
}

bool append_value(std::uint32_t datatype, const ColumnValue& value, std::string& metric) {
  if (value.type == kNone || column_type(datatype) != value.type || !fits(datatype, value)) return false;
  const std::uint32_t field = field_of(datatype);
  switch (field) {
    case kIntField:
    case kLongField:
      append_tag(field, WireType::varint, metric);
      append_varint(travelling(field, value), metric);
      return true;
    case kBooleanField:
      append_tag(field, WireType::varint, metric);
      append_varint(value.truth ? 1 : 0, metric);
      return true;
    case kFloatField:
      append_tag(field, WireType::fixed32, metric);
      append_fixed(static_cast<float>(value.number), metric);
      return true;
    case kDoubleField:
      append_tag(field, WireType::fixed64, metric);
      append_fixed(value.number, metric);
      return true;
    default:
      append_tag(field, WireType::length_delimited, metric);
      append_varint(value.text.size(), metric);
      metric.append(value.text);
      return true;
  }
}

bool set_value(std::uint32_t datatype, const ColumnValue& value, Metric& metric) {
  metric.clear_value();
  std::string field;
  // Merging the one field keeps a single description of the mapping.
  return append_value(datatype, value, field) && metric.MergeFromString(field);
}

ColumnValue value_at(const Columns& columns, std::size_t row) {
  ColumnValue value;
  value.type = columns.type;
  switch (columns.type) {
    case kInt: value.integer = columns.ints[row]; break;
    case kUint: value.natural = columns.uints[row]; break;
    case v1::VALUE_TYPE_BOOL: value.truth = columns.bools[row] != 0; break;
    case kText_:
    case kBinary: value.text = columns.texts[row]; break;
    default: value.number = columns.doubles[row]; break;
  }
  return value;
}

bool decode_samples(std::uint32_t datatype, std::string_view bytes, v1::Waveform& waveform) {
  const auto copy = [bytes](auto& column) {
    const std::size_t count = bytes.size() / sizeof(column.Get(0));
    column.Resize(static_cast<int>(count), 0);
    if (count > 0) std::memcpy(column.mutable_data(), bytes.data(), bytes.size());
  };
  const std::size_t size = datatype == kFloatArray ? sizeof(float) : sizeof(double);
  if (bytes.size() % size != 0) return false;
  if (datatype == kFloatArray) copy(*waveform.mutable_float_sample());
  else copy(*waveform.mutable_double_sample());
  return true;
}

std::string encode_samples(const v1::Waveform& waveform, std::uint32_t& datatype) {
  const auto copy = [](const auto& column) {
    return std::string(reinterpret_cast<const char*>(column.data()),
                       static_cast<std::size_t>(column.size()) * sizeof(column.Get(0)));
  };
  datatype = waveform.float_sample_size() > 0 ? kFloatArray : kDoubleArray;
  return datatype == kFloatArray ? copy(waveform.float_sample()) : copy(waveform.double_sample());
}

}  // namespace twinpipe::sparkplug
