// SPDX-License-Identifier: Apache-2.0
// Node frames that come once from every partition, made into one of each again.
#include "kernel/node_copies.hpp"

#include <algorithm>
#include <functional>

#include "wire/names.hpp"
#include "wire/scanner.hpp"

namespace twinpipe {
namespace {

constexpr std::size_t kRemembered = 256;  // frames a node: copies are seconds apart at most

template <class Message>
bool parse(Message& message, std::string_view payload) {
  return message.ParseFromArray(payload.data(), static_cast<int>(payload.size()));
}

std::string asset_of(const v1::Lifecycle& lifecycle) {
  return lifecycle.asset().empty() ? std::string() : asset_key(lifecycle.site(), lifecycle.line(), lifecycle.asset());
}

}  // namespace

void NodeCopies::holds(std::uint32_t partition, const std::string& name, const std::string& asset, Nanos stamp) {
  Node& node = nodes_[name];
  node.partitions.insert(partition);
  node.assets[asset].insert(partition);
  const auto [at, is_new] = node.holders.try_emplace(partition);
  if (is_new) at->second.seen = stamp;
}

const std::set<std::uint32_t>& NodeCopies::holders(const FrameView& frame) {
  static const std::set<std::uint32_t> kNone;
  if (frame.kind == FrameKind::gap) {
    v1::Gap gap;
    const auto at = parse(gap, frame.payload) ? nodes_.find(gap.node()) : nodes_.end();
    return at == nodes_.end() ? kNone : at->second.partitions;
  }
  v1::Lifecycle lifecycle;
  if (frame.kind != FrameKind::lifecycle || !parse(lifecycle, frame.payload)) return kNone;
  const auto at = nodes_.find(lifecycle.node());
  if (at == nodes_.end()) return kNone;
  if (lifecycle.asset().empty()) return at->second.partitions;
  const auto asset = at->second.assets.find(asset_of(lifecycle));
  return asset == at->second.assets.end() ? kNone : asset->second;
}

/// False: it was remembered already.
bool NodeCopies::remember(Node& node, std::size_t hash) {
  if (std::ranges::find(node.recent, hash) != node.recent.end()) return false;
  node.recent.push_back(hash);
  if (node.recent.size() > kRemembered) node.recent.pop_front();
  return true;
}

void NodeCopies::touch(Node& node) {
  if (!std::exchange(node.touched, true)) touched_.push_back(&node);
}

bool NodeCopies::is_new(std::uint32_t partition, Nanos stamp, const FrameView& frame, Status& status) {
  bool fresh = false;
  if (frame.kind == FrameKind::lifecycle) {
    v1::Lifecycle lifecycle;
    if (parse(lifecycle, frame.payload)) fresh = is_new_lifecycle(partition, lifecycle, frame);
    else status = Status::error(Code::bad_data, "Lifecycle frame does not parse");
  } else if (frame.kind == FrameKind::gap) {
    v1::Gap gap;
    // Two gaps may be alike to the byte and yet be two: those have timestamps of their own.
    if (parse(gap, frame.payload))
      fresh = remember(nodes_[gap.node()],
                       std::hash<std::string_view>()(frame.bytes) ^ static_cast<std::size_t>(stamp) * 0x9E3779B97F4A7C15U);
    else status = Status::error(Code::bad_data, "Gap frame does not parse");
  } else if (frame.kind == FrameKind::watermark) {
    v1::Watermark watermark;
    if (parse(watermark, frame.payload)) tick(partition, stamp, watermark, frame);
    else status = Status::error(Code::bad_data, "Watermark frame does not parse");
    return false;
  } else {
    v1::Applied applied;
    if (!parse(applied, frame.payload)) status = Status::error(Code::bad_data, "Applied frame does not parse");
    else fresh = applied_.take(applied);
  }
  if (!fresh) ++copies_;
  return fresh;
}

bool NodeCopies::is_new_lifecycle(std::uint32_t partition, const v1::Lifecycle& lifecycle, const FrameView& frame) {
  Node& node = nodes_[lifecycle.node()];
  const std::string asset = asset_of(lifecycle);
  if (asset.empty()) {
    // Another session may have another clock: watermarks begin anew, here and in the output.
    if (const auto at = node.holders.find(partition); at != node.holders.end()) at->second.ticks = {};
  }
  std::string& current = node.current[asset];
  if (current == frame.bytes || !remember(node, std::hash<std::string_view>()(frame.bytes))) return false;
  current = frame.bytes;
  if (asset.empty()) node.written = {};
  return true;
}

void NodeCopies::tick(std::uint32_t partition, Nanos stamp, const v1::Watermark& watermark, const FrameView& frame) {
  Node& node = nodes_[watermark.node()];
  node.partitions.insert(partition);
  Holder& holder = node.holders[partition];
  holder.seen = stamp;
  holder.ticks[watermark.lane() == v1::LANE_HISTORICAL ? 1 : 0] =
      Tick{watermark.time(), watermark.clock(), std::string(frame.bytes)};
  touch(node);
}

void NodeCopies::write_risen(Output& out) {
  for (Node* node : touched_) {
    node->touched = false;
    Nanos newest = 0;
    for (const auto& [partition, holder] : node->holders) newest = std::max(newest, holder.seen);
    for (auto at = node->holders.begin(); at != node->holders.end();) {
      if (newest - at->second.seen <= forget_) {
        ++at;
        continue;
      }
      node->partitions.erase(at->first);
      for (auto& [asset, partitions] : node->assets) partitions.erase(at->first);
      at = node->holders.erase(at);
    }
    for (std::size_t lane = 0; lane < node->written.size(); ++lane) {
      const Tick* least = nullptr;
      bool all = true;
      for (const auto& [partition, holder] : node->holders) {
        const Tick& tick = holder.ticks[lane];
        all = all && !tick.frame.empty();
        if (least == nullptr || tick.time < least->time || (tick.time == least->time && tick.clock < least->clock)) least = &tick;
      }
      if (!all || least == nullptr) continue;
      Tick& written = node->written[lane];
      if (!written.frame.empty() &&
          (least->time < written.time || (least->time == written.time && least->clock <= written.clock)))
        continue;
      written = *least;
      Scanner scanner(least->frame.size());
      FrameView frame;
      if (scanner.next(least->frame, frame) == Scanner::Outcome::whole) out.forward(frame);
    }
  }
  touched_.clear();
}

}  // namespace twinpipe
