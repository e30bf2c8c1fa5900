// SPDX-License-Identifier: Apache-2.0
// Who is behind the aliases of several recorded streams at once.
#include "kernel/rawbuf_series.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>
#include <utility>

#include "wire/fields.hpp"
#include "wire/names.hpp"

namespace twinpipe::rawbuf {
namespace {

constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();

SelectionOptions selection_of(const std::vector<Pattern>& patterns) {
  SelectionOptions options;
  options.patterns = patterns;
  return options;
}

/// A sensor's alias and name. False: the bytes are no message.
bool read_sensor(std::string_view sensor, std::pair<std::uint32_t, std::string_view>& named) {
  named = {};
  for (Field field; !sensor.empty();) {
    if (!take_field(sensor, field)) return false;
    std::uint64_t alias = 0;
    if (field.number == v1::Sensor::kAliasFieldNumber && field.type == WireType::varint && read_varint(field.value, alias) > 0)
      named.first = static_cast<std::uint32_t>(alias);
    if (field.number == v1::Sensor::kNameFieldNumber && field.type == WireType::length_delimited) named.second = field.value;
  }
  return true;
}

/// Asks each sensor of `sensors` in turn, and leaves out those of which `keep` says no.
template <class Keep>
void keep_sensors(v1::Series& series, const Keep& keep) {
  auto& sensors = *series.mutable_sensor();
  int kept = 0;
  for (int i = 0; i < sensors.size(); ++i)
    if (keep(static_cast<std::size_t>(i), sensors[i])) sensors.SwapElements(kept++, i);
  sensors.DeleteSubrange(kept, sensors.size() - kept);
}

}  // namespace

ReplaySeries::ReplaySeries(std::vector<Pattern> patterns, std::uint32_t max_series)
    : patterns_(std::move(patterns)),
      max_series_(max_series),
      selection_([this](std::uint32_t slot) { return selected_[slot] != 0; }, selection_of(patterns_)) {}

std::uint32_t ReplaySeries::asset_of(std::string_view site, std::string_view line, std::string_view name) {
  const std::uint32_t hash = name_hash(0, site, line, name);
  const auto found = asset_index_.find(hash, [&](std::uint32_t number) {
    const Asset& asset = assets_[number];
    return asset.name == name && asset.line == line && asset.site == site;
  });
  if (found) return *found;
  const auto number = static_cast<std::uint32_t>(assets_.size());
  asset_index_.add(hash, number);
  assets_.push_back({std::string(site), std::string(line), std::string(name)});
  return number;
}

std::uint32_t ReplaySeries::slot_of(std::uint32_t number, std::string_view name) {
  const std::uint32_t hash = name_hash(number, name);
  const auto found =
      series_index_.find(hash, [&](std::uint32_t slot) { return series_[slot].asset == number && series_[slot].name == name; });
  if (found) return *found;
  const auto slot = static_cast<std::uint32_t>(series_.size());
  series_index_.add(hash, slot);
  series_.push_back({number, std::string(name)});
  const Asset& asset = assets_[number];
  const bool selected = patterns_.empty() || std::ranges::any_of(patterns_, [&](const Pattern& pattern) {
                          return pattern.matches(asset.site, asset.line, asset.name, name);
                        });
  selected_.push_back(selected);
  told_.push_back(!selected);
  untold_ += selected ? 1 : 0;
  declarations_.emplace_back();
  aliases_.push_back(kNone);
  return slot;
}

/// Field by field: of a hundred thousand sensors the generated code would build every name and unit, for the first frame of an
/// hour to wait for. Whoever recorded the frame has parsed it.
Result<ReplaySeries::Shared> ReplaySeries::parse(const FrameView& frame) {
  // Births differ by their session, so what is known grows with the span; it is forgotten now and then.
  constexpr std::size_t kMostBytes = std::size_t{64} << 20;
  if (known_bytes_ > kMostBytes) known_.clear();
  if (known_.empty()) known_bytes_ = 0;
  const auto at = known_.find(frame.payload);
  if (at != known_.end()) return at->second;
  std::string_view site, line, name;
  sensors_.clear();
  bool whole = true;
  std::string_view rest = frame.payload;
  for (Field field; whole && !rest.empty();) {
    whole = take_field(rest, field);
    if (!whole || field.type != WireType::length_delimited) continue;
    switch (field.number) {
      case v1::Series::kSiteFieldNumber: site = field.value; break;
      case v1::Series::kLineFieldNumber: line = field.value; break;
      case v1::Series::kAssetFieldNumber: name = field.value; break;
      case v1::Series::kSensorFieldNumber: whole = read_sensor(field.value, sensors_.emplace_back()); break;
      default: break;
    }
  }
  if (!whole) return Status::error(Code::bad_data, "Series frame does not parse");
  const auto declaration = std::make_shared<Declaration>();
  declaration->frame = frame.bytes;
  declaration->begin = static_cast<std::size_t>(frame.payload.data() - frame.bytes.data());
  declaration->size = frame.payload.size();
  declaration->asset = asset_of(site, line, name);
  declaration->sensors.reserve(sensors_.size());
  for (const auto& [alias, sensor] : sensors_) declaration->sensors.emplace_back(alias, slot_of(declaration->asset, sensor));
  if (series_.size() > max_series_)
    return Status::error(Code::bad_data, fmt::format("more than {} series (--max-series)", max_series_));
  known_bytes_ += 2 * frame.bytes.size();
  known_.emplace(declaration->content(), declaration);
  return Shared(declaration);
}

Status ReplaySeries::take(const FrameView& frame, Stream& stream, How how, Output& out) {
  const Result<Shared> parsed = parse(frame);
  if (!parsed.ok()) return parsed.status();
  const Shared& declaration = *parsed;
  for (const auto& [alias, slot] : declaration->sensors) {
    if (alias > stream.slots.size())
      return Status::error(Code::bad_data, fmt::format("alias {} is not dense: the next one is {}", alias, stream.slots.size()));
    if (alias == stream.slots.size()) stream.slots.push_back(slot);
    stream.identity = stream.identity && alias == slot;
    if (!selected_[slot] || (how == How::note && declarations_[slot] != nullptr)) continue;
    if (how == How::learn) learnt_.push_back(slot);
    if (std::exchange(declarations_[slot], declaration) == declaration || !told_[slot]) continue;
    told_[slot] = 0;
    ++untold_;
  }
  if (how != How::put) return {};
  const auto selected =
      std::ranges::find_if(declaration->sensors, [this](const auto& one) { return selected_[one.second] != 0; });
  if (selected != declaration->sensors.end()) tell(selected->second, out);
  return {};
}

void ReplaySeries::tell(std::uint32_t slot, Output& out) {
  const Declaration& declaration = *declarations_[slot];
  // Not its neighbours that were declared anew since.
  const auto kept = [&](std::uint32_t named) { return selected_[named] != 0 && declarations_[named].get() == &declaration; };
  bool as_recorded = true;
  for (const auto& [alias, named] : declaration.sensors) {
    as_recorded = as_recorded && kept(named);
    if (!kept(named)) continue;
    if (!std::exchange(told_[named], std::uint8_t{1})) --untold_;
    if (aliases_[named] == kNone) aliases_[named] = next_alias_++;
    identity_ = identity_ && aliases_[named] == named;
    as_recorded = as_recorded && aliases_[named] == alias;
  }
  if (as_recorded) {
    out.forward(FrameView{FrameKind::series, declaration.frame, declaration.content(), 0, 0});
    return;
  }
  v1::Frame frame;
  v1::Series& series = *frame.mutable_series();
  series.ParseFromArray(declaration.content().data(), static_cast<int>(declaration.content().size()));
  keep_sensors(series, [&](std::size_t place, v1::Sensor& sensor) {
    const std::uint32_t named = declaration.sensors[place].second;
    sensor.set_alias(aliases_[named]);
    return kept(named);
  });
  out.frame(frame);
}

void ReplaySeries::put_in_force(Output& out) {
  const std::vector<std::uint32_t> learnt = std::exchange(learnt_, {});
  std::vector<std::pair<std::uint32_t, std::uint32_t>> last(assets_.size(), {kNone, kNone});  // slots: learnt, told
  for (const std::uint32_t slot : learnt) {
    auto& [newest, told] = last[series_[slot].asset];
    newest = slot;
    if (told_[slot]) continue;
    told = slot;
    tell(slot, out);
  }
  std::map<std::string, std::uint32_t> overtaken;
  for (std::uint32_t number = 0; number < last.size(); ++number) {
    const auto& [newest, told] = last[number];
    const Asset& asset = assets_[number];
    if (newest != kNone && (told == kNone || declarations_[newest] != declarations_[told]))
      overtaken.emplace(asset_key(asset.site, asset.line, asset.name), newest);
  }
  for (const auto& [asset, slot] : overtaken) tell(slot, out);
}

void ReplaySeries::put_rows(Columns columns, std::span<const std::uint32_t> rows, Output& out) {
  if (!patterns_.empty()) {
    chosen_.clear();
    for (const std::uint32_t row : rows)
      if (selected_[columns.slot[row]]) chosen_.push_back(row);
    rows = chosen_;
  }
  if (untold_ > 0)
    for (const std::uint32_t row : rows)
      if (!told_[columns.slot[row]]) tell(columns.slot[row], out);
  renamed_.resize(columns.rows());
  for (const std::uint32_t row : rows) renamed_[row] = aliases_[columns.slot[row]];
  columns.alias = renamed_;
  out.readings(columns, rows);
}

AliasMap ReplaySeries::wanted(const Stream& stream, std::uint8_t shift) const {
  AliasMap map(shift);
  for (std::uint32_t alias = 0; alias < stream.slots.size(); ++alias)
    if (selected_[stream.slots[alias]] && (alias >> shift) < AliasMap::kBits) map.add(alias);
  return map;
}

bool ReplaySeries::rename(v1::Frame& frame, const std::function<bool(std::uint32_t&)>& map) {
  const auto one = [&map](auto& message) {
    std::uint32_t alias = message.series();
    const bool known = map(alias);
    message.set_series(alias);
    return known;
  };
  const auto all = [&map](auto& message) {
    return std::ranges::all_of(*message.mutable_series(), [&map](auto& alias) { return map(alias); });
  };
  switch (frame.kind_case()) {
    case v1::Frame::kWaveform: return one(*frame.mutable_waveform());
    case v1::Frame::kException: return one(*frame.mutable_exception());
    case v1::Frame::kAggregates: return all(*frame.mutable_aggregates());
    case v1::Frame::kSpectra: return all(*frame.mutable_spectra());
    default: return true;
  }
}

Status ReplaySeries::put_frame(const FrameView& view, const Stream& stream, bool check, Output& out) {
  const bool names_series = view.kind == FrameKind::waveform || view.kind == FrameKind::exception ||
                            view.kind == FrameKind::aggregates || view.kind == FrameKind::spectra;
  if (view.kind == FrameKind::unknown || (patterns_.empty() && (!names_series || (!check && transparent(stream))))) {
    out.forward(view);
    return {};
  }
  if (!stream_.ParseFromArray(view.bytes.data(), static_cast<int>(view.bytes.size())) || stream_.frame_size() != 1)
    return Status::error(Code::bad_data, "a frame that does not parse");
  v1::Frame& frame = *stream_.mutable_frame(0);
  const bool known = rename(frame, [&stream](std::uint32_t& alias) {
    if (alias >= stream.slots.size()) return false;
    alias = stream.slots[alias];
    return true;
  });
  if (!known) return Status::error(Code::bad_data, "a frame of an undeclared alias");
  bool whole = true;
  if (!patterns_.empty() && !selection_.keep(frame, whole)) return {};
  (void)rename(frame, [&](std::uint32_t& slot) {
    if (!told_[slot]) tell(slot, out);
    slot = aliases_[slot];
    return true;
  });
  if (whole && transparent(stream)) out.forward(view);
  else out.frame(frame);
  return {};
}

}  // namespace twinpipe::rawbuf
