// SPDX-License-Identifier: Apache-2.0
// Means and central moments of panes, in two passes each, and how panes are merged.
#include "kernel/feature_sums.hpp"

#include <algorithm>
#include <cmath>

namespace twinpipe {
namespace {

constexpr double kSecondsOf = 1e-9;

double seconds(Nanos duration) { return static_cast<double>(duration) * kSecondsOf; }

/// mean + rest += by, so that nothing is lost (Knuth's two-sum).
void shift_mean(double& mean, double& rest, double by) {
  const double b = rest + by, sum = mean + b, part = sum - mean;
  rest = (mean - (sum - part)) + (b - part);
  mean = sum;
}

/// Deviations were taken from a mean that is `off` beside the true one, for each of the weight.
void settle(SeriesSums& sums, double off) {
  if (sums.min == sums.max) {  // exactly constant: no rounding may look like noise
    sums.mean = sums.min;
    sums.m2 = sums.tv = 0;
    return;
  }
  sums.m2 = std::max(0.0, sums.m2 - sums.weight * off * off);
  shift_mean(sums.mean, sums.rest, off);
}

/// A straight line from `begin` to `end`, seconds behind the pane's start.
struct Line {
  double from, to, begin, end;
};

/// Where a point stops to say anything: at the next one, or when its silence is too long.
Nanos held_until(const FeaturePoint& point, Nanos next, Nanos most) { return std::min(next, saturating_add(point.time, most)); }

SeriesSums sums_of(std::span<const Line> lines) {
  SeriesSums sums;
  if (lines.empty()) return sums;
  sums.min = sums.max = lines.front().begin;
  double value = 0, time = 0;
  for (const Line& l : lines) {
    const double w = l.to - l.from;
    sums.weight += w;
    value += w * (l.begin + l.end) / 2;
    time += w * (l.from + l.to) / 2;
    sums.min = std::min({sums.min, l.begin, l.end});
    sums.max = std::max({sums.max, l.begin, l.end});
  }
  sums.covered = sums.weight;
  sums.mean = std::clamp(value / sums.weight, sums.min, sums.max);
  sums.time = time / sums.weight;
  double off = 0;
  // Integrals over a line of duration w: of t·t, of t·v and of v·v, around the means.
  for (const Line& l : lines) {
    const double w = l.to - l.from, c = (l.from + l.to) / 2 - sums.time, p = l.begin - sums.mean, q = l.end - sums.mean;
    sums.tt += w * (c * c + w * w / 12);
    sums.tv += w * (c * (p + q) / 2 + (q - p) * w / 12);
    sums.m2 += w * (p * p + p * q + q * q) / 3;
    off += w * (p + q) / 2;
  }
  settle(sums, off / sums.weight);
  sums.first = lines.front().begin;
  sums.first_time = lines.front().from;
  sums.last = lines.back().end;
  sums.last_time = lines.back().to;
  return sums;
}

/// Collects the lines of a curve within one pane.
class Curve {
 public:
  Curve(Nanos from, Nanos to, const Holding& holding) : from_(from), to_(to), holding_(holding) {}
  /// What holds between a point and the next one.
  void between(const FeaturePoint& point, const FeaturePoint& next) {
    if (point.time == kBeginning || std::isnan(point.value)) return;
    const Nanos until = held_until(point, next.time, holding_.most);
    const Nanos begin = std::max(point.time, from_), end = std::min(until, to_);
    if (begin >= end) return;
    if (!holding_.linear) return add(begin, end, point.value, point.value);
    if (std::isnan(next.value) || until < next.time || next.time == kForever) return;  // a line needs its other end
    const double slope = (next.value - point.value) / static_cast<double>(next.time - point.time);
    const auto at = [&](Nanos time) {
      return time == next.time ? next.value : point.value + slope * static_cast<double>(time - point.time);
    };
    add(begin, end, at(begin), at(end));
  }
  std::span<const Line> lines() const { return lines_; }

 private:
  void add(Nanos begin, Nanos end, double first, double last) {
    lines_.push_back({seconds(begin - from_), seconds(end - from_), first, last});
  }
  Nanos from_, to_;
  Holding holding_;
  std::vector<Line> lines_;
};

/// The value of one of two series as time goes on.
class Held {
 public:
  Held(const HeldSeries& series, Nanos from) : series_(&series) {
    now_ = series.before;
    advance(from);
  }
  Nanos next() const { return at_ < series_->points.size() ? series_->points[at_].time : kForever; }
  /// When the value changes or ends.
  Nanos until() const { return known() ? held_until(now_, next(), series_->most) : next(); }
  bool known() const { return now_.time != kBeginning && !std::isnan(now_.value) && !ended_; }
  double value() const { return now_.value; }
  void advance(Nanos time) {
    for (; next() <= time; ++at_) now_ = series_->points[at_];
    ended_ = now_.time != kBeginning && saturating_add(now_.time, series_->most) <= time;
  }

 private:
  const HeldSeries* series_;
  FeaturePoint now_;
  std::size_t at_ = 0;
  bool ended_ = false;
};

}  // namespace

void SeriesSums::merge(const SeriesSums& other, double shift) {
  count += other.count;
  covered += other.covered;
  if (other.weight == 0) return;
  if (weight == 0) {
    const double both = count, known = covered;
    *this = other;
    count = both;
    covered = known;
    time += shift;
    first_time += shift;
    last_time += shift;
    return;
  }
  const double both = weight + other.weight, share = other.weight / both;
  const double dv = (other.mean - mean) + (other.rest - rest), dt = other.time + shift - time, pull = weight * share;
  m2 += other.m2 + dv * dv * pull;
  tt += other.tt + dt * dt * pull;
  tv += other.tv + dt * dv * pull;
  min = std::min(min, other.min);
  max = std::max(max, other.max);
  shift_mean(mean, rest, dv * share);
  time += dt * share;
  last = other.last;
  last_time = other.last_time + shift;
  weight = both;
}

void PairSums::merge(const PairSums& other, double) {
  if (other.weight == 0) return;
  if (weight == 0) {
    *this = other;
    return;
  }
  const double both = weight + other.weight, share = other.weight / both;
  const double dx = (other.x - x) + (other.rest_x - rest_x), dy = (other.y - y) + (other.rest_y - rest_y);
  const double pull = weight * share;
  xx += other.xx + dx * dx * pull;
  yy += other.yy + dy * dy * pull;
  xy += other.xy + dx * dy * pull;
  shift_mean(x, rest_x, dx * share);
  shift_mean(y, rest_y, dy * share);
  weight = both;
}

void put_in_order(std::vector<FeaturePoint>& points) {
  const auto before = [](const FeaturePoint& a, const FeaturePoint& b) {
    if (a.time != b.time) return a.time < b.time;
    // What is not a number comes first: a value of the same time is known.
    if (std::isnan(a.value) || std::isnan(b.value)) return std::isnan(a.value) && !std::isnan(b.value);
    return a.value < b.value;
  };
  if (std::ranges::is_sorted(points, [](const FeaturePoint& a, const FeaturePoint& b) { return a.time <= b.time; })) return;
  std::ranges::sort(points, before);
  const auto again = std::ranges::unique(points, [](const FeaturePoint& a, const FeaturePoint& b) {
    return a.time == b.time && (a.value == b.value || (std::isnan(a.value) && std::isnan(b.value)));
  });
  points.erase(again.begin(), again.end());
}

SeriesSums sums_by_count(std::span<const FeaturePoint> points, Nanos from, Nanos to, Nanos period) {
  SeriesSums sums;
  double value = 0, time = 0;
  Nanos last = from;
  for (const FeaturePoint& point : points) {
    if (std::isnan(point.value)) continue;
    const double t = seconds(point.time - from);
    if (sums.weight == 0) {
      sums.min = sums.max = sums.first = point.value;
      sums.first_time = t;
    }
    sums.weight += 1;
    sums.covered += static_cast<double>(point.covered);
    value += point.value;
    time += t;
    sums.min = std::min(sums.min, point.value);
    sums.max = std::max(sums.max, point.value);
    sums.last = point.value;
    last = point.time;
  }
  if (sums.weight == 0) return sums;
  sums.count = sums.weight;
  sums.last_time = seconds(last - from);
  sums.mean = value / sums.weight;
  if (!std::isfinite(sums.mean)) {  // the sum left the range; the mean does not
    sums.mean = 0;
    for (const FeaturePoint& point : points)
      if (!std::isnan(point.value)) sums.mean += point.value / sums.weight;
  }
  sums.mean = std::clamp(sums.mean, sums.min, sums.max);
  sums.time = time / sums.weight;
  double off = 0;
  for (const FeaturePoint& point : points) {
    if (std::isnan(point.value)) continue;
    const double v = point.value - sums.mean, t = seconds(point.time - from) - sums.time;
    sums.m2 += v * v;
    sums.tt += t * t;
    sums.tv += t * v;
    off += v;
  }
  settle(sums, off / sums.weight);
  const double pane = seconds(to - from);
  if (sums.covered == 0) sums.covered = period > 0 ? sums.count * seconds(period) : pane;
  sums.covered = std::min(sums.covered, pane);
  return sums;
}

SeriesSums sums_by_time(std::span<const FeaturePoint> points, const FeaturePoint& before, const FeaturePoint& next, Nanos from,
                        Nanos to, const Holding& holding) {
  Curve curve(from, to, holding);
  FeaturePoint held = before;
  double count = 0;
  for (const FeaturePoint& point : points) {
    curve.between(held, point);
    held = point;
    count += std::isnan(point.value) ? 0 : 1;
  }
  curve.between(held, next.time == kBeginning ? FeaturePoint{kForever, held.value, 0} : next);
  SeriesSums sums = sums_of(curve.lines());
  sums.count = count;
  return sums;
}

PairSums sums_of_pair(const HeldSeries& x, const HeldSeries& y, Nanos from, Nanos to) {
  struct Piece {
    double w, x, y;
  };
  std::vector<Piece> pieces;
  Held a(x, from), b(y, from);
  PairSums sums;
  for (Nanos now = from; now < to;) {
    const Nanos until = std::min({a.until(), b.until(), to});
    if (a.known() && b.known()) {
      const double w = seconds(until - now);
      pieces.push_back({w, a.value(), b.value()});
      sums.weight += w;
      sums.x += w * a.value();
      sums.y += w * b.value();
    }
    a.advance(until);
    b.advance(until);
    now = until;
  }
  if (pieces.empty()) return sums;
  // Exactly constant: no rounding may look like noise.
  const auto constant = [&](double Piece::*of) {
    return std::ranges::all_of(pieces, [&](const Piece& piece) { return piece.*of == pieces.front().*of; });
  };
  sums.x = constant(&Piece::x) ? pieces.front().x : sums.x / sums.weight;
  sums.y = constant(&Piece::y) ? pieces.front().y : sums.y / sums.weight;
  double off_x = 0, off_y = 0;
  for (const Piece& piece : pieces) {
    const double dx = piece.x - sums.x, dy = piece.y - sums.y;
    off_x += piece.w * dx;
    off_y += piece.w * dy;
    sums.xx += piece.w * dx * dx;
    sums.yy += piece.w * dy * dy;
    sums.xy += piece.w * dx * dy;
  }
  sums.xx = std::max(0.0, sums.xx - off_x * off_x / sums.weight);
  sums.yy = std::max(0.0, sums.yy - off_y * off_y / sums.weight);
  sums.xy -= off_x * off_y / sums.weight;
  shift_mean(sums.x, sums.rest_x, off_x / sums.weight);
  shift_mean(sums.y, sums.rest_y, off_y / sums.weight);
  return sums;
}

}  // namespace twinpipe
