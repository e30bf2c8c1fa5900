// SPDX-License-Identifier: Apache-2.0
// rawbuf replay: a span of event time from a buffer, in the order of event time at any speed, or as it was recorded.
#pragma once

#include <string>
#include <vector>

#include "cli/source.hpp"
#include "kernel/rawbuf_replay.hpp"

namespace twinpipe::cli {

struct ReplayRun {
  std::string directory;
  rawbuf::ReplayOptions options;
  double speed = 0;  // seconds of event time a second; 0: as fast as it goes
};

/// Until the end of the span, a signal, or until the reader left. Errors: no_input (no buffer), io_error.
Status rawbuf_replay(Tool& tool, const ReplayRun& run);

}  // namespace twinpipe::cli
