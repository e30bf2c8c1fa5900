// SPDX-License-Identifier: Apache-2.0
// What exc-pass watches for: the policy's rules with their signals understood.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "policy/policy.hpp"
#include "wire/frame.hpp"
#include "wire/status.hpp"

namespace twinpipe {

/// What a rule looks at.
struct Signal {
  enum class Source { value, rate, aggregate, band, total, peak_frequency };
  std::string name;  // as the policy has it: "band:bearing@envelope"
  Source source = Source::value;
  std::string column;    // of Aggregates; or the band's name
  std::string quantity;  // of Spectra; empty: any
  /// Values of a frame's rows; empty: the frame does not have this signal.
  std::span<const double> of(const v1::Aggregates& rows) const;
  std::span<const double> of(const v1::Spectra& rows) const;
  /// Errors (bad_config): an unknown signal.
  static Result<Signal> parse(std::string name);
  /// That of a rule of exc-pass. Errors (bad_config) name the rule: an unknown signal.
  static Result<Signal> parse(const Rule& rule);
  bool is_raw() const { return source == Source::value || source == Source::rate; }
};

struct ExceptionRule {
  const Rule* rule = nullptr;
  std::uint32_t signal = 0;  // of ExceptionRules::signals
  std::optional<double> above, below;
  double hysteresis = 0;
  Nanos on_delay = 0, pre = 0, post = 0;
  std::string passes;  // glob over the asset's sensors; empty: the series itself
  std::optional<double> budget;

  enum class Side : std::uint8_t { none, high, low };
  /// Where a value lies, when the one before it lay at `before`. Finite values only.
  Side side_of(double value, Side before) const {
    if (above && (value > *above || (before == Side::high && value > *above - hysteresis))) return Side::high;
    if (below && (value < *below || (before == Side::low && value < *below + hysteresis))) return Side::low;
    return Side::none;
  }
  double threshold(Side side) const { return side == Side::high ? above.value_or(0) : below.value_or(0); }
};

class ExceptionRules {
 public:
  static constexpr std::string_view kSection = "exc-pass";
  static constexpr Nanos kPost = 300 * kSecond;

  /// `policy` must outlive the rules. Errors (bad_config) name the rule: an unknown signal, neither above nor below, below
  /// greater than above, a post of zero, a 'passes' of several levels.
  static Result<ExceptionRules> make(const Policy& policy);

  const Policy& policy() const { return *policy_; }
  /// In the policy's order.
  const std::vector<ExceptionRule>& rules() const { return rules_; }
  const std::vector<Signal>& signals() const { return signals_; }
  /// The longest pre-trigger, with the delay that it starts before.
  Nanos longest_pre() const;

 private:
  const Policy* policy_ = nullptr;
  std::vector<ExceptionRule> rules_;
  std::vector<Signal> signals_;
};

}  // namespace twinpipe
