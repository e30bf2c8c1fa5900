// SPDX-License-Identifier: Apache-2.0
// pass: a filter that owns nothing. What it costs is what the stream itself costs.
#include "cli/runner.hpp"

using namespace twinpipe;

namespace {

class Pass final : public Stage {
 public:
  using Stage::Stage;
  bool reads(FrameKind) const override { return false; }
};

}  // namespace

int main(int argc, char** argv) {
  cli::Tool tool("pass", "Pass everything", cli::Role::filter);
  return tool.run(argc, argv, [&]() -> Status {
    SeriesTable table(tool.common().max_series);
    Pass stage(table);
    return cli::run_stage(tool, table, stage);
  });
}
