// SPDX-License-Identifier: Apache-2.0
// Node frames (Lifecycle, Gap, Watermark, Applied) on their way to every topic-partition that holds series of the node.
//
// A partition that gets its first series of a node also gets the node's state so far: the policies in force, its last Lifecycle,
// the device's, its watermarks. So whoever reads any subset of the partitions knows what it must about the nodes in it.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "kernel/kafka_record.hpp"
#include "policy/in_force.hpp"

namespace twinpipe {

class NodeFrames {
 public:
  /// `partitions`: of each topic. `open`: the Open frame that begins every value. `limit`: of a value, in bytes.
  NodeFrames(std::vector<std::int32_t> partitions, std::string open, std::size_t limit);

  /// Number of a node, given one when it is new. The empty name is every node.
  std::uint32_t node(std::string_view name);

  /// From here on the partition holds series of the asset (its key), which the node publishes. Packs what is new there.
  void hold(std::uint32_t node, const std::string& asset, std::uint32_t topic, std::int32_t partition);

  // Each takes a whole frame as its bytes, packs it for the partitions concerned, and remembers what later ones need.
  /// `asset`: the device's key; empty: the node and all of its devices.
  void lifecycle(std::uint32_t node, const std::string& asset, std::string_view frame);
  /// False: no partition holds series of the node, and nothing is packed.
  bool gap(std::uint32_t node, std::string_view frame);
  /// Kept until release(): a newer one replaces it.
  void watermark(std::uint32_t node, v1::Lane lane, std::string_view frame);
  void release(std::uint32_t node);
  void release_all();
  /// Names its nodes. What it says is packed for the partitions that hold them, unless it was said before.
  void applied(const v1::Applied& applied);
  /// Another segment of the input begins.
  void open_segment() { policies_.open_segment(); }

  bool packed() const { return !dirty_.empty(); }
  /// Puts what is packed, a value or more a partition. Errors: the sink's; bad_data: a frame that is longer than a value may be.
  Status put(RecordSink& sink, KafkaRecord::Order order, std::uint32_t node);

  std::uint64_t records() const { return records_; }

 private:
  using Places = std::vector<std::uint32_t>;
  struct Node {
    Places places;  // sorted
    std::string lifecycle;
    std::map<std::string, std::string> devices;     // Lifecycle by asset key, since the node's own
    std::map<std::string, Places> assets;           // places by asset key
    std::array<std::string, 2> watermark, waiting;  // by lane: written, and not yet
  };
  struct Place {
    std::uint32_t topic = 0;
    std::int32_t partition = 0;
    std::string pack;
    std::vector<std::size_t> ends;  // of the frames in it
  };

  void pack(std::uint32_t place, std::string_view frame);
  void pack(const Places& places, std::string_view frame) {
    for (const std::uint32_t place : places) pack(place, frame);
  }
  const Places& places_of(std::uint32_t node) const { return names_[node].empty() ? used_ : nodes_[node].places; }

  std::string open_;
  std::size_t limit_;
  std::vector<std::uint32_t> first_place_;  // of each topic
  std::vector<Place> places_;
  Places used_, dirty_;
  std::unordered_map<std::string, std::uint32_t> index_;
  std::vector<std::string> names_;
  std::vector<Node> nodes_;
  PoliciesInForce policies_;
  std::uint64_t records_ = 0, round_ = 0;
};

}  // namespace twinpipe
