// SPDX-License-Identifier: Apache-2.0
// Runs of windows that have been sent.
#include "kernel/sent_windows.hpp"

#include <algorithm>

namespace twinpipe {

const SentWindows::Run* SentWindows::run_of(Nanos start) const {
  const auto at = std::ranges::lower_bound(runs_, start, {}, &Run::last);
  return at != runs_.end() && at->first <= start ? &*at : nullptr;
}

std::optional<std::uint32_t> SentWindows::find(Nanos start) const {
  const Run* const run = run_of(start);
  return run != nullptr ? std::optional(run->revision) : std::nullopt;
}

bool SentWindows::is_open(Nanos start) const {
  const Run* const run = run_of(start);
  return run != nullptr && !run->older;
}

bool SentWindows::is_older(Nanos start) const {
  const Run* const run = run_of(start);
  return run != nullptr && run->older;
}

void SentWindows::begin_anew() {
  for (Run& run : runs_) run.older = true;
}

/// Makes one of the run `at` and its neighbours where they touch and have the same revision.
void SentWindows::join(std::size_t at, Nanos slide) {
  const auto touch = [slide](const Run& a, const Run& b) {
    return a.revision == b.revision && a.older == b.older && b.first - a.last == slide;
  };
  const auto absorb_next = [this](std::size_t i) {
    runs_[i].last = runs_[i + 1].last;
    runs_.erase(runs_.begin() + static_cast<std::ptrdiff_t>(i + 1));
  };
  if (at + 1 < runs_.size() && touch(runs_[at], runs_[at + 1])) absorb_next(at);
  if (at > 0 && touch(runs_[at - 1], runs_[at])) absorb_next(at - 1);
}

std::uint32_t SentWindows::send(Nanos start, Nanos slide) {
  if (!runs_.empty() && runs_.back().revision == 0 && !runs_.back().older &&
      start - runs_.back().last == slide) {  // nearly always
    runs_.back().last = start;
    return 0;
  }
  const auto found = std::ranges::lower_bound(runs_, start, {}, &Run::last);
  auto at = static_cast<std::size_t>(found - runs_.begin());
  std::uint32_t revision = 0;
  if (found != runs_.end() && found->first <= start) {
    const Run whole = *found;
    revision = whole.revision + 1;
    runs_.erase(found);
    const auto insert = [this](std::size_t where, const Run& run) {
      runs_.insert(runs_.begin() + static_cast<std::ptrdiff_t>(where), run);
    };
    if (start < whole.last) insert(at, {start + slide, whole.last, whole.revision, whole.older});
    insert(at, {start, start, revision});
    if (whole.first < start) insert(at++, {whole.first, start - slide, whole.revision, whole.older});
  } else {
    runs_.insert(found, {start, start, 0});
  }
  join(at, slide);
  if (runs_.size() > kMost) {
    runs_[1] = {runs_[0].first, runs_[1].last, std::max(runs_[0].revision, runs_[1].revision), runs_[0].older || runs_[1].older};
    runs_.erase(runs_.begin());
  }
  return revision;
}

}  // namespace twinpipe
