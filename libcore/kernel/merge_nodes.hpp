// SPDX-License-Identifier: Apache-2.0
// What the inputs of a merge say about nodes, said once: watermarks, births and deaths, and who still sees a node.
//
// A node's watermark in a lane is the least among the inputs that are open and have seen the node there. Blind is not dead: a
// node is out of sight when the last input that saw it has lost its link.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "wire/frame.hpp"
#include "wire/output.hpp"

namespace twinpipe {

class MergeNodes {
 public:
  explicit MergeNodes(std::size_t inputs) : open_(inputs, true) {}

  struct Node;
  Node& node(const std::string& name);

  /// The input has series of the node, or readings of it in the lane.
  void seen(std::uint32_t input, Node& node, bool historical);
  /// Takes a Lifecycle frame; true when it is to be written.
  bool lifecycle(std::uint32_t input, const v1::Lifecycle& lifecycle, std::string_view frame);
  /// Takes a Watermark frame.
  void tick(std::uint32_t input, const v1::Watermark& watermark, std::string_view frame);
  /// The input's newest live tick of the node; kBeginning: none yet.
  Nanos ticked(std::uint32_t input, const std::string& node);
  /// Whether the input holds anything back: not when it has ended, or is not waited for.
  void set_open(std::uint32_t input, bool open);

  /// Calls `write` with each node's frames that are due: watermarks that have risen, a link that nobody has any more.
  void write_due(const std::function<void(Node& node, bool live_mark, Nanos time, std::string_view frame)>& write);

 private:
  void touch(Node& node);

  std::vector<bool> open_;  // by input
  std::deque<Node> nodes_;
  std::unordered_map<std::string, Node*> index_;
  std::vector<Node*> touched_;
};

struct MergeNodes::Node {
  struct Tick {
    Nanos time = 0, clock = 0;
    std::string frame;  // empty: none yet
  };
  struct Source {
    bool offline = false, blind = false;
    std::array<bool, 2> seen{};  // by lane
    std::array<Tick, 2> ticks;
    std::string lost;  // the Lifecycle frame that said that the link is lost
    Nanos lost_at = 0;
  };
  struct Told {
    std::uint32_t count = 0;                      // written
    std::map<std::uint32_t, std::uint32_t> came;  // by input
  };
  std::string name;
  bool touched = false;
  bool known = false;  // something was written about its life
  bool blind = false;  // what was written last is that the link is lost,
  bool dead = false;   // or that it died
  std::vector<Source> sources;
  std::array<Tick, 2> written;
  std::deque<std::string> order;  // of told, oldest first
  std::map<std::string, Told> told;
};

}  // namespace twinpipe
