// SPDX-License-Identifier: Apache-2.0
// Any bytes as an asset registry: no crash; what is accepted has a digest, and its parts and stays cover all of time without a
// gap.
#include <cstdint>
#include <cstdlib>

#include "kernel/asset_registry.hpp"

namespace {

template <class Spans>
void check(const Spans& spans) {
  if (spans.empty() || spans.front().period.from != twinpipe::kBeginning || spans.back().period.until != twinpipe::kForever)
    std::abort();
  for (std::size_t i = 1; i < spans.size(); ++i)
    if (spans[i].period.from != spans[i - 1].period.until || spans[i].period.from >= spans[i].period.until) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace twinpipe;
  const Result<AssetRegistry> registry = AssetRegistry::parse({reinterpret_cast<const char*>(data), size}, "f");
  if (!registry.ok()) {
    if (registry.status().code != Code::bad_config || !registry.status().message.starts_with("f:")) std::abort();
    return 0;
  }
  if (registry->digest().size() != 64) std::abort();
  check(registry->parts_of("plant-1", "line-1", "pump-0001"));
  check(registry->stays_of("plant-1", "line-1", "pump-0001", "temp-motor"));
  for (const AssetRow& row : registry->rows()) check(registry->parts_of(row.site, row.line, row.asset));
  for (const MountRow& mount : registry->mounts()) {
    const auto& [site, line, asset, sensor] = mount.series.levels();
    check(registry->stays_of(site, line, asset, sensor));
    (void)registry->renumbered(site, line, asset, mount.period.from);
  }
  return 0;
}
