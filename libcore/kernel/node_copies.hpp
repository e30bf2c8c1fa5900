// SPDX-License-Identifier: Apache-2.0
// Node frames that come once from every partition, made into one of each again.
//
// kbridge writes a node's Lifecycle, Gap and Watermark frames to every partition that holds its series, all copies under one
// record timestamp, and gives no earlier record of the node the timestamp of a Lifecycle or Gap (RecordStamps). Whoever
// merges partitions by timestamp therefore has read everything that preceded a death before he reads the first copy of it,
// so the first copy is passed on and the others are dropped. What still comes out of order, from a partition that
// the reader did not wait for, carries its session: a fold does not take it for life.
//
// A node's watermark is the least among the partitions that are known to hold it.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "policy/in_force.hpp"
#include "wire/output.hpp"
#include "wire/status.hpp"

namespace twinpipe {

class NodeCopies {
 public:
  /// `forget`, ns of record time: a partition that has shown no tick of a node for so long, while others have, does not hold it
  /// any more. It must be longer than a writer's delivery timeout, in which copies can be apart.
  explicit NodeCopies(Nanos forget = 300 * kSecond) : forget_(forget) {}

  /// The partition holds series of the node and the asset (its key).
  void holds(std::uint32_t partition, const std::string& node, const std::string& asset, Nanos stamp);
  /// Partitions known to hold what the frame is about; empty for kinds whose copies need no waiting for.
  const std::set<std::uint32_t>& holders(const FrameView& frame);

  /// Takes a Lifecycle, Gap, Watermark or Applied frame of a record with timestamp `stamp`; writes it unless it is a copy.
  /// Watermarks wait for settle(). `before` is called before anything is written. Errors (bad_data): it does not parse.
  template <class Before>
  Status take(std::uint32_t partition, Nanos stamp, const FrameView& frame, Output& out, const Before& before) {
    Status status;
    if (is_new(partition, stamp, frame, status) && status.ok()) {
      before();
      out.forward(frame);
    }
    return status;
  }
  /// All records of one timestamp were taken: writes the watermarks that have risen.
  template <class Before>
  void settle(Output& out, const Before& before) {
    if (touched_.empty()) return;
    before();
    write_risen(out);
  }

  std::uint64_t copies() const { return copies_; }

 private:
  struct Tick {
    Nanos time = 0, clock = 0;
    std::string frame;  // empty: none yet
  };
  struct Holder {
    std::array<Tick, 2> ticks;  // by lane
    Nanos seen = 0;             // stamp of the newest tick, or of the first data
  };
  struct Node {
    std::map<std::uint32_t, Holder> holders;
    std::set<std::uint32_t> partitions;
    std::map<std::string, std::set<std::uint32_t>> assets;
    std::array<Tick, 2> written;
    std::map<std::string, std::string> current;  // Lifecycle frame by asset key, "" the node's own
    std::deque<std::size_t> recent;              // hashes of frames written
    bool touched = false;
  };

  bool is_new(std::uint32_t partition, Nanos stamp, const FrameView& frame, Status& status);
  bool is_new_lifecycle(std::uint32_t partition, const v1::Lifecycle& lifecycle, const FrameView& frame);
  void tick(std::uint32_t partition, Nanos stamp, const v1::Watermark& watermark, const FrameView& frame);
  void write_risen(Output& out);
  bool remember(Node& node, std::size_t hash);
  void touch(Node& node);

  Nanos forget_;
  std::unordered_map<std::string, Node> nodes_;  // addresses are stable
  std::vector<Node*> touched_;
  PoliciesInForce applied_;
  std::uint64_t copies_ = 0;
};

}  // namespace twinpipe
