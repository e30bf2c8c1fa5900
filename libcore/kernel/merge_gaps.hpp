// SPDX-License-Identifier: Apache-2.0
// Gaps that wait until it is known whether another input of a merge has what is missing.
//
// A gap waits as long as one of its messages is missing and may still come. It keeps an eye on one such message, as solvers of
// clauses do (two watched literals: Moskewicz et al., Chaff, 2001), and is judged again only when something changes about that
// one. So a gap costs a few judgements however many wait beside it and however long it waits.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "kernel/merge_numbers.hpp"

namespace twinpipe {

class MergeGaps {
 public:
  struct Gap {
    std::uint32_t input = 0;
    std::string node;
    std::shared_ptr<MergeSession> session;
    NumberRange range;
    Nanos after = kBeginning;  // the input's tick before it
    std::string frame;
  };
  /// What of a gap nobody has and nobody brings any more; nothing: all of it came.
  using Decided = std::function<void(const Gap& gap, const std::vector<NumberRange>& missing)>;

  bool empty() const { return waiting_.empty(); }
  std::size_t size() const { return waiting_.size(); }
  void add(Gap gap);

  /// An input has ended: whoever counted on it is judged.
  void wake_all();
  /// What is missing now stays so: of all, or of those of `node` in front of its watermark `until`.
  void give_up();
  void give_up(const std::string& node, Nanos until);
  /// Judges those about which something has changed, in the order in which they came. `comes`: see MergeSession::missing().
  void judge(const std::function<bool(std::uint32_t)>& comes, const Decided& decided);

  /// Where sessions say that something has changed.
  WokenGaps& woken() { return woken_; }
  std::uint64_t judgements() const { return judgements_; }

 private:
  struct Waiting {
    Gap gap;
    bool given_up = false;
    std::optional<std::uint64_t> watched;  // message
  };
  using At = std::map<std::uint64_t, Waiting>::iterator;
  Gap take(At at);

  std::map<std::uint64_t, Waiting> waiting_;  // by number, as they came
  std::unordered_map<std::string, std::set<std::pair<Nanos, std::uint64_t>>> of_node_;
  WokenGaps woken_;
  std::uint64_t last_ = 0, judgements_ = 0;
};

}  // namespace twinpipe
