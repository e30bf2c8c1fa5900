// SPDX-License-Identifier: Apache-2.0
// Spans of covered time, joined where they meet.
#include "kernel/covered_time.hpp"

#include <algorithm>

namespace twinpipe {

void CoveredTime::add(const Run& run) {
  const auto first = std::ranges::lower_bound(runs_, run.from, {}, &Run::to);
  if (first == runs_.end() || first->from > run.to) {
    runs_.insert(first, run);
    if (runs_.size() <= kMost) return;
    Run& second = runs_[1];
    second.from = runs_[0].from, second.begin = runs_[0].begin;
    runs_.erase(runs_.begin());
    return;
  }
  if (run.from < first->from) first->from = run.from, first->begin = run.begin;
  auto last = first;
  while (last + 1 != runs_.end() && (last + 1)->from <= run.to) ++last;
  if (last != first) first->to = last->to, first->end = last->end, first->until = last->until;
  if (run.to > first->to || (run.to == first->to && run.until > first->until))
    first->to = run.to, first->end = run.end, first->until = run.until;
  runs_.erase(first + 1, last + 1);
}

const CoveredTime::Run* CoveredTime::before(Nanos time) const {
  const auto at = std::ranges::upper_bound(runs_, time, {}, &Run::from);
  return at == runs_.begin() ? nullptr : &*(at - 1);
}

const CoveredTime::Run* CoveredTime::behind(Nanos time) const {
  const auto at = std::ranges::upper_bound(runs_, time, {}, &Run::from);
  return at == runs_.end() ? nullptr : &*at;
}

bool CoveredTime::covers(Nanos from, Nanos to) const {
  const Run* const run = before(from);
  return run != nullptr && run->to >= to;
}

}  // namespace twinpipe
