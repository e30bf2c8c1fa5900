// SPDX-License-Identifier: Apache-2.0
// Who is behind the aliases of several recorded streams at once.
#include "kernel/rawbuf_series.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>
#include <utility>

#include "wire/names.hpp"

namespace twinpipe::rawbuf {
namespace {

constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();

SelectionOptions selection_of(const std::vector<Pattern>& patterns) {
  SelectionOptions options;
  options.patterns = patterns;
  return options;
}

}  // namespace

ReplaySeries::ReplaySeries(std::vector<Pattern> patterns, std::uint32_t max_series)
    : patterns_(std::move(patterns)), max_series_(max_series), table_(max_series), selection_(table_, selection_of(patterns_)) {}

std::uint32_t ReplaySeries::slot_of(const v1::Series& series, const v1::Sensor& sensor) {
  const auto [at, is_new] = index_.try_emplace(series_name(series.site(), series.line(), series.asset(), sensor.name()),
                                               static_cast<std::uint32_t>(told_.size()));
  if (!is_new) return at->second;
  const bool selected = patterns_.empty() || std::ranges::any_of(patterns_, [&](const Pattern& pattern) {
                          return pattern.matches(series.site(), series.line(), series.asset(), sensor.name());
                        });
  selected_.push_back(selected);
  told_.push_back(!selected);
  untold_ += selected ? 1 : 0;
  declarations_.emplace_back();
  aliases_.push_back(kNone);
  return at->second;
}

Result<ReplaySeries::Shared> ReplaySeries::parse(std::string_view payload) {
  // Births differ by their session, so what is known grows with the span; it is forgotten now and then.
  constexpr std::size_t kMostBytes = std::size_t{64} << 20;
  if (known_bytes_ > kMostBytes) known_.clear();
  if (known_.empty()) known_bytes_ = 0;
  const auto at = known_.find(std::string(payload));
  if (at != known_.end()) return at->second;
  const auto declaration = std::make_shared<Declaration>();
  v1::Series& series = *declaration->frame.mutable_series();
  if (!series.ParseFromArray(payload.data(), static_cast<int>(payload.size())))
    return Status::error(Code::bad_data, "Series frame does not parse");
  for (v1::Sensor& sensor : *series.mutable_sensor()) {
    const std::uint32_t slot = slot_of(series, sensor);
    declaration->sensors.emplace_back(sensor.alias(), slot);
    sensor.set_alias(slot);
  }
  if (told_.size() > max_series_)
    return Status::error(Code::bad_data, fmt::format("more than {} series (--max-series)", max_series_));
  known_bytes_ += 4 * payload.size();
  known_.emplace(payload, declaration);
  if (patterns_.empty()) return Shared(declaration);
  // Who a series is: the selection asks the table.
  if (Status status = table_.declare(series, declared_); !status.ok()) return status;
  auto& sensors = *series.mutable_sensor();
  sensors.erase(std::remove_if(sensors.begin(), sensors.end(), [this](const auto& sensor) { return !selected_[sensor.alias()]; }),
                sensors.end());
  return Shared(declaration);
}

Status ReplaySeries::take(std::string_view payload, Stream& stream, How how, Output& out) {
  const Result<Shared> parsed = parse(payload);
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
  if (how == How::put && declaration->frame.series().sensor_size() > 0) tell(declaration->frame.series().sensor(0).alias(), out);
  return {};
}

void ReplaySeries::tell(std::uint32_t slot, Output& out) {
  v1::Frame frame = declarations_[slot]->frame;
  auto& sensors = *frame.mutable_series()->mutable_sensor();
  // Not its neighbours that were declared anew since.
  const auto other = [&](const v1::Sensor& sensor) { return declarations_[sensor.alias()] != declarations_[slot]; };
  sensors.erase(std::remove_if(sensors.begin(), sensors.end(), other), sensors.end());
  for (v1::Sensor& sensor : sensors) {
    const std::uint32_t named = sensor.alias();
    if (!std::exchange(told_[named], std::uint8_t{1})) --untold_;
    if (aliases_[named] == kNone) aliases_[named] = next_alias_++;
    identity_ = identity_ && aliases_[named] == named;
    sensor.set_alias(aliases_[named]);
  }
  out.frame(frame);
}

void ReplaySeries::put_in_force(Output& out) {
  const std::vector<std::uint32_t> learnt = std::exchange(learnt_, {});
  std::map<std::string, std::pair<std::uint32_t, std::uint32_t>>
      assets;  // a slot of the newest declaration, one of the last told
  const auto asset_of = [&](std::uint32_t slot) -> auto& {
    const v1::Series& series = declarations_[slot]->frame.series();
    return assets[asset_key(series.site(), series.line(), series.asset())];
  };
  for (const std::uint32_t slot : learnt) {
    asset_of(slot).first = slot;
    if (told_[slot]) continue;
    asset_of(slot).second = slot;
    tell(slot, out);
  }
  for (const auto& [asset, slots] : assets)
    if (declarations_[slots.first] != declarations_[slots.second]) tell(slots.first, out);
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
