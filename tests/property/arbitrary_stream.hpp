// SPDX-License-Identifier: Apache-2.0
// Random whole streams with every kind of frame, as RapidCheck generators: they shrink, and the seed is printed.
#pragma once

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <rapidcheck.h>

#include <limits>
#include <string>
#include <vector>

#include "wire/columns.hpp"
#include "wire/output.hpp"

namespace twinpipe::arbitrary {

struct StreamShape {
  int most_segments = 2;
  int most_frames = 12;        // of a segment, declarations not counted
  bool only_readings = false;  // and declarations
};

inline rc::Gen<std::string> text() {
  return rc::gen::element<std::string>("", "a", "temp", "vibration-x", "Motor 7", "a.b/c+d#e%f", "say \"x\"", "komma, komma",
                                       "Ölstand °C", "line\nend", "cr\r\nlf", "tab\t", std::string("\x01\x1f\x7f"), "NaN", "true",
                                       "12.5", "\\", "日本");
}

inline rc::Gen<std::string> level() {
  return rc::gen::element<std::string>("P1", "plant-2", "L.1", "a/b", "press 7", "Öl", "$node", "100%", "x,y", "q\"q");
}

inline rc::Gen<std::string> bytes() { return rc::gen::container<std::string>(rc::gen::arbitrary<char>()); }

/// All bit patterns but the not-a-numbers, of which there is one: text has no payloads.
inline rc::Gen<double> number() {
  using Limits = std::numeric_limits<double>;
  return rc::gen::oneOf(
      rc::gen::element(0.0, -0.0, 1.0, 21.5, 0.1, 1e300, -1e-300, 5e-324, 9007199254740993.0, 123456789012345680.0,
                       Limits::quiet_NaN(), Limits::infinity(), -Limits::infinity(), Limits::max(), Limits::min()),
      rc::gen::map(rc::gen::arbitrary<std::uint64_t>(), [](std::uint64_t bits) {
        const auto value = std::bit_cast<double>(bits);
        return value == value ? value : Limits::quiet_NaN();
      }));
}

inline rc::Gen<Nanos> time() {
  using Limits = std::numeric_limits<Nanos>;
  constexpr Nanos kNow = 1'767'225'600 * kSecond;
  return rc::gen::oneOf(
      rc::gen::map(rc::gen::inRange<Nanos>(0, 100), [](Nanos step) { return kNow + step * 500 * kMillisecond; }),
      rc::gen::map(rc::gen::arbitrary<Nanos>(), [](Nanos any) { return any; }),
      rc::gen::element<Nanos>(0, 1, -1, Limits::min(), Limits::max(), kNow + 1, kNow + 1'000, -kSecond, -kSecond - 1));
}

inline rc::Gen<std::uint32_t> quality() {
  return rc::gen::element<std::uint32_t>(192, 192, 192, 0, 500, 192 | v1::QUALITY_NULL, v1::QUALITY_NULL,
                                         192 | v1::QUALITY_AFTER_GAP, 7);
}

namespace detail {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

// Inside rc::gen::exec: operator* takes a value from a generator.

inline void put(Message& message, const FieldDescriptor& field) {
  const auto& reflection = *message.GetReflection();
  const bool many = field.is_repeated();
  const auto set = [&](auto one, auto add, auto value) { (reflection.*(many ? add : one))(&message, &field, value); };
  using R = google::protobuf::Reflection;
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_DOUBLE: set(&R::SetDouble, &R::AddDouble, *number()); break;
    case FieldDescriptor::CPPTYPE_FLOAT: {
      const auto value = static_cast<float>(*number());
      set(&R::SetFloat, &R::AddFloat, value);
      break;
    }
    case FieldDescriptor::CPPTYPE_INT32: set(&R::SetInt32, &R::AddInt32, *rc::gen::arbitrary<std::int32_t>()); break;
    case FieldDescriptor::CPPTYPE_INT64: set(&R::SetInt64, &R::AddInt64, *time()); break;
    case FieldDescriptor::CPPTYPE_UINT32: set(&R::SetUInt32, &R::AddUInt32, *rc::gen::arbitrary<std::uint32_t>()); break;
    case FieldDescriptor::CPPTYPE_UINT64: set(&R::SetUInt64, &R::AddUInt64, *rc::gen::arbitrary<std::uint64_t>()); break;
    case FieldDescriptor::CPPTYPE_BOOL: set(&R::SetBool, &R::AddBool, *rc::gen::arbitrary<bool>()); break;
    case FieldDescriptor::CPPTYPE_ENUM: {
      const auto& type = *field.enum_type();
      set(&R::SetEnumValue, &R::AddEnumValue, *rc::gen::oneOf(rc::gen::inRange(0, type.value_count()), rc::gen::just(77)));
      break;
    }
    case FieldDescriptor::CPPTYPE_STRING: {
      std::string value = field.type() == FieldDescriptor::TYPE_BYTES ? *bytes() : *text();
      if (many) reflection.AddString(&message, &field, std::move(value));
      else reflection.SetString(&message, &field, std::move(value));
      break;
    }
    case FieldDescriptor::CPPTYPE_MESSAGE: break;
  }
}

/// Fills some fields of a message, deep; repeated ones with `rows` elements, so that columns are of equal length.
inline void fill(Message& message, int rows) {
  const auto& descriptor = *message.GetDescriptor();
  const auto& reflection = *message.GetReflection();
  for (int i = 0; i < descriptor.field_count(); ++i) {
    const FieldDescriptor& field = *descriptor.field(i);
    if (field.is_map()) {
      for (const std::string& key : *rc::gen::unique<std::vector<std::string>>(text())) {
        Message& entry = *reflection.AddMessage(&message, &field);
        entry.GetReflection()->SetString(&entry, field.message_type()->map_key(), key);
        entry.GetReflection()->SetString(&entry, field.message_type()->map_value(), *text());
      }
      continue;
    }
    const bool is_value = field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE;
    if (!*rc::gen::arbitrary<bool>()) continue;
    if (!field.is_repeated()) {
      if (is_value) fill(*reflection.MutableMessage(&message, &field), rows);
      else put(message, field);
      continue;
    }
    const int count = is_value ? *rc::gen::inRange(0, 3) : rows;
    for (int at = 0; at < count; ++at) {
      if (is_value) fill(*reflection.AddMessage(&message, &field), rows);
      else put(message, field);
    }
  }
}

struct Sensor {
  std::uint32_t alias = 0;
  ValueType type = v1::VALUE_TYPE_DOUBLE;
};

inline rc::Gen<ValueType> column_type() {
  return rc::gen::element(v1::VALUE_TYPE_DOUBLE, v1::VALUE_TYPE_BOOL, v1::VALUE_TYPE_INT64, v1::VALUE_TYPE_UINT64,
                          v1::VALUE_TYPE_STRING, v1::VALUE_TYPE_BYTES);
}

/// Declares the sensors of one asset, whose names are its own in this segment.
inline void declare(Output& out, std::vector<Sensor>& sensors, int asset) {
  v1::Frame frame;
  v1::Series& series = *frame.mutable_series();
  series.set_site(*level());
  series.set_line(*level());
  series.set_asset(*level() + std::to_string(asset));
  series.set_node(*level());
  if (*rc::gen::arbitrary<bool>()) fill(*series.mutable_session(), 1);
  const int count = *rc::gen::inRange(1, 4);
  for (int i = 0; i < count; ++i) {
    v1::Sensor& sensor = *series.add_sensor();
    fill(sensor, 1);
    const ValueType type = *column_type();
    sensor.set_alias(static_cast<std::uint32_t>(sensors.size()));
    sensor.set_name(*level() + "-" + std::to_string(i));
    sensor.set_type(type);
    sensors.push_back({sensor.alias(), type});
  }
  out.frame(frame);
}

inline void add_reading(ReadingsBuilder& rows, const Sensor& sensor) {
  const Nanos at = *time();
  const std::uint32_t how = *quality();
  switch (rows.type()) {
    case v1::VALUE_TYPE_DOUBLE: rows.add(sensor.alias, at, *number(), how); break;
    case v1::VALUE_TYPE_BOOL: rows.add(sensor.alias, at, *rc::gen::arbitrary<bool>(), how); break;
    case v1::VALUE_TYPE_INT64: rows.add(sensor.alias, at, std::int64_t{*time()}, how); break;
    case v1::VALUE_TYPE_UINT64: rows.add(sensor.alias, at, *rc::gen::arbitrary<std::uint64_t>(), how); break;
    case v1::VALUE_TYPE_BYTES: rows.add(sensor.alias, at, std::string_view(*bytes()), how); break;
    default: rows.add(sensor.alias, at, std::string_view(*text()), how); break;
  }
}

/// Mostly of the declared type; a reader has to tell when a column is of another.
inline void readings(Output& out, const std::vector<Sensor>& sensors) {
  ReadingsBuilder rows(*rc::gen::oneOf(rc::gen::just((*rc::gen::elementOf(sensors)).type), column_type()));
  rows.set_historical(*rc::gen::weightedElement<bool>({{4, false}, {1, true}}));
  rows.set_pinned(*rc::gen::weightedElement<bool>({{4, false}, {1, true}}));
  const bool origin = *rc::gen::arbitrary<bool>();
  const int count = *rc::gen::inRange(1, 6);
  for (int i = 0; i < count; ++i) {
    add_reading(rows, *rc::gen::elementOf(sensors));
    if (origin) rows.set_origin(*rc::gen::arbitrary<std::uint64_t>(), *rc::gen::arbitrary<std::uint32_t>());
  }
  out.readings(rows.columns());
}

template <class Windows>
void windows(Windows& message, const std::vector<Sensor>& sensors) {
  const int rows = *rc::gen::inRange(0, 4);
  fill(message, rows);
  message.clear_series();
  message.clear_start();
  message.clear_end();
  for (int row = 0; row < rows; ++row) {
    message.add_series((*rc::gen::elementOf(sensors)).alias);
    message.add_start(*time());
    message.add_end(*time());
  }
}

inline void any_frame(Output& out, const std::vector<Sensor>& sensors) {
  const auto kind = *rc::gen::inRange(static_cast<int>(FrameKind::waveform), static_cast<int>(FrameKind::asset_facts) + 1);
  v1::Frame frame;
  const auto& field = *v1::Frame::descriptor()->FindFieldByNumber(kind);
  Message& message = *frame.GetReflection()->MutableMessage(&frame, &field);
  const std::uint32_t alias = (*rc::gen::elementOf(sensors)).alias;
  switch (frame.kind_case()) {
    case v1::Frame::kAggregates: windows(*frame.mutable_aggregates(), sensors); break;
    case v1::Frame::kSpectra: windows(*frame.mutable_spectra(), sensors); break;
    default: fill(message, *rc::gen::inRange(0, 4)); break;
  }
  if (frame.has_waveform()) {
    frame.mutable_waveform()->set_series(alias);
    if (frame.waveform().float_sample_size() > 0) frame.mutable_waveform()->clear_double_sample();
  }
  if (frame.has_exception()) frame.mutable_exception()->set_series(alias);
  out.frame(frame);
}

}  // namespace detail

/// A field that a later schema added to a frame of ours, or a whole frame of a later schema.
inline std::string later_frame(bool known_kind) {
  const std::string body = known_kind ? std::string(
                                            "\x4a\x09\x0a\x01n\xba\x3e\x03"
                                            "abc",
                                            11)
                                      : std::string("\xaa\x06\x03xyz", 6);
  return std::string(1, kFrameTag) + static_cast<char>(body.size()) + body;
}

inline void forward(Output& out, const std::string& bytes) {
  FrameView view;
  view.bytes = bytes;
  out.forward(view);
}

inline rc::Gen<std::string> stream(StreamShape shape = {}) {
  return rc::gen::exec([shape] {
    Output out;
    const int segments = *rc::gen::inRange(1, shape.most_segments + 1);
    for (int segment = 0; segment < segments; ++segment) {
      const bool sealed = *rc::gen::weightedElement<bool>({{3, true}, {1, false}});
      out.open(*text(), sealed);
      std::vector<detail::Sensor> sensors;
      const int assets = *rc::gen::inRange(1, 3);
      for (int asset = 0; asset < assets; ++asset) detail::declare(out, sensors, asset);
      const int frames = *rc::gen::inRange(0, shape.most_frames);
      for (int i = 0; i < frames; ++i) {
        if (shape.only_readings || *rc::gen::arbitrary<bool>()) detail::readings(out, sensors);
        else if (*rc::gen::inRange(0, 8) > 0) detail::any_frame(out, sensors);
        else forward(out, later_frame(*rc::gen::arbitrary<bool>()));
      }
      if (sealed) out.close(*rc::gen::arbitrary<bool>());
    }
    return std::string(out.pending());
  });
}

}  // namespace twinpipe::arbitrary
