// SPDX-License-Identifier: Apache-2.0
// Which frames and which of their rows fcat lets through.
#include "kernel/selection.hpp"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <algorithm>

#include "kernel/reject_facts.hpp"
#include "wire/names.hpp"

namespace twinpipe {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

bool is_frame_of_segment(FrameKind kind) {
  return kind == FrameKind::open || kind == FrameKind::close || kind == FrameKind::series;
}

void remove_rows_of_field(Message& message, const FieldDescriptor& field, const std::vector<bool>& keep) {
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  if (field.type() == FieldDescriptor::TYPE_MESSAGE) {
    for (int i = 0; i < reflection.FieldSize(message, &field); ++i)
      remove_rows(*reflection.MutableRepeatedMessage(&message, &field, i), keep);
    return;
  }
  if (reflection.FieldSize(message, &field) != static_cast<int>(keep.size())) return;
  int kept = 0;
  for (std::size_t row = 0; row < keep.size(); ++row)
    if (keep[row]) reflection.SwapElements(&message, &field, kept++, static_cast<int>(row));
  for (auto extra = keep.size() - static_cast<std::size_t>(kept); extra > 0; --extra) reflection.RemoveLast(&message, &field);
}

/// A Trend names its row by number.
void renumber_trends(v1::Predictions& predictions, const std::vector<bool>& keep) {
  auto& trends = *predictions.mutable_trend();
  const auto gone = std::remove_if(trends.begin(), trends.end(),
                                   [&keep](const v1::Trend& trend) { return trend.row() >= keep.size() || !keep[trend.row()]; });
  trends.erase(gone, trends.end());
  for (v1::Trend& trend : trends)
    trend.set_row(static_cast<std::uint32_t>(std::count(keep.begin(), keep.begin() + trend.row(), true)));
}

}  // namespace

void remove_rows(Message& message, const std::vector<bool>& keep) {
  if (message.GetDescriptor() == v1::Trend::descriptor()) return;  // its columns are times of its own
  for (int i = 0; i < message.GetDescriptor()->field_count(); ++i)
    if (const FieldDescriptor& field = *message.GetDescriptor()->field(i); field.is_repeated())
      remove_rows_of_field(message, field, keep);
}

Selection::Selection(const SeriesTable& table, SelectionOptions options) : Selection(nullptr, std::move(options)) {
  table_ = &table;
}

Selection::Selection(std::function<bool(std::uint32_t)> matches, SelectionOptions options)
    : alias_matches_(std::move(matches)), options_(std::move(options)) {
  for (const Pattern& pattern : options_.patterns) {
    const auto levels = split_series_name(pattern.text());
    std::array<std::string, 3> asset;
    for (std::size_t i = 0; i < asset.size(); ++i) asset[i] = (*levels)[i] == "+" ? "*" : (*levels)[i];
    assets_.push_back(std::move(asset));
  }
}

bool Selection::looks_into(FrameKind kind) const {
  return !is_frame_of_segment(kind) && (!options_.patterns.empty() || options_.since || options_.until || options_.head);
}

bool Selection::matches(std::uint32_t slot) {
  if (options_.patterns.empty()) return true;
  if (known_.size() <= slot) known_.resize(table_->size(), 0);
  std::uint8_t& known = known_[slot];
  if (known == 0) {
    const Asset& asset = table_->asset_of(slot);
    const bool in = std::ranges::any_of(options_.patterns, [&](const Pattern& pattern) {
      return pattern.matches(asset.site, asset.line, asset.asset, table_->series(slot).sensor.name());
    });
    known = in ? 1 : 2;
  }
  return known == 1;
}

bool Selection::matches_asset(std::string_view site, std::string_view line, std::string_view asset) const {
  return assets_.empty() || std::ranges::any_of(assets_, [&](const auto& levels) {
           return glob_matches(levels[0], site) && glob_matches(levels[1], line) && glob_matches(levels[2], asset);
         });
}

bool Selection::matches_key(std::string_view key) const {
  if (assets_.empty()) return true;
  const auto levels = split_asset_key(key);
  return levels && matches_asset((*levels)[0], (*levels)[1], (*levels)[2]);
}

bool Selection::in_span(Nanos time) const {
  return (!options_.since || time >= *options_.since) && (!options_.until || time < *options_.until);
}

Rows Selection::rows(const Columns& columns) {
  const auto count = static_cast<std::uint32_t>(columns.rows());
  rows_.clear();
  const bool all = options_.patterns.empty() && !options_.since && !options_.until;
  for (std::uint32_t row = 0; row < count; ++row)
    if (all || (in_span(columns.time[row]) && matches(columns.slot[row]))) rows_.push_back(row);
  if (options_.head) {
    rows_.resize(static_cast<std::size_t>(std::min<std::uint64_t>(rows_.size(), *options_.head - passed_)));
    passed_ += rows_.size();
  }
  return rows_;
}

void Selection::count(FrameKind kind) {
  if (!is_frame_of_segment(kind)) ++passed_;
}

template <class Message, class RowIsIn>
bool Selection::keep_rows(Message& message, int rows, const RowIsIn& row_is_in, bool& whole) {
  std::vector<bool> keep(static_cast<std::size_t>(rows));
  for (int row = 0; row < rows; ++row) keep[static_cast<std::size_t>(row)] = row_is_in(row);
  const auto kept = std::ranges::count(keep, true);
  if (kept == rows) return true;
  whole = false;
  if constexpr (std::is_same_v<Message, v1::Predictions>) renumber_trends(message, keep);
  remove_rows(message, keep);
  return kept > 0;
}

bool Selection::keep_sensors(v1::Series& series, bool& whole) const {
  if (options_.patterns.empty()) return true;
  auto& sensors = *series.mutable_sensor();
  const auto out = std::remove_if(sensors.begin(), sensors.end(), [&](const v1::Sensor& sensor) {
    return std::ranges::none_of(options_.patterns, [&](const Pattern& pattern) {
      return pattern.matches(series.site(), series.line(), series.asset(), sensor.name());
    });
  });
  whole = whole && out == sensors.end();
  sensors.erase(out, sensors.end());
  return !sensors.empty();
}

bool Selection::keep(v1::Frame& frame, bool& whole) {
  const auto windows = [&](auto& message) {
    return keep_rows(
        message, message.series_size(),
        [&](int row) { return in_span(message.start(row)) && matches_alias(message.series(row)); }, whole);
  };
  const auto entities = [&](auto& message) {
    return keep_rows(
        message, message.entity_size(),
        [&](int row) { return (row >= message.as_of_size() || in_span(message.as_of(row))) && matches_key(message.entity(row)); },
        whole);
  };
  switch (frame.kind_case()) {
    case v1::Frame::kSeries: return keep_sensors(*frame.mutable_series(), whole);
    case v1::Frame::kWaveform: return in_span(frame.waveform().time()) && matches_alias(frame.waveform().series());
    case v1::Frame::kException: return in_span(frame.exception().time()) && matches_alias(frame.exception().series());
    case v1::Frame::kAggregates: return windows(*frame.mutable_aggregates());
    case v1::Frame::kSpectra: return windows(*frame.mutable_spectra());
    case v1::Frame::kFeatures: return entities(*frame.mutable_features());
    case v1::Frame::kPredictions: return entities(*frame.mutable_predictions());
    case v1::Frame::kTwin:
      return in_span(frame.twin().as_of()) && matches_asset(frame.twin().site(), frame.twin().line(), frame.twin().asset());
    case v1::Frame::kReject: {
      v1::Series series = frame.reject().series();
      bool same = true;
      return in_span(event_time(frame.reject())) && keep_sensors(series, same);
    }
    case v1::Frame::kWorkOrder: return in_span(frame.work_order().time()) && matches_key(frame.work_order().asset());
    case v1::Frame::kAssetFacts:
      // What holds in any part of the span is of use to who reads it.
      return (!options_.until || frame.asset_facts().from() < *options_.until) &&
             (!options_.since || frame.asset_facts().until() == 0 || frame.asset_facts().until() > *options_.since) &&
             matches_asset(frame.asset_facts().site(), frame.asset_facts().line(), frame.asset_facts().asset());
    case v1::Frame::kLifecycle: return in_span(frame.lifecycle().time());
    case v1::Frame::kWatermark: return in_span(frame.watermark().time());
    case v1::Frame::kGap: return frame.gap().from() == 0 || in_span(frame.gap().from());
    default: return true;
  }
}

}  // namespace twinpipe
