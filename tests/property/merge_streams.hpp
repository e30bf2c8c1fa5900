// SPDX-License-Identifier: Apache-2.0
// What Sparkplug hosts beside each other write down of the same messages, as RapidCheck generators: each misses some, and each
// cuts its readings into frames of its own.
#pragma once

#include <rapidcheck.h>

#include <set>
#include <string>
#include <vector>

#include "drive.hpp"
#include "wire/output.hpp"

namespace twinpipe::merging {

struct Message {
  std::uint32_t node = 0;
  Nanos birth = 1;  // of its session
  std::uint64_t seq = 0;
  Nanos arrival = 0;
  bool is_birth = false, historical = false;
  std::uint32_t rows = 1;
};

inline constexpr std::uint32_t kSensors = 3;

inline std::string node_name(std::uint32_t node) { return "G/N" + std::to_string(node); }

/// Messages in the order in which the broker delivers them, with births now and then.
inline std::vector<Message> some_messages() {
  std::vector<Message> all;
  const auto nodes = *rc::gen::inRange<std::uint32_t>(1, 4);
  std::vector<std::uint64_t> seq(nodes, 0);
  std::vector<Nanos> birth(nodes, 0);
  Nanos now = 1000 * kSecond;
  const auto count = *rc::gen::inRange(0, 60);
  for (int i = 0; i < count; ++i) {
    now += *rc::gen::inRange<Nanos>(0, 700) * kMillisecond;
    Message message;
    message.node = *rc::gen::inRange<std::uint32_t>(0, nodes);
    message.is_birth = birth[message.node] == 0 || *rc::gen::inRange(0, 15) == 0;
    if (message.is_birth) {
      now += kSecond;  // nobody is born many times at once
      birth[message.node] = now;
      seq[message.node] = 0;
    }
    message.birth = birth[message.node];
    message.seq = seq[message.node]++;
    message.arrival = now;
    message.historical = *rc::gen::inRange(0, 10) == 0;
    message.rows = *rc::gen::inRange<std::uint32_t>(1, kSensors + 1);
    all.push_back(message);
  }
  return all;
}

/// One host: what it has of the messages, in frames of up to `batch` messages, with a tick a second.
class Host {
 public:
  explicit Host(std::size_t batch, Nanos late = 0) : batch_(batch), late_(late) {
    out_.open("host 0");
    rows_[0].set_historical(false);
    rows_[1].set_historical(true);
  }

  std::string stream(const std::vector<Message>& messages, const std::set<std::size_t>& missed = {}) {
    for (std::size_t i = 0; i < messages.size(); ++i) {
      while (next_tick_ <= messages[i].arrival) tick();
      // Births are told on request, so that nobody goes without.
      if (messages[i].is_birth || !missed.contains(i)) take(messages[i]);
    }
    for (int i = 0; i < 4; ++i) tick();
    flush();
    out_.close(true);
    return std::string(out_.pending());
  }

 private:
  struct Node {
    bool born = false;
    Nanos birth = 0;
    std::uint64_t next = 0;
    std::uint32_t first_alias = 0;
    Nanos historical = 0;
  };

  void take(const Message& message) {
    if (nodes_.size() <= message.node) nodes_.resize(message.node + 1);
    Node& node = nodes_[message.node];
    if (message.is_birth) bear(node, message);
    std::uint32_t quality = kGood;
    if (message.seq > node.next) {
      gap(node, message);
      quality |= v1::QUALITY_AFTER_GAP;
    }
    node.next = message.seq + 1;
    for (std::uint32_t i = 0; i < message.rows; ++i) {
      ReadingsBuilder& rows = rows_[message.historical ? 1 : 0];
      const Nanos time = message.arrival - (message.historical ? 60 * kSecond : 50 * kMillisecond);
      rows.add(node.first_alias + i, time + i, static_cast<double>(message.seq * 10 + i), quality);
      rows.set_origin(message.seq, i);
    }
    if (message.historical) node.historical = message.arrival - 60 * kSecond;
    arrival_ = message.arrival + late_;
    if (++waiting_ >= batch_) flush();
  }

  void bear(Node& node, const Message& message) {
    flush();
    v1::Frame frame;
    v1::Lifecycle& life = *frame.mutable_lifecycle();
    life.set_node(node_name(message.node));
    life.set_online(true);
    life.set_reason(v1::Lifecycle::REASON_BIRTH);
    life.mutable_session()->set_birth(message.birth);
    life.set_time(message.birth);
    out_.frame(frame);
    if (!std::exchange(node.born, true)) {
      node.first_alias = aliases_;
      aliases_ += kSensors;
    }
    node.birth = message.birth;
    node.next = 0;
    frame.Clear();
    v1::Series& series = *frame.mutable_series();
    series.set_site("s");
    series.set_line("l");
    series.set_asset("asset-" + std::to_string(message.node));
    series.set_node(node_name(message.node));
    series.mutable_session()->set_birth(message.birth);
    for (std::uint32_t i = 0; i < kSensors; ++i) {
      v1::Sensor& sensor = *series.add_sensor();
      sensor.set_alias(node.first_alias + i);
      sensor.set_name("x" + std::to_string(i));
      sensor.set_type(v1::VALUE_TYPE_DOUBLE);
    }
    out_.frame(frame);
  }

  void gap(const Node& node, const Message& message) {
    flush();
    v1::Frame frame;
    v1::Gap& gap = *frame.mutable_gap();
    gap.set_node(node_name(message.node));
    gap.mutable_session()->set_birth(node.birth);
    gap.set_first(node.next);
    gap.set_last(message.seq - 1);
    gap.set_messages(message.seq - node.next);
    gap.set_reason(v1::Gap::REASON_SEQUENCE);
    out_.frame(frame);
  }

  void tick() {
    flush();
    for (std::uint32_t i = 0; i < nodes_.size(); ++i) {
      if (!nodes_[i].born) continue;
      v1::Frame frame;
      v1::Watermark& mark = *frame.mutable_watermark();
      mark.set_node(node_name(i));
      mark.set_time(next_tick_ - 2 * kSecond);
      mark.set_clock(next_tick_ + late_);
      out_.frame(frame);
      if (nodes_[i].historical == 0) continue;
      mark.set_lane(v1::LANE_HISTORICAL);
      mark.set_time(next_tick_ - 62 * kSecond);
      out_.frame(frame);
    }
    next_tick_ += kSecond;
  }

  void flush() {
    waiting_ = 0;
    if (rows_[0].empty() && rows_[1].empty()) return;
    if (arrival_ != said_) {
      v1::Frame frame;
      frame.mutable_arrival()->set_time(said_ = arrival_);
      out_.frame(frame);
    }
    for (ReadingsBuilder& rows : rows_) {
      out_.readings(rows.columns());
      rows.clear();
    }
  }

  std::size_t batch_;
  Nanos late_;  // of this host's clock
  Output out_;
  std::array<ReadingsBuilder, 2> rows_;
  std::size_t waiting_ = 0;
  Nanos arrival_ = 0, said_ = 0, next_tick_ = 1000 * kSecond;
  std::uint32_t aliases_ = 0;
  std::vector<Node> nodes_;
};

}  // namespace twinpipe::merging
