// SPDX-License-Identifier: Apache-2.0
// AssetJoin: which series belong to which asset, and under which alias they leave.
#include "kernel/asset_join.hpp"

#include <algorithm>

#include "kernel/form.hpp"
#include "wire/names.hpp"

namespace twinpipe {

AssetJoin::AssetJoin(const SeriesTable& table, const AssetRegistry& registry) : Stage(table), registry_(&registry) {}

bool AssetJoin::reads(FrameKind kind) const {
  switch (kind) {
    case FrameKind::series:
    case FrameKind::readings:
    case FrameKind::waveform:
    case FrameKind::aggregates:
    case FrameKind::spectra:
    case FrameKind::exception:
    case FrameKind::lifecycle:
    case FrameKind::watermark: return true;
    default: return false;
  }
}

std::vector<Counter> AssetJoin::counters() const {
  return {
      {"asset_facts", facts_}, {"remounted", remounted_}, {"unknown_assets", unknown_.size()}, {"stale_assets", stale_.size()}};
}

/// A segment can be read alone: in each, facts are told anew.
void AssetJoin::on_open(Output&) {
  for (const std::uint32_t slot : slots_) {
    quiet_[slot].width = 0;
    for (Stay& stay : stays_[slot]) stay.alias = kNone;
  }
  for (Node& node : nodes_) {
    for (const std::uint32_t number : node.targets) {
      targets_[number].entered = false;
      targets_[number].told.assign(targets_[number].parts.size(), targets_[number].silent);
    }
    node.targets.clear();
    node.dates.clear();
    node.waiting = true;
  }
  slots_.clear();
  aliases_.clear();
  next_alias_ = 0;
}

// ---- who ------------------------------------------------------------------------------------------------------------

std::uint32_t AssetJoin::target(std::string_view site, std::string_view line, std::string_view asset) {
  const auto [at, is_new] = target_index_.try_emplace(asset_key(site, line, asset), static_cast<std::uint32_t>(targets_.size()));
  if (!is_new) return at->second;
  Target& made = targets_.emplace_back(Target{std::string(site), std::string(line), std::string(asset), {}, {}});
  made.parts = registry_->parts_of(site, line, asset);
  made.silent = asset == kNodeAsset && !registry_->knows(site, line, asset);
  made.told.assign(made.parts.size(), made.silent);
  return at->second;
}

std::uint32_t AssetJoin::node(const std::string& name) {
  const auto [at, is_new] = node_index_.try_emplace(name, static_cast<std::uint32_t>(nodes_.size()));
  if (is_new) {
    nodes_.emplace_back().name = name;
    ++clockless_;
  }
  return at->second;
}

std::uint32_t AssetJoin::target_of_device(std::uint32_t device) {
  if (device >= devices_.size()) devices_.resize(table().assets(), kNone);
  if (devices_[device] != kNone) return devices_[device];
  const Asset& asset = table().asset(device);
  devices_[device] = target(asset.site, asset.line, asset.asset);
  targets_[devices_[device]].device = device;
  return devices_[device];
}

/// Looks up once where a series is when.
void AssetJoin::bind(std::uint32_t slot) {
  const Asset& asset = table().asset_of(slot);
  const std::uint32_t own = target_of_device(table().series(slot).asset);
  const std::string& sensor = table().series(slot).sensor.name();
  for (const AssetRegistry::Stay& stay : registry_->stays_of(asset.site, asset.line, asset.asset, sensor)) {
    Stay& to = stays_[slot].emplace_back(Stay{stay.period, own, sensor});
    if (const MountRow* mount = stay.mount) {
      to.target = target(mount->site, mount->line, mount->asset);
      if (!mount->sensor.empty()) to.sensor = mount->sensor;
      to.mounted = to.target != own || to.sensor != sensor;
    }
  }
}

AssetJoin::Stay& AssetJoin::stay_at(std::uint32_t slot, Nanos time) {
  std::vector<Stay>& stays = stays_[slot];
  std::size_t at = stays.size() - 1;
  while (at > 0 && time < stays[at].period.from) --at;
  return stays[at];
}

/// An asset goes by the clock of whoever declared something of it first, until the device of its own name is declared.
bool AssetJoin::goes_by(const Target& target, std::uint32_t node) const {
  return target.node == node || target.device == kNone ||
         table().node_name(table().asset(target.device).node) != nodes_[node].name;
}

/// What is now of the segment; `time`: what is told of it for a start.
void AssetJoin::enter(std::uint32_t number, std::uint32_t node, Nanos time, Output& out) {
  Target& entering = targets_[number];
  if (entering.silent || (entering.entered && goes_by(entering, node))) return;
  if (entering.entered) {
    Node& before = nodes_[entering.node];
    std::erase(before.targets, number);
    std::erase_if(before.dates, [number](const auto& date) { return date.second == number; });
  }
  entering.entered = true;
  entering.node = node;
  nodes_[node].targets.push_back(number);
  schedule(nodes_[node], number, tell_at(number, time, out));
}

/// The event time of a declaration: the node's, that of its birth, or the one that the registry speaks of.
Nanos AssetJoin::time_of_declaration(std::uint32_t node, const v1::Series& series) const {
  if (nodes_[node].clock() != kBeginning) return nodes_[node].clock();
  return series.session().birth() != 0 ? series.session().birth() : registry_->as_of();
}

// ---- declarations ---------------------------------------------------------------------------------------------------

/// A Series frame of no sensors: who publishes what is the target's. An asset has one node; the device of its own name decides.
v1::Series AssetJoin::header_of(const v1::Series& declared, std::uint32_t number) const {
  const Target& owner = targets_[number];
  v1::Series header = declared;
  header.clear_sensor();
  header.set_site(owner.site);
  header.set_line(owner.line);
  header.set_asset(owner.asset);
  if (owner.device == kNone) return header;
  const Asset& device = table().asset(owner.device);
  header.set_node(table().node_name(device.node));
  if (device.has_session) *header.mutable_session() = device.session;
  else header.clear_session();
  return header;
}

/// One alias for each series of the output: a sensor that came back has the one that it had.
std::uint32_t AssetJoin::alias_for(std::uint32_t slot, Stay& stay) {
  const auto same = std::ranges::find_if(stays_[slot], [&stay](const Stay& other) {
    return other.alias != kNone && other.target == stay.target && other.sensor == stay.sensor;
  });
  return stay.alias = same == stays_[slot].end() ? next_alias_++ : same->alias;
}

/// Declares where a sensor is in a part of its time, for data that the alias of its declaration does not stand for.
void AssetJoin::declare(std::uint32_t slot, Stay& stay, Output& out) {
  const std::uint32_t before = next_alias_;
  if (alias_for(slot, stay) < before) return;
  const v1::Series declared = table().declaration(slot, stay.alias);
  frame_.Clear();
  *frame_.mutable_series() = header_of(declared, stay.target);
  v1::Sensor& sensor = *frame_.mutable_series()->add_sensor();
  sensor = declared.sensor(0);
  sensor.set_name(stay.sensor);
  out.frame(frame_);
}

/// The sensors of a frame under the names of their assets, in the frame's order, which is that of the aliases.
void AssetJoin::write_series(const v1::Series& declared, const std::vector<Declared>& slots, Output& out) {
  std::uint32_t open = kNone;
  const auto add = [&](const v1::Sensor& as, const Stay& stay) {
    if (open != stay.target) {
      if (open != kNone) out.frame(frame_);
      frame_.Clear();
      *frame_.mutable_series() = header_of(declared, open = stay.target);
    }
    v1::Sensor& sensor = *frame_.mutable_series()->add_sensor();
    sensor = as;
    sensor.set_alias(stay.alias);
    sensor.set_name(stay.sensor);
  };
  for (std::size_t i = 0; i < slots.size(); ++i) {
    // What this alias stands for, then what others stand for of the same sensor.
    const v1::Sensor& sensor = declared.sensor(static_cast<int>(i));
    const std::uint32_t alias = aliases_[sensor.alias()];
    const auto& stays = stays_[slots[i].slot];
    const auto own = std::ranges::find(stays, alias, &Stay::alias);
    if (own != stays.end()) add(sensor, *own);
  }
  for (std::size_t i = 0; i < slots.size(); ++i) {
    std::set<std::uint32_t> added{kNone, aliases_[declared.sensor(static_cast<int>(i)).alias()]};
    for (const Stay& stay : stays_[slots[i].slot])
      if (added.insert(stay.alias).second) add(declared.sensor(static_cast<int>(i)), stay);
  }
  if (open != kNone) out.frame(frame_);
}

Status AssetJoin::on_series(const std::vector<Declared>& declared, const FrameView& view, Output& out) {
  v1::Frame frame;
  const std::string_view body = frame_body(view.bytes);
  frame.ParseFromArray(body.data(), static_cast<int>(body.size()));
  const v1::Series& series = frame.series();
  quiet_.resize(table().size());
  stays_.resize(table().size());
  node_of_.resize(table().size());
  const std::uint32_t publisher = node(series.node());
  const Nanos time = time_of_declaration(publisher, series);
  bool as_it_is = true;
  for (std::size_t i = 0; i < declared.size(); ++i) {
    const std::uint32_t slot = declared[i].slot, alias = series.sensor(static_cast<int>(i)).alias();
    if (stays_[slot].empty()) bind(slot);
    node_of_[slot] = publisher;
    if (alias == aliases_.size()) {
      aliases_.push_back(alias_for(slot, stay_at(slot, time)));
      slots_.push_back(slot);
      quiet_[slot].width = 0;
    }
    const std::uint32_t given = aliases_[alias];
    as_it_is = as_it_is && given == alias && std::ranges::all_of(stays_[slot], [given](const Stay& stay) {
                 return stay.alias == kNone || (stay.alias == given && !stay.mounted);
               });
  }
  if (as_it_is) out.forward(view);
  else write_series(series, declared, out);
  if (nodes_[publisher].restored) tell_again(nodes_[publisher], time, out);
  for (const Declared& one : declared)
    for (const Stay& stay : stays_[one.slot])
      if (stay.alias != kNone) enter(stay.target, publisher, time, out);
  return {};
}

}  // namespace twinpipe
