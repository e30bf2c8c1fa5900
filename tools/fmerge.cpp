// SPDX-License-Identifier: Apache-2.0
// fmerge: several streams as one, in the order of time and without copies.
#include "cli/merge_reader.hpp"

using namespace twinpipe;

int main(int argc, char** argv) {
  cli::Tool tool("fmerge", "Merge streams by event time and drop duplicates", cli::Role::source);
  MergeOptions options;
  std::vector<std::string> files;
  std::string spill;
  tool.option("FILE", files, "FILE", "Streams to merge: files, FIFOs, /dev/fd/N, or - for standard input")->required();
  cli::bytes_option(tool, "--memory", options.memory, "Bytes that may wait in memory; what is more waits on disk");
  tool.option("--spill", spill, "DIR", "Where bytes wait on disk, in a file without a name; default $TMPDIR, or /tmp");
  tool.option("--window", options.window, "MESSAGES", "Newest messages of a node's session that are compared")
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1} << 24).description(""))
      ->capture_default_str();
  cli::duration_option(tool, "--patience", options.patience,
                       "Wait no longer for a silent input once the others' ticks went on so far; 0: always wait");
  tool.flag("--copies", options.copies, "The inputs are copies of one stream: it ended well if one of them did");
  cli::bytes_option(tool, "--max-frame", options.max_frame, "Greatest frame accepted, in bytes");
  tool.option("--max-series", options.max_series, "COUNT", "Greatest number of series accepted")->capture_default_str();
  tool.flag("--skip-bad", options.skip_bad, "Count and leave out frames with bad content; bad framing still ends an input");
  tool.flag("--finish", options.finish, "The end of unsealed input is the end of the data");
  return tool.run(argc, argv, [&] { return cli::MergeReader(tool, files, options, spill).run(); });
}
