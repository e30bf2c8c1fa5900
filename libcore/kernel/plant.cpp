// SPDX-License-Identifier: Apache-2.0
// A deterministic plant as a stream: what is read, when, and how it gets out of its node.
#include "kernel/plant.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <numbers>

#include "kernel/plant_asset.hpp"

namespace twinpipe {
namespace {

constexpr std::size_t kSlice = std::size_t{256} << 10;  // bytes after which advance() lets its caller write

/// Where a node's readings go.
enum class Link : std::uint8_t { up, historical_outage, delayed_outage };

struct Node {
  std::uint32_t first_asset = 0, last_asset = 0;  // last is exclusive
  std::vector<NodeEvent> events;
  std::size_t next_event = 0;
  Nanos offset = 0;  // its clock is ahead of the plant's by so much
  Nanos birth = 0;   // by its own clock
  std::uint64_t bdseq = 0;
  Link link = Link::up;
  bool dead = false;
  bool has_past = false;  // it has sent historical readings: its second lane has ticks too
  std::deque<PlantItem> backlog;
};

class Plant final : public PlantSource {
 public:
  Plant(const PlantOptions& options, std::vector<PlantAsset> assets, std::vector<Node> nodes)
      : options_(options),
        assets_(std::move(assets)),
        nodes_(std::move(nodes)),
        now_(options.start),
        end_(options.duration == 0 ? std::numeric_limits<Nanos>::max() : options.start + options.duration),
        sensors_(plant_sensors(options)) {
    last_.resize(assets_.size() * sensors_.size());
    for (const ValueType type :
         {v1::VALUE_TYPE_DOUBLE, v1::VALUE_TYPE_INT64, v1::VALUE_TYPE_UINT64, v1::VALUE_TYPE_BOOL, v1::VALUE_TYPE_STRING})
      builders_.emplace(type, ReadingsBuilder(type));
  }

  void begin(Output& out) override;
  bool advance(Output& out) override;
  Nanos now() const override { return now_; }

 private:
  void generate();
  void deliver(PlantItem item, Output& out);
  void handle(const PlantItem& item, Output& out);
  void on_event(std::uint32_t number, const NodeEvent& event, Nanos at, Output& out);
  void drain(Output& out);
  void birth(Node& node, Nanos at, Output& out);
  void offline(const Node& node, v1::Lifecycle::Reason reason, Nanos time, Output& out);
  void tick(const Node& node, Nanos at, v1::Lane lane, Output& out);
  void emit(const PlantItem& item, Output& out);
  void emit_waveform(const PlantItem& item, Output& out);
  void flush(Output& out);
  std::uint32_t asset_of(std::uint32_t slot) const { return slot / static_cast<std::uint32_t>(sensors_.size()); }
  std::size_t sensor_of(std::uint32_t slot) const { return slot % sensors_.size(); }
  Nanos lag() const { return options_.waveform_every > 0 ? options_.waveform_length : 0; }

  PlantOptions options_;
  std::vector<PlantAsset> assets_;
  std::vector<Node> nodes_;
  Nanos now_, end_, tick_end_ = 0;
  std::span<const PlantSensor> sensors_;
  std::vector<PlantItem> items_;  // of the tick that is being delivered, in order
  std::size_t cursor_ = 0;
  Node* draining_ = nullptr;
  bool in_past_ = false;                            // the builders take historical readings
  std::vector<std::optional<std::uint64_t>> last_;  // newest value of each slot, for births
  std::map<ValueType, ReadingsBuilder> builders_;
  std::vector<double> samples_;
};

void Plant::begin(Output& out) {
  for (std::uint32_t asset = 0; asset < assets_.size(); ++asset) assets_[asset].first_values(items_);
  for (const PlantItem& item : items_) last_[item.slot] = item.bits;
  items_.clear();
  for (Node& node : nodes_) {
    for (; node.next_event < node.events.size() && node.events[node.next_event].at == 0 &&
           node.events[node.next_event].kind == NodeEvent::Kind::clock;
         ++node.next_event)
      node.offset = node.events[node.next_event].offset;
    birth(node, options_.start, out);
  }
  flush(out);
}

bool Plant::advance(Output& out) {
  if (tick_end_ == now_ && now_ >= end_) return false;
  if (tick_end_ <= now_) generate();
  while (out.pending().size() < kSlice) {
    if (draining_ != nullptr) {
      drain(out);
    } else if (cursor_ < items_.size()) {
      deliver(items_[cursor_++], out);
    } else {
      flush(out);
      now_ = tick_end_;
      return now_ < end_;
    }
  }
  return true;
}

/// Everything that happens in the next tick, in order of time; then the nodes' ticks.
void Plant::generate() {
  tick_end_ = options_.tick < end_ - now_ ? now_ + options_.tick : end_;
  items_.clear();
  cursor_ = 0;
  for (PlantAsset& asset : assets_) asset.run(tick_end_, items_);
  for (std::uint32_t number = 0; number < nodes_.size(); ++number) {
    Node& node = nodes_[number];
    for (; node.next_event < node.events.size() && node.events[node.next_event].at < tick_end_ - options_.start;
         ++node.next_event)
      items_.push_back({options_.start + node.events[node.next_event].at, 0, node.next_event, number, PlantItem::Kind::event});
  }
  const auto order = [](const PlantItem& a, const PlantItem& b) {
    const bool event_a = a.kind == PlantItem::Kind::event, event_b = b.kind == PlantItem::Kind::event;
    if (a.at != b.at) return a.at < b.at;
    if (event_a != event_b) return event_a;
    return a.slot != b.slot ? a.slot < b.slot : a.bits < b.bits;
  };
  std::ranges::sort(items_, order);
  for (std::uint32_t number = 0; number < nodes_.size(); ++number)
    items_.push_back({tick_end_, 0, 0, number, PlantItem::Kind::tick});
}

/// Sends an item on its way, unless its node's link is down.
void Plant::deliver(PlantItem item, Output& out) {
  if (cursor_ == 1) {
    v1::Frame frame;
    frame.mutable_arrival()->set_time(tick_end_);
    out.frame(frame);
  }
  const bool of_node = item.kind == PlantItem::Kind::event || item.kind == PlantItem::Kind::tick;
  Node& node = nodes_[of_node ? item.slot : assets_[asset_of(item.slot)].node()];
  const bool link_up = item.kind == PlantItem::Kind::event && node.events[item.bits].kind == NodeEvent::Kind::link_up;
  if (node.link == Link::delayed_outage && !link_up) {
    node.backlog.push_back(item);
  } else if (node.link == Link::historical_outage && !of_node) {
    if (item.kind == PlantItem::Kind::reading) last_[item.slot] = item.bits;
    item.time = item.at + node.offset;
    if (!node.dead) node.backlog.push_back(item);
  } else {
    handle(item, out);
  }
}

/// An item that gets through.
void Plant::handle(const PlantItem& item, Output& out) {
  if (item.kind == PlantItem::Kind::event) return on_event(item.slot, nodes_[item.slot].events[item.bits], item.at, out);
  if (item.kind == PlantItem::Kind::tick) {
    const Node& node = nodes_[item.slot];
    if (node.dead || node.link == Link::historical_outage) return;
    tick(node, item.at, v1::LANE_LIVE, out);
    if (node.has_past) tick(node, item.at, v1::LANE_HISTORICAL, out);
    return;
  }
  const Node& node = nodes_[assets_[asset_of(item.slot)].node()];
  if (item.kind == PlantItem::Kind::reading) last_[item.slot] = item.bits;
  if (node.dead) return;
  PlantItem stamped = item;
  stamped.time = item.at + node.offset;
  emit(stamped, out);
}

void Plant::on_event(std::uint32_t number, const NodeEvent& event, Nanos at, Output& out) {
  Node& node = nodes_[number];
  const bool heard = !node.dead && node.link != Link::historical_outage;
  switch (event.kind) {
    case NodeEvent::Kind::link_down:
      node.link = event.backlog == Backlog::delayed ? Link::delayed_outage : Link::historical_outage;
      if (node.link == Link::historical_outage) offline(node, v1::Lifecycle::REASON_WILL, at, out);
      return;
    case NodeEvent::Kind::link_up:
      in_past_ = node.link == Link::historical_outage;
      node.link = Link::up;
      if (in_past_) {
        node.has_past = true;
        ++node.bdseq;
        birth(node, at, out);
        tick(node, at, v1::LANE_LIVE, out);  // a host says so before the backlog is through
      }
      draining_ = &node;
      return;
    case NodeEvent::Kind::die:
      if (heard) offline(node, v1::Lifecycle::REASON_WILL, at, out);
      node.dead = true;
      return;
    case NodeEvent::Kind::revive:
      node.dead = false;
      ++node.bdseq;
      birth(node, at, out);
      return;
    case NodeEvent::Kind::clock: {
      const bool back = event.offset < node.offset;
      if (back && heard) offline(node, v1::Lifecycle::REASON_DEATH, at + node.offset, out);
      node.offset = event.offset;
      if (!back || !heard) return;
      ++node.bdseq;
      birth(node, at, out);
    }
  }
}

/// One item of a backlog. Historical ones were stamped when they were read; delayed ones take their way as if they
/// happened now, events and ticks among them.
void Plant::drain(Output& out) {
  if (draining_->backlog.empty()) {
    flush(out);
    in_past_ = false;
    draining_ = nullptr;
    return;
  }
  const PlantItem item = draining_->backlog.front();
  draining_->backlog.pop_front();
  if (in_past_) emit(item, out);
  else handle(item, out);
}

void Plant::birth(Node& node, Nanos at, Output& out) {
  flush(out);
  node.birth = at + node.offset;
  const v1::Series owner = plant_asset(options_, node.first_asset, node.birth, node.bdseq);
  out.frame(plant_lifecycle(owner, true, true, v1::Lifecycle::REASON_BIRTH, node.birth));
  const auto per_asset = static_cast<std::uint32_t>(sensors_.size());
  for (std::uint32_t asset = node.first_asset; asset < node.last_asset; ++asset) {
    v1::Frame frame;
    v1::Series& series = *frame.mutable_series();
    series = plant_asset(options_, asset, node.birth, node.bdseq);
    for (std::uint32_t i = 0; i < per_asset; ++i)
      declare(options_, series, sensors_[i], asset * per_asset + i, *series.add_sensor());
    out.frame(frame);
    out.frame(plant_lifecycle(series, false, true, v1::Lifecycle::REASON_BIRTH, node.birth));
  }
  const bool past = std::exchange(in_past_, false);
  for (std::uint32_t slot = node.first_asset * per_asset; slot < node.last_asset * per_asset; ++slot)
    if (last_[slot] && !assets_[asset_of(slot)].silent(sensor_of(slot), at))
      emit({at, node.birth, *last_[slot], slot, PlantItem::Kind::reading}, out);
  flush(out);
  in_past_ = past;
}

void Plant::offline(const Node& node, v1::Lifecycle::Reason reason, Nanos time, Output& out) {
  flush(out);
  out.frame(plant_lifecycle(plant_asset(options_, node.first_asset, node.birth, node.bdseq), true, false, reason, time));
}

void Plant::tick(const Node& node, Nanos at, v1::Lane lane, Output& out) {
  flush(out);
  v1::Frame frame;
  v1::Watermark& watermark = *frame.mutable_watermark();
  watermark.set_node(plant_asset(options_, node.first_asset, node.birth, node.bdseq).node());
  watermark.set_lane(lane);
  // A waveform leaves with its last sample and bears the time of its first.
  watermark.set_time(at + node.offset - lag());
  watermark.set_clock(at);
  out.frame(frame);
}

void Plant::emit(const PlantItem& item, Output& out) {
  if (item.kind == PlantItem::Kind::waveform) return emit_waveform(item, out);
  const PlantSensor& sensor = sensors_[sensor_of(item.slot)];
  ReadingsBuilder& rows = builders_.at(sensor.type);
  rows.set_historical(in_past_);
  switch (sensor.type) {
    case v1::VALUE_TYPE_INT64: rows.add(item.slot, item.time, static_cast<std::int64_t>(item.bits)); break;
    case v1::VALUE_TYPE_UINT64: rows.add(item.slot, item.time, item.bits); break;
    case v1::VALUE_TYPE_BOOL: rows.add(item.slot, item.time, item.bits != 0); break;
    case v1::VALUE_TYPE_STRING: rows.add(item.slot, item.time, plant_text(item.bits)); break;
    default: rows.add(item.slot, item.time, std::bit_cast<double>(item.bits)); break;
  }
  if (rows.rows() < options_.columns) return;
  out.readings(rows.columns());
  rows.clear();
}

void Plant::emit_waveform(const PlantItem& item, Output& out) {
  samples_.resize(
      static_cast<std::size_t>(std::llround(options_.waveform_rate * static_cast<double>(options_.waveform_length) * 1e-9)));
  assets_[asset_of(item.slot)].waveform(sensor_of(item.slot), item.bits, samples_);
  v1::Frame frame;
  v1::Waveform& waveform = *frame.mutable_waveform();
  waveform.set_series(item.slot);
  waveform.set_time(item.time - options_.waveform_length);
  waveform.set_sample_period(1 / options_.waveform_rate);
  waveform.set_historical(in_past_);
  waveform.mutable_float_sample()->Reserve(static_cast<int>(samples_.size()));
  for (const double sample : samples_) waveform.add_float_sample(static_cast<float>(sample));
  out.frame(frame);
}

void Plant::flush(Output& out) {
  for (auto& [type, rows] : builders_) {
    out.readings(rows.columns());
    rows.clear();
  }
}

Status check_waveforms(const PlantOptions& options) {
  const auto usage = [](std::string message) { return Status::error(Code::usage, std::move(message)); };
  if (options.waveform_every == 0) return {};
  const double samples = options.waveform_rate * static_cast<double>(options.waveform_length) * 1e-9;
  if (!(options.waveform_rate >= 1) || !(options.waveform_rate <= 1e6))
    return usage("--waveform-rate is between 1 and 1,000,000 Hz");
  if (options.waveform_length > options.waveform_every) return usage("--waveform-length is longer than --waveform-every");
  if (samples < 1 || samples > 2e6)
    return usage(fmt::format("a waveform of {:.0f} samples: between 1 and 2,000,000 can be", samples));
  return {};
}

}  // namespace

Result<std::unique_ptr<PlantSource>> make_plant(const PlantOptions& options) {
  if (Status status = check_plant(options); !status.ok()) return status;
  if (Status status = check_waveforms(options); !status.ok()) return status;
  std::vector<PlantAsset> assets;
  std::vector<Node> nodes(std::size_t{options.sites} * options.lines);
  std::vector<bool> used(options.faults.size());
  for (std::uint32_t asset = 0; asset < options.assets; ++asset) {
    const v1::Series owner = plant_asset(options, asset, 0, 0);
    Node& node = nodes[plant_node_of(options, asset)];
    if (node.last_asset == 0) {
      node.first_asset = asset;
      Result<std::vector<NodeEvent>> events = node_events(options.faults, owner.site(), owner.line());
      if (!events.ok()) return events.status();
      node.events = std::move(*events);
      for (std::size_t i = 0; i < used.size(); ++i)
        used[i] = used[i] || options.faults[i].matches_node(owner.site(), owner.line());
    }
    node.last_asset = asset + 1;
    assets.emplace_back(options, asset, used);
  }
  for (std::size_t i = 0; i < used.size(); ++i)
    if (!used[i])
      return Status::error(Code::usage, fmt::format("fault '{}': nothing in this plant can have it", options.faults[i].text));
  return std::unique_ptr<PlantSource>(std::make_unique<Plant>(options, std::move(assets), std::move(nodes)));
}

}  // namespace twinpipe
