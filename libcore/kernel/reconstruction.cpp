// SPDX-License-Identifier: Apache-2.0
// How well the readings that were kept stand for those that were not.
#include "kernel/reconstruction.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace twinpipe {
namespace {

constexpr double kNothing = std::numeric_limits<double>::quiet_NaN();

/// Not a number for what has none.
double number_at(const Columns& columns, std::size_t row) {
  if (!is_good(columns.quality_at(row))) return kNothing;
  double value = kNothing;
  if (!columns.doubles.empty()) value = columns.doubles[row];
  else if (!columns.ints.empty()) value = static_cast<double>(columns.ints[row]);
  else if (!columns.uints.empty()) value = static_cast<double>(columns.uints[row]);
  else if (!columns.bools.empty()) value = columns.bools[row];
  return std::isfinite(value) ? value : kNothing;
}

}  // namespace

void Reconstruction::take_applied(const v1::Applied& applied) {
  std::vector<Promise> promises;
  for (const v1::AppliedRule& rule : applied.rule()) {
    const Result<Pattern> pattern = Pattern::parse(rule.pattern());
    if (rule.interpolation() != v1::WEIGHTING_COUNT && pattern.ok()) promises.push_back({*pattern, rule});
  }
  tools_[applied.tool()] = std::move(promises);
}

Reconstruction::Series& Reconstruction::find(const SeriesTable& table, std::uint32_t slot, bool historical) {
  if (table_ != &table) {
    table_ = &table;
    slots_.clear();
  }
  const std::size_t at = slot * std::size_t{2} + (historical ? 1 : 0);
  if (at >= slots_.size()) slots_.resize(table.size() * 2);
  if (slots_[at] == nullptr) slots_[at] = &series_[(historical ? "h" : "l") + table.name(slot)];
  return *slots_[at];
}

void Reconstruction::take_kept(const SeriesTable& table, const Columns& columns) {
  for (std::size_t row = 0; row < columns.rows(); ++row) {
    Series& series = find(table, columns.slot[row], columns.historical);
    const Nanos time = columns.time[row];
    // A late reading stands beside what is held and does not replace it.
    if (!series.points.empty() && time < series.points.back().time) continue;
    series.points.push_back({time, number_at(columns, row)});
  }
}

/// The first rule of any tool that matches and has not expired at `at`.
void Reconstruction::promise(const SeriesTable& table, std::uint32_t slot, Nanos at, Series& series) {
  const Asset& asset = table.asset_of(slot);
  const v1::Sensor& sensor = table.series(slot).sensor;
  series.until = kForever;
  series.promised = false;
  for (const auto& [tool, promises] : tools_)
    for (const auto& [pattern, rule] : promises) {
      if (!pattern.matches(asset.site, asset.line, asset.asset, sensor.name())) continue;
      if (rule.expires() != 0 && at >= rule.expires()) continue;
      if (rule.expires() != 0) series.until = rule.expires();
      series.promised = true;
      series.interpolation = rule.interpolation();
      series.shortest = rule.shortest();
      series.bound = rule.percent() ? (sensor.high() - sensor.low()) * rule.bound() / 100 : rule.bound();
      series.worst = &worst_[table.name(slot)];
      series.worst->interpolation = rule.interpolation();
      series.worst->bound = std::max(series.worst->bound, series.bound);
      return;
    }
}

/// What the kept readings say of `time`; of several at the same time the nearest, since all of them are facts.
std::optional<double> Reconstruction::rebuilt(const Series& series, Nanos time, double value) const {
  const std::vector<Point>& points = series.points;
  if (points.empty() || points[series.at].time > time) return {};
  if (points[series.at].time == time) {
    double best = points[series.at].value;
    for (std::size_t at = series.at; at-- > 0 && points[at].time == time;)
      if (!(std::fabs(best - value) <= std::fabs(points[at].value - value))) best = points[at].value;
    return std::isnan(best) ? std::nullopt : std::optional(best);
  }
  const Point& before = points[series.at];
  if (std::isnan(before.value) || saturating_sub(time, before.time) < series.shortest) return {};
  if (series.interpolation != v1::WEIGHTING_LINEAR) return before.value;
  if (series.at + 1 == points.size() || std::isnan(points[series.at + 1].value)) return {};
  const Point& after = points[series.at + 1];
  const double share = static_cast<double>(time - before.time) / static_cast<double>(after.time - before.time);
  return before.value + (after.value - before.value) * share;
}

void Reconstruction::compare(const SeriesTable& table, const Columns& columns) {
  for (std::size_t row = 0; row < columns.rows(); ++row) {
    const std::uint32_t slot = columns.slot[row];
    Series& series = find(table, slot, columns.historical);
    const Nanos time = columns.time[row];
    if (time < series.newest) continue;
    series.newest = time;
    if (time >= series.until) promise(table, slot, time, series);
    if (!series.promised) continue;
    while (series.at + 1 < series.points.size() && series.points[series.at + 1].time <= time) ++series.at;
    const double value = number_at(columns, row);
    if (std::isnan(value)) continue;
    const std::optional<double> said = rebuilt(series, time, value);
    if (!said) continue;
    const double error = std::fabs(value - *said);
    ++series.worst->compared;
    series.worst->error = std::max(series.worst->error, error);
    series.worst->beyond += error > series.bound;
  }
}

}  // namespace twinpipe
