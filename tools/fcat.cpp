// SPDX-License-Identifier: Apache-2.0
// fcat: frames as text that people and other programs read, and frames from text.
#include "cli/runner.hpp"
#include "io/text_frames.hpp"
#include "kernel/form_driver.hpp"
#include "kernel/frame_copy.hpp"
#include "kernel/frame_json.hpp"
#include "kernel/frames_from_json.hpp"
#include "wire/quantity.hpp"

using namespace twinpipe;

namespace {

struct Options {
  std::string from = "frames", to = "json", only, since, until;
  std::vector<std::string> files, patterns;
  std::uint64_t head = 0;
  std::size_t rows = 512;
  bool exact = false;
};

void declare(cli::Tool& tool, Options& options) {
  tool.option("FILE", options.files, "FILE", "Read these one after another instead of standard input, which is '-'");
  tool.option("--from", options.from, "FORM", "What comes in: frames or json")->check(CLI::IsMember({"frames", "json"}))->capture_default_str();
  tool.option("--to", options.to, "FORM", "What goes out: json or frames")->check(CLI::IsMember({"json", "frames"}))->capture_default_str();
  tool.flag("--exact", options.exact, "JSON with a line per frame and aliases as they are, which --from json makes into the same bytes again");
  tool.option("--rows", options.rows, "COUNT", "Greatest number of readings in a frame made from text")->check(CLI::PositiveNumber)->capture_default_str();
  tool.option("--head", options.head, "COUNT", "Only the first so many readings and other frames; Open, Close and Series do not count");
  tool.option("--match", options.patterns, "PATTERN", "Only series like site/line/asset/sensor, a glob a level; may be given again")->allow_extra_args(false);
  tool.option("--since", options.since, "TIME", "Only from this event time on, RFC 3339 or nanoseconds");
  tool.option("--until", options.until, "TIME", "Only before this event time");
  tool.option("--only", options.only, "KINDS", "Only these kinds of frames, with commas: readings,twin");
}

Status read_kinds(std::string_view names, std::bitset<kFrameKinds>& kinds) {
  kinds.reset();
  for (bool more = true; more;) {
    const std::size_t comma = names.find(',');
    const std::string_view name = names.substr(0, comma);
    const FrameKind kind = frame_kind_named(name);
    if (kind == FrameKind::unknown && name != "unknown") return Status::error(Code::usage, "--only: no kind of frames is called '" + std::string(name) + "'");
    kinds.set(static_cast<std::size_t>(kind));
    more = comma != std::string_view::npos;
    if (more) names.remove_prefix(comma + 1);
  }
  return {};
}

Status read_time(const std::string& text, std::optional<Nanos>& time) {
  if (text.empty()) return {};
  Result<Nanos> parsed = parse_time(text);
  if (!parsed.ok()) return parsed.status();
  time = *parsed;
  return {};
}

Status read_selection(const Options& options, const cli::Tool& tool, SelectionOptions& selection) {
  for (const std::string& text : options.patterns) {
    Result<Pattern> pattern = Pattern::parse(text);
    if (!pattern.ok()) return pattern.status();
    selection.patterns.push_back(*pattern);
  }
  (void)tool;
  if (options.head > 0) selection.head = options.head;
  if (!options.only.empty())
    if (Status status = read_kinds(options.only, selection.kinds); !status.ok()) return status;
  if (Status status = read_time(options.since, selection.since); !status.ok()) return status;
  return read_time(options.until, selection.until);
}

Status run(cli::Tool& tool, const Options& options) {
  SeriesTable table(tool.common().max_series);
  SelectionOptions selected;
  if (Status status = read_selection(options, tool, selected); !status.ok()) return status;
  Selection selection(table, std::move(selected));
  FramesFromJson parser(tool.producer(), options.rows);
  FrameReader reader(0, tool.common().max_frame);
  TextFrames text(parser, tool.common().max_frame);
  text.set_skip_bad(tool.common().skip_bad);
  FrameSource& source = options.from == "frames" ? static_cast<FrameSource&>(reader) : text;
  JsonForm json(table, options.exact ? JsonStyle::exact : JsonStyle::lines);
  FrameCopy copy(table, tool.producer());
  Form& form = options.to == "frames" ? static_cast<Form&>(copy) : json;
  FormDriver driver(form, selection, table);
  driver.set_skip_bad(tool.common().skip_bad);
  return cli::run_feed(tool, {source, driver, options.files, options.to != "frames", {}});
}

}  // namespace

int main(int argc, char** argv) {
  cli::Tool tool("fcat", "Print frames as text, and make frames from text", cli::Role::viewer);
  Options options;
  declare(tool, options);
  return tool.run(argc, argv, [&] { return run(tool, options); });
}
