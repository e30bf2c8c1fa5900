// SPDX-License-Identifier: Apache-2.0
// UnitNorm: which unit applies to whom, and readings on their way through.
#include "kernel/unit_norm.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "frames.pb.h"
#include "kernel/form.hpp"
#include "kernel/waveform_split.hpp"
#include "state.pb.h"

namespace twinpipe {

Status UnitNorm::check(const Policy& policy) {
  if (policy.rules("unit-norm").empty()) return {};
  const Result<Units> units = Units::load();
  if (!units.ok()) return units.status();
  for (const Rule& rule : policy.rules("unit-norm")) {
    const std::string unit = rule.text("unit", ""), assumed = rule.text("assumed", "");
    Status status = unit.empty() ? Status::error(Code::bad_config, "names no 'unit'") : units->check(unit);
    if (status.ok() && !assumed.empty())
      status = units->conversion(assumed, unit).ok() ? Status{} : units->conversion(assumed, unit).status();
    if (!status.ok())
      return Status::error(Code::bad_config, fmt::format("policy: unit-norm: rule '{}': {}", rule.name, status.message));
  }
  return {};
}

UnitNorm::UnitNorm(const SeriesTable& table, const Policy& policy, const Units& units)
    : Stage(table), rules_(policy, "unit-norm"), units_(&units), rejects_(table, policy) {}

bool UnitNorm::reads(FrameKind kind) const {
  switch (kind) {
    case FrameKind::series:
    case FrameKind::readings:
    case FrameKind::waveform:
    case FrameKind::aggregates:
    case FrameKind::spectra:
    case FrameKind::position: return true;
    default: return false;
  }
}

std::vector<Counter> UnitNorm::counters() const { return {{"converted", readings_converted_}, {"rejected", rejects_.written()}}; }

// ---- which unit -----------------------------------------------------------------------------------------------------

UnitNorm::Id UnitNorm::add(const Norm& norm, Said said) {
  norms_.push_back(norm);
  said_.push_back(std::move(said));
  told_.push_back(norm.does != Norm::Does::refuse);
  return static_cast<Id>(norms_.size()) - 1;
}

/// `declared`: the unit as the device spelled it, or the canonical one that an earlier unit-norm gave the series.
UnitNorm::Id UnitNorm::norm_of(std::uint32_t slot, const Rule* rule, const std::string& declared) {
  const ValueType type = table().series(slot).sensor.type();
  if (rule == nullptr || is_text(type) || type == v1::VALUE_TYPE_BOOL) return 0;
  const auto [known, is_new] = known_.try_emplace({rule, declared}, 0);
  if (!is_new) return known->second;
  const std::string unit = rule->text("unit", "");
  const Result<Conversion> conversion = units_->conversion(declared.empty() ? rule->text("assumed", "") : declared, unit);
  const auto does = !conversion.ok() ? Norm::Does::refuse : conversion->is_identity() ? Norm::Does::pass : Norm::Does::convert;
  if (conversion.ok()) return known->second = add({*conversion, does}, {unit, rule->name, {}});
  return known->second = add({{}, does}, {{}, rule->name, conversion.status().message});
}

void UnitNorm::configure(std::uint32_t slot, Nanos at) {
  const auto [rule, until] = rules_.find(table(), slot, at);
  norm_[slot] = norm_of(slot, rule, unit_[slot]);
  until_[slot] = until;
  if (until != kForever) clocks_.try_emplace(slot);
  else clocks_.erase(slot);
  if (const auto changed = changed_.find(slot); changed != changed_.end())
    for (Since& since : changed->second) since.norm = norm_of(slot, rule, since.unit);
}

/// Once a reason: ten thousand devices of one make have the same mistake.
void UnitNorm::tell(std::uint32_t slot) {
  const Id id = norm_[slot];
  if (told_[id]) return;
  told_[id] = true;
  notice(fmt::format("{}, and all series like it: {}: their data are rejects", table().name(slot), said_[id].reason));
}

/// Remembers the unit that was in force until this birth. Without sessions nobody knows since when the new one is meant.
void UnitNorm::note_change(std::uint32_t slot, const std::string& unit) {
  const Asset& asset = table().asset_of(slot);
  if (!asset.has_session) return;
  constexpr std::size_t kMost = 16;
  std::vector<Since>& history = changed_[slot];
  if (history.empty()) history.push_back({kBeginning, unit_[slot], norm_[slot]});
  // In the order of event times: a clock may have been set back.
  const Nanos birth = asset.session.birth();
  history.insert(std::ranges::upper_bound(history, birth, {}, &Since::time), {birth, unit, 0});
  if (history.size() > kMost) {
    history.erase(history.begin());
    history.front().time = kBeginning;
  }
}

Status UnitNorm::on_series(const std::vector<Declared>& declared_now, const FrameView& view, Output& out) {
  norm_.resize(table().size());
  until_.resize(table().size(), kForever);
  unit_.resize(table().size());
  v1::Frame frame;
  const std::string_view body = frame_body(view.bytes);
  frame.ParseFromArray(body.data(), static_cast<int>(body.size()));
  bool as_it_is = true;
  for (std::size_t i = 0; i < declared_now.size(); ++i) {
    const Declared& one = declared_now[i];
    const v1::Sensor& sensor = table().series(one.slot).sensor;
    const std::string& unit = sensor.unit().empty() ? sensor.declared_unit() : sensor.unit();
    if (!one.is_new && unit != unit_[one.slot]) note_change(one.slot, unit);
    unit_[one.slot] = unit;
    if (one.is_new || one.changed || one.born) {
      configure(one.slot, kBeginning);
      tell(one.slot);
    }
    if (norm_[one.slot] == 0) continue;
    as_it_is = false;
    v1::Sensor normal = declared(one.slot);
    normal.set_alias(frame.series().sensor(static_cast<int>(i)).alias());
    *frame.mutable_series()->mutable_sensor(static_cast<int>(i)) = std::move(normal);
  }
  if (as_it_is) return pass(view, out);
  out.frame(frame);
  return {};
}

/// The sensor as it leaves: in the canonical unit, as a double if integers would have to be rounded.
v1::Sensor UnitNorm::declared(std::uint32_t slot) const {
  v1::Sensor sensor = table().series(slot).sensor;
  const Norm& norm = norms_[norm_[slot]];
  if (norm_[slot] == 0) return sensor;
  sensor.set_unit(said_[norm_[slot]].unit);
  if (norm.does != Norm::Does::convert) return sensor;
  if (sensor.type() == v1::VALUE_TYPE_INT64 || sensor.type() == v1::VALUE_TYPE_UINT64) sensor.set_type(v1::VALUE_TYPE_DOUBLE);
  if (sensor.has_low()) sensor.set_low(norm.conversion(sensor.low()));
  if (sensor.has_high()) sensor.set_high(norm.conversion(sensor.high()));
  return sensor;
}

UnitNorm::Id UnitNorm::norm_at(std::uint32_t slot, Nanos time, bool historical) const {
  if (!historical || changed_.empty()) return norm_[slot];
  const auto changed = changed_.find(slot);
  if (changed == changed_.end()) return norm_[slot];
  const auto behind = std::ranges::upper_bound(changed->second, time, {}, &Since::time);
  return behind == changed->second.begin() ? changed->second.front().norm : std::prev(behind)->norm;
}

/// Has the temporary rule of the series ended? A reading with a wrong time does not end it.
bool UnitNorm::is_over(std::uint32_t slot, Nanos time) {
  const auto clock = clocks_.find(slot);
  if (clock == clocks_.end()) return false;
  return clock->second.take(time) != EventClock::Sight::leap && time >= until_[slot];
}

void UnitNorm::follow(std::uint32_t slot, Nanos time, Output& out) {
  if (!clocks_.empty() && is_over(slot, time)) expire(slot, time, out);
}

/// What applies from here on is declared before the first value that it applies to.
void UnitNorm::expire(std::uint32_t slot, Nanos time, Output& out) {
  const Id before = norm_[slot];
  configure(slot, time);
  for (std::string& line : rules_.announce(out)) notice(std::move(line));
  const auto alias = table().alias_of(slot);
  if (norm_[slot] == before || !alias) return;
  v1::Frame frame;
  *frame.mutable_series() = table().declaration(slot, *alias);
  *frame.mutable_series()->mutable_sensor(0) = declared(slot);
  frame.mutable_series()->mutable_sensor(0)->set_alias(*alias);
  out.frame(frame);
}

// ---- state ----------------------------------------------------------------------------------------------------------

std::string UnitNorm::save() const {
  v1::UnitNormState state;
  for (const auto& [slot, history] : changed_) {
    v1::UnitHistory& to = *state.add_history();
    to.set_slot(slot);
    for (const Since& since : history) {
      to.add_unit(since.unit);
      to.add_since(since.time);
    }
  }
  for (const auto& [slot, clock] : clocks_) {
    v1::UnitClock& to = *state.add_clock();
    to.set_slot(slot);
    to.set_newest(clock.newest());
    to.set_leapt(clock.leapt());
  }
  return state.SerializeAsString();
}

Status UnitNorm::load(std::string_view bytes) {
  v1::UnitNormState state;
  if (!state.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    return Status::error(Code::bad_config, "not a state of unit-norm");
  changed_.clear();
  clocks_.clear();
  for (const v1::UnitHistory& history : state.history()) {
    if (history.slot() >= table().size() || history.unit_size() != history.since_size())
      return Status::error(Code::bad_config, "a state of unit-norm that does not fit its series");
    for (int i = 0; i < history.unit_size(); ++i) changed_[history.slot()].push_back({history.since(i), history.unit(i), 0});
  }
  norm_.assign(table().size(), 0);
  until_.assign(table().size(), kForever);
  unit_.resize(table().size());
  for (std::uint32_t slot = 0; slot < table().size(); ++slot) {
    const v1::Sensor& sensor = table().series(slot).sensor;
    unit_[slot] = sensor.unit().empty() ? sensor.declared_unit() : sensor.unit();
    configure(slot, kBeginning);
  }
  for (const v1::UnitClock& clock : state.clock()) {
    if (clock.slot() >= table().size())
      return Status::error(Code::bad_config, "a state of unit-norm that does not fit its series");
    if (const auto at = clocks_.find(clock.slot()); at != clocks_.end()) at->second = EventClock(clock.newest(), clock.leapt());
  }
  return {};
}

// ---- readings -------------------------------------------------------------------------------------------------------

void UnitNorm::find_norms(const Columns& columns) {
  row_norm_.resize(columns.rows());
  if (columns.historical && !changed_.empty())
    for (std::size_t row = 0; row < columns.rows(); ++row) row_norm_[row] = norm_at(columns.slot[row], columns.time[row], true);
  else
    for (std::size_t row = 0; row < columns.rows(); ++row) row_norm_[row] = norm_[columns.slot[row]];
}

/// A frame is cut where a temporary rule ends within it.
Status UnitNorm::on_readings(const Columns& columns, const FrameView& view, Output& out) {
  const auto convert_rows = [&](std::size_t from, std::size_t to) {
    const Columns part = rows_of(columns, from, to);
    find_norms(part);
    return convert(part, out);
  };
  std::size_t from = 0;
  for (std::size_t row = 0; row < columns.rows() && !clocks_.empty(); ++row) {
    if (!is_over(columns.slot[row], columns.time[row])) continue;
    if (row > from)
      if (Status status = convert_rows(from, row); !status.ok()) return status;
    expire(columns.slot[row], columns.time[row], out);
    from = row;
  }
  if (from > 0) return convert_rows(from, columns.rows());
  find_norms(columns);
  if (std::ranges::all_of(row_norm_, [this](Id id) { return norms_[id].does == Norm::Does::pass; })) return pass(view, out);
  return convert(columns, out);
}

template <class Value>
void UnitNorm::convert_all(std::span<const Value> values, const Columns& columns) {
  converted_.resize(values.size());
  for (std::size_t row = 0; row < values.size(); ++row)
    converted_[row] = norms_[row_norm_[row]].conversion(static_cast<double>(values[row]));
  for (std::size_t row = 0; row < columns.quality.size(); ++row)  // the value of a null is zero, whatever its unit
    if (is_null(columns.quality[row])) converted_[row] = 0;
}

Status UnitNorm::convert(const Columns& columns, Output& out) {
  switch (columns.type) {
    case v1::VALUE_TYPE_DOUBLE: convert_all(columns.doubles, columns); break;
    case v1::VALUE_TYPE_INT64: convert_all(columns.ints, columns); break;
    case v1::VALUE_TYPE_UINT64: convert_all(columns.uints, columns); break;
    default: break;
  }
  const bool doubles = columns.type == v1::VALUE_TYPE_DOUBLE;
  kept_.clear();
  made_.clear();
  refused_.clear();
  for (std::uint32_t row = 0; row < columns.rows(); ++row) {
    const Norm::Does does = norms_[row_norm_[row]].does;
    if (does == Norm::Does::refuse) refused_.push_back(row);
    else (does == Norm::Does::convert || doubles ? made_ : kept_).push_back(row);
    readings_converted_ += does == Norm::Does::convert;
  }
  write_rows(columns, out);
  for (const std::uint32_t row : refused_) {
    const Said& said = said_[row_norm_[row]];
    rejects_.reading(columns, row, {said.rule, said.reason}, out);
  }
  return {};
}

/// `kept_` as they came, `made_` as doubles.
void UnitNorm::write_rows(const Columns& columns, Output& out) {
  out.readings(columns, kept_);
  Columns made = columns;
  made.type = v1::VALUE_TYPE_DOUBLE;
  made.doubles = converted_;
  made.ints = {};
  made.uints = {};
  if (made_.size() == columns.rows()) out.readings(made);
  else out.readings(made, made_);
}

}  // namespace twinpipe
