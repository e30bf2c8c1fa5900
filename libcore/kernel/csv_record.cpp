// SPDX-License-Identifier: Apache-2.0
// Records of CSV.
#include "kernel/csv_record.hpp"

namespace twinpipe {

CsvRecord::Taken CsvRecord::take(std::string_view line) {
  if (first_ && line.starts_with("\xEF\xBB\xBF")) line.remove_prefix(3);
  first_ = false;
  if (open_) {
    record_ += '\n';
    record_ += line;
    line = record_;
  } else if (line.empty() || line == "\r") {
    return Taken::blank;
  }
  const bool whole = split(line);
  if (!whole && !open_) record_ = line;
  open_ = !whole;
  return whole ? Taken::whole : Taken::open;
}

/// False when a quote is still open: the record goes on in the next line. A carriage return belongs to the line's end only
/// outside quotes.
bool CsvRecord::split(std::string_view line) {
  cells_.clear();
  unquoted_.clear();
  if (line.find('"') == std::string_view::npos) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    for (;;) {
      const std::size_t comma = line.find(',');
      cells_.push_back({line.substr(0, comma), false});
      if (comma == std::string_view::npos) return true;
      line.remove_prefix(comma + 1);
    }
  }
  unquoted_.reserve(line.size() / 2);  // so that the views into it stay true
  for (;;) {
    if (!line.starts_with('"')) {
      const std::size_t comma = line.find(',');
      if (comma == std::string_view::npos && line.ends_with('\r')) line.remove_suffix(1);
      cells_.push_back({line.substr(0, comma), false});
      if (comma == std::string_view::npos) return true;
      line.remove_prefix(comma + 1);
      continue;
    }
    std::string text;
    std::size_t at = 1;
    for (;; ++at) {
      if (at >= line.size()) return false;
      if (line[at] == '"' && (at + 1 >= line.size() || line[at + 1] != '"')) break;
      if (line[at] == '"') ++at;
      text += line[at];
    }
    cells_.push_back({unquoted_.emplace_back(std::move(text)), true});
    line.remove_prefix(at + 1);
    if (line.empty() || line == "\r") return true;
    if (line[0] != ',') {
      cells_.clear();  // text behind a closing quote: no record of any width
      return true;
    }
    line.remove_prefix(1);
  }
}

}  // namespace twinpipe
