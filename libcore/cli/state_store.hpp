// SPDX-License-Identifier: Apache-2.0
// States of a filter on disk, one per Position; the last 16 are kept (--state).
#pragma once

#include <cstdint>
#include <deque>
#include <string>

#include "kernel/stage.hpp"

namespace twinpipe::cli {

/// A source with a cursor puts so few Positions behind the one recorded there (cli/cursor) that its state is among them.
inline constexpr std::uint64_t kStatesKept = 16;

class StateStore {
 public:
  /// Empty: not enabled. The directory is made at the first save.
  explicit StateStore(std::string directory) : directory_(std::move(directory)) {}

  bool enabled() const { return !directory_.empty(); }

  /// Atomic; removes the oldest beyond 16, those of earlier processes first. Errors: cant_create, io_error.
  Status save(const v1::Position& position, const SeriesTable& table, const Stage& stage);
  /// Errors (bad_config): no state was saved under this Position, or it is not this stage's.
  Status load(const v1::Position& position, SeriesTable& table, Stage& stage);

 private:
  static std::string name_of(const v1::Position& position);
  void remember(const std::string& name);
  Status thin_out() const;

  std::string directory_;
  std::deque<std::string> recent_;  // names; loaded and saved by this process, oldest first
};

}  // namespace twinpipe::cli
