// SPDX-License-Identifier: Apache-2.0
// Frames → the work of Sparkplug B edge nodes.
#include "kernel/sparkplug_edge.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "kernel/sparkplug_plain.hpp"
#include "kernel/sparkplug_writer.hpp"
#include "wire/names.hpp"

namespace twinpipe::sparkplug {
namespace {

constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();

/// Group, edge node and device ids may have any character but these (tck-id-intro-group-id-chars and its like). A percent
/// sign stays: what a host received goes out under the same id.
std::string topic_level(std::string_view name) {
  std::string out;
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '/' || c == '+' || c == '#' || byte < 0x20 || byte == 0x7F) out += fmt::format("%{:02X}", byte);
    else out += c;
  }
  return out;
}

bool is_node_control(std::string_view asset, std::string_view sensor) {
  return asset == kNodeAsset && (sensor == "bdSeq" || sensor == "Node Control/Rebirth");
}

}  // namespace

SparkplugEdge::SparkplugEdge(const SeriesTable& table, EdgeOptions options) : Stage(table), options_(std::move(options)) {}

bool SparkplugEdge::reads(FrameKind kind) const {
  return kind == FrameKind::series || kind == FrameKind::readings || kind == FrameKind::waveform || kind == FrameKind::lifecycle;
}

// ---- declarations ---------------------------------------------------------------------------------------------------

std::uint32_t SparkplugEdge::node_of(const std::string& site, const std::string& line, const std::string& stream_name) {
  const auto [at, is_new] = node_index_.try_emplace({site, line}, static_cast<std::uint32_t>(nodes_.size()));
  if (is_new) {
    nodes_.emplace_back(at->second, topic_level(site), topic_level(line)).forward(options_.forward);
    devices_.push_back(1);
    metrics_.push_back(0);
  }
  const auto [first, last] = by_stream_name_.equal_range(stream_name);
  if (std::none_of(first, last, [node = at->second](const auto& entry) { return entry.second == node; }))
    by_stream_name_.emplace(stream_name, at->second);
  return at->second;
}

std::uint32_t SparkplugEdge::target_of(const Asset& asset, const std::string& stream_name) {
  const std::uint32_t node = node_of(asset.site, asset.line, stream_name);
  const auto [at, is_new] = target_index_.try_emplace({node, asset.asset}, static_cast<std::uint32_t>(targets_.size()));
  if (is_new) {
    const std::uint32_t device = asset.asset == kNodeAsset ? 0 : devices_[node]++;
    targets_.push_back(Target{node, device, topic_level(asset.asset), 0, 0});
  }
  return at->second;
}

Status SparkplugEdge::add_source(std::uint32_t slot) {
  const Asset& asset = table().asset_of(slot);
  const v1::Sensor& sensor = table().series(slot).sensor;
  if (asset.site.empty() || asset.line.empty() || asset.asset.empty())
    return Status::error(Code::bad_data,
                         fmt::format("{}: site, line and asset must have names to be published", table().name(slot)));
  Source source;
  source.target = target_of(asset, table().node_name(asset.node));
  source.plain = std::ranges::any_of(options_.plain, [&](const Pattern& pattern) {
    return pattern.matches(asset.site, asset.line, asset.asset, sensor.name());
  });
  source.ignored = !source.plain && is_node_control(asset.asset, sensor.name());
  source.metric = source.plain || source.ignored ? kNone : metrics_[targets_[source.target].node]++;
  if (slot >= sources_.size()) sources_.resize(slot + 1, Source{kNone, 0, 0, false, false, {}, {}, {}});
  sources_[slot] = std::move(source);
  return {};
}

Status SparkplugEdge::on_series(const std::vector<Declared>& declared, const FrameView&, Output&) {
  std::map<std::uint32_t, Item> items;  // by target
  for (const Declared& series : declared) {
    const std::uint32_t slot = series.slot;
    if (slot >= sources_.size() || sources_[slot].target == kNone)
      if (Status status = add_source(slot); !status.ok()) return status;
    Source& source = sources_[slot];
    const v1::Sensor& sensor = table().series(slot).sensor;
    source.datatype = publish_datatype(sensor);
    if (source.ignored) continue;
    const Target& target = targets_[source.target];
    if (source.plain) {
      source.topic = table().name(slot);
      source.definition = definition_fields(sensor.name(), source.datatype);
      PropertySet properties;
      publish_properties(published(sensor), properties);
      source.properties = properties.SerializeAsString();
      continue;
    }
    Item& item = items[source.target];
    item.kind = Kind::declare;
    item.node = target.node;
    item.device = target.device;
    item.name = target.name;
    item.sensors.emplace_back(source.metric, sensor);
  }
  for (auto& [target, item] : items) work_.push_back(std::move(item));
  return {};
}

// ---- data -----------------------------------------------------------------------------------------------------------

/// The message of this frame that the next row of a device belongs to.
SparkplugEdge::Item& SparkplugEdge::item_for(const Source& source, Nanos time) {
  Target& target = targets_[source.target];
  if (target.frame == frame_) {
    Item& item = batch_[target.item];
    if (item.rows.rows.size() < options_.metrics_per_message && time - item.time <= options_.message_span) return item;
  }
  target.frame = frame_;
  target.item = batch_.size();
  Item& item = batch_.emplace_back();
  item.node = target.node;
  item.device = target.device;
  item.time = time;
  return item;
}

Status SparkplugEdge::add_row(const Source& source, const ColumnValue& value, Nanos time, std::uint32_t quality,
                              bool historical) {
  if (time < 0) return Status::error(Code::bad_data, "a time before 1970, which Sparkplug cannot express");
  EdgeRow row{source.metric, quality, time, 0, 0, 0, historical};
  if (source.plain) {
    std::string field;
    if (!is_null(quality) && !append_value(source.datatype, value, field)) return Status::error(Code::bad_data, {});
    return add_plain(source, value, row, field);
  }
  EdgeRows& rows = item_for(source, time).rows;
  row.offset = rows.values.size();
  if (!is_null(quality) && !append_value(source.datatype, value, rows.values)) return Status::error(Code::bad_data, {});
  row.size = rows.values.size() - row.offset;
  rows.rows.push_back(row);
  return {};
}

Status SparkplugEdge::add_plain(const Source& source, const ColumnValue& value, const EdgeRow& row, std::string_view field) {
  Item& item = batch_.emplace_back();
  item.kind = Kind::plain;
  item.node = targets_[source.target].node;
  item.time = row.time;
  item.topic = source.topic;
  if (options_.payload != PlainPayload::sparkplug) {
    Result<std::string> text = options_.payload == PlainPayload::text ? plain_text(value, row) : plain_json(value, row);
    if (!text.ok()) return text.status();
    item.payload = std::move(*text);
    return {};
  }
  WrittenMetric metric;
  metric.definition = source.definition;
  metric.properties = source.properties;
  metric.value = field;
  metric.time = row.time;
  metric.quality = row.quality;
  metric.sample_period = row.sample_period;
  metric.historical = row.historical;
  append_metric(metric, item.payload);
  return {};
}

/// A frame is published whole or not at all.
Status SparkplugEdge::end_batch(Status status) {
  if (status.ok())
    for (Item& item : batch_) work_.push_back(std::move(item));
  batch_.clear();
  return status;
}

Status SparkplugEdge::on_readings(const Columns& columns, const FrameView&, Output&) {
  ++frame_;
  for (std::size_t row = 0; row < columns.rows(); ++row) {
    const Source& source = sources_[columns.slot[row]];
    if (source.ignored) {
      ++ignored_;
      continue;
    }
    Status status = add_row(source, value_at(columns, row), columns.time[row], columns.quality_at(row), columns.historical);
    if (status.ok()) continue;
    if (status.message.empty())
      status.message = fmt::format("row {}: the value does not fit datatype {}", row, datatype_name(source.datatype));
    status.message = fmt::format("{}: {}", table().name(columns.slot[row]), status.message);
    return end_batch(std::move(status));
  }
  return end_batch({});
}

Status SparkplugEdge::on_waveform(const v1::Waveform& waveform, std::uint32_t slot, const FrameView&, Output&) {
  ++frame_;
  const Source& source = sources_[slot];
  if (source.ignored) return {};
  const auto refuse = [&](std::string_view why) {
    return end_batch(Status::error(Code::bad_data, fmt::format("{}: {}", table().name(slot), why)));
  };
  const std::uint32_t quality = waveform.has_quality() ? waveform.quality() : kGood;
  if (source.datatype != kFloatArray && source.datatype != kDoubleArray)
    return refuse("samples of a series that is not declared as a waveform");
  if (waveform.time() < 0) return refuse("a time before 1970, which Sparkplug cannot express");
  if (!(waveform.sample_period() > 0) && !is_null(quality)) return refuse("samples without a sample period");
  ColumnValue value;
  value.type = v1::VALUE_TYPE_BYTES;
  std::string samples;
  if (!encode_samples_as(source.datatype, waveform, samples))
    return refuse("double samples that are not floats, in a FloatArray");
  value.text = samples;
  EdgeRow row{source.metric, quality, waveform.time(), 0, 0, waveform.sample_period(), waveform.historical()};
  std::string field;
  if (!is_null(quality)) append_value(source.datatype, value, field);
  if (source.plain) return end_batch(add_plain(source, value, row, field));
  // Alone in its message: a waveform is large, and its time is that of its first sample.
  EdgeRows& rows = item_for(source, waveform.time()).rows;
  row.size = field.size();
  rows.values = std::move(field);
  rows.rows.push_back(row);
  return end_batch({});
}

Status SparkplugEdge::on_lifecycle(const v1::Lifecycle& lifecycle, const FrameView&, Output&) {
  // Births follow from declarations and data. A source that went blind says nothing about the node.
  if (lifecycle.online() || lifecycle.reason() == v1::Lifecycle::REASON_HOST_LINK_LOST) return {};
  Item item;
  item.time = lifecycle.time();
  if (!lifecycle.asset().empty() && lifecycle.asset() != kNodeAsset) {
    const auto node = node_index_.find({lifecycle.site(), lifecycle.line()});
    if (node == node_index_.end()) return {};
    const auto target = target_index_.find({node->second, lifecycle.asset()});
    if (target == target_index_.end()) return {};
    item.kind = Kind::device_death;
    item.node = node->second;
    item.device = targets_[target->second].device;
    work_.push_back(std::move(item));
    return {};
  }
  const auto [first, last] = by_stream_name_.equal_range(lifecycle.node());
  for (auto at = first; at != last; ++at) {
    item.kind = Kind::node_death;
    item.node = at->second;
    work_.push_back(item);
  }
  return {};
}

// ---- messages -------------------------------------------------------------------------------------------------------

bool SparkplugEdge::next(Work& work) const {
  if (work_.empty()) return false;
  const Item& item = work_.front();
  const bool content =
      item.kind == Kind::data || item.kind == Kind::device_death || (item.kind == Kind::node_death && nodes_[item.node].owes());
  work.node = item.node;
  work.time = item.time;
  work.needs = content ? Needs::session : item.kind == Kind::plain ? Needs::connection : Needs::nothing;
  work.opens = item.kind == Kind::declare;
  work.ends = item.kind == Kind::node_death;
  return true;
}

void SparkplugEdge::take(Nanos now, std::vector<EdgeMessage>& out) {
  Item& item = work_.front();
  EdgeNode& node = nodes_[item.node];
  switch (item.kind) {
    case Kind::declare:
      for (const auto& [metric, sensor] : item.sensors) node.declare(item.device, item.name, metric, sensor, now);
      break;
    case Kind::data:
      metrics_out_ += item.rows.rows.size();
      node.data(item.device, item.rows, now, out);
      break;
    case Kind::device_death: node.device_death(item.device, now, out); break;
    case Kind::node_death:
      node.die(now, out);
      node.forget(now);
      break;
    case Kind::plain:
      ++plain_out_;
      if (options_.payload == PlainPayload::sparkplug) append_timestamp(now, item.payload);
      out.push_back(EdgeMessage{item.node, std::move(item.topic), std::move(item.payload), 1});
      break;
  }
  work_.pop_front();
}

std::vector<std::string> SparkplugEdge::subscriptions(std::uint32_t node) const {
  const EdgeNode& at = nodes_[node];
  return {at.topic(Verb::ncmd), at.topic(Verb::dcmd) + "/#"};
}

void SparkplugEdge::command(std::uint32_t node, std::string_view topic, std::string_view bytes, Nanos now,
                            std::vector<EdgeMessage>& out) {
  Payload payload;
  ++commands_;
  if (topic != nodes_[node].topic(Verb::ncmd) || !payload.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return;
  const bool asked = std::ranges::any_of(
      payload.metrics(), [](const Metric& metric) { return metric.name() == "Node Control/Rebirth" && metric.boolean_value(); });
  if (!asked) return;
  ++rebirths_;
  nodes_[node].rebirth(now, out);
}

std::vector<Counter> SparkplugEdge::counters() const {
  std::uint64_t births = 0, repeated = 0;
  for (const EdgeNode& node : nodes_) births += node.births(), repeated += node.repeated();
  return {{"nodes", nodes_.size()},  {"births", births},         {"repeated", repeated},          {"metrics_out", metrics_out_},
          {"plain_out", plain_out_}, {"commands_in", commands_}, {"rebirth_requests", rebirths_}, {"ignored", ignored_}};
}

}  // namespace twinpipe::sparkplug
