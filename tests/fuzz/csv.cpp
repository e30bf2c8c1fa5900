// SPDX-License-Identifier: Apache-2.0
// Any bytes as CSV: refused, or frames that our own reader takes whole.
#include <cstdlib>
#include <string>

#include "kernel/form_driver.hpp"
#include "kernel/frame_csv.hpp"
#include "kernel/frames_from_csv.hpp"
#include "wire/scanner.hpp"

using namespace twinpipe;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  FramesFromCsv parser("fuzz 0", 3);
  Output out;
  Status status;
  for (std::size_t at = 0; at < size && status.ok();) {
    const std::size_t end = std::min(text.find('\n', at), size);
    status = parser.take(text.substr(at, end - at), out);
    at = end + 1;
  }
  if (!status.ok() || !parser.end(out).ok()) return 0;
  SeriesTable table;
  CsvForm form(table);
  Selection selection(table, {});
  FormDriver driver(form, selection, table);
  Output printed;
  Scanner scanner;
  FrameView view;
  std::string_view rest = out.pending();
  for (; scanner.next(rest, view) == Scanner::Outcome::whole; rest.remove_prefix(view.bytes.size()))
    if (!driver.take(view, printed).ok()) std::abort();
  if (!rest.empty() || !driver.end(false, printed).ok()) std::abort();
  return 0;
}
