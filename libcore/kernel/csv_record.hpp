// SPDX-License-Identifier: Apache-2.0
// Records of CSV (RFC 4180), a line at a time: a quoted field may hold line ends, so a record may need several lines.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace twinpipe {

class CsvRecord {
 public:
  struct Cell {
    std::string_view text;
    bool quoted = false;
  };
  enum class Taken {
    blank,  // an empty line: no record
    open,   // a quote is still open: the record goes on in the next line
    whole,  // cells() has it
  };

  /// `line`: without its '\n'; must live as long as the cells are looked at. The mark that spreadsheets put first is left out.
  Taken take(std::string_view line);
  /// The input must not end now: a quote is still open.
  bool is_open() const { return open_; }
  /// Of the record taken last; none: text stands behind a closing quote.
  const std::vector<Cell>& cells() const { return cells_; }

 private:
  bool split(std::string_view line);

  bool open_ = false, first_ = true;
  std::string record_;  // one of several lines
  std::vector<Cell> cells_;
  std::vector<std::string> unquoted_;  // what cells with doubled quotes stand for
};

}  // namespace twinpipe
