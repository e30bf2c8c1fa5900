// SPDX-License-Identifier: Apache-2.0
// Sparkplug identity → the stream's: levels, and aliases of our own.
#include <fmt/format.h>

#include <cstring>

#include "kernel/sparkplug_births.hpp"
#include "wire/names.hpp"

namespace twinpipe::sparkplug {
namespace {

std::string replace(std::string_view text, std::string_view group, std::string_view edge, std::string_view device,
                    std::string_view metric) {
  const std::array<std::pair<std::string_view, std::string_view>, 4> parts{
      {{"{group}", group}, {"{node}", edge}, {"{device}", device}, {"{metric}", metric}}};
  std::string out;
  while (!text.empty()) {
    bool taken = false;
    for (const auto& [placeholder, value] : parts) {
      if (!text.starts_with(placeholder)) continue;
      out += value;
      text.remove_prefix(placeholder.size());
      taken = true;
      break;
    }
    if (taken) continue;
    out += text[0];
    text.remove_prefix(1);
  }
  return out;
}

}  // namespace

IdentityMap::IdentityMap() : levels_{"{group}", "{node}", "{device}", "{metric}"} {}

Result<IdentityMap> IdentityMap::parse(std::string_view text) {
  const auto wrong = [text](std::string_view why) {
    return Status::error(Code::usage,
                         fmt::format("mapping '{}': {}; the default is {{group}}/{{node}}/{{device}}/{{metric}}", text, why));
  };
  IdentityMap map;
  std::string_view rest = text;
  for (std::size_t i = 0; i < map.levels_.size(); ++i) {
    const std::size_t slash = rest.find('/');
    if ((slash == std::string_view::npos) != (i == 3)) return wrong("not four levels");
    map.levels_[i] = rest.substr(0, slash);
    if (map.levels_[i].empty()) return wrong("an empty level");
    if (i < 3 && map.levels_[i].find("{metric}") != std::string::npos) return wrong("{metric} belongs into the last level alone");
    if (slash != std::string_view::npos) rest.remove_prefix(slash + 1);
  }
  if (map.levels_[3].find("{metric}") == std::string::npos) return wrong("the last level lacks {metric}");
  for (const std::string& level : map.levels_)
    if (replace(level, "", "", "", "").find_first_of("{}") != std::string::npos) return wrong("an unknown placeholder");
  map.plain_sensor_ = map.levels_[3] == "{metric}";
  return map;
}

std::array<std::string, 3> IdentityMap::asset_of(std::string_view group, std::string_view edge, std::string_view device) const {
  const std::string_view name = device.empty() ? kNodeAsset : device;
  return {replace(levels_[0], group, edge, name, {}), replace(levels_[1], group, edge, name, {}),
          replace(levels_[2], group, edge, name, {})};
}

std::string IdentityMap::sensor_of(std::string_view group, std::string_view edge, std::string_view device,
                                   std::string_view metric) const {
  return plain_sensor_ ? std::string(metric) : replace(levels_[3], group, edge, device.empty() ? kNodeAsset : device, metric);
}

std::optional<std::uint32_t> SeriesAliases::of(std::string_view asset_key, std::string_view sensor) {
  // An asset key holds no control characters.
  ((key_.assign(asset_key)) += '\n') += sensor;
  if (const auto at = index_.find(key_); at != index_.end()) return at->second;
  if (index_.size() >= limit_) return std::nullopt;
  const auto alias = static_cast<std::uint32_t>(index_.size());
  index_.emplace(key_, alias);
  return alias;
}

void AliasTable::set(std::uint64_t alias, AliasEntry entry) {
  if (find(alias).device == AliasEntry::kNone) ++size_;
  if (alias >= kFlat) {
    sparse_[alias] = entry;
    return;
  }
  if (alias >= flat_.size()) flat_.resize(std::max<std::size_t>(static_cast<std::size_t>(alias) + 1, flat_.size() * 2));
  flat_[static_cast<std::size_t>(alias)] = entry;
}

void AliasTable::erase(std::uint64_t alias) {
  if (find(alias).device == AliasEntry::kNone) return;
  --size_;
  if (alias < flat_.size()) flat_[static_cast<std::size_t>(alias)] = {};
  else sparse_.erase(alias);
}

}  // namespace twinpipe::sparkplug
