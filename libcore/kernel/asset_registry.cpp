// SPDX-License-Identifier: Apache-2.0
// The asset registry: which row holds when.
#include "kernel/asset_registry.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "policy/digest.hpp"
#include "wire/names.hpp"
#include "wire/quantity.hpp"

namespace twinpipe {
namespace {

Status overlap(const std::string& file, std::uint32_t at, const std::string& what, Nanos time, std::uint32_t other) {
  return Status::error(Code::bad_config,
                       fmt::format("{}:{}: {} has two rows that hold {}, the other one in line {}", file, at, what,
                                   time == kBeginning ? "from the beginning" : "at " + format_time(time), other));
}

/// `rows`, of one asset or one pattern: by time, each ended where the next begins.
template <class Row>
Status chain(std::vector<Row>& all, std::vector<std::uint32_t>& rows, const std::string& what, const std::string& file) {
  std::ranges::stable_sort(rows, {}, [&](std::uint32_t row) { return all[row].period.from; });
  for (std::size_t i = 1; i < rows.size(); ++i) {
    Row &before = all[rows[i - 1]], &row = all[rows[i]];
    const auto [first, second] = std::minmax(before.at, row.at);
    if (before.period.from == row.period.from || (before.period.until != kForever && before.period.until > row.period.from))
      return overlap(file, second, what, row.period.from, first);
    if (before.period.until == kForever) before.period.until = row.period.from;
  }
  return {};
}

bool is_exact(const Pattern& pattern) {
  return std::ranges::none_of(pattern.levels(), [](const std::string& level) { return level.find_first_of("*?") != level.npos; });
}

std::string key_of(const Pattern& pattern) {
  const auto& [site, line, asset, sensor] = pattern.levels();
  return series_name(site, line, asset, sensor);
}

}  // namespace

Status AssetRegistry::complete(const std::string& file) {
  for (std::uint32_t i = 0; i < rows_.size(); ++i) rows_of_[asset_key(rows_[i].site, rows_[i].line, rows_[i].asset)].push_back(i);
  for (auto& [key, rows] : rows_of_)
    if (Status status = chain(rows_, rows, "asset " + key, file); !status.ok()) return status;
  std::map<std::array<std::string, 4>, std::vector<std::uint32_t>> mounts_of_pattern;
  for (std::uint32_t i = 0; i < mounts_.size(); ++i) {
    const Pattern& pattern = mounts_[i].series;
    mounts_of_pattern[pattern.levels()].push_back(i);
    if (is_exact(pattern)) exact_[key_of(pattern)].push_back(i);
    else patterns_.push_back(i);
  }
  for (auto& [levels, mounts] : mounts_of_pattern)
    if (Status status = chain(mounts_, mounts, "series " + mounts_[mounts.front()].series.text(), file); !status.ok())
      return status;
  digest_ = sha256_hex(canonical());
  return {};
}

/// Everything that decides anything. Assets in the order of their keys; the order of mounts is content.
std::string AssetRegistry::canonical() const {
  std::string text;
  const auto add = [&text](std::string_view part) { text += fmt::format("{}:{};", part.size(), part); };
  const auto add_row = [&](const auto& row) {
    add(asset_key(row.site, row.line, row.asset));
    text += fmt::format("{};{};", row.period.from, row.period.until);
  };
  add(name_);
  add(owner_);
  text += fmt::format("{};{};", as_of_, slo_);
  std::map<std::string, const std::vector<std::uint32_t>*> sorted;
  for (const auto& [key, rows] : rows_of_) sorted.emplace(key, &rows);
  for (const auto& [key, rows] : sorted) {
    for (const std::uint32_t row : *rows) {
      add_row(rows_[row]);
      for (const auto& [name, value] : rows_[row].facts) {
        add(name);
        add(value);
      }
      text += '\n';
    }
  }
  for (const MountRow& mount : mounts_) {
    add_row(mount);
    add(key_of(mount.series));
    add(mount.sensor);
    text += '\n';
  }
  return text;
}

bool AssetRegistry::knows(std::string_view site, std::string_view line, std::string_view asset) const {
  return rows_of_.contains(asset_key(site, line, asset));
}

std::vector<AssetRegistry::Part> AssetRegistry::parts_of(std::string_view site, std::string_view line,
                                                         std::string_view asset) const {
  std::vector<Part> parts;
  const auto add = [&](Period period, const AssetRow* row) {
    if (period.from >= period.until) return;
    const Nanos stale = stale_from();
    if (period.from < stale) parts.push_back({{period.from, std::min(period.until, stale)}, row, false});
    if (period.until > stale) parts.push_back({{std::max(period.from, stale), period.until}, row, true});
  };
  Nanos end = kBeginning;
  if (const auto found = rows_of_.find(asset_key(site, line, asset)); found != rows_of_.end()) {
    for (const std::uint32_t number : found->second) {
      const AssetRow& row = rows_[number];
      add({end, row.period.from}, nullptr);
      add(row.period, &row);
      end = row.period.until;
    }
  }
  add({end, kForever}, nullptr);
  return parts;
}

std::vector<const MountRow*> AssetRegistry::mounts_of(std::string_view site, std::string_view line, std::string_view asset,
                                                      std::string_view sensor) const {
  std::vector<const MountRow*> found;
  if (!exact_.empty())
    if (const auto exact = exact_.find(series_name(site, line, asset, sensor)); exact != exact_.end())
      for (const std::uint32_t mount : exact->second) found.push_back(&mounts_[mount]);
  for (const std::uint32_t mount : patterns_)
    if (mounts_[mount].series.matches(site, line, asset, sensor)) found.push_back(&mounts_[mount]);
  std::ranges::sort(found);  // they lie in one vector, in the file's order
  return found;
}

std::vector<AssetRegistry::Stay> AssetRegistry::stays_of(std::string_view site, std::string_view line, std::string_view asset,
                                                         std::string_view sensor) const {
  const std::vector<const MountRow*> found = mounts_of(site, line, asset, sensor);
  if (found.empty()) return {Stay{}};
  std::set<Nanos> edges{kBeginning};
  for (const MountRow* mount : found) edges.insert({mount->period.from, mount->period.until});
  edges.erase(kForever);
  std::vector<Stay> stays;
  for (const Nanos edge : edges) {
    const auto first = std::ranges::find_if(found, [edge](const MountRow* mount) { return mount->period.holds(edge); });
    const MountRow* mount = first == found.end() ? nullptr : *first;
    if (!stays.empty() && stays.back().mount == mount) continue;
    if (!stays.empty()) stays.back().period.until = edge;
    stays.push_back({{edge, kForever}, mount});
  }
  return stays;
}

const MountRow* AssetRegistry::renumbered(std::string_view site, std::string_view line, std::string_view asset,
                                          Nanos time) const {
  for (const std::uint32_t number : patterns_) {
    const MountRow& mount = mounts_[number];
    const auto& levels = mount.series.levels();
    if (levels[3] == "*" && mount.period.holds(time) && glob_matches(levels[0], site) && glob_matches(levels[1], line) &&
        glob_matches(levels[2], asset))
      return &mount;
  }
  return nullptr;
}

}  // namespace twinpipe
