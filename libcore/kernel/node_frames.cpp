// SPDX-License-Identifier: Apache-2.0
// Node frames on their way to every topic-partition that holds series of the node.
#include "kernel/node_frames.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "wire/output.hpp"

namespace twinpipe {
namespace {

bool insert(std::vector<std::uint32_t>& sorted, std::uint32_t value) {
  const auto at = std::ranges::lower_bound(sorted, value);
  if (at != sorted.end() && *at == value) return false;
  sorted.insert(at, value);
  return true;
}

std::string frame_of(const v1::Applied& applied) {
  v1::Frame frame;
  *frame.mutable_applied() = applied;
  std::string bytes;
  append_frame(frame, bytes);
  return bytes;
}

}  // namespace

NodeFrames::NodeFrames(std::vector<std::int32_t> partitions, std::string open, std::size_t limit)
    : open_(std::move(open)), limit_(limit) {
  for (std::uint32_t topic = 0; topic < partitions.size(); ++topic) {
    first_place_.push_back(static_cast<std::uint32_t>(places_.size()));
    for (std::int32_t partition = 0; partition < partitions[topic]; ++partition)
      places_.push_back(Place{topic, partition, {}, {}});
  }
  node({});
}

std::uint32_t NodeFrames::node(std::string_view name) {
  const auto [at, is_new] = index_.try_emplace(std::string(name), static_cast<std::uint32_t>(nodes_.size()));
  if (is_new) {
    names_.emplace_back(name);
    nodes_.emplace_back();
  }
  return at->second;
}

void NodeFrames::hold(std::uint32_t number, const std::string& asset, std::uint32_t topic, std::int32_t partition) {
  const std::uint32_t place = first_place_[topic] + static_cast<std::uint32_t>(partition);
  Node& node = nodes_[number];
  if (!insert(node.assets[asset], place)) return;
  insert(used_, place);
  const bool new_to_node = insert(node.places, place);
  if (new_to_node) {
    for (const auto& policy : policies_.of(names_[number])) {
      v1::Applied applied = policy->words();
      applied.add_node(names_[number]);
      pack(place, frame_of(applied));
    }
    pack(place, node.lifecycle);
  }
  if (const auto device = node.devices.find(asset); device != node.devices.end()) pack(place, device->second);
  if (new_to_node)
    for (const std::string& frame : node.watermark) pack(place, frame);
}

void NodeFrames::lifecycle(std::uint32_t number, const std::string& asset, std::string_view frame) {
  Node& node = nodes_[number];
  if (asset.empty()) {
    node.lifecycle = frame;
    node.devices.clear();
    pack(places_of(number), frame);
    return;
  }
  node.devices[asset] = frame;
  if (const auto at = node.assets.find(asset); at != node.assets.end()) pack(at->second, frame);
}

bool NodeFrames::gap(std::uint32_t number, std::string_view frame) {
  pack(places_of(number), frame);
  return !places_of(number).empty();
}

void NodeFrames::watermark(std::uint32_t number, v1::Lane lane, std::string_view frame) {
  nodes_[number].waiting[lane == v1::LANE_HISTORICAL ? 1 : 0] = frame;
}

void NodeFrames::release(std::uint32_t number) {
  Node& node = nodes_[number];
  for (std::size_t lane = 0; lane < node.waiting.size(); ++lane) {
    if (node.waiting[lane].empty()) continue;
    node.watermark[lane] = std::exchange(node.waiting[lane], {});
    pack(places_of(number), node.watermark[lane]);
  }
}

void NodeFrames::release_all() {
  for (std::uint32_t number = 0; number < nodes_.size(); ++number) release(number);
}

void NodeFrames::applied(const v1::Applied& applied) {
  if (!policies_.take(applied)) return;
  Places places;
  for (const std::string& name : applied.node())
    for (const std::uint32_t place : places_of(node(name))) insert(places, place);
  pack(places, frame_of(applied));
}

void NodeFrames::pack(std::uint32_t number, std::string_view frame) {
  if (frame.empty()) return;
  Place& place = places_[number];
  if (place.pack.empty()) dirty_.push_back(number);
  place.pack += frame;
  place.ends.push_back(place.pack.size());
}

Status NodeFrames::put(RecordSink& sink, KafkaRecord::Order order, std::uint32_t node) {
  std::string value;
  ++round_;
  for (const std::uint32_t number : dirty_) {
    Place& place = places_[number];
    for (std::size_t begin = 0, at = 0; at < place.ends.size();) {
      // As many frames as fit, at least one.
      std::size_t end = at + 1;
      while (end < place.ends.size() && open_.size() + place.ends[end] - begin <= limit_) ++end;
      value = open_;
      value.append(place.pack, begin, place.ends[end - 1] - begin);
      if (value.size() > limit_)
        return Status::error(Code::bad_data,
                             fmt::format("a frame of {} bytes about a node does not fit in a value (--max-value)", value.size()));
      ++records_;
      if (Status status = sink.put({place.topic, place.partition, {}, value, 0, 0, order, node, round_}); !status.ok())
        return status;
      begin = place.ends[end - 1];
      at = end;
    }
    place.pack.clear();
    place.ends.clear();
  }
  dirty_.clear();
  return {};
}

}  // namespace twinpipe
