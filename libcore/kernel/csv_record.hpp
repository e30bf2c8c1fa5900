// SPDX-License-Identifier: Apache-2.0
// Lines of CSV made into records of cells (RFC 4180): quotes, doubled quotes, line ends inside quotes.
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
    whole,    // cells() has them, until the next take()
    nothing,  // a blank line
    open,     // a quoted field goes on in the next line
    bad,      // text behind a closing quote
  };

  /// One line without its end.
  Taken take(std::string_view line);
  const std::vector<Cell>& cells() const { return cells_; }
  /// A quote is still open: the text must not end here.
  bool is_open() const { return open_; }

 private:
  Taken split(std::string_view line);

  bool open_ = false;
  std::string record_;  // of several lines
  std::vector<Cell> cells_;
  std::vector<std::string> unquoted_;  // what cells with quotes stand for
};

/// Takes off the mark that spreadsheets put first.
std::string_view without_byte_order_mark(std::string_view text);

}  // namespace twinpipe
