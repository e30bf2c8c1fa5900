// SPDX-License-Identifier: Apache-2.0
// Streams in memory through fcat's forms and parsers.
#pragma once

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include "kernel/form_driver.hpp"
#include "kernel/frames_from_text.hpp"
#include "wire/scanner.hpp"

namespace twinpipe {

struct Rendered {
  std::string text;
  Status status;
};

/// `make`: a form for a series table.
template <class Make>
Rendered render(std::string_view stream, const Make& make, SelectionOptions options = {}) {
  SeriesTable table;
  const std::unique_ptr<Form> form = make(table);
  Selection selection(table, std::move(options));
  FormDriver driver(*form, selection, table);
  Output out;
  Scanner scanner;
  FrameView view;
  Status status;
  Scanner::Outcome outcome = Scanner::Outcome::whole;
  while (status.ok() && (outcome = scanner.next(stream, view)) == Scanner::Outcome::whole) {
    stream.remove_prefix(view.bytes.size());
    status = driver.take(view, out);
  }
  if (status.ok() && outcome == Scanner::Outcome::bad) status = scanner.status();
  if (status.ok()) status = driver.end(false, out);
  return {std::string(out.pending()), status};
}

/// Whole text through a parser, with the padding that it asks for. Throws what the parser refuses.
inline std::string parse_text(LineParser& parser, std::string text) {
  const std::size_t size = text.size();
  text.resize(size + LineParser::kPadding);
  Output out;
  const auto check = [](const Status& status) {
    if (!status.ok()) throw std::runtime_error(status.message);
  };
  for (std::size_t at = 0; at < size;) {
    const std::size_t end = std::min(text.find('\n', at), size);
    check(parser.take(std::string_view(text).substr(at, end - at), out));
    at = end + 1;
  }
  check(parser.end(out));
  return std::string(out.pending());
}

}  // namespace twinpipe
