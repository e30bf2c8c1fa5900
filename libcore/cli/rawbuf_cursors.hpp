// SPDX-License-Identifier: Apache-2.0
// The readers whose unsent frames a buffer keeps beyond their age: DIR/cursors has a file for each, with the path of the
// cursor that the last tool of its chain writes.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "wire/frame.hpp"
#include "wire/status.hpp"

namespace twinpipe::cli {

/// What a Position of a buffer is called.
std::string rawbuf_source(const std::string& directory);
/// The frame that a Position stands before. Errors: bad_config (a Position of something else).
Result<std::uint64_t> rawbuf_frame(const v1::Position& position, const std::string& directory);

/// Makes the cursor known; it starts at frame `from`. One that is known already stays as it is. Errors: cant_create, io_error.
Status register_cursor(const std::string& directory, const std::string& cursor, std::uint64_t from);

struct RegisteredCursor {
  std::string file;        // of the registration: removing it lets the data go
  std::string path;        // of the cursor
  std::uint64_t next = 0;  // the first frame not yet sent
  bool readable = true;    // false: it is not known how far it has come
};
/// All of them. Errors: io_error.
Result<std::vector<RegisteredCursor>> registered_cursors(const std::string& directory);

/// Where a registered cursor stands that no sink has written yet; nothing for one that is not known. Errors: io_error.
Result<std::optional<std::uint64_t>> registered_at(const std::string& directory, const std::string& cursor);

}  // namespace twinpipe::cli
