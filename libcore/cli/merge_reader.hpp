// SPDX-License-Identifier: Apache-2.0
// fmerge's loop: reads every input that is ready, merges what is decided, and lets the rest wait in memory and on disk.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cli/source.hpp"
#include "io/frame_reader.hpp"
#include "io/input_set.hpp"
#include "io/spill_file.hpp"
#include "kernel/frame_merge.hpp"

namespace twinpipe::cli {

class MergeReader {
 public:
  /// `files`: "-" is standard input. `spill`: directory for what memory has no room for; empty: $TMPDIR, or /tmp.
  MergeReader(Tool& tool, std::vector<std::string> files, const MergeOptions& options, std::string spill);
  /// Until every input has ended, an error, a signal, or until the reader left.
  Status run();

 private:
  Status open();
  Status merge();
  Status read_some();
  Status read(std::uint32_t number);
  Status discard(std::uint32_t number);
  Status finish();
  void tell();

  Tool* tool_;
  MergeOptions options_;
  std::vector<std::string> files_;
  InputSet inputs_;
  std::vector<std::unique_ptr<FrameReader>> readers_;
  Source source_;
  SpillFile spill_;
  FrameMerge merge_;
};

}  // namespace twinpipe::cli
