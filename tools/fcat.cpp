// SPDX-License-Identifier: Apache-2.0
// fcat: frames as text that people and other programs read, and frames from text.
#include <fmt/format.h>

#include "cli/part_files.hpp"
#include "cli/runner.hpp"
#include "io/text_frames.hpp"
#include "kernel/canonical.hpp"
#include "kernel/form_driver.hpp"
#include "kernel/frame_copy.hpp"
#include "kernel/frame_csv.hpp"
#include "kernel/frame_table.hpp"
#include "kernel/frames_from_csv.hpp"
#include "kernel/frames_from_json.hpp"
#include "kernel/stream_stat.hpp"
#include "wire/quantity.hpp"

using namespace twinpipe;

namespace {

struct Options {
  std::string from = "frames", to, type, only, since, until, output;
  std::vector<std::string> files, patterns;
  std::optional<std::uint64_t> head;
  std::size_t rows = 512, split = 0, memory = std::size_t{1} << 30;
  bool exact = false, last = false, stat = false, canonical = false;
};

void declare(cli::Tool& tool, Options& options) {
  const auto one_of = [](const std::vector<std::string>& names) { return CLI::IsMember(names); };
  tool.option("FILE", options.files, "FILE", "Read these one after another; standard input is '-', and the default");
  tool.option("--from", options.from, "FORM", "What comes in: frames, json or csv")
      ->check(one_of({"frames", "json", "csv"}))
      ->capture_default_str();
  CLI::Option* to = tool.option("--to", options.to, "FORM", "What goes out: json (the default), csv, table or frames");
  to->check(one_of({"json", "csv", "table", "frames"}));
  tool.flag("--exact", options.exact, "JSON with a line a frame and aliases as they are: --from json gives the same bytes back");
  tool.flag("--last", options.last, "In a table: at the end, the last value of each series and the last twin of each asset");
  CLI::Option* stat = tool.flag("--stat", options.stat, "Count what the stream holds; with --to json as an object");
  tool.flag("--canonical", options.canonical, "JSON lines that are equal for streams that say the same")
      ->excludes(stat)
      ->excludes(to);
  tool.option("--match", options.patterns, "PATTERN", "Only series like site/line/asset/sensor, a glob a level; can be repeated")
      ->allow_extra_args(false);
  tool.option("--since", options.since, "TIME", "Only event times from this on: RFC 3339, or nanoseconds since 1970");
  tool.option("--until", options.until, "TIME", "Only event times before this");
  tool.option("--only", options.only, "KINDS", "Only these kinds of frames, with commas between: readings,twin");
  tool.option("--head", options.head, "COUNT",
              "Stop after so many readings and other frames; Open, Close and Series do not count");
  tool.option("--type", options.type, "TYPE", "Type of values in CSV: double, bool, int64, uint64, string or bytes")
      ->check(one_of({"double", "bool", "int64", "uint64", "string", "bytes"}));
  tool.option("--rows", options.rows, "COUNT", "Greatest number of readings in a frame made from text")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  CLI::Option* output = tool.option("--output", options.output, "PREFIX", "Where --split writes: PREFIX.0000.frames and so on");
  bytes_option(tool, "--split", options.split, "Cut into files of at most so many bytes, each a stream of its own; 0: do not")
      ->needs(output);
  bytes_option(tool, "--memory", options.memory, "Greatest size in bytes of what --canonical keeps");
}

Status read_kinds(std::string_view names, std::bitset<kFrameKinds>& kinds) {
  kinds.reset();
  for (std::size_t end = 0; end != std::string_view::npos;) {
    end = names.find(',');
    const std::string_view name = names.substr(0, end);
    const FrameKind kind = frame_kind_named(name);
    if (kind == FrameKind::unknown && name != "unknown")
      return Status::error(Code::usage, fmt::format("--only: no kind of frame is called '{}'", name));
    kinds.set(static_cast<std::size_t>(kind));
    if (end != std::string_view::npos) names.remove_prefix(end + 1);
  }
  return {};
}

Status read_selection(const Options& options, SelectionOptions& selection) {
  for (const std::string& text : options.patterns) {
    Result<Pattern> pattern = Pattern::parse(text);
    if (!pattern.ok()) return pattern.status();
    selection.patterns.push_back(*pattern);
  }
  for (const auto& [text, time] : {std::pair{&options.since, &selection.since}, {&options.until, &selection.until}}) {
    if (text->empty()) continue;
    Result<Nanos> parsed = parse_time(*text);
    if (!parsed.ok()) return parsed.status();
    *time = *parsed;
  }
  selection.head = options.head;
  return options.only.empty() ? Status{} : read_kinds(options.only, selection.kinds);
}

std::unique_ptr<Form> make_form(const Options& options, const SeriesTable& table, cli::PartFiles& parts) {
  if (options.stat) return std::make_unique<StreamStat>(table, options.to == "json");
  if (options.canonical) return std::make_unique<Canonical>(table, options.memory);
  if (options.to == "csv") return std::make_unique<CsvForm>(table);
  if (options.to == "table") return std::make_unique<TableForm>(table, options.last);
  if (options.split > 0)
    return std::make_unique<FrameCopy>(table, FrameSplit{options.split, [&parts](Output& out) { return parts.next(out); }});
  if (options.to == "frames") return std::make_unique<FrameCopy>(table);
  return std::make_unique<JsonForm>(table, options.exact ? JsonStyle::exact : JsonStyle::lines);
}

Status run(cli::Tool& tool, const Options& options) {
  SelectionOptions selected;
  if (Status status = read_selection(options, selected); !status.ok()) return status;
  SeriesTable table(tool.common().max_series);
  Selection selection(table, std::move(selected));
  cli::PartFiles parts(options.output);
  const std::unique_ptr<Form> form = make_form(options, table, parts);
  FormDriver driver(*form, selection, table);
  driver.set_skip_bad(tool.common().skip_bad);
  const bool text = options.to != "frames" || options.stat || options.canonical;
  cli::Feed::Write write;
  if (options.split > 0) write = [&parts](Output& out) { return parts.write(out); };
  if (options.from == "frames") {
    FrameReader frames(-1, tool.common().max_frame);
    return cli::run_feed(tool, {frames, driver, options.files, text, write});
  }
  FramesFromJson json(tool.producer(), options.rows);
  FramesFromCsv csv(tool.producer(), options.rows, value_type_named(options.type));
  TextFrames frames(options.from == "json" ? static_cast<LineParser&>(json) : csv, tool.common().max_frame);
  frames.set_skip_bad(tool.common().skip_bad);
  return cli::run_feed(tool, {frames, driver, options.files, text, write});
}

}  // namespace

int main(int argc, char** argv) {
  cli::Tool tool("fcat", "Print frames as text, and make frames from text", cli::Role::viewer);
  Options options;
  declare(tool, options);
  return tool.run(argc, argv, [&] { return run(tool, options); });
}
