// SPDX-License-Identifier: Apache-2.0
// The rules that a tool goes by while it runs: which one applies to a series, until when, which temporary ones have ended,
// and how both are told to whoever reads the stream.
#pragma once

#include <array>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "policy/policy.hpp"
#include "wire/output.hpp"
#include "wire/series_table.hpp"

namespace twinpipe {

class RuleBook {
 public:
  /// Adds to a rule of an Applied frame what only the tool knows: interpolation, bound, heartbeat, shortest interval.
  using Describe = std::function<void(const Rule&, v1::AppliedRule&)>;

  /// The rules of `section`, by default the one that bears the tool's name. The policy must outlive the book.
  RuleBook(const Policy& policy, std::string tool, Describe describe = {}, std::string_view section = {});

  const Policy& policy() const { return *policy_; }
  const std::string& digest() const { return policy_->digest(); }
  const std::vector<Rule>& rules() const { return *rules_; }

  struct Match {
    const Rule* rule = nullptr;  // nullptr: no rule applies
    Nanos until = kForever;      // the answer holds before this event time
  };
  /// What applies to a series from event time `at` on. A temporary rule that would have applied and ended by then is
  /// expired from here on, whatever earlier times are asked about later: see announce(). kBeginning expires nothing.
  /// Costs a comparison of names per rule: ask at a declaration and at `until`, never per reading.
  Match find(const SeriesTable& table, std::uint32_t slot, Nanos at) { return find(table, slot, at, {}); }
  /// The same among the rules that `among` names: for a section whose rules work beside each other.
  Match find(const SeriesTable& table, std::uint32_t slot, Nanos at, const std::function<bool(const Rule&)>& among);
  /// The same among rules that match the one asked about by their names: the first that has not ended by `at`.
  const Rule* find(std::span<const Rule* const> matching, Nanos at);

  /// The same of a name that no table has. Levels: site, line, asset, sensor.
  Match find(const std::array<std::string_view, 4>& levels, Nanos at, const std::function<bool(const Rule&)>& among);

  /// The Applied frame as things stand.
  v1::Frame applied() const;
  /// True when rules expired since the last announce().
  bool has_news() const { return announced_ < expired_.size(); }
  /// Writes an Applied frame per rule that expired since the last call, in the order in which they were found to, and
  /// returns a line for standard error each. One frame a rule, so that the stream does not depend on how readings were
  /// grouped. Expired rules are not part of a saved state: a resumed filter has written Applied behind its Open before
  /// it knows its state, so it tells them again.
  std::vector<std::string> announce(Output& out);
  std::size_t expired() const { return expired_.size(); }

 private:
  v1::Frame applied(std::size_t expired) const;
  bool in_force(const Rule& rule, Nanos at);

  const Policy* policy_;
  const std::vector<Rule>* rules_;
  std::string tool_;
  Describe describe_;
  std::vector<const Rule*> expired_;
  std::size_t announced_ = 0;  // of expired_
};

}  // namespace twinpipe
