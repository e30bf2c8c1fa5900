// SPDX-License-Identifier: Apache-2.0
// The plant's sites, lines and assets, and the frames that announce them.
#include <fmt/format.h>

#include "kernel/plant.hpp"

namespace twinpipe {

std::uint32_t plant_node_of(const PlantOptions& options, std::uint32_t asset) {
  return static_cast<std::uint32_t>(std::uint64_t{asset} * options.sites * options.lines / options.assets);
}

v1::Series plant_asset(const PlantOptions& options, std::uint32_t asset, Nanos birth, std::uint64_t bdseq) {
  const std::uint32_t node = plant_node_of(options, asset);
  v1::Series series;
  series.set_site(fmt::format("plant-{}", node / options.lines + 1));
  series.set_line(fmt::format("line-{}", std::uint64_t{node} % options.lines + options.first_line));
  series.set_asset(fmt::format("pump-{:04}", asset + 1));
  series.set_node(series.site() + "/" + series.line());
  series.mutable_session()->set_birth(birth);
  series.mutable_session()->set_bdseq(bdseq);
  return series;
}

v1::Frame plant_lifecycle(const v1::Series& of, bool node, bool online, v1::Lifecycle::Reason reason, Nanos time) {
  v1::Frame frame;
  v1::Lifecycle& lifecycle = *frame.mutable_lifecycle();
  lifecycle.set_node(of.node());
  if (!node) {
    lifecycle.set_asset(of.asset());
    lifecycle.set_site(of.site());
    lifecycle.set_line(of.line());
  }
  lifecycle.set_online(online);
  lifecycle.set_reason(reason);
  *lifecycle.mutable_session() = of.session();
  lifecycle.set_time(time);
  return frame;
}

Status check_plant(const PlantOptions& options) {
  const auto usage = [](std::string message) { return Status::error(Code::usage, std::move(message)); };
  if (options.assets == 0 || options.sites == 0 || options.lines == 0)
    return usage("a plant has at least one site, line and asset");
  if (std::uint64_t{options.sites} * options.lines > options.assets)
    return usage(fmt::format("{} assets are too few for {} sites of {} lines: each line has at least one", options.assets,
                             options.sites, options.lines));
  if (options.columns == 0) return usage("--columns: a frame has at least one reading");
  if (options.tick < kMillisecond) return usage("--tick is at least 1ms");
  if (options.period < kMillisecond) return usage("--period is at least 1ms");
  if (options.cycle < kSecond) return usage("--cycle is at least 1s");
  return {};
}

}  // namespace twinpipe
