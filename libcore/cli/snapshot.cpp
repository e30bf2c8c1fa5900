// SPDX-License-Identifier: Apache-2.0
// The twins of all assets in one JSON file.
#include "cli/snapshot.hpp"

#include "io/fd.hpp"
#include "kernel/frame_json.hpp"

namespace twinpipe::cli {

Status Snapshot::write_if_due(TwinFold& fold, const SeriesTable& table) {
  return enabled() && monotonic_now() >= next_ ? write(fold, table) : Status{};
}

Status Snapshot::write(TwinFold& fold, const SeriesTable& table) {
  if (!enabled()) return {};
  next_ = monotonic_now() + every_;
  MessageJson json(table, JsonStyle::lines);
  std::string text = "{\"twins\":[";
  bool first = true;
  fold.snapshot([&](const v1::Twin& twin) {
    text += first ? "\n" : ",\n";
    first = false;
    json.append(twin, text);
  });
  text += "\n]}\n";
  return replace_file(path_, text);
}

}  // namespace twinpipe::cli
