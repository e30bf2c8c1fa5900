// SPDX-License-Identifier: Apache-2.0
// A cursor: the last Position that came through, in a file that the last tool of a chain writes and the first one starts from.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "wire/frame.hpp"
#include "wire/status.hpp"

namespace twinpipe::cli {

/// Replaces the file, as protobuf text. Errors: cant_create, io_error.
Status write_cursor(const std::string& path, const v1::Position& position);
/// The same in one line without a line feed, for command lines: what --from takes.
std::string position_text(const v1::Position& position);
/// Errors (usage): no Position.
Result<v1::Position> parse_position(std::string_view text);
/// Nothing when there is no such file. Errors: no_permission, io_error, bad_config (not a cursor).
Result<std::optional<v1::Position>> read_cursor(const std::string& path);

}  // namespace twinpipe::cli
