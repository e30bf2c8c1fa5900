// SPDX-License-Identifier: Apache-2.0
// What a reader has to know before it can read on from the middle of a stream: the Open, the policies and the declarations
// in force there.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "policy/in_force.hpp"
#include "wire/frame.hpp"
#include "wire/status.hpp"

namespace twinpipe::rawbuf {

class Declarations {
 public:
  /// Takes the next frame of the stream; only Open, Close, Series and Applied matter. Errors (bad_data): it does not parse, or
  /// its aliases are not dense.
  Status observe(const FrameView& frame);

  /// Open, Applied and Series frames that bring a reader to where this stream is; empty outside a segment. Aliases come in
  /// order, so that they are dense. An asset whose series were declared under several sessions ends with the newest.
  std::string frames(std::uint32_t& count) const;
  /// False for a frame that names an alias which is not declared: its declaration was lost.
  bool covers(const FrameView& frame) const;
  /// Who publishes the series in force.
  std::vector<std::string> nodes() const;
  bool inside() const { return !open_.empty(); }
  std::size_t series() const { return sensors_.size(); }

 private:
  struct Declared {
    std::uint32_t header = 0;  // what it was last declared under
    std::string sensor;        // as protobuf
  };
  struct Asset {
    std::uint32_t newest = 0;  // header
  };

  std::uint32_t header_of(v1::Series series);
  void append(std::uint32_t header, std::uint32_t from, std::uint32_t to, bool all, std::string& out) const;

  std::string open_;  // the frame; empty outside a segment
  PoliciesInForce applied_;
  std::vector<Declared> sensors_;       // by alias
  std::vector<v1::Series> headers_;     // Series frames without their sensors
  std::vector<std::string> assets_of_;  // of each header
  std::map<std::string, Asset> assets_;
  v1::Series series_;
  v1::Applied applied_frame_;
};

}  // namespace twinpipe::rawbuf
