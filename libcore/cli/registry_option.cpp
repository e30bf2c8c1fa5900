// SPDX-License-Identifier: Apache-2.0
// --registry FILE, --check, --explain NAME and --at TIME.
#include "cli/registry_option.hpp"

#include <fmt/format.h>

#include <set>

#include "io/fd.hpp"
#include "wire/names.hpp"
#include "wire/quantity.hpp"

namespace twinpipe::cli {
namespace {

std::string words(const Period& period) {
  if (period.from == kBeginning && period.until == kForever) return "always";
  if (period.from == kBeginning) return "until " + format_time(period.until);
  const std::string from = "from " + format_time(period.from);
  return period.until == kForever ? from + " on" : from + " until " + format_time(period.until);
}

}  // namespace

RegistryOption::RegistryOption(Tool& tool) {
  tool.option("--registry", file_, "FILE", "Asset registry: CSV, or JSON lines")->required();
  tool.flag("--check", check_, "Validate the registry, print what is in it and what it leaves open, and exit");
  tool.option("--explain", explain_, "NAME",
              "Print what holds of the asset site.line.asset or the series site/line/asset/sensor and exit");
  tool.option("--at", time_, "TIME", "Event time at which --explain looks; RFC 3339, or nanoseconds since 1970");
}

Result<AssetRegistry> RegistryOption::load() {
  if (!time_.empty()) {
    if (explain_.empty()) return Status::error(Code::usage, "--at needs --explain");
    Result<Nanos> at = parse_time(time_);
    if (!at.ok()) return Status::error(Code::usage, "--at: " + at.status().message);
    at_ = *at;
  }
  Result<std::string> text = read_file(file_);
  if (!text.ok()) return text.status();
  Result<AssetRegistry> registry = AssetRegistry::parse(*text, file_);
  if (!registry.ok()) return registry;
  if (check_)
    if (Status status = check(*registry); !status.ok()) return status;
  if (!explain_.empty())
    if (Status status = explain(*registry); !status.ok()) return status;
  return registry;
}

Status RegistryOption::check(const AssetRegistry& registry) const {
  std::set<std::string> assets, strange;
  for (const AssetRow& row : registry.rows()) assets.insert(asset_key(row.site, row.line, row.asset));
  std::string text = fmt::format("registry {} owner {} as of {} SLO {} digest {}\n", registry.name(), registry.owner(),
                                 format_time(registry.as_of()), format_duration(registry.slo()), registry.digest());
  text += fmt::format("{} assets in {} rows, {} rows of remounted sensors\n", assets.size(), registry.rows().size(),
                      registry.mounts().size());
  for (const MountRow& mount : registry.mounts()) {
    const std::string key = asset_key(mount.site, mount.line, mount.asset);
    if (!assets.contains(key) && strange.insert(key).second)
      text += fmt::format("line {}: {} has a sensor and no row of its own: it is unknown\n", mount.at, key);
  }
  return print(text);
}

void RegistryOption::explain_asset(const AssetRegistry& registry, std::string_view site, std::string_view line,
                                   std::string_view asset, std::string& text) const {
  for (const AssetRegistry::Part& part : registry.parts_of(site, line, asset)) {
    if (!asked(part.period)) continue;
    text += fmt::format("{} {}: ", asset_key(site, line, asset), words(part.period));
    if (part.row == nullptr) text += "unknown, no row holds";
    else text += fmt::format("line {}", part.row->at);
    if (part.row != nullptr)
      for (const auto& [name, value] : part.row->facts) text += fmt::format(", {} {}", name, value);
    text += part.stale ? "; the registry is older than its SLO\n" : "\n";
  }
}

void RegistryOption::explain_stays(const AssetRegistry& registry, const std::array<std::string, 4>& series,
                                   std::string& text) const {
  const auto& [site, line, asset, sensor] = series;
  for (const AssetRegistry::Stay& stay : registry.stays_of(site, line, asset, sensor)) {
    if (!asked(stay.period)) continue;
    text += fmt::format("{} {}: ", series_name(site, line, asset, sensor), words(stay.period));
    if (const MountRow* mount = stay.mount) {
      text += fmt::format("line {} matches ({}), so it is {}\n", mount->at, mount->series.text(),
                          series_name(mount->site, mount->line, mount->asset, mount->sensor.empty() ? sensor : mount->sensor));
      if (at_) explain_asset(registry, mount->site, mount->line, mount->asset, text);
    } else {
      text += "where its device says, no line matches\n";
      if (at_) explain_asset(registry, site, line, asset, text);
    }
  }
}

Status RegistryOption::explain(const AssetRegistry& registry) const {
  std::string text = fmt::format("registry {} owner {} as of {} digest {}\n", registry.name(), registry.owner(),
                                 format_time(registry.as_of()), registry.digest());
  if (const auto series = split_series_name(explain_)) explain_stays(registry, *series, text);
  else if (const auto asset = split_asset_key(explain_)) explain_asset(registry, (*asset)[0], (*asset)[1], (*asset)[2], text);
  else
    return Status::error(Code::usage, fmt::format("'{}' is no name: write site.line.asset, or site/line/asset/sensor", explain_));
  return print(text);
}

}  // namespace twinpipe::cli
