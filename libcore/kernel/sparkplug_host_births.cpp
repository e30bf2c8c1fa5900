// SPDX-License-Identifier: Apache-2.0
// The host's births and deaths: sessions, declarations, and who stands when they arrive in the wrong order.
#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <vector>

#include "kernel/sparkplug_node.hpp"

namespace twinpipe::sparkplug {
namespace {

/// The bdSeq metric, in whichever integer field.
std::optional<std::uint64_t> bdseq_of(const WirePayload& payload) {
  for (const WireMetric& metric : payload.metrics) {
    const bool integer =
        metric.value.field == Metric::kIntValueFieldNumber || metric.value.field == Metric::kLongValueFieldNumber;
    if (metric.name == "bdSeq" && integer) return metric.value.bits;
  }
  return std::nullopt;
}

v1::Gap malformed(PayloadFault fault) {
  v1::Gap lost;
  lost.set_messages(1);
  lost.set_reason(v1::Gap::REASON_MALFORMED);
  lost.set_detail(std::string(describe(fault)));
  return lost;
}

/// Of what waits when a birth comes: what it comes before, which stays in `held`, and what came before it. A message of the
/// birth's own millisecond is behind it if its number is due: whoever is asked for a birth answers within the millisecond in
/// which a number far from it left.
std::deque<HeldMessage> take_older(std::deque<HeldMessage>& held, Nanos birth, std::uint8_t birth_seq) {
  std::vector<HeldMessage*> in_order;
  for (HeldMessage& message : held) in_order.push_back(&message);
  const auto distance = [birth_seq](const HeldMessage* message) { return static_cast<std::uint8_t>(message->seq - birth_seq); };
  std::ranges::stable_sort(in_order, {}, distance);
  std::set<const HeldMessage*> behind;
  std::uint8_t due = 1;
  for (const HeldMessage* const message : in_order) {
    if (message->time == 0 || message->time < birth || (message->time == birth && distance(message) != due)) continue;
    due = static_cast<std::uint8_t>(distance(message) + 1);
    behind.insert(message);
  }
  std::deque<HeldMessage> older, newer;
  for (HeldMessage& message : held) (behind.contains(&message) ? newer : older).push_back(std::move(message));
  held = std::move(newer);
  return older;
}

}  // namespace

void SparkplugHost::begin_session(Node& node, Nanos birth, std::uint64_t bdseq, bool knows_bdseq, Nanos arrival, Output& out) {
  node.rebirth = node.life != Node::Life::unborn && node.knows_bdseq && knows_bdseq && node.session.bdseq() == bdseq;
  node.life = Node::Life::online;
  node.restored = node.resync = false;
  node.session.set_birth(birth);
  node.session.set_bdseq(bdseq);
  node.knows_bdseq = knows_bdseq;
  node.born_at = arrival;
  node.suspect_until = 0;
  node.rebirth_after = 0;
  node.wants_rebirth = false;
  node.watermark = node.historical_watermark = kLongAgo;
  node.clock.forget();
  lifecycle(node, nullptr, true, v1::Lifecycle::REASON_BIRTH, birth, out);
}

void SparkplugHost::node_birth(Node& node, PayloadFault fault, const Message& message, Output& out) {
  if (fault != PayloadFault::none) {
    // Nothing of what it says is known, and nothing of the birth before holds.
    node.births.clear();
    if (node.life != Node::Life::dead) node.life = Node::Life::unborn;
    return gap(node, malformed(fault), out);
  }
  ++counts_.births;
  const WirePayload& payload = reader_.payload();
  const Nanos birth = payload.has_timestamp ? time_of(0) : message.arrival;
  const std::uint8_t birth_seq = payload.has_seq ? static_cast<std::uint8_t>(payload.seq) : std::uint8_t{0};
  std::deque<HeldMessage> newer;
  while (!node.sequence.held().empty()) newer.push_back(node.sequence.take_front());
  std::deque<HeldMessage> older = take_older(newer, birth, birth_seq);
  if (node.life != Node::Life::unborn) {
    for (HeldMessage& held : older) node.sequence.hold(std::move(held));
    const bool moved = !older.empty();
    while (!node.sequence.held().empty()) release(node, out);
    older.clear();
    if (moved) (void)reader_.read(message.payload);  // again: releasing read others
  }
  const std::optional<std::uint64_t> bdseq = bdseq_of(reader_.payload());
  if (node.life != Node::Life::unborn) {
    node.previous = std::make_unique<BirthTable>(node.births);
    node.previous->slim();
  }
  node.births.clear();
  begin_session(node, birth, bdseq.value_or(0), bdseq.has_value(), message.arrival, out);
  observe_clock(node, message.arrival, out);
  node.sequence.base(birth_seq, true);
  node.birth = reader_.payload().timestamp;
  node.had.add({node.birth, node.sequence.count()});
  declare(node, 0, Reading{message.arrival, node.sequence.count()}, out);
  node.sequence.advance();
  // Its death came first, over another topic; or the publisher's bdSeq is off by one.
  if (node.early_death_until >= message.arrival && bdseq && *bdseq == node.early_death) suspect(node, message.arrival);
  // What stands behind the birth's number came before it, whatever its time says.
  for (HeldMessage& held : newer)
    if (const auto place = node.sequence.place(held.seq); place != Sequence::Place::next && place != Sequence::Place::ahead)
      older.push_back(std::move(held));
    else node.sequence.hold(std::move(held));
  for (HeldMessage& held : older) {
    // From before the first birth that we saw: its aliases are nobody's, its names may still mean something.
    held_bytes_ -= held.bytes();
    ++counts_.before_birth;
    if (reader_.read(held.payload) == PayloadFault::none && (held.verb == Verb::ndata || held.verb == Verb::ddata))
      readings(node, node.births, held.device, Reading{held.arrival, 0, 0, true}, out);
  }
  drain(node, out);
  if (!node.sequence.held().empty()) watch(node);
}

/// Our aliases, our session; then the values that every birth carries.
void SparkplugHost::declare(Node& node, std::uint32_t device, const Reading& how, Output& out) {
  v1::Frame frame;
  v1::Series& series = *frame.mutable_series();
  const BirthTrouble trouble =
      node.births.declare(device, reader_.payload(), options_.map, node.group, node.edge, options_.max_aliases, aliases_, series);
  series.set_node(node.name);
  *series.mutable_session() = node.session;
  if (series.sensor_size() > 0) batch_.frame(frame, out);
  counts_.metrics_refused += trouble.metrics;
  counts_.stolen_aliases += trouble.stolen;
  if (trouble.metrics > 0 || trouble.stolen > 0) {
    v1::Gap lost;
    lost.set_first(how.count);
    lost.set_last(how.count);
    lost.set_readings(trouble.metrics);
    lost.set_reason(v1::Gap::REASON_MALFORMED);
    lost.set_detail(trouble.first);
    gap(node, lost, out);
  }
  Reading values = how;
  values.birth = true;
  readings(node, node.births, device, values, out);
  if (!node.changed) changed_.push_back(&node);
  node.changed = true;
}

/// Everything that was declared, again: for a session that no birth opened.
void SparkplugHost::declare_all(Node& node, Output& out) {
  for (std::uint32_t i = 0; i < node.births.devices(); ++i) {
    const BornDevice& device = node.births.at(i);
    v1::Frame frame;
    if (!device.born || !frame.mutable_series()->ParseFromString(device.series) || frame.series().sensor_size() == 0) continue;
    frame.mutable_series()->set_node(node.name);
    *frame.mutable_series()->mutable_session() = node.session;
    batch_.frame(frame, out);
  }
}

void SparkplugHost::device_birth(Node& node, std::uint32_t device, const Reading& how, Output& out) {
  ++counts_.births;
  const Nanos time = reader_.payload().has_timestamp ? time_of(0) : how.arrival;
  if (node.life == Node::Life::online) lifecycle(node, &node.births.at(device), true, v1::Lifecycle::REASON_BIRTH, time, out);
  else want_rebirth(node);  // only its own birth brings a node back
  declare(node, device, how, out);
}

void SparkplugHost::device_death(Node& node, std::uint32_t device, const Reading& how, Output& out) {
  BornDevice& born = node.births.at(device);
  if (born.dead) return;
  ++counts_.deaths;
  born.dead = true;
  if (node.life != Node::Life::online) return;  // it went with its node
  lifecycle(node, &born, false, v1::Lifecycle::REASON_DEATH, reader_.payload().has_timestamp ? time_of(0) : how.arrival, out);
}

void SparkplugHost::node_death(Node& node, PayloadFault fault, const Message& message, Output& out) {
  if (fault != PayloadFault::none) return gap(node, malformed(fault), out);
  const WirePayload& payload = reader_.payload();
  const std::optional<std::uint64_t> bdseq = bdseq_of(payload);
  const bool known = node.life == Node::Life::online || node.restored;
  if (node.life == Node::Life::dead && (!bdseq || *bdseq == node.session.bdseq())) return;  // once is enough
  if (!known || (bdseq && node.knows_bdseq && *bdseq != node.session.bdseq())) {
    if (known) ++counts_.foreign_deaths;
    node.early_death = bdseq.value_or(0);
    node.early_death_until = bdseq ? message.arrival + options_.reorder_timeout : 0;
    return;
  }
  // A will was written at CONNECT, before the birth; a death on purpose has a later time.
  const Nanos time = payload.has_timestamp ? time_of(0) : 0;
  const bool on_purpose = time > node.session.birth();
  if (!on_purpose && node.rebirth && message.arrival - node.born_at <= options_.reorder_timeout) {
    // The will of the connection before may have been overtaken by this birth of the same bdSeq.
    return suspect(node, message.arrival);
  }
  die(node, on_purpose ? v1::Lifecycle::REASON_DEATH : v1::Lifecycle::REASON_WILL, on_purpose ? time : message.arrival,
      message.arrival, out);
}

/// The birth stands, and is put to the proof: a node that is dead does not answer. Who may not ask believes the birth.
void SparkplugHost::suspect(Node& node, Nanos arrival) {
  ++counts_.suspected_deaths;
  if (options_.role == Role::passive) return;
  node.suspect_since = arrival;
  node.suspect_until = arrival + options_.reorder_timeout + options_.rebirth_interval;
  watch(node);
  want_rebirth(node);
}

void SparkplugHost::die(Node& node, v1::Lifecycle::Reason reason, Nanos time, Nanos arrival, Output& out) {
  // What waits was published before the death.
  while (!node.sequence.held().empty()) release(node, out);
  ++counts_.deaths;
  node.life = Node::Life::dead;
  node.restored = false;
  node.died_at = arrival;
  node.suspect_until = 0;
  node.rebirth_after = 0;
  node.wants_rebirth = false;
  lifecycle(node, nullptr, false, reason, time, out);
}

/// A message for a node whose table is from disk: does it fit? Then the node is seen again as it was.
bool SparkplugHost::confirm(Node& node, Verb verb, std::uint32_t device, const Message& message, Output& out) {
  const bool is_data = verb == Verb::ndata || verb == Verb::ddata;
  bool fits = device < node.births.devices() && (verb == Verb::dbirth || node.births.at(device).born);
  Trouble trouble;
  for (const WireMetric& wire : reader_.payload().metrics) {
    if (!is_data || !fits) break;
    ColumnValue value;
    const BornMetric* const metric = resolve(node, node.births, device, wire, {}, trouble);
    fits = metric != nullptr &&
           (metric->control || wire.value.field == 0 || decode_value(metric->datatype, wire.value, value) == ValueError::none);
  }
  node.restored = false;
  if (!fits) {
    ++counts_.unconfirmed_tables;
    node.births.clear();
    return false;
  }
  node.life = Node::Life::online;
  node.wants_rebirth = node.resync = false;
  lifecycle(node, nullptr, true, v1::Lifecycle::REASON_HOST_LINK_RESTORED, message.arrival, out);
  node.births.assign(aliases_);
  declare_all(node, out);
  v1::Gap lost;
  lost.set_reason(v1::Gap::REASON_SEQUENCE);
  lost.set_to(reader_.payload().has_timestamp ? time_of(0) : message.arrival);
  lost.set_detail("this host was not running");
  gap(node, lost, out);
  return true;
}

/// The first message of a node after our link was lost.
void SparkplugHost::see_again(Node& node, Nanos arrival, Output& out) {
  node.blind = false;
  if (node.life == Node::Life::online) lifecycle(node, nullptr, true, v1::Lifecycle::REASON_HOST_LINK_RESTORED, arrival, out);
}

/// No birth came in time. A device's birth is accepted in its place, for publishers that have no other; of the rest only what
/// was lost can be told.
void SparkplugHost::release_unborn(Node& node, Output& out) {
  std::deque<HeldMessage> held;
  while (!node.sequence.held().empty()) {
    held.push_back(node.sequence.take_front());
    held_bytes_ -= held.back().bytes();
  }
  if (held.empty()) return;
  const auto birth = std::ranges::find(held, Verb::dbirth, &HeldMessage::verb);
  v1::Gap lost;
  lost.set_reason(v1::Gap::REASON_UNKNOWN_ALIAS);
  lost.set_from(held.front().time);
  lost.set_to(held.back().time);
  lost.set_detail("no birth of this node was seen");
  std::uint64_t messages = 0, metrics = 0;
  for (auto at = held.begin(); at != birth; ++at) {
    ++messages;
    if (reader_.read(at->payload) == PayloadFault::none) metrics += reader_.payload().metrics.size();
  }
  lost.set_messages(messages);
  lost.set_readings(metrics);
  counts_.before_birth += messages;
  if (messages > 0) gap(node, lost, out);
  if (birth == held.end()) return;
  ++counts_.births_without_nbirth;
  begin_session(node, birth->time != 0 ? birth->time : birth->arrival, 0, false, now_, out);
  node.sequence.base(birth->seq, true);
  for (auto at = birth; at != held.end(); ++at) {
    const PayloadFault fault = reader_.read(at->payload);
    batch_.set_arrival(now_);
    // In order of arrival: without a node's birth nothing says where the numbers start.
    node.sequence.base(at->seq, false);
    take(node, at->verb, at->device, fault, Reading{at->arrival, node.sequence.count(), v1::QUALITY_AFTER_GAP}, out);
    node.sequence.advance();
  }
}

void SparkplugHost::lifecycle(const Node& node, const BornDevice* device, bool online, v1::Lifecycle::Reason reason, Nanos time,
                              Output& out) {
  v1::Frame frame;
  v1::Lifecycle& life = *frame.mutable_lifecycle();
  life.set_node(node.name);
  if (device != nullptr) {
    life.set_asset(device->asset);
    life.set_site(device->site);
    life.set_line(device->line);
  }
  life.set_online(online);
  life.set_reason(reason);
  *life.mutable_session() = node.session;
  life.set_time(time);
  batch_.frame(frame, out);
}

}  // namespace twinpipe::sparkplug
