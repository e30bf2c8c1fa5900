// SPDX-License-Identifier: Apache-2.0
// What a Sparkplug node's births declared: its metrics by alias and by name, one table a node, devices included.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "kernel/sparkplug_wire.hpp"
#include "sparkplug_state.pb.h"
#include "wire/frame.hpp"

namespace twinpipe::sparkplug {

struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
};
template <class Value>
using TextMap = std::unordered_map<std::string, Value, TextHash, std::equal_to<>>;

/// How group, edge node, device and metric become site, line, asset and sensor.
class IdentityMap {
 public:
  /// Four levels "site/line/asset/sensor" with placeholders {group} {node} {device} {metric}; the first three levels know no
  /// {metric}, the last must have it. Errors: usage.
  static Result<IdentityMap> parse(std::string_view text);
  IdentityMap();

  /// site, line, asset; `device` is empty for the node itself, whose asset is kNodeAsset.
  std::array<std::string, 3> asset_of(std::string_view group, std::string_view edge, std::string_view device) const;
  std::string sensor_of(std::string_view group, std::string_view edge, std::string_view device, std::string_view metric) const;

 private:
  std::array<std::string, 4> levels_;
  bool plain_sensor_ = true;  // the last level is {metric} alone
};

/// The stream's own aliases: dense, by identity, the same for ever.
class SeriesAliases {
 public:
  explicit SeriesAliases(std::uint32_t limit) : limit_(limit) {}
  /// Nothing when the limit is reached.
  std::optional<std::uint32_t> of(std::string_view asset_key, std::string_view sensor);
  std::size_t size() const { return index_.size(); }

 private:
  std::uint32_t limit_;
  TextMap<std::uint32_t> index_;
  std::string key_;
};

/// One metric of a birth.
struct BornMetric {
  std::uint32_t series = 0;  // alias in our stream
  std::uint32_t datatype = 0;
  ValueType type = v1::VALUE_TYPE_UNSPECIFIED;
  double sample_period = 0;  // seconds; of waveforms
  std::uint64_t alias = 0;   // the publisher's, when has_alias
  bool has_alias = false;
  bool control = false;  // a command such as Node Control/Rebirth: no series
};

struct BornDevice {
  std::string name;  // empty: the node itself
  std::string site, line, asset;
  std::string key;    // asset key
  bool born = false;  // in this session
  bool dead = false;
  std::vector<BornMetric> metrics;
  TextMap<std::uint32_t> by_name;
  std::string series;  // serialized v1::Series without a session: to declare again, and to save
  std::vector<std::string> controls;
};

/// One entry of the alias table.
struct AliasEntry {
  static constexpr std::uint32_t kNone = 0xFFFFFFFF;
  std::uint32_t device = kNone;
  std::uint32_t metric = 0;
};

/// Flat for the small aliases that nearly all publishers use, hashed beyond.
class AliasTable {
 public:
  AliasEntry find(std::uint64_t alias) const {
    if (alias < flat_.size()) return flat_[static_cast<std::size_t>(alias)];
    if (sparse_.empty()) return {};
    const auto at = sparse_.find(alias);
    return at == sparse_.end() ? AliasEntry{} : at->second;
  }
  void set(std::uint64_t alias, AliasEntry entry);
  void erase(std::uint64_t alias);
  std::size_t size() const { return size_; }

 private:
  static constexpr std::uint64_t kFlat = 1 << 16;
  std::vector<AliasEntry> flat_;
  std::unordered_map<std::uint64_t, AliasEntry> sparse_;
  std::size_t size_ = 0;
};

/// What went wrong while a birth was taken; everything else of it holds.
struct BirthTrouble {
  std::uint64_t metrics = 0;  // that could not be declared
  std::uint64_t stolen = 0;   // aliases that belonged to another metric of the node
  std::string first;          // about the first of them
};

class BirthTable {
 public:
  /// Number of a device, made when it is new; 0 is the node itself.
  std::uint32_t device(std::string_view name, const IdentityMap& map, std::string_view group, std::string_view edge);
  std::optional<std::uint32_t> find_device(std::string_view name) const;
  BornDevice& at(std::uint32_t device) { return devices_[device]; }
  const BornDevice& at(std::uint32_t device) const { return devices_[device]; }
  std::size_t devices() const { return devices_.size(); }

  /// A node's birth: nothing of the births before holds, the numbers of its devices do.
  void clear();
  /// Drops what only a birth in force needs.
  void slim();
  /// Takes the metrics of one birth. `series` is the declaration to write, in our aliases.
  BirthTrouble declare(std::uint32_t device, const WirePayload& payload, const IdentityMap& map, std::string_view group,
                       std::string_view edge, std::size_t alias_limit, SeriesAliases& aliases, v1::Series& series);

  AliasEntry by_alias(std::uint64_t alias) const { return aliases_.find(alias); }
  const BornMetric& metric(AliasEntry entry) const { return devices_[entry.device].metrics[entry.metric]; }
  std::size_t aliases() const { return aliases_.size(); }

  /// Everything that was declared, without the node's identity.
  void save(v1::BirthState& state) const;
  /// The way back. Entries that make no sense are left out: the file is a cache. Our own aliases are not handed out before
  /// assign(), because they are dense in the order of declaration, and a table may never be declared.
  void load(const v1::BirthState& state, const IdentityMap& map);
  void assign(SeriesAliases& aliases);

 private:
  void forget(std::uint32_t device);
  bool bind(std::uint32_t device, std::uint64_t alias, std::uint32_t metric, std::size_t limit, BirthTrouble& trouble);
  void add_control(BornDevice& device, std::string_view name);

  std::vector<BornDevice> devices_;
  TextMap<std::uint32_t> by_name_;
  AliasTable aliases_;
};

/// bdSeq and the commands of the specification: metrics of a birth that are no series.
bool is_control(std::string_view name);

}  // namespace twinpipe::sparkplug
