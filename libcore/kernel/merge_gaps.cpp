// SPDX-License-Identifier: Apache-2.0
// Gaps that wait until it is known whether another input of a merge has what is missing.
#include "kernel/merge_gaps.hpp"

namespace twinpipe {

void MergeGaps::add(Gap gap) {
  const std::uint64_t number = ++last_;
  of_node_[gap.node].emplace(gap.after, number);
  waiting_.emplace(number, Waiting{std::move(gap), false, std::nullopt});
  woken_.insert(number);
}

void MergeGaps::wake_all() {
  for (const auto& [number, waiting] : waiting_) woken_.insert(woken_.end(), number);
}

void MergeGaps::give_up() {
  for (auto& [number, waiting] : waiting_) waiting.given_up = true;
  wake_all();
}

void MergeGaps::give_up(const std::string& node, Nanos until) {
  const auto of_node = of_node_.find(node);
  if (of_node == of_node_.end()) return;
  for (const auto& [after, number] : of_node->second) {
    if (after >= until) break;
    waiting_.at(number).given_up = true;
    woken_.insert(number);
  }
}

void MergeGaps::judge(const std::function<bool(std::uint32_t)>& comes, const Decided& decided) {
  // What is told of one gap may wake others: those behind it are judged now, those in front of it next time.
  for (auto next = woken_.begin(); next != woken_.end();) {
    const std::uint64_t number = *next;
    woken_.erase(next);
    const At at = waiting_.find(number);
    Waiting& waiting = at->second;
    if (waiting.watched) waiting.gap.session->unwatch(*std::exchange(waiting.watched, std::nullopt), number);
    ++judgements_;
    bool certain = false;
    const std::vector<NumberRange> missing = waiting.gap.session->missing(waiting.gap.input, waiting.gap.range, comes, certain);
    if (missing.empty() || certain || waiting.given_up) {
      decided(take(at), missing);
    } else {
      // Of what is missing the last comes if any of it does: an input that has gone beyond it has gone beyond all.
      waiting.watched = missing.back().last;
      waiting.gap.session->watch(*waiting.watched, number, waiting.gap.input);
    }
    next = woken_.upper_bound(number);
  }
}

MergeGaps::Gap MergeGaps::take(At at) {
  Gap gap = std::move(at->second.gap);
  const auto of_node = of_node_.find(gap.node);
  of_node->second.erase({gap.after, at->first});
  if (of_node->second.empty()) of_node_.erase(of_node);
  waiting_.erase(at);
  return gap;
}

}  // namespace twinpipe
