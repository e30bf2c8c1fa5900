// SPDX-License-Identifier: Apache-2.0
// Rows of features leave when the watermark passes their step; corrected ones with the next step.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "kernel/features_parts.hpp"
#include "wire/quantity.hpp"

namespace twinpipe {
namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
constexpr double kHour = 3600;
constexpr int kMostRows = 4096;  // a frame of these stays far below every limit

double hours(Nanos duration) { return static_cast<double>(duration) / 1e9 / kHour; }

/// The last of `times` not behind `time`; kBeginning: none.
Nanos last_until(const std::vector<Nanos>& times, Nanos time) {
  const auto behind = std::ranges::upper_bound(times, time);
  return behind == times.begin() ? kBeginning : *(behind - 1);
}

double function_of(FeatureFunction function, const SeriesSums& s) {
  using enum FeatureFunction;
  if (function == count || function == transitions) return s.count;
  if (!(s.weight > 0)) return kUnknown;
  switch (function) {
    case mean:
    case share: return s.mean;
    case min: return s.min;
    case max: return s.max;
    case FeatureFunction::std: return std::sqrt(s.m2 / s.weight);
    case rms: return std::sqrt(s.mean * s.mean + s.m2 / s.weight);
    case first: return s.first;
    case last: return s.last;
    case slope: return s.tt > 0 ? s.tv / s.tt * kHour : kUnknown;
    case rate: return s.last_time > s.first_time ? (s.last - s.first) / (s.last_time - s.first_time) * kHour : kUnknown;
    default: return kUnknown;
  }
}

}  // namespace

Status Features::on_watermark(const v1::Watermark& watermark, const FrameView& frame, Output& out) {
  if (watermark.clock() != 0) known_at_ = std::max(known_at_, watermark.clock());
  if (watermark.lane() != v1::LANE_LIVE) return pass(frame, out);
  Node& node = nodes_[node_named(watermark.node())];
  const Nanos time = std::min(watermark.time(), kLastTime);
  if (node.anew) settle_session(node, time);
  if (time > node.watermark) {
    node.watermark = time;
    renew(node, out);
    const Status status = advance(node, out);
    write_rows(out);
    if (!status.ok()) return status;
  }
  return pass(frame, out);
}

/// A node that begins has no row before its first input. True: the asset's first row is due by the end of pane `last`.
bool Features::begun(const AssetState& asset, std::int64_t last) const {
  if (asset.cells.empty() || asset.closed >= last) return false;
  if (asset.closed != kNoPane || asset.sources.empty()) return true;
  return std::ranges::any_of(asset.sources, [last](const Source& s) { return !s.raw.empty() && s.raw.front()->pane <= last; });
}

/// The first pane that some asset of the node has still to close; kLastTime: none.
std::int64_t Features::next_pane(const Node& node, std::int64_t last) const {
  std::int64_t next = kLastTime;
  for (const Id id : node.assets) {
    const AssetState& asset = assets_[id];
    if (!begun(asset, last)) continue;
    if (asset.closed != kNoPane) next = std::min(next, asset.closed + 1);
    else if (asset.sources.empty()) next = std::min(next, last);
    else
      for (const Source& source : asset.sources)
        if (!source.raw.empty()) next = std::min(next, source.raw.front()->pane);
  }
  return next;
}

/// All steps that the watermark has passed. A jump over a time of which nothing is known, and of which nothing can become known
/// any more, costs no rows beyond the longest window.
Status Features::advance(Node& node, Output& out) {
  const std::int64_t last = node.watermark < 0 ? kNoPane : pane_of(node.watermark) - 1;
  if (last <= node.closed) return {};
  node.closed = last;
  const std::int64_t next = next_pane(node, last);
  if (next > last) return {};
  if (known_at_ == kBeginning && !options_.known_at_as_of)
    return Status::error(Code::bad_data,
                         fmt::format("the row as of {} is due and no Arrival came before it: the stream does not say when "
                                     "anything was known (--known-at-as-of)",
                                     format_time(start_of(last + 1))));
  correct(node, out);
  std::int64_t stop = last;
  if (last - next > definitions_->longest) {
    std::int64_t newest = node.newest;
    for (const Id id : node.assets)
      for (const Source& source : assets_[id].sources)
        for (const auto& raw : source.raw)
          if (raw->pane <= last) newest = std::max(newest, raw->pane);
    stop = std::min(last, std::max(newest, next) + definitions_->longest);
  }
  for (std::int64_t pane = next; pane <= stop; ++pane) step(node, pane, out);
  if (stop == last) return {};
  const std::int64_t again = std::min(last, std::max(stop + 1, last - definitions_->late_panes + 1));
  steps_skipped_ += static_cast<std::uint64_t>(again - stop - 1);
  for (std::int64_t pane = again; pane <= last; ++pane) step(node, pane, out);
  return {};
}

void Features::step(Node& node, std::int64_t pane, Output& out) {
  for (const Id id : node.assets) {
    AssetState& asset = assets_[id];
    if (!begun(asset, pane)) continue;
    close(asset, pane);
    add_row(asset, pane, out);
  }
}

/// Rows that late inputs changed, as far back as the lateness reaches.
void Features::correct(Node& node, Output& out) {
  if (node.corrected.empty()) return;
  std::int64_t first = kLastTime, last = kNoPane;
  for (const Id id : node.corrected) {
    AssetState& asset = assets_[id];
    refold(asset);
    asset.corrected = false;
    if (asset.changed_from == kNoPane) continue;
    asset.changed_from = std::max(asset.changed_from, asset.closed - definitions_->late_panes + 1);
    asset.changed_to = std::min(asset.changed_to, asset.closed);
    first = std::min(first, asset.changed_from);
    last = std::max(last, asset.changed_to);
  }
  for (std::int64_t pane = first; pane <= last; ++pane)
    for (const Id id : node.assets) {
      AssetState& asset = assets_[id];
      if (asset.changed_from == kNoPane || pane < asset.changed_from || pane > asset.changed_to) continue;
      if (!asset.sent.find(start_of(pane + 1))) continue;
      ++corrections_;
      add_row(asset, pane, out);
    }
  for (const Id id : node.corrected) assets_[id].changed_from = assets_[id].changed_to = kNoPane;
  node.corrected.clear();
}

// ---- one row -----------------------------------------------------------------------------------------------------------------

void Features::add_row(AssetState& asset, std::int64_t pane, Output& out) {
  v1::Features& rows = *frame_.mutable_features();
  if (rows.column_size() == 0)
    for (const std::string& name : definitions_->columns) rows.add_column()->set_name(name);
  values_.assign(definitions_->columns.size(), kUnknown);
  double known = 0, cells = 0;
  window_ = {};
  for (const Cell& cell : asset.cells) {
    double share = 0;
    const double value = value_of(asset, cell, pane, share);
    if (!(share < cell.definition->least)) values_[cell.definition->column] = value;
    if (share < 0) continue;
    known += share;
    cells += 1;
  }
  const Nanos as_of = start_of(pane + 1);
  if (options_.known_at_as_of) known_at_ = std::max(known_at_, as_of);
  rows.add_entity(asset.key);
  rows.add_as_of(as_of);
  rows.add_known_at(known_at_);
  rows.add_revision(asset.sent.send(as_of, definitions_->step));
  rows.add_completeness(cells > 0 ? known / cells : 1);
  for (int i = 0; i < rows.column_size(); ++i) rows.mutable_column(i)->add_value(values_[static_cast<std::size_t>(i)]);
  ++rows_;
  if (rows.entity_size() >= kMostRows) write_rows(out);
}

/// `known`: the share of its window about which something is known; below 0: that says nothing.
double Features::value_of(const AssetState& asset, const Cell& cell, std::int64_t pane, double& known) {
  const FeatureDefinition& definition = *cell.definition;
  const Nanos as_of = start_of(pane + 1);
  if (definition.of_asset()) {
    const bool birth = definition.function == FeatureFunction::since_birth;
    const Nanos at = last_until(birth ? asset.births : asset.deaths, as_of);
    known = at != kBeginning ? 1 : birth ? 0 : -1;
    return at == kBeginning ? kUnknown : hours(as_of - at);
  }
  if (cell.track == kNobody) return kUnknown;
  if (definition.function != FeatureFunction::correlation) return series_value(asset, cell, pane, known);
  const PairSums sums = asset.pairs[cell.track].panes.over(pane + 1 - definition.panes, pane + 1);
  known = std::min(1.0, sums.weight / (static_cast<double>(definition.panes) * step_seconds_));
  const double spread = std::sqrt(sums.xx) * std::sqrt(sums.yy);
  return spread > 0 ? std::clamp(sums.xy / spread, -1.0, 1.0) : kUnknown;
}

double Features::series_value(const AssetState& asset, const Cell& cell, std::int64_t pane, double& known) {
  const FeatureDefinition& definition = *cell.definition;
  const Track& track = asset.tracks[cell.track];
  const Source& source = asset.sources[track.source];
  const Nanos as_of = start_of(pane + 1);
  if (source.since >= as_of) return kUnknown;  // it never said anything
  if (definition.function == FeatureFunction::cycles_since_service) return cycles(asset, track, source, as_of, known);
  if (window_.track != &track || window_.panes != definition.panes)
    window_ = {&track, definition.panes, track.panes.over(pane + 1 - definition.panes, pane + 1)};
  const SeriesSums& sums = window_.sums;
  const double window = static_cast<double>(definition.panes) * step_seconds_;
  if (definition.function == FeatureFunction::stale_share) {
    const double seen = std::min(window, static_cast<double>(as_of - source.since) / 1e9);
    known = seen / window;
    return std::clamp(1 - sums.covered / seen, 0.0, 1.0);
  }
  known = std::min(1.0, sums.covered / window);
  return function_of(definition.function, sums);
}

/// Since the last service that was done by then, as far as the state was seen since.
double Features::cycles(const AssetState& asset, const Track& track, const Source& source, Nanos as_of, double& known) const {
  const Nanos service = last_until(asset.services, as_of - 1);
  if (service == kBeginning) return kUnknown;
  known = static_cast<double>(as_of - std::max(service, source.since)) / static_cast<double>(as_of - service);
  const auto first = std::ranges::lower_bound(track.entered, service), last = std::ranges::lower_bound(track.entered, as_of);
  const bool older = first == track.entered.begin() && track.forgotten > 0;
  return static_cast<double>(last - first) + (older ? static_cast<double>(track.forgotten) : 0);
}

void Features::write_rows(Output& out) {
  v1::Features& rows = *frame_.mutable_features();
  if (rows.entity_size() == 0) return;
  rows.set_definition_digest(rules_.digest());
  out.frame(frame_);
  rows.Clear();
}

}  // namespace twinpipe
