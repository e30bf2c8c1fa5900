// SPDX-License-Identifier: Apache-2.0
// Who is behind an alias: the series declared so far.
#include "wire/series_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "state.pb.h"
#include "wire/fields.hpp"
#include "wire/names.hpp"

namespace twinpipe {
namespace {

/// `of` has has_session and session.
template <class Of>
bool same_session(const Of& of, const v1::Series& frame) {
  if (of.has_session != frame.has_session()) return false;
  return !of.has_session || (of.session.birth() == frame.session().birth() && of.session.bdseq() == frame.session().bdseq());
}

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

std::uint32_t SeriesTable::asset_named(const v1::Series& frame, bool& is_new) {
  const std::uint32_t hash = name_hash(0, frame.site(), frame.line(), frame.asset());
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
  const bool again = restored_ > 0 && says_again(frame, number);
  if (!again) follow(frame, assets_[number]);
  for (const v1::Sensor& sensor : frame.sensor())
    if (Status status = declare_sensor(frame, sensor, number, again, declared); !status.ok()) return status;
  return {};
}

/// The asset's node and session are the frame's from now on.
void SeriesTable::follow(const v1::Series& frame, Asset& asset) {
  asset.node = node(frame.node());
  if (asset.births == 0 || !same_session(asset, frame)) ++asset.births;
  asset.has_session = frame.has_session();
  asset.session = frame.session();
}

/// Says no more of every series than what was restored.
bool SeriesTable::says_again(const v1::Series& frame, std::uint32_t asset) const {
  return frame.sensor_size() > 0 && std::ranges::all_of(frame.sensor(), [&](const v1::Sensor& sensor) {
           const auto slot = slot_of(name_hash(asset, sensor.name()), asset, sensor.name());
           return slot && series_[*slot].restored && same_session(series_[*slot], frame);
         });
}

/// `hash`: of both.
std::optional<std::uint32_t> SeriesTable::slot_of(std::uint32_t hash, std::uint32_t asset, const std::string& sensor) const {
  return series_index_.find(
      hash, [&](std::uint32_t slot) { return series_[slot].asset == asset && series_[slot].sensor.name() == sensor; });
}

Status SeriesTable::declare_sensor(const v1::Series& frame, const v1::Sensor& sensor, std::uint32_t asset, bool again,
                                   std::vector<Declared>& declared) {
  const Asset& owner = assets_[asset];
  if (sensor.name().empty())
    return Status::error(Code::bad_data, fmt::format("alias {}: a series without a sensor name", sensor.alias()));
  if (sensor.alias() > slots_.size())
    return Status::error(Code::bad_data, fmt::format("alias {} is not dense: the next one is {}", sensor.alias(), slots_.size()));

  // All checks come first: with --skip-bad what is refused is asked for again, and must not have left a nameless slot.
  const std::uint32_t hash = name_hash(asset, sensor.name());
  const auto found = slot_of(hash, asset, sensor.name());
  const bool is_new = !found;
  const std::uint32_t slot = found.value_or(static_cast<std::uint32_t>(series_.size()));
  if (sensor.alias() < slots_.size() && slots_[sensor.alias()] != slot)
    return Status::error(Code::bad_data, fmt::format("alias {} already stands for {}, now it is declared as {}", sensor.alias(),
                                                     name(slots_[sensor.alias()]),
                                                     series_name(owner.site, owner.line, owner.asset, sensor.name())));
  if (is_new) {
    if (series_.size() >= limit_) return Status::error(Code::bad_data, fmt::format("more than {} series (--max-series)", limit_));
    series_index_.add(hash, slot);
    series_.emplace_back().asset = asset;
  }
  if (sensor.alias() == slots_.size()) slots_.push_back(slot);
  identity_ = identity_ && sensor.alias() == slot;

  SeriesInfo& info = series_[slot];
  const bool redefined = !is_new && !same_meaning(info.sensor, sensor);
  const bool changed = redefined || (!is_new && !same_range(info.sensor, sensor));
  declared.push_back(Declared{slot, is_new, !again && info.births != owner.births, changed, redefined});
  if (!again) info.births = owner.births;
  if (restored_ > 0 && std::exchange(info.restored, false)) --restored_;
  info.has_session = frame.has_session();
  info.session = frame.session();
  info.sensor = sensor;
  info.segment = segment_;
  return {};
}

v1::Series SeriesTable::header(const Asset& asset) const {
  v1::Series frame;
  frame.set_site(asset.site);
  frame.set_line(asset.line);
  frame.set_asset(asset.asset);
  frame.set_node(node_name(asset.node));
  if (asset.has_session) *frame.mutable_session() = asset.session;
  return frame;
}

v1::Series SeriesTable::declaration(std::uint32_t slot, std::uint32_t alias) const {
  v1::Series frame = header(asset_of(slot));
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
  for (const Asset& asset : assets_) *part.add_asset() = header(asset);
  for (std::uint32_t slot = 0; slot < size(); ++slot) {
    const SeriesInfo& info = series_[slot];
    v1::Series& series = *part.add_series();
    series = declaration(slot, slot);
    series.clear_session();
    if (info.has_session) *series.mutable_session() = info.session;
    part.add_born(info.births == asset_of(slot).births);
    part.add_in_force(info.segment == segment_);
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
  for (const v1::Series& asset : state.asset())
    if (Status status = declare(asset, declared); !status.ok()) return Status::error(Code::bad_config, status.message);
  for (const std::string_view one : saved) {
    if (!series.ParseFromArray(one.data(), static_cast<int>(one.size()))) return unfit();
    bool is_new = false;
    const std::uint32_t number = asset_named(series, is_new);
    if (is_new) follow(series, assets_[number]);  // a state from before assets were in it
    for (const v1::Sensor& sensor : series.sensor())
      if (Status status = declare_sensor(series, sensor, number, false, declared); !status.ok())
        return Status::error(Code::bad_config, status.message);
  }
  if (saved.size() != series_.size()) return unfit();
  open_segment();
  for (int slot = 0; slot < state.born_size(); ++slot) {
    SeriesInfo& info = series_[static_cast<std::size_t>(slot)];
    if (!state.born(slot)) info.births = 0;
    info.restored = slot < state.in_force_size() && state.in_force(slot);
    if (info.restored) ++restored_;
  }
  return {};
}

}  // namespace twinpipe
