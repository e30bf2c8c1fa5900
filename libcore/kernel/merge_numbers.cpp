// SPDX-License-Identifier: Apache-2.0
// Which messages of a session came through which input of a merge.
#include "kernel/merge_numbers.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace twinpipe {

/// A time of arrival is the host's own: two hosts give one reading two of them.
std::uint32_t MergeSession::print_of(std::uint32_t series, Nanos time, std::uint32_t quality) {
  std::uint64_t mixed = (quality & v1::QUALITY_TIME_OF_ARRIVAL) != 0 ? 0 : static_cast<std::uint64_t>(time);
  mixed ^= std::uint64_t{series} << 32 | series;
  mixed *= 0x9E3779B97F4A7C15U;  // the golden ratio, as in Fibonacci hashing
  return static_cast<std::uint32_t>(mixed >> 32);
}

MergeSession::Verdict MergeSession::take(std::uint32_t input, std::uint64_t seq, std::uint32_t index, std::uint32_t print) {
  Source& source = sources_[input];
  if (!watched_.empty()) cover(input, seq);
  if (!source.any || seq < source.low) source.low = seq;
  if (!source.any || seq > source.high) source.high = seq;
  source.any = true;
  if (any_ && seq < floor_) return Verdict::beyond;
  if (!any_ || seq - floor_ >= messages_.size()) make_room(seq);
  Message& message = messages_[seq - floor_];
  // Most messages come whole, so that a reading's index is its place.
  auto at = message.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(index, message.size()));
  if ((at != message.begin() && at[-1].index >= index) || (at != message.end() && at->index != index))
    at = std::ranges::lower_bound(message, index, {}, &Slot::index);
  for (; at != message.end() && at->index == index; ++at)
    if (at->print == print) return at->input == input ? Verdict::fresh : Verdict::copy;
  message.insert(at, Slot{index, print, input});
  return Verdict::fresh;
}

void MergeSession::make_room(std::uint64_t seq) {
  if (!any_) floor_ = seq - std::min({seq, kMargin, window_ - 1});
  any_ = true;
  trim();
  if (seq - floor_ >= window_) {
    const std::uint64_t floor = seq - window_ + 1;
    const std::uint64_t old = std::min<std::uint64_t>(floor - floor_, messages_.size());
    messages_.erase(messages_.begin(), messages_.begin() + static_cast<std::ptrdiff_t>(old));
    floor_ = floor;
  }
  messages_.resize(std::max<std::size_t>(messages_.size(), seq - floor_ + 1));
}

/// What every input has had long ago needs no memory. An input that has not come to this session yet may still.
void MergeSession::trim() {
  std::uint64_t least = std::numeric_limits<std::uint64_t>::max();
  for (const Source& source : sources_)
    if (!source.left) least = std::min(least, source.any ? source.high : 0);
  while (!messages_.empty() && least != std::numeric_limits<std::uint64_t>::max() && floor_ + kMargin < least) {
    messages_.pop_front();
    ++floor_;
  }
}

void MergeSession::missed(std::uint32_t input, NumberRange range) {
  Source& source = sources_[input];
  source.reported = true;
  // It brings nothing any more of what it has gone beyond.
  const std::optional<std::uint64_t> reach = reach_of(source);
  if (!reach || range.last > *reach) wake({reach ? *reach + 1 : 0, range.last}, input);
  source.gaps.push_back(range);
  if (source.gaps.size() <= kMostRanges) return;
  // What is forgotten must not pass for what came.
  source.low =
      std::max(source.low, source.gaps.front().last == std::numeric_limits<std::uint64_t>::max() ? source.gaps.front().last
                                                                                                 : source.gaps.front().last + 1);
  source.gaps.pop_front();
}

/// The last message of its gaps: it has gone beyond that.
std::optional<std::uint64_t> MergeSession::reach_of(const Source& source) {
  if (source.gaps.empty()) return std::nullopt;
  return std::ranges::max_element(source.gaps, {}, &NumberRange::last)->last;
}

bool MergeSession::has(const Source& source, std::uint64_t seq) const {
  return source.any && seq >= source.low && seq <= source.high &&
         std::ranges::none_of(source.gaps, [seq](const NumberRange& gap) { return gap.first <= seq && seq <= gap.last; });
}

std::vector<NumberRange> MergeSession::missing(std::uint32_t input, NumberRange range,
                                               const std::function<bool(std::uint32_t)>& comes, bool& certain) const {
  std::vector<NumberRange> left;
  certain = true;
  // Sparkplug counts to 255, so a gap is short; a longer one is not looked into.
  constexpr std::uint64_t kLong = 4096;
  if (range.last - range.first >= kLong) return {range};
  for (std::uint64_t seq = range.first;; ++seq) {
    const bool known = std::ranges::any_of(told_, [seq](const NumberRange& r) { return r.first <= seq && seq <= r.last; });
    bool had = false, may_come = false;
    for (std::uint32_t other = 0; other < sources_.size(); ++other) {
      const Source& source = sources_[other];
      if (other == input) continue;
      if (!source.joined) {
        may_come = may_come || comes(other);
        continue;
      }
      // Greater numbers that came prove nothing: a host writes the readings of a batch type by type. But it writes a gap
      // behind all that came before it.
      had = had || has(source, seq);
      may_come =
          may_come || (!source.left && std::ranges::none_of(source.gaps, [seq](const NumberRange& r) { return r.last >= seq; }));
    }
    if (!had && !known) {
      certain = certain && !may_come;
      if (!left.empty() && left.back().last + 1 == seq) left.back().last = seq;
      else left.push_back({seq, seq});
    }
    if (seq == range.last) break;
  }
  return left;
}

void MergeSession::told(NumberRange range) {
  wake(range);
  told_.push_back(range);
  if (told_.size() > kMostRanges) told_.pop_front();
}

void MergeSession::join(std::uint32_t input) {
  if (!std::exchange(sources_[input].joined, true)) wake_all();
}

void MergeSession::leave(std::uint32_t input) {
  if (!std::exchange(sources_[input].left, true)) wake_all();
}

/// A message of the input comes: wakes who waits for what the input has now and had not before.
void MergeSession::cover(std::uint32_t input, std::uint64_t seq) {
  const Source& source = sources_[input];
  if (!source.any) wake({seq, seq}, input);
  if (source.any && seq < source.low) wake({seq, source.low - 1}, input);
  if (source.any && seq > source.high) wake({source.high + 1, seq}, input);
}

void MergeSession::wake(NumberRange range, std::optional<std::uint32_t> but_of) {
  for (auto at = watched_.lower_bound({range.first, 0}); at != watched_.end() && at->first.first <= range.last;) {
    if (at->second == but_of) {
      ++at;
      continue;
    }
    woken_->insert(at->first.second);
    at = watched_.erase(at);
  }
}

void MergeSession::wake_all() {
  for (const auto& [watched, input] : watched_) woken_->insert(watched.second);
  watched_.clear();
}

std::shared_ptr<MergeSession> MergeSessions::find(const std::string& node, const v1::Session& session) {
  std::deque<Known>& known = nodes_[node];
  for (const Known& one : known)
    if (one.session.birth() == session.birth() && one.session.bdseq() == session.bdseq()) return one.is;
  known.push_back({session, std::make_shared<MergeSession>(inputs_, window_, *woken_)});
  if (known.size() > kSessions) known.pop_front();
  return known.back().is;
}

}  // namespace twinpipe
