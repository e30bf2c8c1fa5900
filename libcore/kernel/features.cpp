// SPDX-License-Identifier: Apache-2.0
// What comes into features: readings and rows, into the panes of their step.
#include "kernel/features.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernel/features_parts.hpp"
#include "wire/quantity.hpp"

namespace twinpipe {
namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

/// A frame's values as numbers; texts have none.
template <class T>
struct Numbers {
  std::span<const T> column;
  double operator()(std::size_t row) const { return static_cast<double>(column[row]); }
};
struct NoNumbers {
  double operator()(std::size_t) const { return kUnknown; }
};

/// As a policy's list of values has it.
bool is_listed(const Columns& columns, std::size_t row, double number, const ValueList& values) {
  if (is_text(columns.type)) return std::ranges::find(values, columns.texts[row]) != values.end();
  if (columns.type == v1::VALUE_TYPE_BOOL)
    return values.empty() ? number != 0 : std::ranges::find(values, number != 0 ? "true" : "false") != values.end();
  return values.empty() ? number != 0 : std::ranges::find(values, fmt::format("{}", number)) != values.end();
}

}  // namespace

Features::Features(const SeriesTable& table, const Policy& policy, const FeatureDefinitions& definitions, FeaturesOptions options)
    : Stage(table),
      rules_(policy, std::string(FeatureDefinitions::kSection)),
      definitions_(&definitions),
      options_(options),
      step_seconds_(static_cast<double>(definitions.step) / 1e9) {}

Features::~Features() = default;

bool Features::reads(FrameKind kind) const {
  switch (kind) {
    case FrameKind::series:
    case FrameKind::readings:
    case FrameKind::aggregates:
    case FrameKind::spectra:
    case FrameKind::lifecycle:
    case FrameKind::gap:
    case FrameKind::watermark:
    case FrameKind::arrival:
    case FrameKind::asset_facts:
    case FrameKind::work_order:
    case FrameKind::applied:
    case FrameKind::resume: return true;
    case FrameKind::waveform:
    case FrameKind::exception: return !options_.keep;
    default: return false;
  }
}

void Features::on_open(Output& out) {
  out.frame(rules_.applied());
  upstream_.open_segment();
}

/// Data and what names series by alias go on where that was asked for.
Status Features::keep(const FrameView& frame, Output& out) const { return options_.keep ? pass(frame, out) : Status{}; }

Status Features::on_waveform(const v1::Waveform&, std::uint32_t, const FrameView&, Output&) { return {}; }

// ---- readings -----------------------------------------------------------------------------------------------------------

template <class Value>
Status Features::take(const Columns& columns, const Value& value) {
  const auto step = static_cast<std::uint64_t>(definitions_->step);
  for (std::size_t row = 0; row < columns.rows(); ++row) {
    const Head& head = heads_[columns.slot[row]];
    const double number = value(row);
    const Nanos time = columns.time[row];
    if (head.raw != nullptr && static_cast<std::uint64_t>(time) - static_cast<std::uint64_t>(head.start) < step &&
        is_good(columns.quality_at(row)) && std::isfinite(number)) [[likely]] {
      std::vector<FeaturePoint>& points = head.raw->points;
      head.raw->in_order = head.raw->in_order && time > points.back().time;
      points.push_back({time, number, 0});
      continue;
    }
    if (Status status = take_slowly(columns, row, number); !status.ok()) return status;
  }
  return {};
}

/// Off the hot path: another pane than the last reading's, a state, a value that is none, a late reading.
Status Features::take_slowly(const Columns& columns, std::size_t row, double number) {
  const bool good = is_good(columns.quality_at(row));
  for (const Feed& feed : feeds_[columns.slot[row]]) {
    AssetState& asset = assets_[feed.asset];
    Source& source = asset.sources[feed.source];
    FeaturePoint point{columns.time[row], kUnknown, 0};
    if (source.kind == Kind::row) continue;
    if (good && source.kind == Kind::number && std::isfinite(number)) point.value = number;
    if (good && source.kind == Kind::presence) point.value = 0;
    if (good && source.kind == Kind::state && !std::isnan(is_text(columns.type) ? 0 : number))
      point.value = is_listed(columns, row, number, *source.values) ? 1 : 0;
    excluded_ += std::isnan(point.value);
    if (Status status = insert(asset, source, point, false); !status.ok()) return status;
  }
  return {};
}

Status Features::on_readings(const Columns& columns, const FrameView& frame, Output& out) {
  Status status;
  switch (columns.type) {
    case v1::VALUE_TYPE_INT64: status = take(columns, Numbers<std::int64_t>{columns.ints}); break;
    case v1::VALUE_TYPE_UINT64: status = take(columns, Numbers<std::uint64_t>{columns.uints}); break;
    case v1::VALUE_TYPE_BOOL: status = take(columns, Numbers<std::uint8_t>{columns.bools}); break;
    case v1::VALUE_TYPE_STRING:
    case v1::VALUE_TYPE_BYTES: status = take(columns, NoNumbers{}); break;
    default: status = take(columns, Numbers<double>{columns.doubles}); break;
  }
  return status.ok() ? keep(frame, out) : status;
}

// ---- rows of aggregates and spectra ----------------------------------------------------------------------------------------

/// Each row is one value, at its end. A row that comes again replaces the one before; what adds to others cannot.
template <class Rows>
Status Features::take_rows(const Rows& rows) {
  constexpr bool kAggregates = std::is_same_v<Rows, v1::Aggregates>;
  for (int row = 0; row < rows.series_size(); ++row) {
    const std::uint32_t alias = rows.series(row);
    if (alias >= table().slots().size()) return Status::error(Code::bad_data, fmt::format("undeclared alias {}", alias));
    for (const Feed& feed : feeds_[table().slots()[alias]]) {
      Source& source = assets_[feed.asset].sources[feed.source];
      const std::span<const double> values = source.kind == Kind::row ? source.of->of(rows) : std::span<const double>();
      if (values.size() <= static_cast<std::size_t>(row) || rows.end_size() <= row || rows.start_size() <= row) continue;
      const double value = values[static_cast<std::size_t>(row)];
      double covered = static_cast<double>(rows.end(row) - rows.start(row)) / 1e9;
      if constexpr (kAggregates) {
        if (row < rows.delta_size() && rows.delta(row)) {
          ++deltas_ignored_;
          if (!std::exchange(told_deltas_, true))
            notice("rows of aggregates that add to others (deltas) are left out of features: give winagg more lateness");
          continue;
        }
        if (row < rows.coverage_size()) covered *= rows.coverage(row);
      }
      excluded_ += !std::isfinite(value);
      const FeaturePoint point{saturating_sub(rows.end(row), 1), std::isfinite(value) ? value : kUnknown,
                               static_cast<float>(covered)};
      if (Status status = insert(assets_[feed.asset], source, point, true); !status.ok()) return status;
    }
  }
  return {};
}

Status Features::on_frame(const v1::Frame& frame, const FrameView& view, Output& out) {
  if (frame.has_aggregates() || frame.has_spectra()) {
    const Status status = frame.has_aggregates() ? take_rows(frame.aggregates()) : take_rows(frame.spectra());
    return status.ok() ? keep(view, out) : status;
  }
  if (frame.has_exception()) return keep(view, out);
  if (frame.has_arrival()) known_at_ = std::max(known_at_, frame.arrival().time());
  if (frame.has_gap()) take_gap(frame.gap());
  if (frame.has_asset_facts()) take_facts(frame.asset_facts());
  if (frame.has_work_order() && frame.work_order().state() == v1::WorkOrder::STATE_COMPLETED)
    service(assets_[asset_named(frame.work_order().asset())], frame.work_order().time());
  if (frame.has_applied() && frame.applied().tool() == "deadband" && upstream_.take(frame.applied()))
    for (Node& node : nodes_)
      if (concerns(frame.applied(), node.name)) bind_all(node);
  if (frame.has_resume() && !std::exchange(loaded_, false)) begin_empty();
  return pass(view, out);
}

// ---- into panes ----------------------------------------------------------------------------------------------------------

Features::RawPane& Features::raw_pane(Source& source, std::int64_t pane) {
  const auto of_pane = [](const auto& raw) { return raw->pane; };
  auto at = source.raw.end();
  if (!source.raw.empty() && source.raw.back()->pane >= pane) at = std::ranges::lower_bound(source.raw, pane, {}, of_pane);
  if (at != source.raw.end() && (*at)->pane == pane) return **at;
  std::unique_ptr<RawPane> made;
  if (spare_.empty()) {
    made = std::make_unique<RawPane>();
  } else {
    made = std::move(spare_.back());
    spare_.pop_back();
    made->points.clear();
    made->in_order = true;
    made->of_older_session = false;
  }
  made->pane = pane;
  return **source.raw.insert(at, std::move(made));
}

/// The next reading of the series most likely falls into the same pane.
void Features::open_head(const AssetState& asset, const Source& source, RawPane& raw) {
  const bool open = source.kind == Kind::number && feeds_[source.slot].size() == 1 && raw.pane > asset.closed;
  heads_[source.slot] = open ? Head{start_of(raw.pane), &raw} : Head{};
}

Status Features::insert(AssetState& asset, Source& source, const FeaturePoint& point, bool replaces) {
  if (point.time < 0 || point.time > kLastTime) {
    excluded_ += !std::isnan(point.value);
    return {};
  }
  const std::int64_t pane = pane_of(point.time);
  Node& node = nodes_[asset.node];
  if (pane <= asset.closed) {
    if (pane <= asset.closed - definitions_->late_panes && !node.anew) {
      ++late_;
      if (!std::exchange(told_late_, true))
        notice(fmt::format("{} at {} comes later than the policy's lateness and changes no row; counted as late",
                           table().name(source.slot), format_time(point.time)));
      return {};
    }
    source.dirty = source.dirty == kNoPane ? pane : std::min(source.dirty, pane);
    if (point.time < source.since) changed(asset, pane, asset.closed);  // it was never seen so early
    if (!std::exchange(asset.corrected, true)) node.corrected.push_back(static_cast<Id>(&asset - assets_.data()));
  }
  RawPane& raw = raw_pane(source, pane);
  if (source.raw.size() > options_.max_open)
    return Status::error(Code::bad_data, fmt::format("{}: more than {} steps wait for the watermark of {}; see --max-open",
                                                     table().name(source.slot), options_.max_open, node.name));
  source.since = std::min(source.since, point.time);
  if (replaces) {
    const auto same = std::ranges::find(raw.points, point.time, &FeaturePoint::time);
    if (same != raw.points.end()) {
      *same = point;
      return {};
    }
  }
  raw.in_order = raw.in_order && (raw.points.empty() || point.time > raw.points.back().time);
  raw.points.push_back(point);
  open_head(asset, source, raw);
  return {};
}

Status Features::finish(Output& out) {
  for (Node& node : nodes_) correct(node, out);
  write_rows(out);
  const bool ticked = std::ranges::any_of(nodes_, [](const Node& node) { return node.watermark != kBeginning; });
  if (!ticked && std::ranges::any_of(assets_, [](const AssetState& asset) { return !asset.cells.empty(); }))
    notice("no node has sent a live Watermark: without them no step ends, and there are no rows");
  return {};
}

std::vector<Counter> Features::counters() const {
  return {{"feature_rows", rows_},         {"corrections", corrections_},       {"late", late_},
          {"excluded", excluded_},         {"deltas_ignored", deltas_ignored_}, {"steps_skipped", steps_skipped_},
          {"ambiguous_series", ambiguous_}};
}

}  // namespace twinpipe
