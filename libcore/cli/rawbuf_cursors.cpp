// SPDX-License-Identifier: Apache-2.0
// The readers whose unsent frames a buffer keeps.
#include "cli/rawbuf_cursors.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>

#include "cli/cursor.hpp"
#include "io/fd.hpp"
#include "policy/digest.hpp"

namespace twinpipe::cli {
namespace {

std::string absolute(const std::string& path) {
  std::error_code error;
  const std::filesystem::path full = std::filesystem::weakly_canonical(path, error);
  return error ? path : full.string();
}

std::string cursors_of(const std::string& directory) { return directory + "/cursors"; }

}  // namespace

std::string rawbuf_source(const std::string& directory) { return "rawbuf " + absolute(directory); }

Result<std::uint64_t> rawbuf_frame(const v1::Position& position, const std::string& directory) {
  if (position.source() != rawbuf_source(directory) || position.offset_size() != 1 || position.offset(0).next() < 1)
    return Status::error(Code::bad_config,
                         fmt::format("a Position of '{}', not of '{}'", position.source(), rawbuf_source(directory)));
  return static_cast<std::uint64_t>(position.offset(0).next());
}

Status register_cursor(const std::string& directory, const std::string& cursor, std::uint64_t from) {
  const std::string path = absolute(cursor), text = fmt::format("{}\n{}\n", from, path);
  const std::string file = cursors_of(directory) + "/" + sha256_hex(path).substr(0, 16);
  if (const Result<std::string> known = read_file(file); known.ok() && known->ends_with("\n" + path + "\n")) return {};
  if (Status status = make_directory(cursors_of(directory)); !status.ok()) return status;
  return replace_file(file, text);
}

Result<std::vector<RegisteredCursor>> registered_cursors(const std::string& directory) {
  std::vector<RegisteredCursor> cursors;
  std::error_code error;
  for (std::filesystem::directory_iterator at(cursors_of(directory), error), end; !error && at != end; at.increment(error)) {
    if (at->path().extension() == ".tmp") continue;
    std::error_code gone;
    const std::filesystem::file_type type = at->status(gone).type();
    if (type != std::filesystem::file_type::regular && type != std::filesystem::file_type::not_found) {
      cursors.push_back({.file = at->path().string(), .path = {}, .readable = false});
      continue;
    }
    const Result<std::string> text = read_file(at->path().string());
    if (!text.ok()) {
      if (text.status().code == Code::no_input) continue;
      return text.status();
    }
    RegisteredCursor& cursor = cursors.emplace_back();
    cursor.file = at->path().string();
    const auto parsed = std::from_chars(text->data(), text->data() + text->size(), cursor.next);
    const std::size_t line = text->find('\n');
    if (parsed.ec != std::errc() || line == text->npos) {
      cursor.readable = false;
      continue;
    }
    cursor.path = text->substr(line + 1, text->size() - line - 2);
    const Result<std::optional<v1::Position>> position = read_cursor(cursor.path);
    if (!position.ok()) cursor.readable = false;
    else if (*position) {
      const Result<std::uint64_t> next = rawbuf_frame(**position, directory);
      cursor.readable = next.ok();
      if (next.ok()) cursor.next = *next;
    }
  }
  std::ranges::sort(cursors, {}, &RegisteredCursor::file);
  return cursors;
}

Result<std::optional<std::uint64_t>> registered_at(const std::string& directory, const std::string& cursor) {
  const Result<std::vector<RegisteredCursor>> cursors = registered_cursors(directory);
  if (!cursors.ok()) return cursors.status();
  const auto at = std::ranges::find(*cursors, absolute(cursor), &RegisteredCursor::path);
  return at == cursors->end() ? std::nullopt : std::optional(at->next);
}

}  // namespace twinpipe::cli
