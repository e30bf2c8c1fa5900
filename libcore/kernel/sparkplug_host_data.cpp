// SPDX-License-Identifier: Apache-2.0
// The host's readings: metrics resolved, decoded, flagged and collected; what cannot be read is reported.
#include <fmt/format.h>

#include <algorithm>

#include "kernel/sparkplug_node.hpp"

namespace twinpipe::sparkplug {

void SparkplugHost::data(Node& node, std::uint32_t device, const Reading& how, Output& out) {
  if (node.life == Node::Life::dead && how.arrival - node.died_at > options_.reorder_timeout) want_rebirth(node);
  const BirthTable& table = how.previous && node.previous ? *node.previous : node.births;
  if (device >= table.devices() || !table.at(device).born) {
    Trouble trouble;
    trouble.unknown = reader_.payload().metrics.size();
    trouble.first_unknown = "no birth of this device was seen";
    return report(node, how, trouble, out);
  }
  // Sent again after an outage: it may have come through before.
  const std::vector<MessageName> carriers = parse_repeat_mark(reader_.payload().uuid);
  if (std::ranges::any_of(carriers, [&node](const MessageName& name) { return node.had.has(name); })) {
    ++counts_.repeated;
    return;
  }
  readings(node, table, device, how, out);
}

void SparkplugHost::readings(Node& node, const BirthTable& table, std::uint32_t device, const Reading& how, Output& out) {
  const WirePayload& payload = reader_.payload();
  const Nanos message_time = payload.has_timestamp ? time_of(0) : how.arrival;
  if (shedding_) return shed(node, payload.metrics.size(), message_time);
  const bool stale = node.life != Node::Life::online || table.at(device).dead;
  const Nanos horizon = node.clock.known() ? node.clock.horizon(how.arrival, options_.clock) : kNever;
  Trouble trouble;
  std::uint32_t index = 0;
  std::uint64_t emitted = 0;
  for (const WireMetric& wire : payload.metrics) {
    const BornMetric* const metric = resolve(node, table, device, wire, how, trouble);
    if (metric != nullptr && emit(node, *metric, wire, how, index, stale, horizon, trouble, out)) ++emitted;
    ++index;
  }
  counts_.readings += emitted;
  if (stale) counts_.stale_readings += emitted;
  if (trouble.unknown + trouble.bad > 0) report(node, how, trouble, out);
}

const BornMetric* SparkplugHost::resolve(const Node& node, const BirthTable& table, std::uint32_t device, const WireMetric& wire,
                                         const Reading& how, Trouble& trouble) {
  const BornDevice& born = table.at(device);
  const auto unknown = [&](std::string_view more) -> const BornMetric* {
    if (!how.birth && trouble.unknown++ == 0)
      trouble.first_unknown =
          wire.has_alias ? fmt::format("alias {}{}", wire.alias, more) : fmt::format("metric '{}'{}", wire.name, more);
    return nullptr;
  };
  const auto by_name = [&]() -> const BornMetric* {
    const auto at = born.by_name.find(wire.name);
    return at == born.by_name.end() ? nullptr : &born.metrics[at->second];
  };
  if (!wire.has_alias || how.names_only || how.birth) {
    const BornMetric* const metric = wire.has_name ? by_name() : nullptr;
    return metric != nullptr ? metric : unknown("");
  }
  if (wire.has_name) {
    const BornMetric* const metric = by_name();
    if (metric != nullptr && metric->has_alias && metric->alias == wire.alias) return metric;
    ++counts_.disagreeing;
    if (trouble.bad++ == 0) trouble.first_bad = fmt::format("alias {} is not '{}'", wire.alias, wire.name);
    return nullptr;
  }
  const AliasEntry entry = table.by_alias(wire.alias);
  if (entry.device != device) return unknown("");
  const BornMetric& metric = born.metrics[entry.metric];
  if (!wire.is_historical || !wire.has_timestamp || !node.previous || how.previous) return &metric;
  // Stored before this birth: aliases may have changed since. Where they have, nobody can tell which was meant.
  if (static_cast<Nanos>(wire.timestamp) * kMillisecond >= node.session.birth()) return &metric;
  const AliasEntry then = node.previous->by_alias(wire.alias);
  if (then.device == AliasEntry::kNone || node.previous->metric(then).series == metric.series) return &metric;
  return unknown(" of historical data meant another metric before the last birth");
}

bool SparkplugHost::emit(Node& node, const BornMetric& metric, const WireMetric& wire, const Reading& how, std::uint32_t index,
                         bool stale, Nanos horizon, Trouble& trouble, Output& out) {
  if (metric.control) {
    ++counts_.controls;
    return false;
  }
  const auto bad = [&trouble](std::string_view why, const WireMetric& of) {
    if (trouble.bad++ == 0)
      trouble.first_bad = of.has_name ? fmt::format("metric '{}': {}", of.name, why) : fmt::format("alias {}: {}", of.alias, why);
    return false;
  };
  ReadingPlace place{metric.series, 0, kGood, wire.is_historical};
  const WirePayload& payload = reader_.payload();
  std::uint32_t flags = how.flags;
  if (wire.has_timestamp) place.time = static_cast<Nanos>(wire.timestamp) * kMillisecond;
  else if (payload.has_timestamp) place.time = time_of(0), flags |= v1::QUALITY_TIME_OF_PAYLOAD;
  else place.time = how.arrival, flags |= v1::QUALITY_TIME_OF_ARRIVAL;
  if (place.time > horizon) {
    ++counts_.future;
    return bad("its time lies in the future", wire);
  }
  if (wire.has_properties) {
    PropertySet properties;
    if (!properties.ParseFromArray(wire.properties.data(), static_cast<int>(wire.properties.size())))
      return bad("broken properties", wire);
    place.quality = quality_of(properties).value_or(kGood);
  }
  // No good value between a death and the next birth, whatever the clocks say.
  if (stale && place.quality == kGood) place.quality = v1::QUALITY_STALE;
  ColumnValue value;
  const bool is_null = wire.is_null || wire.value.field == 0;
  if (wire.broken_text) {
    ++counts_.bad_values;
    return bad("text that is not UTF-8", wire);
  }
  if (is_null) {
    if (!wire.is_null) ++counts_.no_values;
    flags |= v1::QUALITY_NULL;
    value.type = metric.type;
  } else if (const ValueError error = decode_value(metric.datatype, wire.value, value); error != ValueError::none) {
    ++counts_.bad_values;
    return bad(describe(error), wire);
  }
  place.quality |= flags;
  if (place.historical) {
    node.historical_now = true;
    node.newest_historical = std::max(node.newest_historical, place.time);
  }
  if (metric.type != v1::VALUE_TYPE_WAVEFORM) {
    batch_.add(place, value, how.count, index, out);
    return true;
  }
  if (emit_waveform(metric, wire, place, how, index, out)) return true;
  ++counts_.bad_values;
  return bad("an array that is no whole number of samples", wire);
}

bool SparkplugHost::emit_waveform(const BornMetric& metric, const WireMetric& wire, const ReadingPlace& place, const Reading& how,
                                  std::uint32_t index, Output& out) {
  v1::Frame frame;
  v1::Waveform& waveform = *frame.mutable_waveform();
  if (!is_null(place.quality) && !decode_samples(metric.datatype, wire.value.bytes, waveform)) return false;
  waveform.set_series(place.series);
  waveform.set_time(place.time);
  waveform.set_sample_period(metric.sample_period);
  if (place.quality != kGood) {
    waveform.set_quality(place.quality);
    waveform.set_has_quality(true);
  }
  if (options_.origin) {
    waveform.set_seq(how.count);
    waveform.set_index(index);
  }
  waveform.set_historical(place.historical);
  batch_.waveform(frame, out);
  return true;
}

/// One Gap a reason and message.
void SparkplugHost::report(Node& node, const Reading& how, const Trouble& trouble, Output& out) {
  const WirePayload& payload = reader_.payload();
  const auto tell = [&](v1::Gap::Reason reason, std::uint64_t readings, const std::string& first) {
    v1::Gap lost;
    lost.set_first(how.count);
    lost.set_last(how.count);
    lost.set_readings(readings);
    lost.set_reason(reason);
    lost.set_detail(first);
    if (payload.has_timestamp) {
      lost.set_from(time_of(0));
      lost.set_to(time_of(0));
    }
    gap(node, lost, out);
  };
  if (trouble.unknown > 0) {
    counts_.unknown_alias += trouble.unknown;
    tell(v1::Gap::REASON_UNKNOWN_ALIAS, trouble.unknown, trouble.first_unknown);
    if (!how.previous && !how.names_only) want_rebirth(node);
  }
  if (trouble.bad > 0) tell(v1::Gap::REASON_MALFORMED, trouble.bad, trouble.first_bad);
}

void SparkplugHost::gap(const Node& node, const v1::Gap& lost, Output& out) {
  ++counts_.gaps;
  v1::Frame frame;
  *frame.mutable_gap() = lost;
  frame.mutable_gap()->set_node(node.name);
  if (node.life != Node::Life::unborn) *frame.mutable_gap()->mutable_session() = node.session;
  batch_.frame(frame, out);
}

void SparkplugHost::shed(Node& node, std::uint64_t readings, Nanos time) {
  if (node.shed_messages++ == 0) node.shed_from = time;
  node.shed_readings += readings;
  node.shed_to = time;
  ++counts_.shed_messages;
  counts_.shed_readings += readings;
}

void SparkplugHost::set_shedding(bool shedding, Output& out) {
  if (shedding_ && !shedding) {
    for (const std::unique_ptr<Node>& node : nodes_) {
      if (node->shed_messages == 0) continue;
      v1::Gap lost;
      lost.set_reason(v1::Gap::REASON_OVERFLOW);
      lost.set_messages(std::exchange(node->shed_messages, 0));
      lost.set_readings(std::exchange(node->shed_readings, 0));
      lost.set_from(node->shed_from);
      lost.set_to(node->shed_to);
      lost.set_detail("the reader of the stream stalled");
      gap(*node, lost, out);
    }
  }
  shedding_ = shedding;
}

}  // namespace twinpipe::sparkplug
