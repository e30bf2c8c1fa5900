// SPDX-License-Identifier: Apache-2.0
// A cursor: the last Position that came through, in a file.
#include "cli/cursor.hpp"

#include <fmt/format.h>
#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/text_format.h>

#include <algorithm>

#include "cli/state_store.hpp"
#include "io/fd.hpp"

namespace twinpipe::cli {
namespace {

/// The message says that it is no cursor; the parser's own lines would only go to standard error.
struct Silent final : google::protobuf::io::ErrorCollector {
  void AddError(int, int, const std::string&) override {}
};

bool parse(const std::string& text, v1::Position& position) {
  google::protobuf::TextFormat::Parser parser;
  Silent silent;
  parser.RecordErrorsTo(&silent);
  return parser.ParseFromString(text, &position) && !position.source().empty();
}

}  // namespace

std::string position_text(const v1::Position& position) {
  google::protobuf::TextFormat::Printer printer;
  printer.SetSingleLineMode(true);
  std::string text;
  printer.PrintToString(position, &text);
  if (text.ends_with(' ')) text.pop_back();
  return text;
}

Result<v1::Position> parse_position(std::string_view text) {
  v1::Position position;
  if (!parse(std::string(text), position))
    return Status::error(Code::usage, fmt::format("'{}': not a Position (source: \"...\" offset {{ ... }})", text));
  return position;
}

Status write_cursor(const std::string& path, const v1::Position& position) {
  std::string text;
  google::protobuf::TextFormat::PrintToString(position, &text);
  return replace_file(path, "# twinpipe.v1.Position\n" + text);
}

bool CursorLead::allows(std::uint64_t number) {
  // The state of the recorded Position and one more: the last Position, at the end of the data, is put in any case.
  constexpr std::uint64_t kMost = kStatesKept - 2;
  if (path_.empty() || number <= recorded_ + kMost) return true;
  const Result<std::optional<v1::Position>> read = read_cursor(path_);
  if (read.ok() && *read && (*read)->source() == source_ && (*read)->number() < number)
    recorded_ = std::max(recorded_, (*read)->number());
  return number <= recorded_ + kMost;
}

Result<std::optional<v1::Position>> read_cursor(const std::string& path) {
  const Result<std::string> text = read_file(path);
  if (!text.ok()) {
    if (text.status().code == Code::no_input) return std::optional<v1::Position>();
    return text.status();
  }
  v1::Position position;
  if (!parse(*text, position)) return Status::error(Code::bad_config, path + ": not a cursor");
  return std::optional(position);
}

}  // namespace twinpipe::cli
