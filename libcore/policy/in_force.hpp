// SPDX-License-Identifier: Apache-2.0
// Which policies shape the values of a stream, as its Applied frames say: by tool, name of the policy and node.
//
// Several hosts may run one policy in two versions. Where their streams come together, patterns do not tell them apart, since
// patterns overlap; the node of a series does.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/pattern.hpp"
#include "wire/frame.hpp"
#include "wire/status.hpp"

namespace twinpipe {

/// Whether an Applied frame speaks of series of the node.
bool concerns(const v1::Applied& applied, std::string_view node);

/// What an Applied frame says, with its rules' patterns ready to match.
class AppliedPolicy {
 public:
  explicit AppliedPolicy(v1::Applied applied);

  const v1::Applied& words() const { return words_; }
  /// The first rule that matches, has not ended by `at` and is one that `among` takes; none.
  template <class Among>
  const v1::AppliedRule* rule_of(std::string_view site, std::string_view line, std::string_view asset, std::string_view sensor,
                                 Nanos at, const Among& among) const {
    for (int i = 0; i < words_.rule_size(); ++i) {
      const v1::AppliedRule& rule = words_.rule(i);
      if ((rule.expires() != 0 && at >= rule.expires()) || !among(rule)) continue;
      if (matches(i, site, line, asset, sensor)) return &rule;
    }
    return nullptr;
  }
  bool matches(int rule, std::string_view site, std::string_view line, std::string_view asset, std::string_view sensor) const;
  /// Errors (bad_data): a pattern that is none; it matches nothing.
  const Status& status() const { return status_; }

 private:
  v1::Applied words_;
  std::vector<std::optional<Pattern>> patterns_;  // of its rules
  Status status_;
};

class PoliciesInForce {
 public:
  using Policies = std::vector<std::shared_ptr<const AppliedPolicy>>;

  /// What was said so far holds no longer.
  void clear();
  /// Another segment: what was said of a node holds until the segment says something of it, what was said of all nodes until it
  /// says anything.
  void open_segment() { ++segment_; }
  /// What a frame says of a node replaces what was said of it under the same tool and name of a policy; a frame that names no
  /// node speaks of all. False: nothing changes.
  bool take(const v1::Applied& applied);

  /// Those that shape the series of the node, downstream first. Valid until the next take().
  const Policies& of(std::string_view node) const;
  /// Applied frames that say all of this again.
  std::vector<v1::Applied> words() const;

 private:
  struct Said {
    Policies policies;  // in the order in which they were first said, their nodes left out
    std::uint64_t segment = 0;
  };
  using Policy = std::shared_ptr<const AppliedPolicy>;

  Policy intern(const v1::Applied& applied);
  bool put(const Policy& policy, Said& said);

  std::uint64_t segment_ = 0;
  Said everywhere_;
  std::map<std::string, Said, std::less<>> own_;                        // by node
  std::map<std::string, std::weak_ptr<const AppliedPolicy>> policies_;  // by their bytes: many nodes have the same
  mutable std::map<std::string, Policies, std::less<>> merged_;         // answers of of()
};

}  // namespace twinpipe
