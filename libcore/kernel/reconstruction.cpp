// SPDX-License-Identifier: Apache-2.0
// How well the readings that were kept stand for those that were not.
#include "kernel/reconstruction.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

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

double Reconstruction::Worst::part() const {
  return error == 0 ? 0 : bound > 0 ? error / bound : std::numeric_limits<double>::infinity();
}

void Reconstruction::take_open() {
  policies_.clear();
  in_force_.clear();
}

void Reconstruction::take_applied(const v1::Applied& applied) {
  if (policies_.take(applied)) in_force_.clear();
  if (words_.insert(applied.SerializeAsString()).second) told_.emplace_back(applied);  // it may be that no reading follows
}

std::uint32_t Reconstruction::promises_in_force(const SeriesTable& table, std::uint32_t slot) {
  const std::uint32_t node = table.node_of(slot);
  if (node >= in_force_.size()) in_force_.resize(table.nodes());
  if (in_force_[node]) return *in_force_[node];
  const Promises& promises = policies_.of(table.node_name(node));
  const auto [known, is_new] = known_.emplace(promises, static_cast<std::uint32_t>(promises_.size()));
  if (is_new) promises_.push_back(promises);
  return *(in_force_[node] = known->second);
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
    const std::uint32_t promises = promises_in_force(table, columns.slot[row]);
    if (series.spans.empty() || series.spans.back().promises != promises)
      series.spans.push_back({series.points.size(), promises});
    series.points.push_back({time, number_at(columns, row)});
  }
}

/// Whether it says how to read between the readings that were kept.
bool Reconstruction::promise_of(const AppliedPolicy& policy, const SeriesTable& table, std::uint32_t slot, Nanos at,
                                Series& series) {
  const Asset& asset = table.asset_of(slot);
  const v1::Sensor& sensor = table.series(slot).sensor;
  const v1::AppliedRule* rule =
      policy.rule_of(asset.site, asset.line, asset.asset, sensor.name(), at,
                     [](const v1::AppliedRule& one) { return one.interpolation() != v1::WEIGHTING_COUNT; });
  if (rule == nullptr) return false;
  if (rule->expires() != 0) series.until = rule->expires();
  series.interpolation = rule->interpolation();
  series.shortest = rule->shortest();
  series.bound = rule->percent() ? (sensor.high() - sensor.low()) * rule->bound() / 100 : rule->bound();
  const auto [worst, is_new] = worst_.try_emplace(table.name(slot));
  series.worst = &worst->second;
  series.worst->kept |= !series.points.empty();
  if (is_new) {
    series.worst->interpolation = series.interpolation;
    series.worst->bound = series.bound;
  }
  return true;
}

/// What was promised when the point at hand was sent. Before the first point, what any segment promised: one that is lost
/// whole leaves no reading to tell which.
void Reconstruction::promise(const SeriesTable& table, std::uint32_t slot, Nanos at, Series& series) {
  series.until = kForever;
  series.span_of_promise = series.span;
  if (series.before_first) {
    const std::string& node = table.node_name(table.node_of(slot));
    series.promised = std::ranges::any_of(told_, [&](const AppliedPolicy& policy) {
      return concerns(policy.words(), node) && promise_of(policy, table, slot, at, series);
    });
    return;
  }
  series.promised = std::ranges::any_of(promises_[series.spans[series.span].promises],
                                        [&](const auto& policy) { return promise_of(*policy, table, slot, at, series); });
}

/// What the kept readings say of `time`; of several at the same time the nearest, since all of them are facts.
std::optional<double> Reconstruction::rebuilt(const Series& series, Nanos time, double value) const {
  const std::vector<Point>& points = series.points;
  if (series.before_first) return {};
  if (points[series.at].time == time) {
    double best = points[series.at].value;
    for (std::size_t at = series.at; at-- > 0 && points[at].time == time;)
      if (!(std::fabs(best - value) <= std::fabs(points[at].value - value))) best = points[at].value;
    return std::isnan(best) ? std::nullopt : std::optional(best);
  }
  const Point& before = points[series.at];
  if (std::isnan(before.value)) return {};
  if (series.interpolation != v1::WEIGHTING_LINEAR) return before.value;
  if (series.at + 1 == points.size() || std::isnan(points[series.at + 1].value)) return {};
  const Point& after = points[series.at + 1];
  const double share = static_cast<double>(time - before.time) / static_cast<double>(after.time - before.time);
  return before.value + (after.value - before.value) * share;
}

void Reconstruction::judge(Series& series, Nanos time, double value) {
  Worst& worst = *series.worst;
  const Nanos behind = series.before_first ? kForever : saturating_sub(time, series.points[series.at].time);
  if (behind > 0 && behind < series.shortest) return;
  const std::optional<double> said = rebuilt(series, time, value);
  if (!said) {
    ++worst.unknown;
    return;
  }
  Worst one{.interpolation = series.interpolation, .error = std::fabs(value - *said), .bound = series.bound};
  ++worst.compared;
  worst.beyond += one.error > one.bound;
  if (std::pair(one.part(), one.error) <= std::pair(worst.part(), worst.error)) return;
  worst.interpolation = one.interpolation;
  worst.error = one.error;
  worst.bound = one.bound;
}

void Reconstruction::compare(const SeriesTable& table, const Columns& columns) {
  for (std::size_t row = 0; row < columns.rows(); ++row) {
    const std::uint32_t slot = columns.slot[row];
    Series& series = find(table, slot, columns.historical);
    const Nanos time = columns.time[row];
    if (time < series.newest) continue;
    series.newest = time;
    while (series.at + 1 < series.points.size() && series.points[series.at + 1].time <= time) ++series.at;
    while (series.span + 1 < series.spans.size() && series.spans[series.span + 1].first <= series.at) ++series.span;
    const bool before_first = series.points.empty() || series.points[series.at].time > time;
    if (time >= series.until || series.span != series.span_of_promise || before_first != series.before_first) {
      series.before_first = before_first;
      promise(table, slot, time, series);
    }
    if (!series.promised) continue;
    if (const double value = number_at(columns, row); !std::isnan(value)) judge(series, time, value);
  }
}

}  // namespace twinpipe
