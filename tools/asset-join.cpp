// SPDX-License-Identifier: Apache-2.0
// asset-join: joins the stream with the asset registry, as of event time.
#include <fmt/format.h>

#include <optional>

#include "cli/registry_option.hpp"
#include "cli/runner.hpp"
#include "io/fd.hpp"
#include "kernel/asset_join.hpp"

using namespace twinpipe;

namespace {

constexpr std::size_t kMostNamed = 20;  // unknown assets on standard error, a line each

}  // namespace

int main(int argc, char** argv) {
  cli::Tool tool("asset-join", "Join the stream with the asset registry, as of event time", cli::Role::filter);
  cli::RegistryOption option(tool);
  std::string unknown_file;
  tool.option("--unknown", unknown_file, "FILE",
              "Keep the list of assets that the registry does not know in this file, a key a line");
  return tool.run(argc, argv, [&]() -> Status {
    const Result<AssetRegistry> registry = option.load();
    if (!registry.ok() || option.answered()) return registry.ok() ? Status{} : registry.status();
    SeriesTable table(tool.common().max_series);
    AssetJoin stage(table, *registry);
    std::optional<std::size_t> written;
    const auto list_unknown = [&]() -> Status {
      if (unknown_file.empty() || written == stage.unknown().size()) return {};
      written = stage.unknown().size();
      return replace_file(unknown_file,
                          fmt::format("{}{}", fmt::join(stage.unknown(), "\n"), stage.unknown().empty() ? "" : "\n"));
    };
    cli::Hooks hooks;
    hooks.before_position = list_unknown;
    hooks.on_end = [&](bool) {
      std::size_t left = stage.unknown().size();
      for (const std::string& key : stage.unknown()) {
        if (stage.unknown().size() - left == kMostNamed) break;
        tool.say(fmt::format("{} is not in registry {}", key, registry->name()));
        --left;
      }
      if (left > 0)
        tool.say(fmt::format("{} more are not in registry {}: {} lists them", left, registry->name(),
                             unknown_file.empty() ? "--unknown" : unknown_file));
      return list_unknown();
    };
    return cli::run_stage(tool, table, stage, hooks);
  });
}
