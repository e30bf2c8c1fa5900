// SPDX-License-Identifier: Apache-2.0
// What a Sparkplug node's births declared.
#include "kernel/sparkplug_births.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "sparkplug_state.pb.h"
#include "wire/names.hpp"

namespace twinpipe::sparkplug {

bool is_control(std::string_view name) {
  static constexpr std::array<std::string_view, 6> kControls{"bdSeq",
                                                             "Node Control/Rebirth",
                                                             "Node Control/Reboot",
                                                             "Node Control/Next Server",
                                                             "Device Control/Rebirth",
                                                             "Device Control/Reboot"};
  return std::ranges::find(kControls, name) != kControls.end();
}

std::optional<std::uint32_t> BirthTable::find_device(std::string_view name) const {
  const auto at = by_name_.find(name);
  return at == by_name_.end() ? std::nullopt : std::optional(at->second);
}

std::uint32_t BirthTable::device(std::string_view name, const IdentityMap& map, std::string_view group, std::string_view edge) {
  if (const auto known = find_device(name)) return *known;
  const auto number = static_cast<std::uint32_t>(devices_.size());
  BornDevice& device = devices_.emplace_back();
  device.name = name;
  auto [site, line, asset] = map.asset_of(group, edge, name);
  device.key = asset_key(site, line, asset);
  device.site = std::move(site);
  device.line = std::move(line);
  device.asset = std::move(asset);
  by_name_.emplace(device.name, number);
  return number;
}

void BirthTable::forget(std::uint32_t number) {
  BornDevice& device = devices_[number];
  for (std::uint32_t i = 0; i < device.metrics.size(); ++i) {
    const BornMetric& metric = device.metrics[i];
    if (!metric.has_alias) continue;
    const AliasEntry entry = aliases_.find(metric.alias);
    if (entry.device == number && entry.metric == i) aliases_.erase(metric.alias);
  }
  device.metrics.clear();
  device.by_name.clear();
  device.series.clear();
  device.controls.clear();
}

void BirthTable::clear() {
  aliases_ = {};
  for (std::uint32_t i = 0; i < devices_.size(); ++i) {
    forget(i);
    devices_[i].born = false;
  }
}

void BirthTable::slim() {
  for (BornDevice& device : devices_) {
    device.series = {};
    device.controls = {};
  }
}

bool BirthTable::bind(std::uint32_t device, std::uint64_t alias, std::uint32_t metric, std::size_t limit, BirthTrouble& trouble) {
  const AliasEntry before = aliases_.find(alias);
  if (before.device == AliasEntry::kNone && aliases_.size() >= limit) {
    if (trouble.metrics++ == 0) trouble.first = "more aliases than --max-aliases";
    return false;
  }
  // The newest birth wins: an alias is unique within a node, whatever its devices think.
  if (before.device != AliasEntry::kNone && trouble.stolen++ == 0 && trouble.first.empty())
    trouble.first = fmt::format("alias {} is declared twice", alias);
  aliases_.set(alias, {device, metric});
  BornMetric& born = devices_[device].metrics[metric];
  born.alias = alias;
  born.has_alias = true;
  return true;
}

BirthTrouble BirthTable::declare(std::uint32_t number, const WirePayload& payload, const IdentityMap& map, std::string_view group,
                                 std::string_view edge, std::size_t alias_limit, SeriesAliases& aliases, v1::Series& series) {
  forget(number);
  BornDevice& device = devices_[number];
  device.born = true;
  device.dead = false;
  series.set_site(device.site);
  series.set_line(device.line);
  series.set_asset(device.asset);
  BirthTrouble trouble;
  const auto refuse = [&trouble](std::string why) {
    if (trouble.metrics++ == 0) trouble.first = std::move(why);
  };
  device.metrics.reserve(payload.metrics.size());
  for (const WireMetric& wire : payload.metrics) {
    BornMetric metric;
    metric.control = is_control(wire.name);
    metric.datatype = wire.datatype;
    metric.type = column_type(wire.datatype);
    if (wire.name.empty()) {
      refuse("a metric without a name");
      continue;
    }
    if (!metric.control && metric.type == v1::VALUE_TYPE_UNSPECIFIED) {
      refuse(fmt::format("metric '{}' with datatype {}", wire.name, wire.datatype));
      continue;
    }
    const auto index = static_cast<std::uint32_t>(device.metrics.size());
    if (!device.by_name.try_emplace(std::string(wire.name), index).second) {
      refuse(fmt::format("metric '{}' twice in a birth", wire.name));
      continue;
    }
    if (metric.control) {
      device.controls.emplace_back(wire.name);
    } else {
      const std::string sensor_name = map.sensor_of(group, edge, device.name, wire.name);
      const std::optional<std::uint32_t> alias = aliases.of(device.key, sensor_name);
      if (!alias) {
        refuse("more series than --max-series");
        device.by_name.erase(std::string(wire.name));
        continue;
      }
      metric.series = *alias;
      v1::Sensor& sensor = *series.add_sensor();
      sensor.set_alias(*alias);
      sensor.set_name(sensor_name);
      sensor.set_datatype(wire.datatype);
      PropertySet properties;
      if (wire.has_properties && properties.ParseFromArray(wire.properties.data(), static_cast<int>(wire.properties.size())))
        declare_properties(properties, sensor);
      const std::optional<double> period = sample_period_of(sensor);
      if (period && (wire.datatype == kFloatArray || wire.datatype == kDoubleArray)) {
        metric.type = v1::VALUE_TYPE_WAVEFORM;
        metric.sample_period = *period;
      }
      sensor.set_type(metric.type);
    }
    device.metrics.push_back(metric);
    if (wire.has_alias) bind(number, wire.alias, index, alias_limit, trouble);
  }
  series.SerializeToString(&device.series);
  return trouble;
}

void BirthTable::save(v1::BirthState& state) const {
  for (const BornDevice& device : devices_) {
    if (!device.born) continue;
    v1::DeviceBirth& birth = *state.add_device();
    birth.set_name(device.name);
    birth.mutable_series()->ParseFromString(device.series);
    for (const std::string& control : device.controls) birth.add_control(control);
    std::vector<const std::string*> names(device.metrics.size());
    for (const auto& [name, index] : device.by_name) {
      names[index] = &name;
      if (!device.metrics[index].has_alias) continue;
      v1::BoundAlias& bound = *birth.add_alias();
      bound.set_alias(device.metrics[index].alias);
      bound.set_metric(name);
    }
    for (std::size_t i = 0; i < names.size(); ++i)
      if (!device.metrics[i].control) birth.add_metric(*names[i]);
    // The same births give the same bytes.
    std::ranges::sort(*birth.mutable_alias(), {}, [](const v1::BoundAlias& bound) { return bound.alias(); });
  }
}

void BirthTable::load(const v1::BirthState& state, const IdentityMap& map) {
  for (const v1::DeviceBirth& birth : state.device()) {
    const std::uint32_t number = device(birth.name(), map, state.group(), state.edge());
    BornDevice& born = devices_[number];
    born.born = true;
    v1::Series series = birth.series();
    series.clear_sensor();
    for (int i = 0; i < birth.series().sensor_size() && i < birth.metric_size(); ++i) {
      const v1::Sensor& saved = birth.series().sensor(i);
      if (!born.by_name.try_emplace(birth.metric(i), static_cast<std::uint32_t>(born.metrics.size())).second) continue;
      const v1::Sensor& sensor = *series.add_sensor() = saved;
      BornMetric metric;
      metric.datatype = sensor.datatype();
      metric.type = sensor.type();
      metric.sample_period = sample_period_of(sensor).value_or(0);
      born.metrics.push_back(metric);
    }
    for (const std::string& control : birth.control()) {
      BornMetric metric;
      metric.control = true;
      born.by_name.try_emplace(control, static_cast<std::uint32_t>(born.metrics.size()));
      born.metrics.push_back(metric);
      born.controls.push_back(control);
    }
    BirthTrouble trouble;
    for (const v1::BoundAlias& bound : birth.alias())
      if (const auto at = born.by_name.find(bound.metric()); at != born.by_name.end())
        bind(number, bound.alias(), at->second, std::numeric_limits<std::size_t>::max(), trouble);
    series.SerializeToString(&born.series);
  }
}

void BirthTable::assign(SeriesAliases& aliases) {
  for (BornDevice& device : devices_) {
    v1::Series saved, series;
    if (!device.born || !saved.ParseFromString(device.series)) continue;
    series = saved;
    series.clear_sensor();
    auto sensor = saved.sensor().begin();
    for (BornMetric& metric : device.metrics) {
      if (metric.control || sensor == saved.sensor().end()) continue;
      const std::optional<std::uint32_t> alias = aliases.of(device.key, sensor->name());
      metric.control = !alias.has_value();  // beyond --max-series: known, and not told
      metric.series = alias.value_or(0);
      if (alias) (*series.add_sensor() = *sensor).set_alias(*alias);
      ++sensor;
    }
    series.SerializeToString(&device.series);
  }
}

}  // namespace twinpipe::sparkplug
