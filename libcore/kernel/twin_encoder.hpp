// SPDX-License-Identifier: Apache-2.0
// Twin frames as bytes, put together by hand: at every tick each asset is told whole, so this is where a busy fold's time goes.
//
// What a declaration fixes (names, units) lies ready as encoded fields; the rest is written once, in the order of the field
// numbers, so the bytes are those that the generated code would write.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "policy/in_force.hpp"
#include "wire/columns.hpp"
#include "wire/frame.hpp"

namespace twinpipe {

/// Fields of one asset's Twin frames that stay as they are from one declaration to the next.
struct TwinLayout {
  std::string head;                 // site, line, asset, node, session; empty: to be made
  std::string sensors;              // of each metric its name, then its unit
  std::vector<std::uint32_t> ends;  // in `sensors`, two of each metric

  void clear() { head.clear(), sensors.clear(), ends.clear(); }
  void add_metric(const v1::Sensor& sensor);
};

/// What changes. Times of 0 are left out, as proto3 has it.
struct TwinHeader {
  bool online = false;
  v1::Lifecycle::Reason reason = v1::Lifecycle::REASON_UNSPECIFIED;
  Nanos since = 0, as_of = 0;
  std::string_view facts;  // encoded fields: facts, registry_as_of, registry_stale
  bool retired = false, unknown = false;
};
struct TwinMetricState {
  v1::Freshness freshness = v1::FRESHNESS_NEVER;
  Nanos slo = 0;
  bool seen = false;  // false: nothing below counts
  ValueType type = v1::VALUE_TYPE_DOUBLE;
  std::uint64_t value = 0;  // bits
  std::string_view text;    // of string and bytes
  Nanos time = 0, first_seen = 0;
  std::uint32_t quality = kGood;
  Nanos age = 0;
  std::uint32_t rejected = 0;  // counts without a value too
  std::string_view rejected_by;
  Nanos rejected_at = kBeginning;
};

class TwinEncoder {
 public:
  /// Digests that a node's twins end with: the fold's own policy, and those that shaped the values.
  static std::string policies(const std::string& own, const PoliciesInForce::Policies& shaped_by);

  /// `policies` is what the function of that name gave; it and the header's facts must outlive end().
  void begin(const TwinLayout& layout, const TwinHeader& header, std::string_view policies);
  /// The metrics in the order of the layout.
  void add(const TwinMetricState& metric);
  /// The whole frame, with its tag byte; valid until the next begin().
  FrameView end();

 private:
  char* room(std::size_t size);

  const TwinLayout* layout_ = nullptr;
  std::size_t metric_ = 0;
  TwinHeader header_;
  std::string_view policies_;
  std::string buffer_;  // room for tags and lengths, then the message
  std::size_t at_ = 0;
};

}  // namespace twinpipe
