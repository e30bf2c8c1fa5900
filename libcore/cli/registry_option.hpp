// SPDX-License-Identifier: Apache-2.0
// --registry FILE, --check, --explain NAME and --at TIME: the asset registry of a tool, validated and explained.
#pragma once

#include <optional>
#include <string>

#include "cli/tool.hpp"
#include "kernel/asset_registry.hpp"

namespace twinpipe::cli {

class RegistryOption {
 public:
  explicit RegistryOption(Tool& tool);

  /// Reads the file; answers --check and --explain on standard output. Errors: usage, no_input, bad_config (FILE:LINE: what).
  Result<AssetRegistry> load();
  /// True when --check or --explain was asked for and answered: there is nothing left to do.
  bool answered() const { return check_ || !explain_.empty(); }

 private:
  Status check(const AssetRegistry& registry) const;
  Status explain(const AssetRegistry& registry) const;
  void explain_asset(const AssetRegistry& registry, std::string_view site, std::string_view line, std::string_view asset,
                     std::string& text) const;
  void explain_stays(const AssetRegistry& registry, const std::array<std::string, 4>& series, std::string& text) const;
  bool asked(const Period& period) const { return !at_ || period.holds(*at_); }

  std::string file_, explain_, time_;
  std::optional<Nanos> at_;
  bool check_ = false;
};

}  // namespace twinpipe::cli
