// SPDX-License-Identifier: Apache-2.0
// Sparkplug B payloads written field by field: a data message is a copy of value bytes, without message objects.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "kernel/sparkplug_value.hpp"

namespace twinpipe::sparkplug {

/// One metric to write. Empty views and zeros stand for absent fields.
struct WrittenMetric {
  std::string_view definition;  // serialized fields of births: name and datatype
  std::uint64_t alias = 0;
  std::string_view properties;  // serialized fields of its PropertySet
  std::string_view value;       // serialized value field; of a null: empty
  Nanos time = 0;
  std::uint32_t quality = kGood;
  double sample_period = 0;  // seconds; written as a property when above 0
  bool null_period = false;  // the property without a value: a waveform none of which was seen
  bool historical = false;
};

/// Milliseconds since 1970, rounded down: the resolution of Sparkplug 3.0.
constexpr std::uint64_t to_milliseconds(Nanos time) {
  return static_cast<std::uint64_t>(time / kMillisecond - (time % kMillisecond < 0 ? 1 : 0));
}

/// Appends one metric to a serialized Payload.
void append_metric(const WrittenMetric& metric, std::string& payload);
/// Appends the payload's own time and sequence number; the fields of a protobuf message may come in any order.
void append_timestamp(Nanos time, std::string& payload);
void append_seq(std::uint8_t seq, std::string& payload);
void append_uuid(std::string_view uuid, std::string& payload);

/// For WrittenMetric::definition.
std::string definition_fields(std::string_view name, std::uint32_t datatype);

/// The declaration to publish. Low and high are in the declared unit: where another unit is canonical, the values are in
/// that one, and a range in the old one would mislead.
v1::Sensor published(const v1::Sensor& sensor);

/// Samples as the bytes of a FloatArray or DoubleArray, whichever `datatype` says. False: doubles that no float equals.
bool encode_samples_as(std::uint32_t datatype, const v1::Waveform& waveform, std::string& bytes);

}  // namespace twinpipe::sparkplug
