// SPDX-License-Identifier: Apache-2.0
// The host's way of a message: routed by topic, read, put in order, taken.
#include "kernel/sparkplug_host.hpp"

#include <fmt/format.h>

#include "kernel/sparkplug_node.hpp"

namespace twinpipe::sparkplug {
namespace {

bool is_sequenced(Verb verb) {
  return verb == Verb::ndata || verb == Verb::ddata || verb == Verb::dbirth || verb == Verb::ddeath;
}

}  // namespace

SparkplugHost::SparkplugHost(HostOptions options)
    : options_(std::move(options)), aliases_(options_.max_series), batch_(options_.origin), reader_(options_.payload) {}
SparkplugHost::~SparkplugHost() = default;

SparkplugHost::Node* SparkplugHost::node(std::string_view group, std::string_view edge) {
  const std::string name = fmt::format("{}/{}", group, edge);
  if (const auto at = node_index_.find(name); at != node_index_.end()) return at->second;
  if (nodes_.size() >= options_.max_nodes) return nullptr;
  Node& node = *nodes_.emplace_back(std::make_unique<Node>());
  node.group = group;
  node.edge = edge;
  node.name = name;
  node.births.device("", options_.map, group, edge);
  ++devices_;
  node_index_.emplace(name, &node);
  return &node;
}

/// Topics are looked at once; from then on a message costs one hash.
const SparkplugHost::Route* SparkplugHost::route(std::string_view topic) {
  if (const auto at = routes_.find(topic); at != routes_.end()) return &at->second;
  const std::optional<Topic> parsed = parse_topic(topic);
  if (!parsed || parsed->verb == Verb::state) {
    ++counts_.foreign_topics;
    return nullptr;
  }
  if (parsed->verb == Verb::ncmd || parsed->verb == Verb::dcmd) {
    ++counts_.commands_seen;
    return nullptr;
  }
  Node* const owner = node(parsed->group, parsed->edge);
  if (owner == nullptr) {
    ++counts_.nodes_refused;
    return nullptr;
  }
  if (!parsed->device.empty() && !owner->births.find_device(parsed->device)) {
    if (devices_ >= options_.max_devices) {
      ++counts_.devices_refused;
      return nullptr;
    }
    ++devices_;
  }
  const std::uint32_t device = owner->births.device(parsed->device, options_.map, owner->group, owner->edge);
  return &routes_.emplace(std::string(topic), Route{owner, device, parsed->verb}).first->second;
}

void SparkplugHost::message(const Message& message, Output& out, Publications& publish) {
  ++counts_.messages;
  now_ = message.arrival;
  const std::uint64_t refused = counts_.nodes_refused + counts_.devices_refused;
  const Route* const where = route(message.topic);
  if (where == nullptr) {
    // A node or device beyond the limits still is a message that is lost.
    if (counts_.nodes_refused + counts_.devices_refused != refused) {
      const Topic topic = *parse_topic(message.topic);
      v1::Frame frame;
      v1::Gap& lost = *frame.mutable_gap();
      lost.set_node(fmt::format("{}/{}", topic.group, topic.edge));
      lost.set_reason(v1::Gap::REASON_OVERFLOW);
      lost.set_messages(1);
      lost.set_detail("more nodes or devices than the limit");
      batch_.frame(frame, out);
      ++counts_.gaps;
    }
    return;
  }
  // Nothing of Sparkplug's but STATE may be retained (tck-id-payloads-ndata-retain and its likes): it is old.
  if (message.retained) {
    ++counts_.retained;
    return;
  }
  batch_.set_arrival(message.arrival);
  Node& node = *where->node;
  const PayloadFault fault = reader_.read(message.payload);
  ++faults_[static_cast<std::size_t>(fault)];
  if (node.blind) see_again(node, message.arrival, out);
  if (where->verb == Verb::nbirth) node_birth(node, fault, message, out);
  else if (where->verb == Verb::ndeath) node_death(node, fault, message, out);
  else if (is_sequenced(where->verb)) sequenced(node, *where, fault, message, out);
  if (!wanting_.empty()) request_rebirths(message.arrival, publish);
}

void SparkplugHost::sequenced(Node& node, const Route& route, PayloadFault fault, const Message& message, Output& out) {
  const WirePayload& payload = reader_.payload();
  std::optional<std::uint8_t> seq;
  if (fault != PayloadFault::none) seq = peek_seq(message.payload);
  else if (payload.has_seq) seq = static_cast<std::uint8_t>(payload.seq);
  if (node.life == Node::Life::unborn) {
    if (!node.restored || fault != PayloadFault::none || !confirm(node, route.verb, route.device, message, out))
      return hold(node, route, message, out);
    if (seq) node.sequence.base(*seq, false);
  }
  if (node.suspect_until != 0 && message.arrival >= node.suspect_since + options_.reorder_timeout) node.suspect_until = 0;
  if (!seq) {
    ++counts_.without_seq;
    return unordered(node, route, fault, message, out);
  }
  Reading how{message.arrival, node.sequence.count()};
  switch (node.sequence.place(*seq)) {
    case Sequence::Place::unknown: node.sequence.base(*seq, false); [[fallthrough]];
    case Sequence::Place::next:
      if (std::exchange(node.resync, false)) node.wants_rebirth = false;  // nothing was missed
      take(node, route.verb, route.device, fault, how, out);
      node.sequence.advance();
      if (!node.sequence.held().empty()) drain(node, out);
      return;
    case Sequence::Place::ahead:
      if (fault == PayloadFault::none && payload.has_timestamp && time_of(0) < node.session.birth() && node.previous) {
        // Left over from the session before the birth: another topic, therefore overtaken.
        ++counts_.stragglers;
        how.previous = true;
        if (route.verb == Verb::ndata || route.verb == Verb::ddata) take(node, route.verb, route.device, fault, how, out);
        return;
      }
      return hold(node, route, message, out);
    case Sequence::Place::late:
    case Sequence::Place::twice: return unordered(node, route, fault, message, out);
  }
}

/// Messages behind their turn, or without one: taken as they come, and counted.
void SparkplugHost::unordered(Node& node, const Route& route, PayloadFault fault, const Message& message, Output& out) {
  const WirePayload& payload = reader_.payload();
  std::optional<std::uint8_t> seq = peek_seq(message.payload);
  if (fault == PayloadFault::none && payload.has_seq) seq = static_cast<std::uint8_t>(payload.seq);  // of a compressed body
  const std::uint8_t number = seq.value_or(node.sequence.next());
  Reading how{message.arrival, node.sequence.count_of(number)};
  const bool based = seq && node.sequence.based();
  if (based && node.sequence.place(number) == Sequence::Place::late) {
    ++counts_.late;
    node.sequence.came_late(number);
  } else if (based) {
    ++counts_.twice;
    if (node.sequence.looks_like_loss(number)) {
      // Two in a row go on from an old number: it is not old, nearly a whole round is missing.
      const std::uint64_t first = node.sequence.count();
      const std::uint8_t hole = node.sequence.skip_to(number);
      v1::Gap lost;
      lost.set_first(first);
      lost.set_last(first + hole - 1);
      lost.set_messages(hole);
      lost.set_reason(v1::Gap::REASON_SEQUENCE);
      gap(node, lost, out);
      want_rebirth(node);
      how.count = node.sequence.count();
      how.flags = v1::QUALITY_AFTER_GAP;
      take(node, route.verb, route.device, fault, how, out);
      node.sequence.advance();
      return;
    }
  }
  take(node, route.verb, route.device, fault, how, out);
}

/// The reader holds the message's payload.
void SparkplugHost::take(Node& node, Verb verb, std::uint32_t device, PayloadFault fault, const Reading& how, Output& out) {
  if (fault != PayloadFault::none) {
    v1::Gap lost;
    lost.set_first(how.count);
    lost.set_last(how.count);
    lost.set_messages(1);
    lost.set_reason(v1::Gap::REASON_MALFORMED);
    lost.set_detail(std::string(describe(fault)));
    return gap(node, lost, out);
  }
  observe_clock(node, how.arrival, out);
  if (!how.previous && !shedding_) node.had.add({node.birth, how.count});
  switch (verb) {
    case Verb::dbirth: return device_birth(node, device, how, out);
    case Verb::ddeath: return device_death(node, device, how, out);
    default: return data(node, device, how, out);
  }
}

void SparkplugHost::take_held(Node& node, HeldMessage held, std::uint32_t flags, Output& out) {
  held_bytes_ -= held.bytes();
  const PayloadFault fault = reader_.read(held.payload);
  batch_.set_arrival(now_);
  take(node, held.verb, held.device, fault, Reading{held.arrival, node.sequence.count(), flags}, out);
  node.sequence.advance();
}

/// What waited and is in turn now.
void SparkplugHost::drain(Node& node, Output& out) {
  while (!node.sequence.held().empty() && node.sequence.held().front().seq == node.sequence.next()) {
    ++counts_.reordered;
    take_held(node, node.sequence.take_front(), 0, out);
  }
}

void SparkplugHost::hold(Node& node, const Route& route, const Message& message, Output& out) {
  const WirePayload& payload = reader_.payload();
  HeldMessage held;
  held.verb = route.verb;
  held.device = route.device;
  held.payload = message.payload;
  held.arrival = message.arrival;
  held.time = payload.has_timestamp ? time_of(0) : 0;
  held.seq = peek_seq(message.payload).value_or(payload.has_seq ? static_cast<std::uint8_t>(payload.seq) : 0);
  const std::size_t bytes = held.bytes();
  if (node.life != Node::Life::unborn && node.resync) {
    // Blind for a while: what is missing will not come any more.
    node.resync = false;
    node.sequence.hold(std::move(held));
    held_bytes_ += bytes;
    return release(node, out);
  }
  if (!node.sequence.hold(std::move(held))) {
    ++counts_.twice;
    return;
  }
  held_bytes_ += bytes;
  watch(node);
  if (node.life == Node::Life::unborn) want_rebirth(node);
  const bool full = node.sequence.held().size() >= options_.reorder_messages ||
                    node.sequence.held_bytes() >= options_.reorder_bytes || held_bytes_ >= options_.reorder_total;
  if (full) release(node, out);
}

/// The wait was in vain, or too long: one Gap for the hole, then what stands behind it, marked, up to the next hole.
void SparkplugHost::release(Node& node, Output& out) {
  if (node.life == Node::Life::unborn) return release_unborn(node, out);
  if (node.sequence.held().empty()) return;
  const std::uint64_t first = node.sequence.count();
  const Nanos from = std::max<Nanos>(0, node.watermark), to = node.sequence.held().front().time;
  const std::uint8_t hole = node.sequence.skip_to(node.sequence.held().front().seq);
  if (hole > 0) {
    v1::Gap lost;
    lost.set_first(first);
    lost.set_last(first + hole - 1);
    lost.set_messages(hole);
    lost.set_from(to > from ? from : 0);
    lost.set_to(to > from ? to : 0);
    lost.set_reason(v1::Gap::REASON_SEQUENCE);
    gap(node, lost, out);
    counts_.missing += hole;
    want_rebirth(node);
  }
  while (!node.sequence.held().empty() && node.sequence.held().front().seq == node.sequence.next()) {
    ++counts_.reordered;
    take_held(node, node.sequence.take_front(), v1::QUALITY_AFTER_GAP, out);
  }
}

}  // namespace twinpipe::sparkplug
