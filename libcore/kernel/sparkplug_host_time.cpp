// SPDX-License-Identifier: Apache-2.0
// The host's time: timeouts, requests for births, watermarks, and its own link.
#include <fmt/format.h>

#include "kernel/sparkplug_node.hpp"

namespace twinpipe::sparkplug {

/// The time of the payload in the reader; `otherwise` where it has none.
Nanos SparkplugHost::time_of(Nanos otherwise) const {
  const WirePayload& payload = reader_.payload();
  return payload.has_timestamp && payload.timestamp <= kLastMillisecond ? static_cast<Nanos>(payload.timestamp) * kMillisecond
                                                                        : otherwise;
}

void SparkplugHost::observe_clock(Node& node, Nanos arrival, Output& out) {
  if (!reader_.payload().has_timestamp) return;
  const Nanos time = time_of(0);
  if (node.clock.observe(time, arrival, options_.clock) != NodeClock::Verdict::stepped_back || node.life != Node::Life::online)
    return;
  // Event times run twice through the same range now: a new session keeps the two passes apart.
  ++counts_.sessions_by_clock;
  node.session.set_birth(time);
  node.watermark = node.historical_watermark = kLongAgo;
  lifecycle(node, nullptr, true, v1::Lifecycle::REASON_BIRTH, time, out);
  declare_all(node, out);
}

void SparkplugHost::watch(Node& node) {
  if (node.watched) return;
  node.watched = true;
  watched_.push_back(&node);
}

void SparkplugHost::want_rebirth(Node& node) {
  if (options_.role == Role::passive || node.wants_rebirth) return;
  node.wants_rebirth = true;
  wanting_.push_back(&node);
}

/// At most one a node and interval, and so many a second in all; the others wait their turn.
void SparkplugHost::request_rebirths(Nanos now, Publications& publish) {
  if (now - second_ >= kSecond || now < second_) {
    second_ = now;
    requested_ = 0;
  }
  std::size_t kept = 0;
  for (Node* const node : wanting_) {
    if (!node->wants_rebirth) continue;  // it was born in the meantime
    const bool due = now - node->last_request >= options_.rebirth_interval && now >= node->rebirth_after;
    if (!due || requested_ >= options_.rebirth_rate) {
      wanting_[kept++] = node;
      continue;
    }
    Payload payload;
    payload.set_timestamp(static_cast<std::uint64_t>(now / kMillisecond));
    Metric& metric = *payload.add_metrics();
    metric.set_name("Node Control/Rebirth");
    metric.set_timestamp(payload.timestamp());
    metric.set_datatype(kBoolean);
    metric.set_boolean_value(true);
    publish.push_back({make_topic(Verb::ncmd, node->group, node->edge), payload.SerializeAsString(), 0, false});
    node->last_request = now;
    node->wants_rebirth = false;
    ++requested_;
    ++counts_.rebirth_requests;
  }
  wanting_.resize(kept);
}

void SparkplugHost::tick(Nanos now, Output& out, Publications& publish) {
  now_ = now;
  std::vector<Node*> watched;
  watched.swap(watched_);
  for (Node* const node : watched) {
    node->watched = false;
    while (!node->sequence.held().empty() && now >= node->sequence.oldest() + options_.reorder_timeout) release(*node, out);
    if (node->suspect_until != 0 && now >= node->suspect_until) {
      node->suspect_until = 0;
      if (node->life == Node::Life::online) die(*node, v1::Lifecycle::REASON_WILL, now, now, out);
    }
    if (!node->sequence.held().empty() || node->suspect_until != 0) watch(*node);
  }
  if (!wanting_.empty()) request_rebirths(now, publish);
  // A clock that was set back would silence the ticks until it caught up.
  if (now < next_tick_ && next_tick_ - now <= options_.tick) return;
  next_tick_ = now + options_.tick;
  watermarks(now, out);
}

Nanos SparkplugHost::deadline() const {
  Nanos due = next_tick_;
  for (const Node* node : watched_) {
    if (!node->sequence.held().empty()) due = std::min(due, node->sequence.oldest() + options_.reorder_timeout);
    if (node->suspect_until != 0) due = std::min(due, node->suspect_until);
  }
  if (!wanting_.empty()) due = std::min(due, now_ + kSecond / 10);
  return due;
}

void SparkplugHost::watermarks(Nanos now, Output& out) {
  v1::Frame frame;
  v1::Watermark& mark = *frame.mutable_watermark();
  for (const std::unique_ptr<Node>& owned : nodes_) {
    Node& node = *owned;
    if (node.life != Node::Life::online || node.blind || !node.clock.known()) continue;
    mark.set_node(node.name);
    mark.set_clock(now);
    const Nanos live = now - node.clock.skew() - options_.delay;
    // What waits for its turn is still expected.
    if (node.sequence.held().empty() && live > node.watermark) {
      node.watermark = live;
      mark.set_lane(v1::LANE_LIVE);
      mark.set_time(live);
      batch_.frame(frame, out);
    }
    if (node.newest_historical == kLongAgo) continue;
    // While a backlog runs its lane follows it; a tick without any closes what the outage left open.
    const bool quiet = !std::exchange(node.historical_now, false);
    const Nanos historical = quiet ? node.watermark : node.newest_historical - options_.delay;
    if (quiet) node.newest_historical = kLongAgo;
    if (historical <= node.historical_watermark) continue;
    node.historical_watermark = historical;
    mark.set_lane(v1::LANE_HISTORICAL);
    mark.set_time(historical);
    batch_.frame(frame, out);
  }
}

void SparkplugHost::flush(Output& out) { batch_.flush(out); }

void SparkplugHost::link_lost(Nanos now, Output& out) {
  now_ = now;
  for (const std::unique_ptr<Node>& node : nodes_) {
    while (!node->sequence.held().empty()) release(*node, out);
    node->wants_rebirth = false;
    if (node->life != Node::Life::online || node->blind) continue;
    node->blind = true;
    lifecycle(*node, nullptr, false, v1::Lifecycle::REASON_HOST_LINK_LOST, now, out);
  }
  wanting_.clear();
}

void SparkplugHost::link_restored(Nanos now) {
  now_ = now;
  for (const std::unique_ptr<Node>& node : nodes_) {
    node->resync = node->life != Node::Life::unborn;
    node->clock.forget();
    if (node->life == Node::Life::dead) continue;
    // Births and deaths of the meantime are lost as well: whoever does not speak by itself is asked.
    if (!node->blind && !node->restored) continue;
    node->rebirth_after = now + options_.reorder_timeout;
    want_rebirth(*node);
  }
}

}  // namespace twinpipe::sparkplug
