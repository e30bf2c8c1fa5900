// SPDX-License-Identifier: Apache-2.0
// Sparkplug B datatypes and values ⇄ value columns, property sets ⇄ declarations.
#include "kernel/sparkplug_value.hpp"

#include <bit>
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

using namespace twinpipe;
namespace sp = twinpipe::sparkplug;

namespace {

constexpr std::uint32_t kInt = sp::Metric::kIntValueFieldNumber, kLong = sp::Metric::kLongValueFieldNumber;

sp::RawValue raw_of(const sp::Metric& metric) {
  switch (metric.value_case()) {
    case sp::Metric::kIntValue: return {kInt, metric.int_value(), {}};
    case sp::Metric::kLongValue: return {kLong, metric.long_value(), {}};
    case sp::Metric::kFloatValue: return {12, std::bit_cast<std::uint32_t>(metric.float_value()), {}};
    case sp::Metric::kDoubleValue: return {13, std::bit_cast<std::uint64_t>(metric.double_value()), {}};
    case sp::Metric::kBooleanValue: return {14, metric.boolean_value(), {}};
    case sp::Metric::kStringValue: return {15, 0, metric.string_value()};
    case sp::Metric::kBytesValue: return {16, 0, metric.bytes_value()};
    default: return {};
  }
}

sp::PropertyValue text_property(const std::string& text) {
  sp::PropertyValue value;
  value.set_type(sp::kString);
  value.set_string_value(text);
  return value;
}

}  // namespace

TEST_CASE("signed integers are sign-extended by their declared datatype") {
  struct Case {
    std::uint32_t datatype, field;
    std::uint64_t bits;
    sp::ValueError error;
    std::int64_t value;
  };
  const Case cases[] = {
      {sp::kInt8, kInt, 0xFFFFFFFF, sp::ValueError::none, -1},
      {sp::kInt8, kInt, 0xFF, sp::ValueError::none, -1},
      {sp::kInt8, kInt, 0x80, sp::ValueError::none, -128},
      {sp::kInt8, kInt, 0x7F, sp::ValueError::none, 127},
      {sp::kInt8, kInt, 300, sp::ValueError::range, 0},
      {sp::kInt16, kInt, 0xFFFF8000, sp::ValueError::none, -32768},
      {sp::kInt16, kInt, 0x8000, sp::ValueError::none, -32768},
      {sp::kInt32, kInt, 0x80000000, sp::ValueError::none, std::numeric_limits<std::int32_t>::min()},
      {sp::kInt32, kLong, 0xFFFFFFFF, sp::ValueError::none, -1},
      {sp::kInt32, kLong, ~std::uint64_t{0}, sp::ValueError::none, -1},
      {sp::kInt32, kLong, std::uint64_t{1} << 40, sp::ValueError::range, 0},
      {sp::kInt64, kLong, std::uint64_t{1} << 63, sp::ValueError::none, std::numeric_limits<std::int64_t>::min()},
      {sp::kInt64, kInt, 0xFFFFFFFE, sp::ValueError::none, -2},
      {sp::kInt8, 15, 0, sp::ValueError::field, 0},
  };
  for (const Case& c : cases) {
    CAPTURE(c.datatype, c.bits);
    sp::ColumnValue value;
    REQUIRE(sp::decode_value(c.datatype, {c.field, c.bits, {}}, value) == c.error);
    if (c.error == sp::ValueError::none) CHECK(value.integer == c.value);
  }
}

TEST_CASE("unsigned integers that exceed their datatype are refused") {
  sp::ColumnValue value;
  CHECK(sp::decode_value(sp::kUInt8, {kInt, 255, {}}, value) == sp::ValueError::none);
  CHECK(value.natural == 255);
  CHECK(sp::decode_value(sp::kUInt8, {kInt, 256, {}}, value) == sp::ValueError::range);
  CHECK(sp::decode_value(sp::kUInt64, {kLong, ~std::uint64_t{0}, {}}, value) == sp::ValueError::none);
  CHECK(value.natural == ~std::uint64_t{0});
  CHECK(sp::decode_value(sp::kPropertySet, {kLong, 1, {}}, value) == sp::ValueError::datatype);
  CHECK(sp::decode_value(99, {kLong, 1, {}}, value) == sp::ValueError::datatype);
}

TEST_CASE("every datatype goes to a metric and back") {
  for (std::uint32_t datatype = 1; datatype < sp::kDataTypes; ++datatype) {
    CAPTURE(sp::datatype_name(datatype));
    CHECK(sp::datatype_of_name(sp::datatype_name(datatype)) == datatype);
    sp::ColumnValue value;
    value.type = sp::column_type(datatype);
    if (value.type == v1::VALUE_TYPE_UNSPECIFIED) {
      sp::Metric metric;
      CHECK_FALSE(sp::set_value(datatype, value, metric));
      continue;
    }
    if (datatype == sp::kDataSet || datatype == sp::kTemplate) continue;  // messages: below
    value.integer = -7;
    value.natural = 201;
    value.number = -0.5;
    value.truth = true;
    value.text = "eight by";
    sp::Metric metric;
    REQUIRE(sp::set_value(datatype, value, metric));
    sp::ColumnValue back;
    REQUIRE(sp::decode_value(datatype, raw_of(metric), back) == sp::ValueError::none);
    CHECK(back.type == value.type);
    switch (value.type) {
      case v1::VALUE_TYPE_INT64: CHECK(back.integer == -7); break;
      case v1::VALUE_TYPE_UINT64: CHECK(back.natural == 201); break;
      case v1::VALUE_TYPE_DOUBLE: CHECK(back.number == -0.5); break;
      case v1::VALUE_TYPE_BOOL: CHECK(back.truth); break;
      default: CHECK(back.text == "eight by"); break;
    }
    sp::ColumnValue other;
    other.type = value.type == v1::VALUE_TYPE_DOUBLE ? v1::VALUE_TYPE_BOOL : v1::VALUE_TYPE_DOUBLE;
    CHECK_FALSE(sp::set_value(datatype, other, metric));
  }
}

TEST_CASE("an integer that its datatype cannot hold is not published") {
  sp::Metric metric;
  sp::ColumnValue value;
  value.type = v1::VALUE_TYPE_INT64;
  value.integer = 128;
  CHECK_FALSE(sp::set_value(sp::kInt8, value, metric));
  value.integer = -128;
  CHECK(sp::set_value(sp::kInt8, value, metric));
  CHECK(metric.int_value() == 0xFFFFFF80U);
  value.type = v1::VALUE_TYPE_UINT64;
  value.natural = std::uint64_t{1} << 32;
  CHECK_FALSE(sp::set_value(sp::kUInt32, value, metric));
  CHECK(sp::set_value(sp::kUInt64, value, metric));
}

TEST_CASE("a DataSet travels as its serialized message") {
  sp::DataSet set;
  set.set_num_of_columns(1);
  set.add_columns("a");
  set.add_types(sp::kInt8);
  set.add_rows()->add_elements()->set_int_value(3);
  const std::string bytes = set.SerializeAsString();
  sp::ColumnValue value;
  value.type = v1::VALUE_TYPE_BYTES;
  value.text = bytes;
  sp::Metric metric;
  REQUIRE(sp::set_value(sp::kDataSet, value, metric));
  CHECK(metric.dataset_value().SerializeAsString() == bytes);
  value.text = "\x0A\xFF";
  CHECK_FALSE(sp::set_value(sp::kDataSet, value, metric));
}

TEST_CASE("samples go to an array and back") {
  v1::Waveform waveform;
  CHECK(sp::decode_samples(sp::kFloatArray, std::string_view("\0\0\x80\x3F\0\0\0\xC0", 8), waveform));
  REQUIRE(waveform.float_sample_size() == 2);
  CHECK(waveform.float_sample(0) == 1.0F);
  CHECK(waveform.float_sample(1) == -2.0F);
  std::uint32_t datatype = 0;
  CHECK(sp::encode_samples(waveform, datatype) == std::string_view("\0\0\x80\x3F\0\0\0\xC0", 8));
  CHECK(datatype == sp::kFloatArray);
  CHECK_FALSE(sp::decode_samples(sp::kDoubleArray, "abc", waveform));
}

TEST_CASE("properties become the unit, the range and the properties of a sensor, and come back") {
  sp::PropertySet set;
  set.add_keys("ENGUNIT");
  *set.add_values() = text_property("mm/s");
  set.add_keys("engLow");
  set.add_values()->set_float_value(-1.5F);
  set.add_keys("EngHigh");
  set.add_values()->set_int_value(7);
  set.add_keys("quality");
  set.add_values()->set_int_value(500);
  set.add_keys("note");
  set.add_values()->set_is_null(true);
  set.mutable_values(4)->set_type(sp::kInt16);
  set.add_keys("offset");
  set.mutable_values()->Add()->set_type(sp::kInt8);
  set.mutable_values(5)->set_int_value(0xFFFFFFFE);
  set.add_keys("nested");
  set.mutable_values()->Add()->mutable_propertyset_value()->add_keys("x");
  v1::Sensor sensor;
  sp::declare_properties(set, sensor);
  CHECK(sensor.declared_unit() == "mm/s");
  CHECK(sensor.low() == -1.5);
  CHECK(sensor.high() == 7);
  CHECK(sensor.property_size() == 6);
  CHECK(sp::quality_of(set) == 500U);
  CHECK(sensor.property(4).value().int_value() == -2);

  sp::PropertySet back;
  sp::publish_properties(sensor, back);
  v1::Sensor again;
  sp::declare_properties(back, again);
  CHECK(again.SerializeAsString() == sensor.SerializeAsString());
  CHECK(back.keys(0) == "ENGUNIT");
}

TEST_CASE("a unit and a range without properties are published as properties") {
  v1::Sensor sensor;
  sensor.set_declared_unit("bar");
  sensor.set_high(16);
  sp::PropertySet set;
  sp::publish_properties(sensor, set);
  REQUIRE(set.keys_size() == 2);
  CHECK(set.keys(0) == "engUnit");
  CHECK(set.values(0).string_value() == "bar");
  CHECK(set.keys(1) == "engHigh");
  CHECK(set.values(1).double_value() == 16);
}

TEST_CASE("a sample period is a number of seconds above zero") {
  v1::Sensor sensor;
  CHECK_FALSE(sp::sample_period_of(sensor));
  v1::Property& property = *sensor.add_property();
  property.set_name("samplePeriod");
  for (const double seconds : {0.0, -1.0, std::nan("")}) {
    property.mutable_value()->set_double_value(seconds);
    CHECK_FALSE(sp::sample_period_of(sensor));
  }
  property.mutable_value()->set_double_value(1.25e-4);
  CHECK(sp::sample_period_of(sensor) == 1.25e-4);
}

TEST_CASE("the datatype of a series that declares none follows its column") {
  v1::Sensor sensor;
  sensor.set_type(v1::VALUE_TYPE_INT64);
  CHECK(sp::publish_datatype(sensor) == sp::kInt64);
  sensor.set_datatype(sp::kInt16);
  CHECK(sp::publish_datatype(sensor) == sp::kInt16);
  sensor.set_datatype(sp::kString);
  CHECK(sp::publish_datatype(sensor) == sp::kInt64);
  sensor.set_type(v1::VALUE_TYPE_WAVEFORM);
  sensor.set_datatype(sp::kFloatArray);
  CHECK(sp::publish_datatype(sensor) == sp::kFloatArray);
}
