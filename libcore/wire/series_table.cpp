// SPDX-License-Identifier: Apache-2.0
// Who is behind an alias: the series declared so far.
#include "wire/series_table.hpp"

#include <fmt/format.h>

#include <cstring>

#include "state.pb.h"
#include "wire/names.hpp"

namespace twinpipe {
namespace {

/// A map key of several parts; lengths in front keep ("a","bc") and ("ab","c") apart.
template <class... Parts>
std::string composite(const Parts&... parts) {
  std::string key;
  const auto add = [&key](std::string_view part) {
    const auto size = static_cast<std::uint32_t>(part.size());
    char bytes[sizeof size];
    std::memcpy(bytes, &size, sizeof size);
    key.append(bytes, sizeof size).append(part);
  };
  (add(parts), ...);
  return key;
}

bool same_session(const v1::Session& a, const v1::Session& b) { return a.birth() == b.birth() && a.bdseq() == b.bdseq(); }

bool same_meaning(const v1::Sensor& a, const v1::Sensor& b) {
  return a.type() == b.type() && a.datatype() == b.datatype() && a.unit() == b.unit() && a.declared_unit() == b.declared_unit();
}

bool same_range(const v1::Sensor& a, const v1::Sensor& b) {
  return a.has_low() == b.has_low() && a.low() == b.low() && a.has_high() == b.has_high() && a.high() == b.high();
}

}  // namespace

std::optional<std::uint32_t> SeriesTable::find_node(std::string_view name) const {
  const auto at = node_index_.find(std::string(name));
  return at == node_index_.end() ? std::nullopt : std::optional(at->second);
}

std::uint32_t SeriesTable::node(std::string_view name) {
  const auto [at, is_new] = node_index_.try_emplace(std::string(name), static_cast<std::uint32_t>(node_names_.size()));
  if (is_new) node_names_.emplace_back(name);
  return at->second;
}

Status SeriesTable::declare(const v1::Series& frame, std::vector<Declared>& declared) {
  declared.clear();
  const auto [at, is_new] =
      asset_index_.try_emplace(composite(frame.site(), frame.line(), frame.asset()), static_cast<std::uint32_t>(assets_.size()));
  if (is_new) assets_.push_back(Asset{frame.site(), frame.line(), frame.asset(), 0, false, {}, 0});
  Asset& asset = assets_[at->second];
  asset.node = node(frame.node());
  if (is_new || asset.has_session != frame.has_session() ||
      (frame.has_session() && !same_session(asset.session, frame.session())))
    ++asset.births;
  asset.has_session = frame.has_session();
  asset.session = frame.session();
  for (const v1::Sensor& sensor : frame.sensor())
    if (Status status = declare_sensor(sensor, at->second, declared); !status.ok()) return status;
  return {};
}

Status SeriesTable::declare_sensor(const v1::Sensor& sensor, std::uint32_t asset, std::vector<Declared>& declared) {
  const Asset& owner = assets_[asset];
  if (sensor.name().empty())
    return Status::error(Code::bad_data, fmt::format("alias {}: a series without a sensor name", sensor.alias()));
  if (sensor.alias() > slots_.size())
    return Status::error(Code::bad_data, fmt::format("alias {} is not dense: the next one is {}", sensor.alias(), slots_.size()));

  // All checks come first: with --skip-bad what is refused is asked for again, and must not have left a nameless slot.
  std::string key = composite(owner.site, owner.line, owner.asset, sensor.name());
  const auto at = series_index_.find(key);
  const bool is_new = at == series_index_.end();
  const auto slot = is_new ? static_cast<std::uint32_t>(series_.size()) : at->second;
  if (sensor.alias() < slots_.size() && slots_[sensor.alias()] != slot)
    return Status::error(Code::bad_data, fmt::format("alias {} already stands for {}, now it is declared as {}", sensor.alias(),
                                                     name(slots_[sensor.alias()]),
                                                     series_name(owner.site, owner.line, owner.asset, sensor.name())));
  if (is_new) {
    if (series_.size() >= limit_) return Status::error(Code::bad_data, fmt::format("more than {} series (--max-series)", limit_));
    series_index_.emplace(std::move(key), slot);
    series_.push_back(SeriesInfo{asset, 0, 0, {}});
  }
  if (sensor.alias() == slots_.size()) slots_.push_back(slot);
  identity_ = identity_ && sensor.alias() == slot;

  SeriesInfo& info = series_[slot];
  const bool redefined = !is_new && !same_meaning(info.sensor, sensor);
  const bool changed = redefined || (!is_new && !same_range(info.sensor, sensor));
  declared.push_back(Declared{slot, is_new, info.births != owner.births, changed, redefined});
  info.births = owner.births;
  info.sensor = sensor;
  info.segment = segment_;
  return {};
}

v1::Series SeriesTable::declaration(std::uint32_t slot, std::uint32_t alias) const {
  const Asset& owner = asset_of(slot);
  v1::Series frame;
  frame.set_site(owner.site);
  frame.set_line(owner.line);
  frame.set_asset(owner.asset);
  frame.set_node(node_name(owner.node));
  if (owner.has_session) *frame.mutable_session() = owner.session;
  v1::Sensor& sensor = *frame.add_sensor();
  sensor = series_[slot].sensor;
  sensor.set_alias(alias);
  return frame;
}

std::string SeriesTable::name(std::uint32_t slot) const {
  const Asset& owner = asset_of(slot);
  return series_name(owner.site, owner.line, owner.asset, series_[slot].sensor.name());
}

std::string SeriesTable::save() const {
  v1::TableState state;
  for (const std::string& name : node_names_) state.add_node(name);
  for (std::uint32_t slot = 0; slot < size(); ++slot) {
    *state.add_series() = declaration(slot, slot);
    state.add_born(series_[slot].births == asset_of(slot).births);
  }
  return state.SerializeAsString();
}

Status SeriesTable::restore(std::string_view bytes) {
  v1::TableState state;
  if (!state.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) || state.born_size() != state.series_size())
    return Status::error(Code::bad_config, "the saved series table does not parse");
  *this = SeriesTable(limit_);
  for (const std::string& name : state.node()) node(name);
  std::vector<Declared> declared;
  for (const v1::Series& series : state.series())
    if (Status status = declare(series, declared); !status.ok()) return Status::error(Code::bad_config, status.message);
  for (int slot = 0; slot < state.born_size(); ++slot)
    if (!state.born(slot)) series_[static_cast<std::size_t>(slot)].births = 0;
  open_segment();
  return {};
}

}  // namespace twinpipe
