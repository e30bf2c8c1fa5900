// SPDX-License-Identifier: Apache-2.0
// rawbuf append: standard input to a buffer, under one of three promises.
#pragma once

#include <string>

#include "cli/tool.hpp"
#include "kernel/rawbuf_writer.hpp"

namespace twinpipe::cli {

enum class SyncWhen { always, interval, none };

struct AppendOptions {
  std::string directory;
  SyncWhen sync = SyncWhen::interval;
  Nanos sync_every = kSecond;
  bool acknowledge = false;  // a line a sync on standard output
  bool skip_bad = false;
  std::size_t max_frame = kDefaultFrameLimit;
  std::uint32_t max_series = 4'000'000;
  rawbuf::WriterOptions writer;
};

/// Until the end of the input, a signal, or an error. Errors: temporary (there is a writer), bad_data, io_error, cant_create.
Status rawbuf_append(Tool& tool, const AppendOptions& options);

}  // namespace twinpipe::cli
