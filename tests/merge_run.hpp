// SPDX-License-Identifier: Apache-2.0
// A merge under test: streams in memory, handed over in any order and in any pieces.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "drive.hpp"
#include "kernel/frame_merge.hpp"

namespace twinpipe::testing {

/// Blocks in memory that count what they are asked for.
class MemoryStore final : public BlockStore {
 public:
  Result<std::uint64_t> put(std::string_view block) override {
    blocks_[++last_] = block;
    return last_;
  }
  Status take(std::uint64_t place, std::size_t size, std::string& block) override {
    const auto at = blocks_.find(place);
    if (at == blocks_.end() || at->second.size() != size) return Status::error(Code::io_error, "no such block");
    block = at->second;
    blocks_.erase(at);
    return {};
  }
  std::size_t blocks() const { return blocks_.size(); }

 private:
  std::map<std::uint64_t, std::string> blocks_;
  std::uint64_t last_ = 0;
};

struct Merged {
  std::string bytes;
  Status outcome;
  std::vector<std::string> notices;
  std::vector<Status> failures;
  std::map<std::string, std::uint64_t> counters;
  std::uint64_t gap_judgements = 0;
};

/// Merges whole streams. `pick(n)` says which of n inputs hands over its next frame; an input without any ends.
inline Merged merge(const std::vector<std::string>& streams, MergeOptions options = {},
                    const std::function<std::size_t(std::size_t)>& pick = nullptr) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < streams.size(); ++i) names.push_back("input " + std::to_string(i));
  MemoryStore store;
  FrameMerge merge(std::move(names), options, store);
  std::vector<std::string_view> rest(streams.begin(), streams.end());
  std::vector<Scanner> scanners(streams.size());
  Output out;
  out.open("test 0");
  Merged result;
  for (std::size_t turn = 0; !merge.done(); ++turn) {
    std::vector<std::uint32_t> open;
    for (std::uint32_t i = 0; i < streams.size(); ++i)
      if (merge.open(i)) open.push_back(i);
    if (!open.empty()) {
      const std::uint32_t i = open[pick ? pick(open.size()) : turn % open.size()];
      FrameView frame;
      switch (scanners[i].next(rest[i], frame)) {
        case Scanner::Outcome::whole:
          if (Status status = merge.push(i, frame); !status.ok()) result.outcome = status;
          rest[i].remove_prefix(frame.bytes.size());
          break;
        case Scanner::Outcome::bad: merge.end(i, scanners[i].status()); break;
        case Scanner::Outcome::need_more: merge.end(i, rest[i].empty() ? Status{} : Status::error(Code::bad_data, "cut")); break;
      }
    }
    for (Result<bool> more = true; *more;) {
      more = merge.step(out, out.pending().size() + 1);
      if (!more.ok()) {
        result.outcome = more.status();
        return result;
      }
    }
  }
  if (result.outcome.ok()) result.outcome = merge.outcome();
  if (result.outcome.ok()) out.close(merge.final());
  result.bytes = out.pending();
  result.notices = merge.take_notices();
  result.failures = merge.take_failures();
  result.gap_judgements = merge.gap_judgements();
  for (const Counter& counter : merge.counters()) result.counters[counter.name] = counter.value;
  return result;
}

}  // namespace twinpipe::testing
