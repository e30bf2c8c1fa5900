// SPDX-License-Identifier: Apache-2.0
// The twins of all assets in one JSON file, replaced atomically: what dashboards and people read.
#pragma once

#include <string>

#include "io/waiter.hpp"
#include "kernel/twin_fold.hpp"

namespace twinpipe::cli {

class Snapshot {
 public:
  /// `path` empty: none is kept. `every`: how often while frames come; it is also written at each Position and at the end.
  Snapshot(std::string path, Nanos every) : path_(std::move(path)), every_(every), next_(monotonic_now() + every) {}

  bool enabled() const { return !path_.empty(); }
  /// Writes when it is time to.
  Status write_if_due(TwinFold& fold, const SeriesTable& table);
  /// {"twins": […]}, a twin a line, as fcat prints Twin frames. Errors: cant_create, io_error.
  Status write(TwinFold& fold, const SeriesTable& table);

 private:
  std::string path_;
  Nanos every_, next_;
};

}  // namespace twinpipe::cli
