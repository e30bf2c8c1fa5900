// SPDX-License-Identifier: Apache-2.0
// A Kafka record as the kernels make it, and the timestamps that keep the order of a node's records readable across partitions.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string_view>
#include <vector>

#include "wire/frame.hpp"
#include "wire/status.hpp"

namespace twinpipe {

struct KafkaRecord {
  static constexpr std::uint32_t kEveryNode = std::numeric_limits<std::uint32_t>::max();
  enum class Order {
    data,     // frames of one asset
    tick,     // node frames that may share their millisecond with data
    barrier,  // node frames that no record of the node before them may share it with: births, deaths, gaps
  };

  std::uint32_t topic = 0;  // index of Routes::topics()
  std::int32_t partition = 0;
  std::string_view key;  // the asset's; empty on node frames, which have none
  std::string_view value;
  Nanos earliest = 0, latest = 0;  // event times in it; 0, 0 when it has none
  Order order = Order::data;
  std::uint32_t node = kEveryNode;  // whose records it is ordered with
  std::uint64_t round = 0;          // of node frames: copies of the same ones have the same number
  bool tombstone = false;           // the value is null: a compacted topic forgets the key
};

/// Takes records in the order in which they are made. The views are valid during the call only.
class RecordSink {
 public:
  virtual ~RecordSink() = default;
  virtual Status put(const KafkaRecord& record) = 0;
};

/// Record timestamps, in milliseconds: the time of producing, made monotone, and made to tell what came before a barrier.
///
/// Law: merging the partitions that one writer filled by timestamp gives an order in which every reading of a node stands on the
/// same side of the node's births, deaths and gaps as it did in the writer's input. Kafka orders within a partition only, and a
/// node's series lie in many; without this, a reader that is behind would show a death before readings that preceded it.
class RecordStamps {
 public:
  /// `now`: the writer's clock. All copies of one barrier share a stamp.
  std::int64_t stamp(const KafkaRecord& record, std::int64_t now) {
    const bool barrier = record.order == KafkaRecord::Order::barrier;
    const std::uint64_t place = std::uint64_t{record.topic} << 32 | static_cast<std::uint32_t>(record.partition);
    if (barrier && record.round == round_) {
      of(record.node).copied.push_back(place);
      return last_;
    }
    last_ = std::max(last_, now);
    Stamped& stamped = of(record.node);
    if (barrier) {
      round_ = record.round;
      last_ = std::max(last_, (record.node == KafkaRecord::kEveryNode ? newest_ : stamped.newest) + 1);
      stamped.newest = stamped.barrier = last_;
      stamped.copied.assign(1, place);
    } else if (record.order == KafkaRecord::Order::data) {
      // Behind a copy of the barrier it may have its stamp. A partition that holds the node since then has none to stand behind.
      if (last_ <= every_.barrier) last_ = every_.barrier + 1;
      if (last_ <= stamped.barrier && std::ranges::find(stamped.copied, place) == stamped.copied.end())
        last_ = stamped.barrier + 1;
      stamped.newest = last_;
    }
    newest_ = last_;
    return last_;
  }

 private:
  struct Stamped {
    std::int64_t newest = 0, barrier = -1;
    std::vector<std::uint64_t> copied;  // places of the barrier's copies
  };
  Stamped& of(std::uint32_t node) {
    if (node == KafkaRecord::kEveryNode) return every_;
    if (node >= by_node_.size()) by_node_.resize(node + std::size_t{1});
    return by_node_[node];
  }

  std::int64_t last_ = 0, newest_ = 0;
  Stamped every_;
  std::vector<Stamped> by_node_;
  std::uint64_t round_ = 0;  // of the newest barrier
};

}  // namespace twinpipe
