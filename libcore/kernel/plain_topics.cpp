// SPDX-License-Identifier: Apache-2.0
// Plain MQTT topics as a source of readings: rules, series, frames.
#include "kernel/plain_topics.hpp"

#include <fmt/format.h>

#include "kernel/plain_payload.hpp"
#include "wire/names.hpp"

namespace twinpipe {
namespace {

/// "PATTERN=CHOICE" or "CHOICE".
Status split_rule(const std::string& text, std::optional<Pattern>& pattern, std::string& choice) {
  const std::size_t equals = text.find('=');
  choice = equals == std::string::npos ? text : text.substr(equals + 1);
  if (equals == std::string::npos) return {};
  Result<Pattern> parsed = Pattern::parse(std::string_view(text).substr(0, equals));
  if (!parsed.ok()) return parsed.status();
  pattern = std::move(*parsed);
  return {};
}

}  // namespace

PlainTopics::PlainTopics(PlainOptions options, sparkplug::SparkplugHost& host)
    : options_(std::move(options)), host_(&host), reader_(options_.payload) {}

Result<std::unique_ptr<PlainTopics>> PlainTopics::make(PlainOptions options, sparkplug::SparkplugHost& host) {
  std::unique_ptr<PlainTopics> topics(new PlainTopics(std::move(options), host));
  for (const std::string& text : topics->options_.patterns) {
    Result<Pattern> pattern = Pattern::parse(text);
    if (!pattern.ok()) return pattern.status();
    topics->patterns_.push_back(std::move(*pattern));
  }
  std::string choice;
  for (const std::string& text : topics->options_.payloads) {
    Rule<PlainFormat>& rule = topics->formats_.emplace_back();
    if (Status status = split_rule(text, rule.pattern, choice); !status.ok()) return status;
    if (Status status = parse_plain_format(choice, rule.choice); !status.ok()) return status;
  }
  for (const std::string& text : topics->options_.clocks) {
    Rule<bool>& rule = topics->arrival_clocks_.emplace_back();
    if (Status status = split_rule(text, rule.pattern, choice); !status.ok()) return status;
    if (choice != "sensor" && choice != "arrival")
      return Status::error(Code::usage, fmt::format("clock '{}': it is sensor or arrival", choice));
    rule.choice = choice == "arrival";
  }
  return topics;
}

std::vector<std::string> PlainTopics::filters() const {
  std::vector<std::string> filters;
  for (const std::string& pattern : options_.patterns) {
    std::string filter;
    for (std::string_view rest = pattern; !rest.empty();) {
      const std::string_view level = rest.substr(0, rest.find('/'));
      rest.remove_prefix(std::min(rest.size(), level.size() + 1));
      filter += filter.empty() ? "" : "/";
      if (level == "+" || level.find_first_of("*?") != std::string_view::npos) filter += '+';
      else filter += level;
    }
    filters.push_back(std::move(filter));
  }
  return filters;
}

PlainTopics::Node& PlainTopics::node_of(const Series& series) {
  std::string name = options_.node;
  for (const auto& [placeholder, value] :
       {std::pair<std::string_view, std::string_view>{"{site}", series.site}, {"{line}", series.line}, {"{asset}", series.asset}})
    if (const std::size_t at = name.find(placeholder); at != std::string::npos) name.replace(at, placeholder.size(), value);
  const auto [at, is_new] = node_index_.try_emplace(name, nullptr);
  if (is_new) {
    at->second = nodes_.emplace_back(std::make_unique<Node>()).get();
    at->second->name = name;
  }
  return *at->second;
}

PlainTopics::Series& PlainTopics::series_of(std::string_view topic) {
  if (const auto at = series_.find(topic); at != series_.end()) return at->second;
  Series& series = series_.emplace(std::string(topic), Series{}).first->second;
  const auto levels = split_series_name(topic);
  if (!levels || !sparkplug::is_utf8(topic) || std::ranges::any_of(*levels, &std::string::empty)) return series;
  series.site = (*levels)[0];
  series.line = (*levels)[1];
  series.asset = (*levels)[2];
  series.sensor = (*levels)[3];
  const auto matches = [&series](const Pattern& p) { return p.matches(series.site, series.line, series.asset, series.sensor); };
  series.wanted = std::ranges::any_of(patterns_, matches);
  if (!series.wanted) return series;
  series.node = &node_of(series);
  const auto applies = [&](const auto& rule) { return !rule.pattern || matches(*rule.pattern); };
  const auto format = std::ranges::find_if(formats_, applies);
  series.format = format == formats_.end() ? &default_format_ : &format->choice;
  const auto clock = std::ranges::find_if(arrival_clocks_, applies);
  series.arrival_clock = clock != arrival_clocks_.end() && clock->choice;
  return series;
}

void PlainTopics::message(const sparkplug::Message& message, Output& out) {
  ++messages_;
  Series& series = series_of(message.topic);
  if (!series.wanted) {
    ++foreign_;
    return;
  }
  host_->batch().set_arrival(message.arrival);
  if (std::exchange(series.node->blind, false)) {
    v1::Frame frame;
    frame.mutable_lifecycle()->set_node(series.node->name);
    frame.mutable_lifecycle()->set_online(true);
    frame.mutable_lifecycle()->set_reason(v1::Lifecycle::REASON_HOST_LINK_RESTORED);
    frame.mutable_lifecycle()->set_time(message.arrival);
    host_->batch().frame(frame, out);
  }
  Value value;
  std::string why =
      message.payload.size() > options_.payload.bytes ? "larger than --max-payload" : read(series, message.payload, value);
  if (why.empty()) why = emit(series, value, message, out);
  if (why.empty()) ++readings_;
  else refuse(series, why, out);
}

std::string PlainTopics::read(const Series& series, std::string_view payload, Value& value) {
  switch (series.format->kind) {
    case PlainFormat::Kind::text:
      if (!sparkplug::is_utf8(payload)) return "text that is not UTF-8";
      read_text(payload, value);
      return {};
    case PlainFormat::Kind::json: return read_json(*series.format, payload, value);
    default: return read_sparkplug(payload, value);
  }
}

std::string PlainTopics::read_sparkplug(std::string_view payload, Value& value) {
  if (const auto fault = reader_.read(payload); fault != sparkplug::PayloadFault::none) return std::string(describe(fault));
  const sparkplug::WirePayload& wire = reader_.payload();
  if (wire.metrics.size() != 1) return fmt::format("{} metrics in a payload that has one", wire.metrics.size());
  const sparkplug::WireMetric& metric = wire.metrics[0];
  value.datatype = metric.datatype;
  value.has_time = metric.has_timestamp || wire.has_timestamp;
  value.time = static_cast<Nanos>(metric.has_timestamp ? metric.timestamp : wire.timestamp) * kMillisecond;
  if (!metric.has_timestamp && wire.has_timestamp) value.quality |= v1::QUALITY_TIME_OF_PAYLOAD;
  value.historical = metric.is_historical;
  value.is_null = metric.is_null || metric.value.field == 0;
  if (metric.broken_text) return "text that is not UTF-8";
  if (metric.has_properties) {
    sparkplug::PropertySet properties;
    if (!properties.ParseFromArray(metric.properties.data(), static_cast<int>(metric.properties.size())))
      return "broken properties";
    value.quality = sparkplug::quality_of(properties).value_or(kGood) | (value.quality & ~0xFFFFU);
    value.properties = metric.properties;
  }
  value.value.type = sparkplug::column_type(metric.datatype);
  if (value.is_null) return value.value.type == v1::VALUE_TYPE_UNSPECIFIED ? "a null without a datatype" : "";
  const sparkplug::ValueError error = decode_value(metric.datatype, metric.value, value.value);
  return error == sparkplug::ValueError::none ? std::string() : std::string(describe(error));
}

void PlainTopics::read_text(std::string_view text, Value& value) { value.value = plain_text_value(text); }

/// A declaration at first sight, and whenever the properties differ from the last ones. False: no more series fit.
bool PlainTopics::declare(Series& series, const Value& value, Output& out) {
  if (series.type != v1::VALUE_TYPE_UNSPECIFIED && (value.properties.empty() || value.properties == series.properties))
    return true;
  const std::optional<std::uint32_t> alias =
      host_->aliases().of(asset_key(series.site, series.line, series.asset), series.sensor);
  if (!alias) return false;
  v1::Frame frame;
  v1::Series& declared = *frame.mutable_series();
  declared.set_site(series.site);
  declared.set_line(series.line);
  declared.set_asset(series.asset);
  declared.set_node(series.node->name);
  v1::Sensor& sensor = *declared.add_sensor();
  sparkplug::PropertySet properties;
  if (!value.properties.empty() && properties.ParseFromArray(value.properties.data(), static_cast<int>(value.properties.size())))
    declare_properties(properties, sensor);
  if (series.type == v1::VALUE_TYPE_UNSPECIFIED) {
    series.type = value.value.type;
    series.datatype = value.datatype;
  }
  const std::optional<double> period = sparkplug::sample_period_of(sensor);
  if (period && (series.datatype == sparkplug::kFloatArray || series.datatype == sparkplug::kDoubleArray)) {
    series.type = v1::VALUE_TYPE_WAVEFORM;
    series.sample_period = *period;
  }
  series.series = *alias;
  series.properties = value.properties;
  sensor.set_alias(*alias);
  sensor.set_name(series.sensor);
  sensor.set_type(series.type);
  sensor.set_datatype(series.datatype);
  host_->batch().frame(frame, out);
  return true;
}

std::string PlainTopics::emit(Series& series, Value& value, const sparkplug::Message& message, Output& out) {
  if (value.is_null && value.value.type == v1::VALUE_TYPE_UNSPECIFIED) {
    if (series.type == v1::VALUE_TYPE_UNSPECIFIED) return "a null before any value";
    value.value.type = series.type;
  }
  if (!declare(series, value, out)) return "more series than --max-series";
  const bool samples = series.type == v1::VALUE_TYPE_WAVEFORM;
  if (value.value.type != series.type && !samples)
    return fmt::format("a value of another type than before ({})", v1::ValueType_Name(series.type));
  ReadingPlace place{series.series, value.time, value.quality, value.historical};
  if (value.is_null) place.quality |= v1::QUALITY_NULL;
  if (series.arrival_clock || !value.has_time) {
    place.time = message.arrival;
    place.quality |= v1::QUALITY_TIME_OF_ARRIVAL;
    // A retained message is as old as its last publisher: the time that it came now says nothing.
    if (message.retained && quality_code(place.quality) == kGood) place.quality = v1::QUALITY_STALE | (place.quality & ~0xFFFFU);
  } else if (!place.historical && !message.retained) {
    (void)series.node->clock.observe(value.time, message.arrival, options_.clock);
    if (value.time > series.node->clock.horizon(message.arrival, options_.clock)) return "its time lies in the future";
  }
  if (!samples) {
    host_->batch().add(place, value.value, 0, 0, out);
    return {};
  }
  v1::Frame frame;
  v1::Waveform& waveform = *frame.mutable_waveform();
  if (!value.is_null && !sparkplug::decode_samples(series.datatype, value.value.text, waveform))
    return "an array that is no whole number of samples";
  waveform.set_series(place.series);
  waveform.set_time(place.time);
  waveform.set_sample_period(series.sample_period);
  waveform.set_historical(place.historical);
  waveform.set_has_quality(place.quality != kGood);
  if (place.quality != kGood) waveform.set_quality(place.quality);
  host_->batch().waveform(frame, out);
  return {};
}

void PlainTopics::refuse(const Series& series, std::string_view why, Output& out) {
  ++refused_;
  v1::Frame frame;
  v1::Gap& lost = *frame.mutable_gap();
  lost.set_node(series.node->name);
  lost.set_reason(v1::Gap::REASON_MALFORMED);
  lost.set_messages(1);
  lost.set_readings(1);
  lost.set_detail(fmt::format("{}: {}", series_name(series.site, series.line, series.asset, series.sensor), why));
  host_->batch().frame(frame, out);
}

void PlainTopics::tick(Nanos now, Output& out) {
  for (const std::unique_ptr<Node>& node : nodes_) {
    if (node->blind) continue;
    const Nanos time = now - (node->clock.known() ? node->clock.skew() : 0) - options_.delay;
    if (time <= node->watermark) continue;
    node->watermark = time;
    v1::Frame frame;
    frame.mutable_watermark()->set_node(node->name);
    frame.mutable_watermark()->set_time(time);
    frame.mutable_watermark()->set_clock(now);
    host_->batch().frame(frame, out);
  }
}

void PlainTopics::link_lost(Nanos now, Output& out) {
  for (const std::unique_ptr<Node>& node : nodes_) {
    if (std::exchange(node->blind, true)) continue;
    v1::Frame frame;
    frame.mutable_lifecycle()->set_node(node->name);
    frame.mutable_lifecycle()->set_reason(v1::Lifecycle::REASON_HOST_LINK_LOST);
    frame.mutable_lifecycle()->set_time(now);
    host_->batch().frame(frame, out);
  }
}

/// A node is seen again with its first message; its clock is measured anew, because a backlog comes first.
void PlainTopics::link_restored() {
  for (const std::unique_ptr<Node>& node : nodes_) node->clock.forget();
}

std::vector<Counter> PlainTopics::counters() const {
  return {{"plain_messages", messages_},
          {"plain_readings", readings_},
          {"plain_refused", refused_},
          {"plain_foreign", foreign_},
          {"plain_nodes", nodes_.size()}};
}

}  // namespace twinpipe
