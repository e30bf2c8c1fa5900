// SPDX-License-Identifier: Apache-2.0
// One Sparkplug B 3.0 edge node: births, data and deaths under one sequence of numbers.
#include "kernel/sparkplug_edge_node.hpp"

#include <algorithm>
#include <utility>

#include "kernel/sparkplug_writer.hpp"

namespace twinpipe::sparkplug {
namespace {

constexpr std::string_view kBdSeq = "bdSeq";
constexpr std::string_view kRebirth = "Node Control/Rebirth";

std::string value_field(std::uint32_t datatype, const ColumnValue& value) {
  std::string out;
  append_value(datatype, value, out);
  return out;
}

/// bdSeq and Node Control/Rebirth have no alias: hosts look for them by name.
void append_control(std::string_view name, std::uint32_t datatype, const ColumnValue& value, Nanos now, std::string& payload) {
  const std::string definition = definition_fields(name, datatype);
  const std::string field = value_field(datatype, value);
  WrittenMetric metric;
  metric.definition = definition;
  metric.value = field;
  metric.time = now;
  append_metric(metric, payload);
}

void append_bdseq(std::uint8_t bdseq, Nanos now, std::string& payload) {
  ColumnValue value;
  value.type = v1::VALUE_TYPE_INT64;
  value.integer = bdseq;
  append_control(kBdSeq, kInt64, value, now, payload);
}

void append_rebirth_control(Nanos now, std::string& payload) {
  ColumnValue value;
  value.type = v1::VALUE_TYPE_BOOL;
  append_control(kRebirth, kBoolean, value, now, payload);
}

std::string properties_of(const v1::Sensor& sensor, bool with_period) {
  v1::Sensor kept = sensor;
  kept.clear_property();
  for (const v1::Property& property : sensor.property())
    if (!same_letters(property.name(), kQualityProperty) &&
        (with_period || !same_letters(property.name(), kSamplePeriodProperty)))
      *kept.add_property() = property;
  PropertySet properties;
  publish_properties(kept, properties);
  return properties.SerializeAsString();
}

/// `now`, in ms, but not before `earliest`: a clock that was set back by more than a moment is another one.
std::uint64_t not_before(std::uint64_t earliest, Nanos now) {
  constexpr std::uint64_t kMoment = 1000;
  const std::uint64_t time = to_milliseconds(now);
  return time < earliest && earliest - time <= kMoment ? earliest : time;
}

}  // namespace

EdgeNode::EdgeNode(std::uint32_t number, std::string group, std::string edge)
    : number_(number), group_(std::move(group)), edge_(std::move(edge)), devices_(1) {}

std::string EdgeNode::topic(Verb verb, std::uint32_t device) const {
  return make_topic(verb, group_, edge_, device == 0 ? std::string_view() : devices_[device].name);
}

// ---- sessions -------------------------------------------------------------------------------------------------------

EdgeMessage EdgeNode::will(std::uint8_t bdseq, Nanos now) const {
  EdgeMessage message{number_, topic(Verb::ndeath), {}, 1};
  append_timestamp(now, message.payload);
  append_bdseq(bdseq, now, message.payload);
  return message;
}

void EdgeNode::open(std::uint8_t bdseq, Nanos now, std::vector<EdgeMessage>& out) {
  open_ = true;
  born_ = false;
  bdseq_ = bdseq;
  // Nothing could come before: the time to wait for values begins here.
  for (Device& device : devices_) device.since = now;
  if (!was_born_) return;
  node_birth(now, out);
  if (forward_ == 0) return;
  catching_up_ = true;
  repeat(now, out);
}

void EdgeNode::die(Nanos now, std::vector<EdgeMessage>& out) {
  if (!open_) return;
  // What a birth absorbed would otherwise be lost without a trace.
  for (std::uint32_t device = 0; device < devices_.size(); ++device)
    if (has_absorbed(devices_[device])) birth(device, now, out);
  out.push_back(will(bdseq_, now));
  open_ = false;
}

void EdgeNode::forget(Nanos now) {
  was_born_ = false;
  for (Device& device : devices_) {
    clear_values(device);
    device.state = State::offline;
  }
  pend(devices_[0], now);
}

// ---- content --------------------------------------------------------------------------------------------------------

void EdgeNode::declare(std::uint32_t device, std::string_view name, std::uint32_t metric, const v1::Sensor& sensor, Nanos now) {
  if (device >= devices_.size()) devices_.resize(device + 1);
  if (metric >= metrics_.size()) metrics_.resize(metric + 1);
  Device& owner = devices_[device];
  owner.name = name;
  Metric& to = metrics_[metric];
  const v1::Sensor said = published(sensor);
  const bool is_waveform = sensor.type() == v1::VALUE_TYPE_WAVEFORM;
  const std::string definition = definition_fields(sensor.name(), publish_datatype(sensor));
  const std::string properties = properties_of(said, true);
  if (to.declared && to.definition == definition && to.properties == properties && to.is_waveform == is_waveform) return;
  if (!to.declared) owner.metrics.push_back(metric);
  if (to.definition != definition) to.known = false;  // a value of another datatype
  to.declared = true;
  to.definition = definition;
  to.properties = properties;
  to.properties_but_period = properties_of(said, false);
  to.declared_period = sample_period_of(said).value_or(0);
  to.is_waveform = is_waveform;
  pend(owner, now);
}

void EdgeNode::data(std::uint32_t device, const EdgeRows& rows, Nanos now, std::vector<EdgeMessage>& out) {
  Device& owner = devices_[device];
  if (owner.state == State::offline) pend(owner, now);
  std::size_t first = 0;
  if (owner.state == State::pending) {
    for (; first < rows.rows.size(); ++first) {
      Metric& metric = metrics_[rows.rows[first].metric];
      if (!absorbable(metric, rows.rows[first])) break;
      hold(metric, rows.rows[first], rows);
      metric.absorbed = true;
      --owner.missing;
    }
    if (first == rows.rows.size()) return birth_if_complete(device, now, out);
    birth(device, now, out);
  }
  if (!born_) node_birth(now, out);
  std::string payload;
  EdgeRows sent;
  const auto send_payload = [&] {
    if (payload.empty()) return;
    if (forward_ > 0) keep(device, std::exchange(sent, {}), now);
    send(device == 0 ? Verb::ndata : Verb::ddata, device, std::exchange(payload, {}), now, out);
  };
  for (; first < rows.rows.size(); ++first) {
    const EdgeRow& row = rows.rows[first];
    Metric& metric = metrics_[row.metric];
    const bool newest = !row.historical && (!metric.known || row.time >= metric.time);
    if (newest) hold(metric, row, rows);
    // Hosts learn a sample period from the birth: another one needs another birth, which carries the value too.
    if (row.sample_period > 0 && row.sample_period != metric.born_period) {
      send_payload();
      metric.period = row.sample_period;
      metric.absorbed = newest;
      birth(device, now, out);
      if (newest) continue;
    }
    append_data_metric(row, rows, is_past(row), payload);
    if (forward_ > 0) add_row(row, rows, sent);
  }
  send_payload();
}

/// `past`: of an outage. Aliases may have changed since then, so it is named.
void EdgeNode::append_data_metric(const EdgeRow& row, const EdgeRows& rows, bool past, std::string& payload) const {
  WrittenMetric written;
  if (past) written.definition = metrics_[row.metric].definition;
  written.alias = metrics_[row.metric].alias;
  written.value = std::string_view(rows.values).substr(row.offset, row.size);
  written.time = row.time;
  written.quality = row.quality;
  written.sample_period = row.sample_period;
  written.historical = row.historical || past;
  append_metric(written, payload);
}

void EdgeNode::device_death(std::uint32_t device, Nanos now, std::vector<EdgeMessage>& out) {
  if (device >= devices_.size()) return;
  Device& owner = devices_[device];
  if (has_absorbed(owner)) birth(device, now, out);
  if (owner.state == State::born && born_) send(Verb::ddeath, device, {}, now, out);
  clear_values(owner);
  owner.state = State::offline;
}

void EdgeNode::rebirth(Nanos now, std::vector<EdgeMessage>& out) {
  if (!open_) return;
  node_birth(now, out);
  for (std::uint32_t device = 1; device < devices_.size(); ++device)
    if (devices_[device].state == State::pending && !devices_[device].metrics.empty()) birth(device, now, out);
}

void EdgeNode::settle(Nanos before, Nanos now, std::vector<EdgeMessage>& out) {
  if (!open_) return;
  for (std::uint32_t device = 0; device < devices_.size(); ++device) {
    const Device& owner = devices_[device];
    if (owner.state == State::pending && !owner.metrics.empty() && owner.since <= before) birth(device, now, out);
  }
}

bool EdgeNode::owes() const {
  return std::ranges::any_of(devices_, [this](const Device& device) { return has_absorbed(device); });
}

// ---- births ---------------------------------------------------------------------------------------------------------

void EdgeNode::pend(Device& device, Nanos now) {
  if (device.state != State::pending || device.since == 0) device.since = now;
  device.state = State::pending;
  device.missing = device.metrics.size();
  for (const std::uint32_t metric : device.metrics) {
    if (metrics_[metric].absorbed && metrics_[metric].known) --device.missing;
    else metrics_[metric].absorbed = false;
  }
}

/// The metric's first value since the birth was put off, and not older than what it knows.
bool EdgeNode::absorbable(const Metric& metric, const EdgeRow& row) {
  return !row.historical && !metric.absorbed && (!metric.known || row.time >= metric.time);
}

void EdgeNode::hold(Metric& metric, const EdgeRow& row, const EdgeRows& rows) {
  metric.known = true;
  metric.value.assign(rows.values, row.offset, row.size);
  metric.time = row.time;
  metric.quality = row.quality;
  if (row.sample_period > 0) metric.period = row.sample_period;
}

void EdgeNode::clear_values(Device& device) {
  for (const std::uint32_t metric : device.metrics) metrics_[metric].known = metrics_[metric].absorbed = false;
}

void EdgeNode::birth_if_complete(std::uint32_t device, Nanos now, std::vector<EdgeMessage>& out) {
  if (devices_[device].missing > 0) return;
  // A device waits for the node's own values too: its birth would force an incomplete NBIRTH out.
  if (device != 0 && !born_ && devices_[0].state == State::pending && devices_[0].missing > 0) return;
  birth(device, now, out);
  if (device != 0) return;
  for (std::uint32_t other = 1; other < devices_.size(); ++other) {
    const Device& owner = devices_[other];
    if (owner.state == State::pending && !owner.metrics.empty() && owner.missing == 0) birth(other, now, out);
  }
}

/// The birth of `device`, after the node's own where that is missing.
void EdgeNode::birth(std::uint32_t device, Nanos now, std::vector<EdgeMessage>& out) {
  if (device == 0) return node_birth(now, out);
  if (!born_) node_birth(now, out);
  publish_device_birth(device, now, out);
}

/// An NBIRTH makes hosts forget the devices, so those that were born follow at once. It is later than every message before it:
/// its time names the session, and a host that hears messages in another order knows by it which ones are of the session.
void EdgeNode::node_birth(Nanos now, std::vector<EdgeMessage>& out) {
  std::string payload;
  const std::uint64_t birth = not_before(last_sent_ + 1, now);
  now = static_cast<Nanos>(birth) * kMillisecond;
  next_alias_ = 1;
  append_bdseq(bdseq_, now, payload);
  append_rebirth_control(now, payload);
  append_birth_metrics(devices_[0], now, payload);
  next_ = {birth, 0};
  devices_[0].birth = next_;
  keep_told(0, now);
  for (const std::uint32_t metric : devices_[0].metrics) metrics_[metric].absorbed = false;
  devices_[0].state = State::born;
  born_ = was_born_ = true;
  ++births_;
  seq_ = 0;
  send(Verb::nbirth, 0, std::move(payload), now, out);
  for (std::uint32_t device = 1; device < devices_.size(); ++device)
    if (devices_[device].state == State::born) publish_device_birth(device, now, out);
}

void EdgeNode::publish_device_birth(std::uint32_t device, Nanos now, std::vector<EdgeMessage>& out) {
  std::string payload;
  append_birth_metrics(devices_[device], now, payload);
  devices_[device].birth = next_;
  keep_told(device, now);
  for (const std::uint32_t metric : devices_[device].metrics) metrics_[metric].absorbed = false;
  devices_[device].state = State::born;
  ++births_;
  send(Verb::dbirth, device, std::move(payload), now, out);
}

void EdgeNode::append_birth_metrics(const Device& device, Nanos now, std::string& payload) {
  for (const std::uint32_t number : device.metrics) {
    Metric& metric = metrics_[number];
    WrittenMetric written;
    written.definition = metric.definition;
    written.alias = metric.alias = next_alias_++;
    written.time = metric.known ? metric.time : now;
    if (metric.known) written.value = metric.value;
    if (metric.known) written.quality = metric.quality;
    const double period = metric.period > 0 ? metric.period : metric.declared_period;
    metric.born_period = period;
    const bool as_declared = !metric.is_waveform || (period > 0 && period == metric.declared_period);
    written.properties = as_declared ? metric.properties : metric.properties_but_period;
    if (!as_declared) written.sample_period = period;
    written.null_period = !as_declared && !(period > 0);
    append_metric(written, payload);
  }
}

void EdgeNode::send(Verb verb, std::uint32_t device, std::string payload, Nanos now, std::vector<EdgeMessage>& out) {
  last_sent_ = not_before(next_.birth, now);
  append_timestamp(static_cast<Nanos>(last_sent_) * kMillisecond, payload);
  append_seq(seq_, payload);
  ++seq_;  // 255 is followed by 0
  ++next_.count;
  out.push_back(EdgeMessage{number_, topic(verb, device), std::move(payload), 0});
}

}  // namespace twinpipe::sparkplug
