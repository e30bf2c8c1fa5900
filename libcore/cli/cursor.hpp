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

/// How far a source may run ahead of its cursor. Filters keep few states (kStatesKept), and the one that the cursor names must
/// be among them: while the sink records nothing, an outage of its server say, no more Positions are put, and only data goes on.
class CursorLead {
 public:
  /// `path` empty: there is no cursor, and no bound. `start`: number of the Position that the source starts from, or 0.
  CursorLead(std::string path, std::string source, std::uint64_t start)
      : path_(std::move(path)), source_(std::move(source)), recorded_(start) {}
  /// May the Position with this number be put? Reads the file only when what it said before does not do.
  bool allows(std::uint64_t number);

 private:
  std::string path_, source_;
  std::uint64_t recorded_;
};

}  // namespace twinpipe::cli
