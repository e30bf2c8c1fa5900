// SPDX-License-Identifier: Apache-2.0
// Twin frames put together by hand are, byte for byte, what the generated code writes.
#include "kernel/twin_encoder.hpp"

#include <rapidcheck.h>

#include <algorithm>
#include <bit>
#include <catch2/catch.hpp>

#include "wire/output.hpp"

using namespace twinpipe;

namespace {

Nanos any_time() { return *rc::gen::element<Nanos>(0, 1, -1, kSecond, kBeginning, kForever); }
std::string any_text() { return std::string(*rc::gen::element<std::size_t>(0, 1, 7, 120, 127, 128, 20'000), 'x'); }

v1::Value value_of(const TwinMetricState& metric) {
  v1::Value value;
  switch (metric.type) {
    case v1::VALUE_TYPE_BOOL: value.set_bool_value(metric.value != 0); break;
    case v1::VALUE_TYPE_INT64: value.set_int_value(static_cast<std::int64_t>(metric.value)); break;
    case v1::VALUE_TYPE_UINT64: value.set_uint_value(metric.value); break;
    case v1::VALUE_TYPE_STRING: value.set_string_value(std::string(metric.text)); break;
    case v1::VALUE_TYPE_BYTES: value.set_bytes_value(std::string(metric.text)); break;
    default: value.set_double_value(std::bit_cast<double>(metric.value)); break;
  }
  return value;
}

}  // namespace

TEST_CASE("a twin's bytes are those of the generated code") {
  const bool ok = rc::check("any twin", [] {
    v1::Frame expected;
    v1::Twin& twin = *expected.mutable_twin();
    twin.set_site("plant-1");
    twin.set_line("line-1");
    twin.set_asset(any_text());
    twin.set_node("plant-1/line-1");
    if (*rc::gen::arbitrary<bool>()) twin.mutable_session()->set_birth(*rc::gen::arbitrary<Nanos>());
    TwinLayout layout;
    layout.head = twin.SerializeAsString();

    TwinHeader header;
    header.online = *rc::gen::arbitrary<bool>();
    header.reason = *rc::gen::element(v1::Lifecycle::REASON_UNSPECIFIED, v1::Lifecycle::REASON_WILL);
    header.since = any_time(), header.as_of = any_time();
    twin.set_online(header.online);
    twin.set_reason(header.reason);
    twin.set_since(header.since);
    twin.set_as_of(header.as_of);

    std::vector<TwinMetricState> metrics(*rc::gen::inRange<std::size_t>(0, 6));
    std::vector<std::string> texts(metrics.size());
    for (std::size_t i = 0; i < metrics.size(); ++i) {
      v1::Sensor sensor;
      sensor.set_name(any_text());
      sensor.set_declared_unit(*rc::gen::element<std::string>("", "degC"));
      sensor.set_unit(*rc::gen::element<std::string>("", "K"));
      layout.add_metric(sensor);
      texts[i] = any_text();
      TwinMetricState& metric = metrics[i];
      metric.type = *rc::gen::element(v1::VALUE_TYPE_DOUBLE, v1::VALUE_TYPE_BOOL, v1::VALUE_TYPE_INT64, v1::VALUE_TYPE_UINT64,
                                      v1::VALUE_TYPE_STRING, v1::VALUE_TYPE_BYTES);
      metric.freshness = *rc::gen::element(v1::FRESHNESS_NEVER, v1::FRESHNESS_FRESH, v1::FRESHNESS_BLIND);
      metric.slo = *rc::gen::element<Nanos>(0, 5 * kSecond, kForever);
      metric.seen = *rc::gen::arbitrary<bool>();
      metric.value =
          metric.type == v1::VALUE_TYPE_BOOL ? *rc::gen::inRange<std::uint64_t>(0, 2) : *rc::gen::arbitrary<std::uint64_t>();
      metric.text = is_text(metric.type) ? std::string_view(texts[i]) : std::string_view();
      metric.time = any_time(), metric.first_seen = any_time();
      metric.quality = *rc::gen::element(std::uint32_t{kGood}, 0U, 500U, kGood | v1::QUALITY_NULL);
      v1::TwinMetric& to = *twin.add_metric();
      to.set_sensor(sensor.name());
      to.set_unit(sensor.unit().empty() ? sensor.declared_unit() : sensor.unit());
      to.set_freshness(metric.freshness);
      to.set_slo(metric.slo);
      metric.age = *rc::gen::element<Nanos>(0, 1, 5 * kSecond, kForever);
      metric.rejected = *rc::gen::element(0U, 1U, 1000U);
      metric.rejected_by = *rc::gen::element<std::string_view>("", "range");
      if (metric.rejected != 0) metric.rejected_at = any_time();
      if (metric.rejected != 0) {
        to.set_rejected(metric.rejected);
        to.set_rejected_by(std::string(metric.rejected_by));
        to.set_last_seen(metric.rejected_at);
      }
      if (!metric.seen) continue;
      if (!is_null(metric.quality)) *to.mutable_value() = value_of(metric);
      to.set_time(metric.time);
      to.set_quality(metric.quality);
      to.set_first_seen(metric.first_seen);
      to.set_last_seen(metric.rejected == 0 ? metric.time : std::max(metric.time, metric.rejected_at));
      to.set_age(metric.age);
    }

    v1::Twin facts;
    if (*rc::gen::arbitrary<bool>()) (*facts.mutable_facts())["class"] = any_text();
    facts.set_registry_as_of(any_time());
    facts.set_registry_stale(*rc::gen::arbitrary<bool>());
    twin.MergeFrom(facts);
    const std::string facts_fields = facts.SerializeAsString();
    header.facts = facts_fields;
    header.retired = *rc::gen::arbitrary<bool>(), header.unknown = *rc::gen::arbitrary<bool>();
    twin.set_retired(header.retired);
    twin.set_unknown(header.unknown);

    TwinEncoder encoder;
    PoliciesInForce::Policies shaped_by(*rc::gen::inRange<std::size_t>(0, 3));
    for (auto& policy : shaped_by) {
      v1::Applied applied;
      applied.set_digest(any_text() + "d");
      twin.add_shaped_by(applied.digest());
      policy = std::make_shared<const AppliedPolicy>(applied);
    }
    twin.set_policy_digest("own");
    const std::string policies = TwinEncoder::policies("own", shaped_by);
    encoder.begin(layout, header, policies);
    for (const TwinMetricState& metric : metrics) encoder.add(metric);
    std::string bytes;
    append_frame(expected, bytes);
    const FrameView frame = encoder.end();
    const bool same = frame.bytes == bytes && frame.payload == twin.SerializeAsString();
    RC_ASSERT(same);  // not the strings: a failure would print them
  });
  CHECK(ok);
}
