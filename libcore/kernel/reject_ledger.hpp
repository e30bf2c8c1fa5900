// SPDX-License-Identifier: Apache-2.0
// What became of rejects: a file beside theirs that says which were released and which discarded. A stream itself, so that it
// can be read, audited and sent on like any other.
//
// A segment is one act, sealed by its Close; one without it never happened.
//   released   Position (source "quarantine release", number N), Applied of the newer policy, and the rejects, of action
//              `released`: all that is needed to write the release again, byte for byte
//   done       Position (source "quarantine done", number N): release N has left whole
//   discarded  the rejects, of action `discarded`, whose reason is that of who discarded them: their tombstones
// A release is written here and synced before its first byte leaves, so it is known what was on its way when a process died.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "wire/frame.hpp"
#include "wire/status.hpp"

namespace twinpipe {

struct Release {
  std::uint64_t number = 0;
  v1::Applied applied;              // the policy under which they pass
  std::vector<v1::Reject> rejects;  // in the order in which they leave
};

class RejectLedger {
 public:
  enum class Fate { open, released, discarded };

  /// Errors (bad_data): not a ledger. A last act that was cut short is left out. `keep`: the release that kept() has then.
  static Result<RejectLedger> parse(std::string_view bytes, std::uint64_t keep = 0);

  Fate fate(const std::string& identity) const;
  Fate fate(const v1::Reject& reject) const;
  /// The release that has not left whole, as far as is known: it must leave before another.
  const std::optional<Release>& unfinished() const { return unfinished_; }
  const std::optional<Release>& kept() const { return kept_; }
  /// Number of the last release; 0: none.
  std::uint64_t releases() const { return releases_; }
  /// Bytes up to the end of the last whole act.
  std::uint64_t whole() const { return whole_; }

 private:
  Status take(const v1::Frame& frame);
  void seal();

  std::unordered_map<std::string, Fate> fates_;  // by identity
  std::optional<Release> unfinished_, kept_;
  std::uint64_t releases_ = 0, whole_ = 0, keep_ = 0;
  // Of the act at hand.
  std::vector<v1::Reject> acted_;
  std::optional<v1::Position> position_;
  v1::Applied applied_;
};

/// Segments to append.
std::string released_segment(const Release& release);
std::string done_segment(std::uint64_t number);
std::string discarded_segment(const std::vector<v1::Reject>& rejects, const std::string& reason);

}  // namespace twinpipe
