// SPDX-License-Identifier: Apache-2.0
// States of a filter on disk, one per Position; the last 16 are kept (--state).
#pragma once

#include <string>

#include "kernel/stage.hpp"

namespace twinpipe::cli {

class StateStore {
 public:
  /// Empty: not enabled. The directory is made at the first save.
  explicit StateStore(std::string directory) : directory_(std::move(directory)) {}

  bool enabled() const { return !directory_.empty(); }

  /// Atomic; removes the oldest beyond 16. Errors: cant_create, io_error.
  Status save(const v1::Position& position, const SeriesTable& table, const Stage& stage);
  /// Errors (bad_config): no state was saved under this Position, or it is not this stage's.
  Status load(const v1::Position& position, SeriesTable& table, Stage& stage) const;

 private:
  std::string path_of(const v1::Position& position) const;

  std::string directory_;
};

}  // namespace twinpipe::cli
