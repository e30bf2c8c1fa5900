// SPDX-License-Identifier: Apache-2.0
// Twin frames as bytes.
#include "kernel/twin_encoder.hpp"

#include <algorithm>
#include <cstring>

#include "wire/fields.hpp"

namespace twinpipe {
namespace {

using Metric = v1::TwinMetric;
using Twin = v1::Twin;

constexpr std::size_t kFront = 16;  // tags and lengths of the frame and of its message

char* put_number(char* at, int field, std::uint64_t value) {
  if (value == 0) return at;
  return put_varint(put_tag(at, field, WireType::varint), value);
}
char* put_time(char* at, int field, Nanos time) {
  if (time == 0) return at;
  at = put_tag(at, field, WireType::fixed64);
  std::memcpy(at, &time, sizeof time);
  return at + sizeof time;
}
char* put_bytes(char* at, std::string_view bytes) {
  if (!bytes.empty()) std::memcpy(at, bytes.data(), bytes.size());
  return at + bytes.size();
}

/// A oneof's member is written even when it is zero.
char* put_value(char* at, const TwinMetricState& metric) {
  switch (metric.type) {
    case v1::VALUE_TYPE_BOOL:
      at = put_tag(at, v1::Value::kBoolValueFieldNumber, WireType::varint);
      *at++ = metric.value != 0 ? 1 : 0;
      return at;
    case v1::VALUE_TYPE_INT64: {
      const auto value = static_cast<std::int64_t>(metric.value);
      const std::uint64_t zigzag = metric.value << 1 ^ static_cast<std::uint64_t>(value >> 63);
      return put_varint(put_tag(at, v1::Value::kIntValueFieldNumber, WireType::varint), zigzag);
    }
    case v1::VALUE_TYPE_UINT64: return put_varint(put_tag(at, v1::Value::kUintValueFieldNumber, WireType::varint), metric.value);
    case v1::VALUE_TYPE_STRING:
    case v1::VALUE_TYPE_BYTES: {
      const bool string = metric.type == v1::VALUE_TYPE_STRING;
      at = put_tag(at, string ? v1::Value::kStringValueFieldNumber : v1::Value::kBytesValueFieldNumber,
                   WireType::length_delimited);
      return put_bytes(put_varint(at, metric.text.size()), metric.text);
    }
    default:
      at = put_tag(at, v1::Value::kDoubleValueFieldNumber, WireType::fixed64);
      std::memcpy(at, &metric.value, sizeof metric.value);
      return at + sizeof metric.value;
  }
}

void append_text(int field, std::string_view text, std::string& out) {
  if (text.empty()) return;
  char head[20];
  out.append(head, put_varint(put_tag(head, field, WireType::length_delimited), text.size()));
  out += text;
}

}  // namespace

void TwinLayout::add_metric(const v1::Sensor& sensor) {
  append_text(Metric::kSensorFieldNumber, sensor.name(), sensors);
  ends.push_back(static_cast<std::uint32_t>(sensors.size()));
  append_text(Metric::kUnitFieldNumber, sensor.unit().empty() ? sensor.declared_unit() : sensor.unit(), sensors);
  ends.push_back(static_cast<std::uint32_t>(sensors.size()));
}

std::string TwinEncoder::policies(const std::string& own, const PoliciesInForce::Policies& shaped_by) {
  std::string fields;
  append_text(Twin::kPolicyDigestFieldNumber, own, fields);
  for (const auto& policy : shaped_by) append_text(Twin::kShapedByFieldNumber, policy->words().digest(), fields);
  return fields;
}

char* TwinEncoder::room(std::size_t size) {
  if (buffer_.size() < at_ + size) buffer_.resize(2 * (at_ + size));
  return buffer_.data() + at_;
}

void TwinEncoder::begin(const TwinLayout& layout, const TwinHeader& header, std::string_view policies) {
  layout_ = &layout;
  header_ = header;
  policies_ = policies;
  metric_ = 0;
  at_ = kFront;
  char* at = put_bytes(room(layout.head.size() + 64), layout.head);
  at = put_number(at, Twin::kOnlineFieldNumber, header.online ? 1 : 0);
  at = put_number(at, Twin::kReasonFieldNumber, static_cast<std::uint64_t>(header.reason));
  at = put_time(at, Twin::kSinceFieldNumber, header.since);
  at = put_time(at, Twin::kAsOfFieldNumber, header.as_of);
  at_ = static_cast<std::size_t>(at - buffer_.data());
}

void TwinEncoder::add(const TwinMetricState& metric) {
  constexpr std::size_t kNumbers = 128;  // everything but names and texts
  const std::string_view sensors = layout_->sensors;
  const std::size_t begin = metric_ == 0 ? 0 : layout_->ends[2 * metric_ - 1], unit = layout_->ends[2 * metric_],
                    end = layout_->ends[2 * metric_ + 1];
  ++metric_;
  // The body goes to where it stands when its length takes two bytes, and is moved when that guess was wrong.
  constexpr std::size_t kGuess = 1 + 2;
  char* const start = room(kNumbers + (end - begin) + metric.text.size() + metric.rejected_by.size());
  char* const body = start + kGuess;
  char* at = put_bytes(body, sensors.substr(begin, unit - begin));
  if (metric.seen && !is_null(metric.quality)) {
    char scratch[24];
    at = put_tag(at, Metric::kValueFieldNumber, WireType::length_delimited);
    if (is_text(metric.type)) {
      at = put_varint(at, 1 + varint_size(metric.text.size()) + metric.text.size());
      at = put_value(at, metric);
    } else {
      const auto size = static_cast<std::size_t>(put_value(scratch, metric) - scratch);
      *at++ = static_cast<char>(size);
      std::memcpy(at, scratch, sizeof scratch);
      at += size;
    }
  }
  at = put_bytes(at, sensors.substr(unit, end - unit));
  if (metric.seen) {
    at = put_time(at, Metric::kTimeFieldNumber, metric.time);
    at = put_number(at, Metric::kQualityFieldNumber, metric.quality);
  }
  at = put_number(at, Metric::kFreshnessFieldNumber, static_cast<std::uint64_t>(metric.freshness));
  at = put_number(at, Metric::kSloFieldNumber, static_cast<std::uint64_t>(metric.slo));
  if (metric.seen) at = put_time(at, Metric::kFirstSeenFieldNumber, metric.first_seen);
  if (metric.seen || metric.rejected != 0)
    at = put_time(at, Metric::kLastSeenFieldNumber, std::max(metric.seen ? metric.time : kBeginning, metric.rejected_at));
  if (metric.rejected != 0) {
    at = put_number(at, Metric::kRejectedFieldNumber, metric.rejected);
    if (!metric.rejected_by.empty()) {
      at = put_tag(at, Metric::kRejectedByFieldNumber, WireType::length_delimited);
      at = put_bytes(put_varint(at, metric.rejected_by.size()), metric.rejected_by);
    }
  }
  if (metric.seen) at = put_number(at, Metric::kAgeFieldNumber, static_cast<std::uint64_t>(metric.age));
  const auto size = static_cast<std::size_t>(at - body);
  char* const place = start + 1 + varint_size(size);
  if (place != body) std::memmove(place, body, size);
  put_varint(put_tag(start, Twin::kMetricFieldNumber, WireType::length_delimited), size);
  at_ = static_cast<std::size_t>(place + size - buffer_.data());
}

FrameView TwinEncoder::end() {
  char* last = put_bytes(room(header_.facts.size() + policies_.size() + 16), header_.facts);
  last = put_number(last, Twin::kRetiredFieldNumber, header_.retired ? 1 : 0);
  last = put_bytes(last, policies_);
  last = put_number(last, Twin::kUnknownFieldNumber, header_.unknown ? 1 : 0);
  at_ = static_cast<std::size_t>(last - buffer_.data());
  const std::size_t message = at_ - kFront;
  char front[kFront];
  char* at = put_varint(put_tag(front, v1::Frame::kTwin, WireType::length_delimited), message);
  const auto inner = static_cast<std::size_t>(at - front);
  char whole[kFront];
  whole[0] = kFrameTag;
  const auto outer = static_cast<std::size_t>(put_varint(whole + 1, inner + message) - whole);
  char* const begin = buffer_.data() + kFront - inner - outer;
  std::memcpy(begin, whole, outer);
  std::memcpy(begin + outer, front, inner);
  return {FrameKind::twin, {begin, outer + inner + message}, {buffer_.data() + kFront, message}, 0, 0};
}

}  // namespace twinpipe
