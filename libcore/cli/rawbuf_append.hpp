// SPDX-License-Identifier: Apache-2.0
// rawbuf append: standard input to a buffer, under one of three promises.
#pragma once

#include "cli/rawbuf_recorder.hpp"
#include "cli/tool.hpp"

namespace twinpipe::cli {

struct AppendOptions {
  RecorderOptions recorder;
  bool acknowledge = false;  // a line a sync on standard output
  bool skip_bad = false;
  std::size_t max_frame = kDefaultFrameLimit;
  std::uint32_t max_series = 4'000'000;
};

/// Until the end of the input, a signal, or an error. Errors: temporary (there is a writer), bad_data, io_error, cant_create.
Status rawbuf_append(Tool& tool, const AppendOptions& options);

}  // namespace twinpipe::cli
