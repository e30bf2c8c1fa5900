// SPDX-License-Identifier: Apache-2.0
// Any bytes as JSON lines: refused, or frames that our own reader takes.
#include <cstdlib>
#include <string>

#include "kernel/form_driver.hpp"
#include "kernel/frame_json.hpp"
#include "kernel/frames_from_json.hpp"
#include "wire/scanner.hpp"

using namespace twinpipe;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string text(reinterpret_cast<const char*>(data), size);
  text.resize(size + LineParser::kPadding);
  FramesFromJson parser("fuzz 0", 3);
  Output out;
  for (std::size_t at = 0; at < size;) {
    const std::size_t end = std::min(text.find('\n', at), size);
    if (!parser.take(std::string_view(text).substr(at, end - at), out).ok()) break;
    at = end + 1;
  }
  parser.flush(out);
  SeriesTable table;
  JsonForm form(table, JsonStyle::lines);
  Selection selection(table, {});
  FormDriver driver(form, selection, table);
  Output printed;
  Scanner scanner;
  FrameView view;
  std::string_view rest = out.pending();
  for (; scanner.next(rest, view) == Scanner::Outcome::whole; rest.remove_prefix(view.bytes.size()))
    if (!driver.take(view, printed).ok()) return 0;
  // An unknown frame's bytes are the text's own, and need not be a frame; what we encode always is.
  if (!rest.empty() && std::string_view(text).find("unknown") == std::string_view::npos) std::abort();
  return 0;
}
