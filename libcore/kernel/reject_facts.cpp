// SPDX-License-Identifier: Apache-2.0
// What one Reject frame says.
#include "kernel/reject_facts.hpp"

#include <fmt/format.h>

#include <cmath>

#include "policy/digest.hpp"
#include "wire/columns.hpp"
#include "wire/names.hpp"

namespace twinpipe {
namespace {

template <class Message>
void append(Message message, std::string& to) {
  message.set_historical(false);
  to += fmt::format("{} ", message.ByteSizeLong());
  message.AppendToString(&to);
}

const v1::Sensor& sensor_of(const v1::Reject& reject) {
  return reject.series().sensor_size() > 0 ? reject.series().sensor(0) : v1::Sensor::default_instance();
}

bool is_null_reading(const v1::Readings& reading) { return reading.quality_size() > 0 && is_null(reading.quality(0)); }

std::optional<double> number_in(const v1::Readings& reading) {
  if (reading.time_size() == 0 || is_null_reading(reading)) return std::nullopt;
  if (reading.double_value_size() > 0) return reading.double_value(0);
  if (reading.int_value_size() > 0) return static_cast<double>(reading.int_value(0));
  if (reading.uint_value_size() > 0) return static_cast<double>(reading.uint_value(0));
  return std::nullopt;
}

std::optional<double> number_in(const v1::Waveform& waveform, std::uint64_t position) {
  if (position < static_cast<std::uint64_t>(waveform.float_sample_size()))
    return waveform.float_sample(static_cast<int>(position));
  if (position < static_cast<std::uint64_t>(waveform.double_sample_size()))
    return waveform.double_sample(static_cast<int>(position));
  return std::nullopt;
}

std::optional<double> number_in(const v1::Aggregates& rows) {
  std::optional<double> farthest;
  for (const auto* column : {&rows.min(), &rows.max()})
    if (!column->empty() && (!farthest || std::fabs(column->Get(0)) > std::fabs(*farthest))) farthest = column->Get(0);
  return farthest;
}

}  // namespace

Nanos event_time(const v1::Reject& reject) {
  if (reject.has_waveform()) return reject.waveform().time();
  if (reject.aggregates().start_size() > 0) return reject.aggregates().start(0);
  if (reject.spectra().start_size() > 0) return reject.spectra().start(0);
  return reject.reading().time_size() > 0 ? reject.reading().time(0) : 0;
}

std::string series_of(const v1::Reject& reject) {
  const v1::Series& series = reject.series();
  return series_name(series.site(), series.line(), series.asset(), sensor_of(reject).name());
}

std::string unit_of(const v1::Reject& reject) {
  const v1::Sensor& sensor = sensor_of(reject);
  return sensor.unit().empty() ? sensor.declared_unit() : sensor.unit();
}

std::optional<double> number_of(const v1::Reject& reject) {
  if (reject.has_waveform()) return number_in(reject.waveform(), reject.position());
  return reject.has_aggregates() ? number_in(reject.aggregates()) : number_in(reject.reading());
}

std::string value_of(const v1::Reject& reject) {
  if (const auto number = number_of(reject))
    return unit_of(reject).empty() ? fmt::format("{}", *number) : fmt::format("{} {}", *number, unit_of(reject));
  const v1::Readings& reading = reject.reading();
  if (is_null_reading(reading)) return "null";
  if (reading.bool_value_size() > 0) return reading.bool_value(0) ? "true" : "false";
  if (reading.string_value_size() > 0) return fmt::format("'{}'", reading.string_value(0));
  if (reading.bytes_value_size() > 0) return fmt::format("{} bytes", reading.bytes_value(0).size());
  return "-";
}

std::string identity_of(const v1::Reject& reject) {
  std::string content = series_of(reject) + '\n';
  append(reject.reading(), content);
  append(reject.waveform(), content);
  append(reject.aggregates(), content);
  append(reject.spectra(), content);
  return sha256_hex(content);
}

}  // namespace twinpipe
