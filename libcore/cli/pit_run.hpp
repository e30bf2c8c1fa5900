// SPDX-License-Identifier: Apache-2.0
// pit-join's run: which inputs, in which order, where the rows go, and what is said at the end.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/tool.hpp"
#include "kernel/pit_join.hpp"
#include "kernel/pit_output.hpp"

namespace twinpipe::cli {

struct PitRunOptions {
  std::string labels;                 // "-" is standard input
  std::vector<std::string> features;  // "-" is standard input
  std::string from, to;               // csv, json or frames; empty: as the label file's name ends, and as they came
  std::string entity = "entity", time = "time";
  std::string order = "auto";        // auto, sorted or any
  std::vector<std::string> columns;  // features to join; empty: all
  PitOptions join;
  PitOutputOptions output;
  std::size_t memory = std::size_t{128} << 20;
  std::string spill;                     // directory
  bool quiet = false;                    // no summary
  std::optional<std::uint64_t> explain;  // number of a label's row
};

/// By their option, or by their file's name.
bool labels_are_frames(const PitRunOptions& options);

Status run_pit_join(Tool& tool, const PitRunOptions& options);

}  // namespace twinpipe::cli
