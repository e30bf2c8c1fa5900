// SPDX-License-Identifier: Apache-2.0
// What the frames of a stream say about the conditions that an Alert watches.
#include "kernel/alert.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "kernel/alert_parts.hpp"
#include "kernel/text_values.hpp"

namespace twinpipe {
namespace {

/// For people, and for the lists of rules. No value of a PLC is long; a text that is would be carried by every message.
std::string_view shortened(std::string_view text) {
  constexpr std::size_t kMost = 200;
  if (text.size() <= kMost) return text;
  std::size_t end = kMost;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80) --end;  // UTF-8's later bytes
  return text.substr(0, end);
}

/// False: it is null, or bytes.
bool append_value(const v1::Value& value, std::string& text) {
  switch (value.kind_case()) {
    case v1::Value::kDoubleValue: append_number(value.double_value(), text); return true;
    case v1::Value::kBoolValue: text += value.bool_value() ? "true" : "false"; return true;
    case v1::Value::kIntValue: append_number(static_cast<std::int64_t>(value.int_value()), text); return true;
    case v1::Value::kUintValue: append_number(static_cast<std::uint64_t>(value.uint_value()), text); return true;
    case v1::Value::kStringValue: text += value.string_value(); return true;
    default: return false;
  }
}

}  // namespace

bool Alert::reads(FrameKind kind) const {
  switch (kind) {
    case FrameKind::series:
    case FrameKind::readings:
    case FrameKind::lifecycle:
    case FrameKind::watermark:
    case FrameKind::arrival:
    case FrameKind::exception:
    case FrameKind::reject:
    case FrameKind::twin: return true;
    default: return false;
  }
}

// ---- time -----------------------------------------------------------------------------------------------------------

Status Alert::on_watermark(const v1::Watermark& watermark, const FrameView&, Output&) {
  const Index index = node_index(watermark.node());
  if (watermark.clock() != 0) known_ = std::max(known_, watermark.clock());
  if (watermark.lane() == v1::LANE_LIVE) {
    nodes_[index].tick = std::max(nodes_[index].tick, watermark.time());
    newest_tick_ = std::max(newest_tick_, watermark.time());
  }
  hear(index);
  follow_rules(index);
  settle_node(index);
  if (saturating_sub(known(), settled_at_) >= kSecond) {  // of nodes that do not tick
    settled_at_ = known();
    settle_all();
    remind();
  }
  flush(Flush::due);
  return {};
}

Status Alert::finish(Output&) {
  settle_all();
  flush(Flush::all);
  return {};
}

// ---- series and their values ----------------------------------------------------------------------------------------

Status Alert::on_series(const std::vector<Declared>& declared, const FrameView&, Output&) {
  slot_sensor_.resize(table().size(), kNone);
  watched_.resize(table().size());
  for (const Declared& series : declared) {
    const Asset& asset = table().asset_of(series.slot);
    const Index number = asset_index(asset.site, asset.line, asset.asset, table().node_name(asset.node));
    if (asset.has_session) (void)begin_session(assets_[number].node, asset.session);
    const Index sensor = sensor_index(number, table().series(series.slot).sensor.name());
    slot_sensor_[series.slot] = sensor;
    watched_[series.slot] = rule_of(Condition::alarm, sensor) != kNone;
  }
  return {};
}

template <class Text>
void Alert::see_values(const Columns& columns, const Text& text) {
  for (std::size_t row = 0; row < columns.rows(); ++row) {
    if (watched_[columns.slot[row]] == 0 || !is_good(columns.quality_at(row))) continue;
    text_.clear();
    text(row);
    see_value(slot_sensor_[columns.slot[row]], columns.time[row], std::string(shortened(text_)));
  }
}

Status Alert::on_readings(const Columns& columns, const FrameView&, Output&) {
  if (columns.historical) return {};
  switch (columns.type) {
    case v1::VALUE_TYPE_BOOL:
      see_values(columns, [&](std::size_t row) { text_ = columns.bools[row] != 0 ? "true" : "false"; });
      break;
    case v1::VALUE_TYPE_INT64: see_values(columns, [&](std::size_t row) { append_number(columns.ints[row], text_); }); break;
    case v1::VALUE_TYPE_UINT64: see_values(columns, [&](std::size_t row) { append_number(columns.uints[row], text_); }); break;
    case v1::VALUE_TYPE_STRING: see_values(columns, [&](std::size_t row) { text_ = columns.texts[row]; }); break;
    case v1::VALUE_TYPE_DOUBLE: see_values(columns, [&](std::size_t row) { append_number(columns.doubles[row], text_); }); break;
    default: break;
  }
  return {};
}

/// The newest decides, by its own time; of two at one time the later.
void Alert::see_value(Index index, Nanos time, std::string_view value) {
  Sensor& sensor = sensors_[index];
  if (assets_[sensor.asset].has_twin) return;
  if (time < sensor.observed) {
    ++late_;
    return;
  }
  sensor.observed = time;
  const Index node = assets_[sensor.asset].node;
  nodes_[node].clock.take(time);
  hear(node);
  if (const Index rule = rule_of(Condition::alarm, index); rule != kNone)
    observe(Condition::alarm, index, {}, rules_[rule].is_alarm(value), time, value);
}

// ---- nodes and devices ----------------------------------------------------------------------------------------------

Status Alert::on_lifecycle(const v1::Lifecycle& lifecycle, const FrameView&, Output&) {
  const Index node = node_index(lifecycle.node());
  const bool of_link = lifecycle.reason() == v1::Lifecycle::REASON_HOST_LINK_LOST ||
                       lifecycle.reason() == v1::Lifecycle::REASON_HOST_LINK_RESTORED;
  if (!of_link && lifecycle.has_session() && !begin_session(node, lifecycle.session())) return {};
  if (!of_link) nodes_[node].clock.take(lifecycle.time());
  hear(node);
  const auto tell = [&](Index asset) {
    if (assets_[asset].has_twin) return;
    if (of_link || lifecycle.online()) observe(Condition::blind, asset, {}, !lifecycle.online(), lifecycle.time());
    if (!of_link) observe(Condition::dead, asset, {}, !lifecycle.online(), lifecycle.time());
  };
  if (!lifecycle.asset().empty()) {
    tell(asset_index(lifecycle.site(), lifecycle.line(), lifecycle.asset(), lifecycle.node()));
  } else {
    const std::vector<Index> assets = nodes_[node].assets;
    for (const Index asset : assets) tell(asset);
  }
  return {};
}

Status Alert::see_twin(const v1::Twin& twin) {
  const Index index = asset_index(twin.site(), twin.line(), twin.asset(), twin.node());
  const Index node = assets_[index].node;
  assets_[index].has_twin = true;
  if (twin.has_session()) (void)begin_session(node, twin.session());
  nodes_[node].clock.take(twin.as_of());
  hear(node);
  if (twin.retired()) {
    std::vector<Index> watches = assets_[index].watches;
    for (const Index sensor : assets_[index].sensors)
      watches.insert(watches.end(), sensors_[sensor].watches.begin(), sensors_[sensor].watches.end());
    for (const Index watch : watches) change(watch, false, twin.as_of(), {});
    return {};
  }
  bool dead = false, blind = false;
  for (const v1::TwinMetric& metric : twin.metric()) {
    dead |= metric.freshness() == v1::FRESHNESS_DEAD;
    blind |= metric.freshness() == v1::FRESHNESS_BLIND;
  }
  // Without a metric that was ever seen the reason tells.
  const bool link = twin.reason() == v1::Lifecycle::REASON_HOST_LINK_LOST;
  dead |= !twin.online() && !blind && !link;
  blind = !twin.online() && !dead;
  if (!blind) observe(Condition::dead, index, {}, dead, twin.since());  // while we see nothing there is no news of its death
  observe(Condition::blind, index, {}, blind, twin.since());
  std::vector<Index>& order = assets_[index].in_twin;
  order.resize(static_cast<std::size_t>(twin.metric_size()), kNone);
  for (int i = 0; i < twin.metric_size(); ++i) {
    Index& sensor = assets_[index].in_twin[static_cast<std::size_t>(i)];
    if (sensor == kNone || sensors_[sensor].name != twin.metric(i).sensor())
      sensor = sensor_index(index, twin.metric(i).sensor());
    see_twin_metric(twin, twin.metric(i), sensor);
  }
  return {};
}

void Alert::see_twin_metric(const v1::Twin& twin, const v1::TwinMetric& metric, Index sensor) {
  const Nanos seen = std::max(metric.time(), metric.last_seen());
  if (metric.freshness() == v1::FRESHNESS_STALE) {
    // Within its SLO: a birth has made it stale.
    const Nanos over = saturating_add(seen, metric.slo());
    observe(Condition::stale, sensor, {}, true, metric.slo() > 0 ? std::min(over, twin.as_of()) : twin.as_of());
  } else if (metric.freshness() == v1::FRESHNESS_FRESH) {
    observe(Condition::stale, sensor, {}, false, seen);
  }
  const Index rule = rule_of(Condition::alarm, sensor);
  if (rule == kNone || !metric.has_value() || !is_good(metric.quality())) return;
  text_.clear();
  if (!append_value(metric.value(), text_)) return;
  const std::string value(shortened(text_));
  observe(Condition::alarm, sensor, {}, rules_[rule].is_alarm(value), metric.time(), value);
}

// ---- exceptions and rejects -----------------------------------------------------------------------------------------

void Alert::see_exception(const v1::Exception& exception) {
  if (exception.historical() || exception.phase() == v1::Exception::PHASE_BUDGET_SPENT) return;
  const Index sensor = slot_sensor_[table().slots()[exception.series()]];
  hear(assets_[sensors_[sensor].asset].node);
  const bool open = exception.phase() != v1::Exception::PHASE_CLOSE;
  std::string value;
  append_number(exception.value(), value);
  const Nanos time = open ? exception.time() : std::max(exception.time(), exception.until());
  observe(Condition::exception, sensor, exception.rule(), open, time, value);
}

/// Counts by event time; one that is no time of this node counts as now.
void Alert::see_reject(const v1::Reject& reject) {
  const bool counts = reject.action() == v1::Reject::ACTION_QUARANTINE || reject.action() == v1::Reject::ACTION_DROP ||
                      reject.action() == v1::Reject::ACTION_FAIL;
  const bool historical = reject.reading().historical() || reject.waveform().historical() || reject.aggregates().historical() ||
                          reject.spectra().historical();
  if (!counts || historical || reject.series().sensor_size() != 1) return;
  const v1::Series& series = reject.series();
  const Index asset = asset_index(series.site(), series.line(), series.asset(), series.node());
  const Index index = sensor_index(asset, series.sensor(0).name());
  const Index number = rule_of(Condition::quarantine, index);
  if (number == kNone) return;
  Nanos time = reject.has_waveform() ? reject.waveform().time() : 0;
  if (reject.reading().time_size() > 0) time = reject.reading().time(0);
  if (reject.aggregates().start_size() > 0) time = reject.aggregates().start(0);
  if (reject.spectra().start_size() > 0) time = reject.spectra().start(0);
  const Nanos now = nodes_[assets_[asset].node].time();
  if (now != kBeginning && (saturating_sub(time, now) > EventClock::kLeap || saturating_sub(now, time) > EventClock::kLeap))
    time = now;
  hear(assets_[asset].node);
  const AlertRule& rule = rules_[number];
  std::vector<Nanos>& times = sensors_[index].rejects;
  times.insert(std::ranges::upper_bound(times, time), time);
  if (times.size() > rule.count) times.erase(times.begin(), times.end() - static_cast<std::ptrdiff_t>(rule.count));
  if (times.size() == rule.count && saturating_sub(times.back(), times.front()) <= rule.span)
    observe(Condition::quarantine, index, {}, true, times.front(), reject.reason());
}

Status Alert::on_frame(const v1::Frame& frame, const FrameView& view, Output&) {
  switch (view.kind) {
    case FrameKind::arrival: known_ = std::max(known_, frame.arrival().time()); return {};
    case FrameKind::exception: see_exception(frame.exception()); return {};
    case FrameKind::reject: see_reject(frame.reject()); return {};
    default: return see_twin(frame.twin());
  }
}

std::vector<Counter> Alert::counters() const {
  return {{"subjects", assets_.size() + sensors_.size()},
          {"raised", raised_},
          {"recovered", recovered_},
          {"reminded", reminded_},
          {"messages", sent_},
          {"late", late_}};
}

}  // namespace twinpipe
