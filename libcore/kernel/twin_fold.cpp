// SPDX-License-Identifier: Apache-2.0
// The twin fold's hot path: readings into metrics.
#include "kernel/twin_fold.hpp"

#include <algorithm>
#include <bit>

#include "kernel/twin_parts.hpp"
#include "wire/names.hpp"

namespace twinpipe {
namespace {

// One adapter per column type: is the value the one held, and hold it.

template <class T>
struct NumberValues {
  std::span<const T> column;
  static std::uint64_t bits(T value) {
    if constexpr (std::is_same_v<T, double>) return std::bit_cast<std::uint64_t>(value);
    else return static_cast<std::uint64_t>(value);
  }
  bool is(std::size_t row, std::uint64_t held, const std::vector<std::string>&) const { return bits(column[row]) == held; }
  void hold(std::size_t row, std::uint64_t& held, bool, std::vector<std::string>&) const { held = bits(column[row]); }
};

struct TextValues {
  std::span<const std::string_view> column;
  bool is(std::size_t row, std::uint64_t held, const std::vector<std::string>& texts) const { return texts[held] == column[row]; }
  void hold(std::size_t row, std::uint64_t& held, bool was_text, std::vector<std::string>& texts) const {
    if (!was_text) held = texts.size(), texts.emplace_back();
    texts[held] = column[row];
  }
};

/// Message number and index as one key to compare.
std::uint64_t order_of(const Columns& columns, std::size_t row) {
  if (columns.seq.empty()) return 0;
  return columns.seq[row] << 20 | (columns.index.empty() ? 0 : columns.index[row] & 0xFFFFFU);
}

}  // namespace

TwinFold::TwinFold(const SeriesTable& table, const Policy& policy, TwinOptions options)
    : Stage(table), rules_(policy, "twin-fold", {}, "freshness"), options_(options) {
  static_assert(sizeof(Metric) == 64);
}

TwinFold::~TwinFold() = default;

bool TwinFold::reads(FrameKind kind) const {
  switch (kind) {
    case FrameKind::series:
    case FrameKind::readings:
    case FrameKind::waveform:
    case FrameKind::lifecycle:
    case FrameKind::watermark:
    case FrameKind::aggregates:
    case FrameKind::spectra:
    case FrameKind::reject:
    case FrameKind::asset_facts:
    case FrameKind::applied: return true;
    default: return false;
  }
}

void TwinFold::on_open(Output& out) {
  applied_.open_segment();
  if (!rules_.digest().empty()) out.frame(rules_.applied());  // --policy is optional
}

Status TwinFold::on_series(const std::vector<Declared>& declared, const FrameView& frame, Output& out) {
  metrics_.resize(table().size());
  assets_.resize(table().assets());
  dirty_.resize(table().assets());
  watched_.resize(table().assets());
  for (const Declared& series : declared) {
    const std::uint32_t number = table().series(series.slot).asset;
    const Asset& asset = table().asset(number);
    AssetState& state = assets_[number];
    Metric& metric = metrics_[series.slot];
    if (state.slots.empty()) {
      state.node = node_index(table().node_name(asset.node));
      nodes_[state.node].assets.push_back(number);
      nodes_[state.node].ranked = false;
      state.reason = nodes_[state.node].reason;
      state.since = nodes_[state.node].since;
      const std::string key = asset_key(asset.site, asset.line, asset.asset);
      asset_index_.emplace(key, number);
      if (const auto early = early_facts_.extract(key); !early.empty()) {
        state.facts = std::move(early.mapped());
        renew_facts(number);
      }
    }
    Node& node = nodes_[state.node];
    state.layout.clear();
    if (series.is_new) {
      metric.asset = number;
      metric.tickless = !node.ticks;
      const auto by_name = [this](std::uint32_t slot) -> const std::string& { return table().series(slot).sensor.name(); };
      state.slots.insert(std::ranges::upper_bound(state.slots, by_name(series.slot), {}, by_name), series.slot);
      configure(series.slot, node.watermark);
      touch(number, true);
    }
    const SeriesInfo& info = table().series(series.slot);
    metric.current = session_ordinal(node, info.has_session, info.session);
    state.declared = session_ordinal(node, asset.has_session, asset.session);
    if (metric.current > node.current) begin_session(node, metric.current);
    notice_gone(number);
  }
  tell_expired(out);
  return pass(frame, out);
}

void TwinFold::touch(std::uint32_t asset, bool state_changed) {
  if (dirty_[asset] == 0) nodes_[assets_[asset].node].dirty.push_back(asset);
  dirty_[asset] |= state_changed ? 2 : 1;
}

/// A reading became the metric's value: off the hot path, what that may change besides.
void TwinFold::accepted(std::uint32_t slot) {
  Metric& metric = metrics_[slot];
  if (metric.freshness != v1::FRESHNESS_FRESH) refresh(slot);
  touch(metric.asset, false);
}

template <class Values>
void TwinFold::fold(const Columns& columns, const Values& values, Output& out) {
  const std::size_t rows = columns.rows();
  const auto type = static_cast<std::uint8_t>(columns.type);
  const auto take = [&](std::size_t row, std::uint32_t slot, Nanos time) {
    Metric& metric = metrics_[slot];
    const std::uint64_t order = order_of(columns, row);
    const bool same_session = metric.current == metric.session;
    if (metric.seen && (same_session || columns.historical) && time <= metric.time) [[unlikely]] {
      const bool same_time = time == metric.time;
      const bool same_value =
          same_time && type == metric.type && columns.quality_at(row) == metric.quality && values.is(row, metric.value, texts_);
      metric.first_seen = std::min(metric.first_seen, time);
      duplicates_ += same_value;
      conflicts_ += same_time && !same_value;
      (columns.historical ? past_ : late_) += !same_time;
      // Live wins over historical, and then the later index: so the winner does not depend on the order of arrival. A value
      // that is said again with a greater index stands behind what was said between.
      if (same_value && !columns.historical) metric.order = std::max(metric.order, order);
      if (!same_time || same_value || order < metric.order || columns.historical) return;
    } else if (metric.seen && !same_session && metric.current < metric.session) [[unlikely]] {
      ++(columns.historical ? past_ : late_);  // of a session that another one has followed
      metric.first_seen = std::min(metric.first_seen, time);
      return;
    }
    values.hold(row, metric.value, metric.seen && is_text(static_cast<ValueType>(metric.type)), texts_);
    metric.time = time;
    metric.first_seen = std::min(metric.first_seen, time);
    metric.order = order;
    metric.quality = columns.quality_at(row);
    metric.session = metric.current;
    metric.type = type;
    metric.seen = true;
    if (metric.freshness != v1::FRESHNESS_FRESH || dirty_[metric.asset] == 0) accepted(slot);
  };
  for (std::size_t row = 0; row < rows; ++row) {
    const std::uint32_t slot = columns.slot[row];
    const Nanos time = columns.time[row];
    take(row, slot, time);
    if (metrics_[slot].tickless && !columns.historical) [[unlikely]]
      tick_by_reading(slot, time, out);
  }
}

Status TwinFold::on_readings(const Columns& columns, const FrameView&, Output& out) {
  switch (columns.type) {
    case v1::VALUE_TYPE_INT64: fold(columns, NumberValues<std::int64_t>{columns.ints}, out); break;
    case v1::VALUE_TYPE_UINT64: fold(columns, NumberValues<std::uint64_t>{columns.uints}, out); break;
    case v1::VALUE_TYPE_BOOL: fold(columns, NumberValues<std::uint8_t>{columns.bools}, out); break;
    case v1::VALUE_TYPE_STRING:
    case v1::VALUE_TYPE_BYTES: fold(columns, TextValues{columns.texts}, out); break;
    default: fold(columns, NumberValues<double>{columns.doubles}, out); break;
  }
  return {};
}

/// A waveform has no single value: the twin knows when it was last seen and how good it was.
void TwinFold::sight(std::uint32_t slot, Nanos time, std::uint32_t quality, bool historical, Output& out) {
  quality |= v1::QUALITY_NULL;
  const double nothing = 0;
  Columns columns;
  columns.alias = columns.slot = std::span(&slot, 1);
  columns.time = std::span(&time, 1);
  columns.type = v1::VALUE_TYPE_WAVEFORM;
  columns.quality = std::span(&quality, 1);
  columns.historical = historical;
  fold(columns, NumberValues<double>{std::span(&nothing, 1)}, out);
}

Status TwinFold::on_waveform(const v1::Waveform& waveform, std::uint32_t slot, const FrameView&, Output& out) {
  sight(slot, waveform.time(), waveform.has_quality() ? waveform.quality() : kGood, waveform.historical(), out);
  return {};
}

/// Where waveforms stay at the edge, what was derived from them says that their sensor lives.
template <class Rows>
Status TwinFold::sight_all(const Rows& rows, const google::protobuf::RepeatedField<Nanos>& times, Output& out) {
  if (times.size() != rows.series_size()) return Status::error(Code::bad_data, "derived rows without their times");
  for (int row = 0; row < rows.series_size(); ++row) {
    const std::uint32_t slot = table().slots()[rows.series(row)];
    if (table().series(slot).sensor.type() == v1::VALUE_TYPE_WAVEFORM) sight(slot, times[row], kGood, rows.historical(), out);
  }
  return {};
}

Status TwinFold::on_frame(const v1::Frame& frame, const FrameView& view, Output& out) {
  Status status;
  switch (view.kind) {
    case FrameKind::aggregates: status = sight_all(frame.aggregates(), frame.aggregates().end(), out); break;
    case FrameKind::spectra: status = sight_all(frame.spectra(), frame.spectra().end(), out); break;
    case FrameKind::reject: take_reject(frame.reject()); break;
    case FrameKind::asset_facts: take_facts(frame.asset_facts(), out); break;
    default:
      if (applied_.take(frame.applied()))
        for (Node& node : nodes_) node.policies.clear();
  }
  if (!status.ok()) return status;
  return pass(view, out);
}

Status TwinFold::finish(Output& out) {
  for (Node& node : nodes_) emit(node, out);
  return {};
}

std::vector<Counter> TwinFold::counters() const {
  const auto is_unknown = [](const AssetState& asset) {
    const FactSpans::Span* facts = asset.facts.at(asset.as_of);
    return facts != nullptr && facts->unknown;
  };
  return {{"series", metrics_.size()},
          {"assets", assets_.size()},
          {"unknown_assets", static_cast<std::uint64_t>(std::ranges::count_if(assets_, is_unknown))},
          {"late", late_},
          {"past", past_},
          {"duplicates", duplicates_},
          {"conflicts", conflicts_},
          {"stale", stale_},
          {"rejected", rejected_},
          {"retired", retired_},
          {"foreign_deaths", foreign_deaths_}};
}

}  // namespace twinpipe
