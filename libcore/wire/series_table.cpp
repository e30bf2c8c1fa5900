// SPDX-License-Identifier: Apache-2.0
// Who is behind an alias: the series declared so far.
#include "wire/series_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <utility>

#include "state.pb.h"
#include "wire/fields.hpp"
#include "wire/names.hpp"

namespace twinpipe {
namespace {

/// Of `number` and the names behind it, each by itself: ("a","bc") is not ("ab","c").
template <class... Names>
std::uint32_t hash_of(std::uint64_t number, const Names&... names) {
  const auto mix = [&number](std::string_view name) {
    number = (number ^ std::hash<std::string_view>()(name)) * 0x9E3779B97F4A7C15;  // 2^64 over the golden ratio: spreads upwards
    number ^= number >> 32;
  };
  (mix(names), ...);
  return static_cast<std::uint32_t>(number);
}

bool same_session(const v1::Session& a, const v1::Session& b) { return a.birth() == b.birth() && a.bdseq() == b.bdseq(); }

bool same_meaning(const v1::Sensor& a, const v1::Sensor& b) {
  return a.type() == b.type() && a.datatype() == b.datatype() && a.unit() == b.unit() && a.declared_unit() == b.declared_unit();
}

bool same_range(const v1::Sensor& a, const v1::Sensor& b) {
  return a.has_low() == b.has_low() && a.low() == b.low() && a.has_high() == b.has_high() && a.high() == b.high();
}

}  // namespace

void NameIndex::add(std::uint32_t hash, std::uint32_t number) {
  const auto put = [this](const Place& place) {
    std::size_t at = place.hash & mask();
    while (places_[at].number != kNone) at = (at + 1) & mask();
    places_[at] = place;
  };
  if (2 * ++taken_ > places_.size()) {
    const std::vector<Place> old = std::exchange(places_, std::vector<Place>(std::max<std::size_t>(64, 2 * places_.size())));
    for (const Place& place : old)
      if (place.number != kNone) put(place);
  }
  put({hash, number});
}

std::optional<std::uint32_t> SeriesTable::find_node(std::string_view name) const {
  const auto at = node_index_.find(std::string(name));
  return at == node_index_.end() ? std::nullopt : std::optional(at->second);
}

std::uint32_t SeriesTable::node(std::string_view name) {
  const auto [at, is_new] = node_index_.try_emplace(std::string(name), static_cast<std::uint32_t>(node_names_.size()));
  if (is_new) node_names_.emplace_back(name);
  return at->second;
}

std::uint32_t SeriesTable::asset_named(const v1::Series& frame, bool& is_new) {
  const std::uint32_t hash = hash_of(0, frame.site(), frame.line(), frame.asset());
  const auto found = asset_index_.find(hash, [&](std::uint32_t number) {
    const Asset& asset = assets_[number];
    return asset.asset == frame.asset() && asset.line == frame.line() && asset.site == frame.site();
  });
  is_new = !found;
  if (found) return *found;
  asset_index_.add(hash, static_cast<std::uint32_t>(assets_.size()));
  assets_.push_back(Asset{frame.site(), frame.line(), frame.asset(), 0, false, {}, 0});
  return static_cast<std::uint32_t>(assets_.size() - 1);
}

Status SeriesTable::declare(const v1::Series& frame, std::vector<Declared>& declared) {
  declared.clear();
  bool is_new = false;
  const std::uint32_t number = asset_named(frame, is_new);
  Asset& asset = assets_[number];
  asset.node = node(frame.node());
  if (is_new || asset.has_session != frame.has_session() ||
      (frame.has_session() && !same_session(asset.session, frame.session())))
    ++asset.births;
  asset.has_session = frame.has_session();
  asset.session = frame.session();
  for (const v1::Sensor& sensor : frame.sensor())
    if (Status status = declare_sensor(sensor, number, declared); !status.ok()) return status;
  return {};
}

Status SeriesTable::declare_sensor(const v1::Sensor& sensor, std::uint32_t asset, std::vector<Declared>& declared) {
  const Asset& owner = assets_[asset];
  if (sensor.name().empty())
    return Status::error(Code::bad_data, fmt::format("alias {}: a series without a sensor name", sensor.alias()));
  if (sensor.alias() > slots_.size())
    return Status::error(Code::bad_data, fmt::format("alias {} is not dense: the next one is {}", sensor.alias(), slots_.size()));

  // All checks come first: with --skip-bad what is refused is asked for again, and must not have left a nameless slot.
  const std::uint32_t hash = hash_of(asset, sensor.name());
  const auto found = series_index_.find(
      hash, [&](std::uint32_t slot) { return series_[slot].asset == asset && series_[slot].sensor.name() == sensor.name(); });
  const bool is_new = !found;
  const std::uint32_t slot = found.value_or(static_cast<std::uint32_t>(series_.size()));
  if (sensor.alias() < slots_.size() && slots_[sensor.alias()] != slot)
    return Status::error(Code::bad_data, fmt::format("alias {} already stands for {}, now it is declared as {}", sensor.alias(),
                                                     name(slots_[sensor.alias()]),
                                                     series_name(owner.site, owner.line, owner.asset, sensor.name())));
  if (is_new) {
    if (series_.size() >= limit_) return Status::error(Code::bad_data, fmt::format("more than {} series (--max-series)", limit_));
    series_index_.add(hash, slot);
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

/// A TableState in parts, which protobuf joins: as one message a million series would weigh more than the table itself.
std::string SeriesTable::save() const {
  constexpr std::uint32_t kPart = 1024;
  std::string bytes;
  v1::TableState part;
  for (const std::string& name : node_names_) part.add_node(name);
  for (std::uint32_t slot = 0; slot < size(); ++slot) {
    *part.add_series() = declaration(slot, slot);
    part.add_born(series_[slot].births == asset_of(slot).births);
    if (slot % kPart != kPart - 1) continue;
    part.AppendToString(&bytes);
    part.Clear();
  }
  part.AppendToString(&bytes);
  return bytes;
}

Status SeriesTable::restore(std::string_view bytes) {
  const auto unfit = [] { return Status::error(Code::bad_config, "the saved series table does not parse"); };
  std::string others;  // the fields that are not series
  std::vector<std::string_view> saved;
  for (Field field; !bytes.empty();) {
    const std::string_view before = bytes;
    if (!take_field(bytes, field)) return unfit();
    if (field.number == v1::TableState::kSeriesFieldNumber) saved.push_back(field.value);
    else others += before.substr(0, before.size() - bytes.size());
  }
  v1::TableState state;
  if (!state.ParseFromString(others) || static_cast<std::size_t>(state.born_size()) != saved.size()) return unfit();
  *this = SeriesTable(limit_);
  for (const std::string& name : state.node()) node(name);
  v1::Series series;
  std::vector<Declared> declared;
  for (const std::string_view one : saved) {
    if (!series.ParseFromArray(one.data(), static_cast<int>(one.size()))) return unfit();
    if (Status status = declare(series, declared); !status.ok()) return Status::error(Code::bad_config, status.message);
  }
  for (int slot = 0; slot < state.born_size(); ++slot)
    if (!state.born(slot)) series_[static_cast<std::size_t>(slot)].births = 0;
  open_segment();
  return {};
}

}  // namespace twinpipe
