// SPDX-License-Identifier: Apache-2.0
// What readings are expected to be: the rules of a policy's section "quarantine", checked and ready to be held against values.
//
// Only good readings have a value to look at: what a source itself marks as bad or stale says so wherever it goes. A null
// reading has no value: `not-null`, `unit`, `future` and `timestamp` look at it, the others do not. Not-a-number is a value,
// and in no range.
#pragma once

#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "policy/policy.hpp"
#include "wire/columns.hpp"

namespace twinpipe {

enum class Expect : std::uint8_t { range, not_null, rate, stuck, set, unit, future, timestamp };

/// What a reading is, as far as an expectation looks at it.
struct Sighting {
  Nanos time = 0;
  std::uint32_t quality = kGood;
  ValueType type = v1::VALUE_TYPE_DOUBLE;
  bool has_value = false;    // good, and not null
  bool is_number = false;    // double, int64 or uint64
  double number = 0;         // then
  std::uint64_t bits = 0;    // of a bool or an integer
  std::string_view text;     // of a string
  bool follows = false;      // a good value of the series and lane came before, and not after it in event time
  double rise = 0;           // since that one
  Nanos elapsed = 0;         // since then
  bool same = false;         // as that one
  Nanos since = 0;           // from when on the value was the same
  std::optional<Nanos> now;  // the source's clock
};

struct Expectation {
  const Rule* rule = nullptr;
  Expect what = Expect::range;
  v1::Reject::Action action = v1::Reject::ACTION_QUARANTINE;
  double low = -std::numeric_limits<double>::infinity(), high = std::numeric_limits<double>::infinity();
  double per_second = std::numeric_limits<double>::max();
  Nanos longest = kForever, skew = kForever;
  std::uint32_t refused_origins = 0;  // flags of Quality
  std::string unit;
  ValueList values;
  std::vector<double> numbers;  // those of `values` that are

  bool contains(const Sighting& sighting) const;
  /// Is it broken? `wrong_unit` of the series, `stuck_after`: `longest`, or longer where that cannot be told so soon.
  bool is_broken(const Sighting& sighting, bool wrong_unit, Nanos stuck_after) const;
  /// Why, for people: "600 degC is above 400 degC".
  std::string reason(const Sighting& sighting, const v1::Sensor& sensor) const;
  /// The same comparison wherever a change is judged, so that it cannot differ in the last bit.
  static double most_rise(double per_second, Nanos elapsed) { return per_second * (static_cast<double>(elapsed) * 1e-9); }
};

/// In the order of the policy, of which they keep pointers to rules. Errors (bad_config) name the rule: nothing is expected, a
/// parameter is missing or belongs to another expectation, an empty range, a set of nothing that a value can be.
Result<std::vector<Expectation>> read_expectations(const Policy& policy);

/// Behind a deadband, what did not come may have changed and come back: only what is sent tells, and a value that does not
/// change is sent once a heartbeat. So a stuck value is told from a quiet one by three of them in a row that are the same.
/// The least time after which that can be; kForever: never, since there is no heartbeat.
constexpr Nanos stuck_is_told_after(Nanos heartbeat) {
  return heartbeat == 0 || heartbeat > kForever / 2 ? kForever : 2 * heartbeat;
}

}  // namespace twinpipe
