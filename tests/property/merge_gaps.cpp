// SPDX-License-Identifier: Apache-2.0
// The gaps of a merge: waking only those about which something has changed decides what judging all of them every time does.
#include "kernel/merge_gaps.hpp"

#include <rapidcheck.h>

#include <catch2/catch.hpp>
#include <deque>
#include <tuple>

using namespace twinpipe;

namespace {

constexpr std::uint32_t kInputs = 3;
constexpr std::uint64_t kNumbers = 24;

/// number of the gap, and what is missing of it
using Decisions = std::vector<std::tuple<std::string, std::vector<std::pair<std::uint64_t, std::uint64_t>>>>;

void note(Decisions& decisions, const MergeGaps::Gap& gap, const std::vector<NumberRange>& missing) {
  auto& ranges = std::get<1>(decisions.emplace_back(gap.frame, std::vector<std::pair<std::uint64_t, std::uint64_t>>()));
  for (const NumberRange& range : missing) {
    ranges.emplace_back(range.first, range.last);
    gap.session->told(range);
  }
}

using Comes = std::function<bool(std::uint32_t)>;

struct Woken {
  MergeGaps gaps;
  MergeSessions sessions{kInputs, 1024, gaps.woken()};

  void judge(const Comes& comes, Decisions& decisions) {
    gaps.judge(comes, [&](const auto& gap, const auto& missing) { note(decisions, gap, missing); });
  }
};

struct All {
  WokenGaps nobody;
  std::deque<MergeGaps::Gap> gaps;
  MergeSessions sessions{kInputs, 1024, nobody};

  void judge(const Comes& comes, Decisions& decisions, const std::function<bool(const MergeGaps::Gap&)>& given_up) {
    std::erase_if(gaps, [&](const MergeGaps::Gap& gap) {
      bool certain = false;
      const auto missing = gap.session->missing(gap.input, gap.range, comes, certain);
      if (!missing.empty() && !certain && !given_up(gap)) return false;
      note(decisions, gap, missing);
      return true;
    });
  }
};

}  // namespace

TEST_CASE("gaps are decided as if all of them were judged every time") {
  CHECK(rc::check([] {
    Woken woken;
    All all;
    Decisions one, other;
    std::vector<bool> over(kInputs);
    const Comes comes = [&](std::uint32_t input) { return !over[input]; };
    const std::string nodes[] = {"n", "m"};
    for (int steps = *rc::gen::inRange(1, 200), step = 0; step < steps; ++step) {
      const auto input = *rc::gen::inRange<std::uint32_t>(0, kInputs);
      const std::string& node = nodes[*rc::gen::inRange(0, 2)];
      v1::Session session;
      session.set_birth(*rc::gen::inRange(1, 3));
      const auto each = [&](const std::function<void(MergeSession&)>& change) {
        change(*woken.sessions.find(node, session));
        change(*all.sessions.find(node, session));
      };
      const auto seq = *rc::gen::inRange<std::uint64_t>(0, kNumbers);
      const auto last = std::min(kNumbers, seq + *rc::gen::inRange<std::uint64_t>(0, 4));
      std::function<bool(const MergeGaps::Gap&)> given_up = [](const auto&) { return false; };
      switch (*rc::gen::weightedElement<int>({{8, 0}, {8, 1}, {4, 2}, {1, 3}, {1, 4}, {1, 5}, {1, 6}})) {
        case 0: each([&](MergeSession& is) { (void)is.take(input, seq, 0, 0); }); break;
        case 1: {
          each([&](MergeSession& is) { is.missed(input, {seq, last}); });
          MergeGaps::Gap gap{input, node, woken.sessions.find(node, session), {seq, last}, step, std::to_string(step)};
          woken.gaps.add(gap);
          gap.session = all.sessions.find(node, session);
          all.gaps.push_back(gap);
          break;
        }
        case 2: each([&](MergeSession& is) { is.join(input); }); break;
        case 3: each([&](MergeSession& is) { is.leave(input); }); break;
        case 4:
          over[input] = true;
          woken.gaps.wake_all();
          break;
        case 5: {
          const Nanos until = *rc::gen::inRange(0, step + 1);
          woken.gaps.give_up(node, until);
          given_up = [&node, until](const MergeGaps::Gap& gap) { return gap.node == node && gap.after < until; };
          break;
        }
        default: woken.gaps.give_up(); given_up = [](const auto&) { return true; };
      }
      woken.judge(comes, one);
      all.judge(comes, other, given_up);
      RC_ASSERT(one == other);
      RC_ASSERT(woken.gaps.size() == all.gaps.size());
    }
  }));
}
