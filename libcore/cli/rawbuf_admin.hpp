// SPDX-License-Identifier: Apache-2.0
// rawbuf ls, verify and repair: what is in a buffer, whether it is whole, and making it so.
#pragma once

#include <string>

#include "cli/tool.hpp"

namespace twinpipe::cli {

/// Segments, times, sizes and series on standard output; `json`: as one JSON object.
Status rawbuf_ls(const std::string& directory, bool json);
/// Reads everything. A line of each damage on standard output; Code::finding when there is any.
Status rawbuf_verify(const std::string& directory);
/// Writes damaged segments anew with every record that is whole; the old file is kept beside it. Errors: temporary (there is a
/// writer), io_error.
Status rawbuf_repair(Tool& tool, const std::string& directory);

}  // namespace twinpipe::cli
