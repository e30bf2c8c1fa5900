// SPDX-License-Identifier: Apache-2.0
// Any bytes as a stream, through every form that fcat has: printed or refused, and what is refused comes after what was whole.
#include <memory>
#include <vector>

#include "kernel/canonical.hpp"
#include "kernel/form_driver.hpp"
#include "kernel/frame_copy.hpp"
#include "kernel/frame_csv.hpp"
#include "kernel/frame_table.hpp"
#include "kernel/stream_stat.hpp"
#include "wire/scanner.hpp"

using namespace twinpipe;

namespace {

constexpr std::size_t kForms = 6;

std::unique_ptr<Form> make(std::size_t form, const SeriesTable& table) {
  switch (form) {
    case 0: return std::make_unique<JsonForm>(table, JsonStyle::exact);
    case 1: return std::make_unique<Canonical>(table, std::size_t{1} << 20);
    case 2: return std::make_unique<CsvForm>(table);
    case 3: return std::make_unique<TableForm>(table, true);
    case 4: return std::make_unique<StreamStat>(table, false);
    default:
      return std::make_unique<FrameCopy>(table, FrameSplit{64, [](Output& out) {
                                                             out.clear();
                                                             return Status{};
                                                           }});
  }
}

void run(std::size_t which, std::string_view stream) {
  SeriesTable table;
  const std::unique_ptr<Form> form = make(which, table);
  SelectionOptions options;
  options.since = -1;
  options.patterns.push_back(*Pattern::parse("*/*/*/a*"));
  Selection selection(table, std::move(options));
  FormDriver driver(*form, selection, table);
  Output out;
  Scanner scanner;
  FrameView view;
  for (; scanner.next(stream, view) == Scanner::Outcome::whole; stream.remove_prefix(view.bytes.size()))
    if (!driver.take(view, out).ok()) return driver.abandon(out);
  (void)driver.end(false, out);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  for (std::size_t form = 0; form < kForms; ++form) run(form, {reinterpret_cast<const char*>(data), size});
  return 0;
}
