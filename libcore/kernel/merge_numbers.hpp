// SPDX-License-Identifier: Apache-2.0
// Which messages of a session came through which input of a merge: what is a copy, and what is missing everywhere.
//
// A reading is known by its session, the number of its message and its index there, and for safety by its series and event time
// too: publishers without numbers, and hosts that lost count, may give two readings one number, and neither must be lost for
// the other. A number that one input repeats is that input's own affair; only between inputs there are copies.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "wire/columns.hpp"

namespace twinpipe {

/// Message numbers, both inclusive.
struct NumberRange {
  std::uint64_t first = 0, last = 0;
};

/// Numbers of the waiting gaps about which something may have changed: see MergeGaps.
using WokenGaps = std::set<std::uint64_t>;

/// One session of one node.
class MergeSession {
 public:
  /// `window`: messages remembered at most. `woken` must outlive this.
  MergeSession(std::size_t inputs, std::uint64_t window, WokenGaps& woken) : window_(window), sources_(inputs), woken_(&woken) {}

  enum class Verdict { fresh, copy, beyond };  // beyond: older than the window, so that nobody can tell
  /// Takes note of a reading. `print`: see print_of().
  Verdict take(std::uint32_t input, std::uint64_t seq, std::uint32_t index, std::uint32_t print);
  static std::uint32_t print_of(std::uint32_t series, Nanos time, std::uint32_t quality);

  /// An input says that these messages are missing.
  void missed(std::uint32_t input, NumberRange range);
  /// What of `range` no other input has, and what was not told yet. `certain`: no other input may still bring some of it;
  /// `comes(other)`: it may come to this session yet.
  std::vector<NumberRange> missing(std::uint32_t input, NumberRange range, const std::function<bool(std::uint32_t)>& comes,
                                   bool& certain) const;
  void told(NumberRange range);
  /// The input has declared series of this session: it may bring more.
  void join(std::uint32_t input);
  /// The input ended, or has gone on to another session: it brings nothing more of this one.
  void leave(std::uint32_t input);
  /// Every gap that the input reported here was filled by others.
  bool filled(std::uint32_t input) const { return sources_[input].reported && sources_[input].unfilled == 0; }
  /// A gap of the input waits or was told (+1), or turned out to be filled (-1).
  void count_unfilled(std::uint32_t input, int change) { sources_[input].unfilled += change; }

  /// Wakes the gap, which is one of `input`'s, once when another input may have brought the message, when it was told, or when
  /// another input may bring it no more. That forgetting takes back what came or was told wakes nobody: the message is missing as
  /// before.
  void watch(std::uint64_t seq, std::uint64_t gap, std::uint32_t input) { watched_.emplace(std::pair(seq, gap), input); }
  void unwatch(std::uint64_t seq, std::uint64_t gap) { watched_.erase({seq, gap}); }

 private:
  struct Slot {
    std::uint32_t index = 0, print = 0, input = 0;
  };
  using Message = std::vector<Slot>;  // by index
  struct Source {
    bool any = false, joined = false, left = false, reported = false;
    int unfilled = 0;
    std::uint64_t low = 0, high = 0;  // of the numbers that came
    std::deque<NumberRange> gaps;
  };

  bool has(const Source& source, std::uint64_t seq) const;
  static std::optional<std::uint64_t> reach_of(const Source& source);
  void cover(std::uint32_t input, std::uint64_t seq);
  void wake(NumberRange range, std::optional<std::uint32_t> but_of = std::nullopt);
  void wake_all();
  void make_room(std::uint64_t seq);
  void trim();

  static constexpr std::uint64_t kMargin = 64;     // messages that may come late: four times what sp-sub tells from a loss
  static constexpr std::size_t kMostRanges = 256;  // gaps remembered of an input

  std::uint64_t window_;
  std::uint64_t floor_ = 0;  // number of the first message in messages_
  bool any_ = false;
  std::deque<Message> messages_;
  std::vector<Source> sources_;
  std::deque<NumberRange> told_;
  std::map<std::pair<std::uint64_t, std::uint64_t>, std::uint32_t> watched_;  // message and gap → the gap's input
  WokenGaps* woken_;
};

/// The sessions of all nodes: the newest few of each.
class MergeSessions {
 public:
  MergeSessions(std::size_t inputs, std::uint64_t window, WokenGaps& woken) : inputs_(inputs), window_(window), woken_(&woken) {}
  std::shared_ptr<MergeSession> find(const std::string& node, const v1::Session& session);

 private:
  struct Known {
    v1::Session session;
    std::shared_ptr<MergeSession> is;
  };
  static constexpr std::size_t kSessions = 4;  // of a node: an input may be a birth or two behind the others

  std::size_t inputs_;
  std::uint64_t window_;
  WokenGaps* woken_;
  std::map<std::string, std::deque<Known>, std::less<>> nodes_;
};

}  // namespace twinpipe
