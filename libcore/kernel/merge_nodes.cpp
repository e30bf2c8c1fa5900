// SPDX-License-Identifier: Apache-2.0
// What the inputs of a merge say about nodes, said once.
#include "kernel/merge_nodes.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace twinpipe {
namespace {

constexpr std::size_t kRemembered = 256;  // births and deaths of a node and its devices

bool about_link(v1::Lifecycle::Reason reason) {
  return reason == v1::Lifecycle::REASON_HOST_LINK_LOST || reason == v1::Lifecycle::REASON_HOST_LINK_RESTORED;
}

/// Two hosts write the same of one birth or death, but for the time of a will, which is their own clock's.
std::string key_of(const v1::Lifecycle& lifecycle) {
  const bool own_clock = lifecycle.reason() != v1::Lifecycle::REASON_WILL;
  return fmt::format("{}\n{}\n{}\n{} {} {} {} {}", lifecycle.site(), lifecycle.line(), lifecycle.asset(),
                     lifecycle.session().birth(), lifecycle.session().bdseq(), lifecycle.online(),
                     static_cast<int>(lifecycle.reason()), own_clock ? lifecycle.time() : 0);
}

}  // namespace

MergeNodes::Node& MergeNodes::node(const std::string& name) {
  Node*& at = index_[name];
  if (at == nullptr) {
    at = &nodes_.emplace_back();
    at->name = name;
    at->sources.resize(open_.size());
  }
  return *at;
}

void MergeNodes::touch(Node& node) {
  if (!std::exchange(node.touched, true)) touched_.push_back(&node);
}

void MergeNodes::seen(std::uint32_t input, Node& node, bool historical) { node.sources[input].seen[historical ? 1 : 0] = true; }

bool MergeNodes::lifecycle(std::uint32_t input, const v1::Lifecycle& lifecycle, std::string_view frame) {
  Node& node = this->node(lifecycle.node());
  Node::Source& source = node.sources[input];
  if (lifecycle.asset().empty()) {
    seen(input, node, false);
    source.offline = !lifecycle.online();
    source.blind = lifecycle.reason() == v1::Lifecycle::REASON_HOST_LINK_LOST;
    source.lost = source.blind ? std::string(frame) : std::string();
    source.lost_at = lifecycle.time();
    touch(node);
    if (source.blind) return false;  // written when nobody sees it: write_due()
    if (about_link(lifecycle.reason())) {
      const bool news = node.blind || !node.known;
      node.dead = false;
      node.blind = false;
      node.known = true;
      return news;
    }
    if (lifecycle.online()) {
      node.blind = false;
      source.ticks = {};  // another session may have another clock
    }
  }
  const std::string key = key_of(lifecycle);
  const auto [at, is_new] = node.told.try_emplace(key);
  if (is_new) node.order.push_back(key);
  const std::uint32_t times = ++at->second.came[input];
  const bool fresh = times > at->second.count;
  if (fresh) {
    at->second.count = times;
    if (lifecycle.asset().empty()) {
      node.written = {};
      node.known = true;
      node.dead = !lifecycle.online();
    }
  }
  if (node.order.size() > kRemembered) {
    node.told.erase(node.order.front());
    node.order.pop_front();
  }
  return fresh;
}

void MergeNodes::tick(std::uint32_t input, const v1::Watermark& watermark, std::string_view frame) {
  Node& node = this->node(watermark.node());
  const std::size_t lane = watermark.lane() == v1::LANE_HISTORICAL ? 1 : 0;
  Node::Source& source = node.sources[input];
  source.seen[lane] = true;
  source.offline = false;  // only who is seen ticks
  source.ticks[lane] = {watermark.time(), watermark.clock(), std::string(frame)};
  touch(node);
}

Nanos MergeNodes::ticked(std::uint32_t input, const std::string& name) {
  const Node::Tick& tick = node(name).sources[input].ticks[0];
  return tick.frame.empty() ? kBeginning : tick.time;
}

void MergeNodes::set_open(std::uint32_t input, bool open) {
  open_[input] = open;
  for (Node& node : nodes_) touch(node);
}

void MergeNodes::write_due(const std::function<void(Node&, bool, Nanos, std::string_view)>& write) {
  for (Node* node : touched_) {
    node->touched = false;
    const Node::Source* lost = nullptr;
    bool sighted = false;
    for (std::size_t i = 0; i < node->sources.size(); ++i) {
      const Node::Source& source = node->sources[i];
      if (!open_[i] || !(source.seen[0] || source.seen[1])) continue;
      sighted = sighted || !source.blind;
      if (source.blind && (lost == nullptr || source.lost_at > lost->lost_at)) lost = &source;
    }
    if (lost != nullptr && !sighted && !node->dead && !std::exchange(node->blind, true)) write(*node, false, 0, lost->lost);
    for (std::size_t lane = 0; lane < node->written.size(); ++lane) {
      const Node::Tick* least = nullptr;
      bool all = true, even = true;
      for (std::size_t i = 0; i < node->sources.size(); ++i) {
        const Node::Source& source = node->sources[i];
        if (!open_[i] || source.offline || !source.seen[lane]) continue;
        const Node::Tick& tick = source.ticks[lane];
        all = all && !tick.frame.empty();
        even = even && (least == nullptr || tick.time == least->time);
        if (least == nullptr || tick.time < least->time || (tick.time == least->time && tick.clock < least->clock)) least = &tick;
      }
      Node::Tick& written = node->written[lane];
      if (!all || least == nullptr ||
          (!written.frame.empty() &&
           // A node whose clock stands still ticks all the same, once all have said so.
           (least->time < written.time || (least->time == written.time && (!even || least->clock <= written.clock)))))
        continue;
      written = *least;
      write(*node, lane == 0, written.time, written.frame);
    }
  }
  touched_.clear();
}

}  // namespace twinpipe
