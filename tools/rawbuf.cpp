// SPDX-License-Identifier: Apache-2.0
// rawbuf: raw frames on local disk: kept, sent on, replayed, checked.
#include <map>
#include <optional>

#include "cli/rawbuf_admin.hpp"
#include "cli/rawbuf_append.hpp"
#include "cli/rawbuf_replay.hpp"
#include "cli/rawbuf_tail.hpp"
#include "wire/quantity.hpp"

using namespace twinpipe;

namespace {

struct Options {
  std::string command, directory, from, to, order = "event-time", speed = "max";
  std::vector<std::string> patterns;
  Nanos warm_up = 0;
  bool json = false;
  std::optional<cli::RecorderOption> recorder;
  Nanos sync_every = cli::RecorderOptions().sync_every;
  std::size_t segment_bytes = rawbuf::WriterOptions().segment_bytes;
  cli::AppendOptions append;
  cli::TailOptions tail;
  cli::ReplayRun replay;
};

void declare(cli::Tool& tool, Options& options) {
  tool.option("COMMAND", options.command, "COMMAND", "What to do")
      ->required()
      ->check(CLI::IsMember({"append", "tail", "replay", "ls", "verify", "repair"}));
  tool.option("DIR", options.directory, "DIR", "The buffer")->required();
  options.recorder.emplace(tool, "append: ", "interval");
  cli::duration_option(tool, "--sync-every", options.sync_every, "append: the interval");
  cli::bytes_option(tool, "--segment-size", options.segment_bytes,
                    "append: size at which a segment is ended, in bytes; a sixteenth of --max-size when that is less");
  tool.flag("--acknowledge", options.append.acknowledge,
            "append: print how many frames of the input are safe, a line each time that it is more");
  tool.option("--cursor", options.tail.cursor, "FILE",
              "tail: start from the Position in this file, which the last tool of the chain writes");
  tool.option("--from", options.from, "WHERE",
              "tail: a Position; without a cursor also oldest, newest or a frame's number; replay: a time, inclusive");
  cli::duration_option(tool, "--position-every", options.tail.position_every,
                       "tail: time between two Positions; 0: one behind every record");
  tool.flag("--follow", options.tail.follow, "tail: wait for what is appended");
  tool.option("--to", options.to, "TIME", "replay: where to end, exclusive");
  cli::duration_option(tool, "--warm-up", options.warm_up, "replay: begin so long before --from");
  tool.option("--match", options.patterns, "PATTERN", "replay: series that match; may be repeated");
  tool.option("--order", options.order, "ORDER", "replay: event-time, or arrival, as it was recorded")
      ->check(CLI::IsMember({"event-time", "arrival"}))
      ->capture_default_str();
  tool.option("--speed", options.speed, "FACTOR", "replay: seconds of event time a second: max, 1x, 60x")->capture_default_str();
  cli::bytes_option(tool, "--memory", options.replay.options.memory,
                    "replay: bytes of records held at once; what overlaps beyond that is read again");
  tool.flag("--json", options.json, "ls: as JSON");
  cli::bytes_option(tool, "--max-frame", options.append.max_frame, "append: greatest frame accepted, in bytes");
  tool.option("--max-series", options.append.max_series, "COUNT", "append: greatest number of series accepted")
      ->capture_default_str();
  tool.flag("--skip-bad", options.append.skip_bad, "append: count and leave out frames with bad content");
}

Status parse_replay(Options& options) {
  rawbuf::ReplayOptions& replay = options.replay.options;
  for (auto [text, time] : {std::pair(&options.from, &replay.from), std::pair(&options.to, &replay.to)}) {
    if (text->empty()) continue;
    const Result<Nanos> parsed = parse_time(*text);
    if (!parsed.ok()) return parsed.status();
    *time = *parsed;
  }
  if (options.warm_up > 0 && options.from.empty())
    return Status::error(Code::usage, "--warm-up comes before --from: write that too");
  replay.from = saturating_sub(replay.from, options.warm_up);
  replay.order = options.order == "arrival" ? rawbuf::Order::arrival : rawbuf::Order::event_time;
  for (const std::string& text : options.patterns) {
    const Result<Pattern> pattern = Pattern::parse(text);
    if (!pattern.ok()) return pattern.status();
    replay.patterns.push_back(*pattern);
  }
  const Result<double> speed = parse_speed(options.speed);
  if (!speed.ok()) return speed.status();
  options.replay.speed = *speed;
  if (*speed > 0 && replay.order == rawbuf::Order::arrival)
    return Status::error(Code::usage, "--speed paces event time, which goes back in the order of arrival");
  if (replay.from >= replay.to) return Status::error(Code::usage, "the span is empty: --to is not after --from");
  replay.max_series = options.append.max_series;
  options.replay.directory = options.directory;
  return {};
}

/// Options that another command would have heeded are mistakes.
Status check_options(cli::Tool& tool, const std::string& command) {
  static const std::map<std::string, std::string> kCommands{{"--sync", "append"},
                                                            {"--sync-every", "append"},
                                                            {"--acknowledge", "append"},
                                                            {"--segment-size", "append"},
                                                            {"--max-age", "append"},
                                                            {"--max-size", "append"},
                                                            {"--max-frame", "append"},
                                                            {"--skip-bad", "append"},
                                                            {"--max-series", "append replay"},
                                                            {"--cursor", "tail"},
                                                            {"--follow", "tail"},
                                                            {"--position-every", "tail"},
                                                            {"--from", "tail replay"},
                                                            {"--to", "replay"},
                                                            {"--match", "replay"},
                                                            {"--warm-up", "replay"},
                                                            {"--order", "replay"},
                                                            {"--speed", "replay"},
                                                            {"--memory", "replay"},
                                                            {"--json", "ls"}};
  for (const auto& [option, commands] : kCommands)
    if (tool.app().count(option) > 0 && commands.find(command) == commands.npos)
      return Status::error(Code::usage, option + " is not an option of rawbuf " + command);
  return {};
}

Status run(cli::Tool& tool, Options& options) {
  const std::string& directory = options.directory;
  if (Status status = check_options(tool, options.command); !status.ok()) return status;
  if (options.command == "ls") return cli::rawbuf_ls(directory, options.json);
  if (options.command == "verify") return cli::rawbuf_verify(directory);
  if (options.command == "repair") return cli::rawbuf_repair(tool, directory);
  if (options.command == "tail") {
    options.tail.directory = directory;
    if (!options.from.empty()) options.tail.from = options.from;
    return cli::RawbufTail(tool, options.tail).run();
  }
  if (options.command == "replay") {
    if (Status status = parse_replay(options); !status.ok()) return status;
    return cli::rawbuf_replay(tool, options.replay);
  }
  Result<cli::RecorderOptions> recorder = options.recorder->load(directory);
  if (!recorder.ok()) return recorder.status();
  if (tool.app().count("--sync-every") > 0) recorder->sync_every = options.sync_every;
  if (tool.app().count("--segment-size") > 0) recorder->writer.segment_bytes = options.segment_bytes;
  options.append.recorder = std::move(*recorder);
  return cli::rawbuf_append(tool, options.append);
}

}  // namespace

int main(int argc, char** argv) {
  cli::Tool tool("rawbuf", "Keep raw frames on local disk, and read them again", cli::Role::source);
  Options options;
  declare(tool, options);
  return tool.run(argc, argv, [&] { return run(tool, options); });
}
