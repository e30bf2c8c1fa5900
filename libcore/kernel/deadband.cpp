// SPDX-License-Identifier: Apache-2.0
// Deadband: one pass over the columns, one cache line of state per series.
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>

#include "kernel/deadband_parts.hpp"

namespace twinpipe {
namespace {

void describe(const Rule& rule, v1::AppliedRule& to) {
  to.set_interpolation(v1::WEIGHTING_STEP);
  to.set_percent(rule.number("percent").has_value());
  to.set_bound(rule.number("percent").value_or(rule.number("absolute").value_or(0)));
  to.set_heartbeat(rule.duration("heartbeat").value_or(0));
  to.set_shortest(rule.duration("shortest").value_or(0));
}

double distance(double a, double b) { return std::fabs(a - b); }

// One adapter per column type: the value as bits to hold, and whether it may be suppressed against what is held.

struct DoubleValues {
  static constexpr bool kText = false;
  std::span<const double> column;
  std::uint64_t bits(std::size_t row) const { return std::bit_cast<std::uint64_t>(column[row]); }
  std::string_view text(std::size_t) const { return {}; }
  bool within(std::size_t row, const auto& held, const std::string*) const {
    const double value = column[row];
    const auto before = std::bit_cast<double>(held.value);
    // Equality covers infinities, whose distance is not a number; two not-a-numbers are no change.
    return distance(value, before) <= held.bound || value == before || (std::isnan(value) && std::isnan(before));
  }
};

template <class T>
struct IntegerValues {
  static constexpr bool kText = false;
  std::span<const T> column;
  std::uint64_t bits(std::size_t row) const { return static_cast<std::uint64_t>(column[row]); }
  std::string_view text(std::size_t) const { return {}; }
  bool within(std::size_t row, const auto& held, const std::string*) const {
    const T value = column[row];
    const T before = static_cast<T>(held.value);
    // Exact in the integers: a double cannot tell 2^53 from 2^53 + 1.
    const std::uint64_t difference = value >= before ? static_cast<std::uint64_t>(value) - static_cast<std::uint64_t>(before)
                                                     : static_cast<std::uint64_t>(before) - static_cast<std::uint64_t>(value);
    return held.bound >= 0x1p64 || difference <= static_cast<std::uint64_t>(held.bound);
  }
};

struct BoolValues {
  static constexpr bool kText = false;
  std::span<const std::uint8_t> column;
  std::uint64_t bits(std::size_t row) const { return column[row]; }
  std::string_view text(std::size_t) const { return {}; }
  bool within(std::size_t row, const auto& held, const std::string*) const { return column[row] == held.value; }
};

struct TextValues {
  static constexpr bool kText = true;
  std::span<const std::string_view> column;
  std::uint64_t bits(std::size_t) const { return 0; }
  std::string_view text(std::size_t row) const { return column[row]; }
  bool within(std::size_t row, const auto&, const std::string* held) const { return held != nullptr && *held == column[row]; }
};

}  // namespace

Deadband::Deadband(const SeriesTable& table, const Policy& policy)
    : Stage(table), rules_(policy, "deadband", describe), lanes_{std::make_unique<Lane>(), std::make_unique<Lane>()} {}

Deadband::~Deadband() = default;

bool Deadband::reads(FrameKind kind) const {
  return kind == FrameKind::series || kind == FrameKind::readings || kind == FrameKind::watermark || kind == FrameKind::lifecycle;
}

void Deadband::on_open(Output& out) { out.frame(rules_.applied()); }

void Deadband::grow() {
  for (const auto& lane : lanes_) lane->held.resize(table().size());
}

/// Takes over the rule that applies to a series from event time `at` on.
Status Deadband::configure(std::uint32_t slot, Nanos at, Lane& lane) {
  const auto [rule, until] = rules_.find(table(), slot, at);
  Held& held = lane.held[slot];
  held.until = until;
  held.bound = -1;
  held.heartbeat = kForever;
  held.shortest = 0;
  if (rule == nullptr) return {};
  held.bound = rule->number("absolute").value_or(0);
  held.heartbeat = rule->duration("heartbeat").value_or(kForever);
  held.shortest = rule->duration("shortest").value_or(0);
  if (const auto percent = rule->number("percent")) {
    const v1::Sensor& sensor = table().series(slot).sensor;
    const double range = sensor.has_low() && sensor.has_high() ? sensor.high() - sensor.low() : 0;
    if (!(range > 0))
      return Status::error(Code::bad_config,
                           fmt::format("{}: rule '{}' wants per cent of the engineering range, and the series declares none",
                                       table().name(slot), rule->name));
    held.bound = range * *percent / 100;
  }
  return {};
}

Status Deadband::on_series(const std::vector<Declared>& declared, const FrameView& frame, Output& out) {
  grow();
  for (const Declared& series : declared) {
    if (!series.born && !series.changed) continue;
    for (const auto& lane : lanes_) {
      // What was suppressed before a birth is older than the birth's own values, which follow and pass.
      const auto listed = static_cast<std::uint8_t>(lane->held[series.slot].flags & kListed);
      lane->held[series.slot] = Held{};
      lane->held[series.slot].flags = listed;
      if (Status status = configure(series.slot, kBeginning, *lane); !status.ok()) return status;
      lane->held[series.slot].until = kBeginning;  // asked again with the first reading's time
    }
  }
  return pass(frame, out);
}

template <class Values>
Status Deadband::select(Lane& lane, const Columns& columns, const Values& values) {
  const std::size_t rows = columns.rows();
  const auto type = static_cast<std::uint8_t>(columns.type);
  kept_.resize(rows);
  std::size_t kept = 0;
  for (std::size_t row = 0; row < rows; ++row) {
    const std::uint32_t slot = columns.slot[row];
    Held& held = lane.held[slot];
    const Nanos time = columns.time[row];
    if (time >= held.until) [[unlikely]]
      if (Status status = configure(slot, time, lane); !status.ok()) return status;
    kept_[kept] = static_cast<std::uint32_t>(row);
    if (time < held.seen || held.bound < 0) [[unlikely]] {
      // A late reading passes and changes nothing: what is held is newer. So does one that no rule owns.
      ++kept;
      continue;
    }
    held.seen = time;
    const std::uint32_t quality = columns.quality_at(row);
    const std::string* text = Values::kText ? lane.text_of(slot) : nullptr;
    const bool comparable = (held.flags & kHeld) && held.type == type && held.quality == quality;
    if (comparable && values.within(row, held, text)) {
      lane.forget_suppressed(slot);
      if (saturating_sub(time, held.sent) < held.heartbeat) continue;
    } else if (comparable && saturating_sub(time, held.sent) < held.shortest) {
      lane.suppress(slot, Suppressed{values.bits(row), std::string(values.text(row)), time, quality});
      ++blacked_out_;
      continue;
    }
    lane.hold(slot, values, row, time, quality, columns.type);
    ++kept;
  }
  kept_.resize(kept);
  return {};
}

void Deadband::hold_pinned(Lane& lane, const Columns& columns) {
  const auto hold_all = [&](const auto& values) {
    for (std::size_t row = 0; row < columns.rows(); ++row) {
      Held& held = lane.held[columns.slot[row]];
      if (columns.time[row] < held.seen) continue;
      held.seen = columns.time[row];
      lane.hold(columns.slot[row], values, row, columns.time[row], columns.quality_at(row), columns.type);
    }
  };
  switch (columns.type) {
    case v1::VALUE_TYPE_INT64: return hold_all(IntegerValues<std::int64_t>{columns.ints});
    case v1::VALUE_TYPE_UINT64: return hold_all(IntegerValues<std::uint64_t>{columns.uints});
    case v1::VALUE_TYPE_BOOL: return hold_all(BoolValues{columns.bools});
    case v1::VALUE_TYPE_STRING:
    case v1::VALUE_TYPE_BYTES: return hold_all(TextValues{columns.texts});
    default: return hold_all(DoubleValues{columns.doubles});
  }
}

Status Deadband::on_readings(const Columns& columns, const FrameView& frame, Output& out) {
  Lane& lane = *lanes_[columns.historical ? 1 : 0];
  if (columns.pinned) {
    hold_pinned(lane, columns);
    return pass(frame, out);
  }
  Status status;
  switch (columns.type) {
    case v1::VALUE_TYPE_INT64: status = select(lane, columns, IntegerValues<std::int64_t>{columns.ints}); break;
    case v1::VALUE_TYPE_UINT64: status = select(lane, columns, IntegerValues<std::uint64_t>{columns.uints}); break;
    case v1::VALUE_TYPE_BOOL: status = select(lane, columns, BoolValues{columns.bools}); break;
    case v1::VALUE_TYPE_STRING:
    case v1::VALUE_TYPE_BYTES: status = select(lane, columns, TextValues{columns.texts}); break;
    default: status = select(lane, columns, DoubleValues{columns.doubles}); break;
  }
  if (!status.ok()) return status;
  for (std::string& line : rules_.announce(out)) notice(std::move(line));
  dropped_ += columns.rows() - kept_.size();
  if (kept_.size() == columns.rows()) return pass(frame, out);
  out.readings(columns, kept_);
  return {};
}

Status Deadband::on_watermark(const v1::Watermark& watermark, const FrameView& frame, Output& out) {
  const bool historical = watermark.lane() == v1::LANE_HISTORICAL;
  if (!lanes_[historical ? 1 : 0]->waiting.empty())
    if (const auto node = table().find_node(watermark.node())) release(historical, *node, watermark.time(), out);
  return pass(frame, out);
}

Status Deadband::on_lifecycle(const v1::Lifecycle& lifecycle, const FrameView& frame, Output& out) {
  if (!lifecycle.online())
    if (const auto node = table().find_node(lifecycle.node()))
      for (const bool historical : {false, true}) release(historical, *node, kForever, out);
  return pass(frame, out);
}

Status Deadband::finish(Output& out) {
  for (const bool historical : {false, true}) release(historical, static_cast<std::uint32_t>(table().nodes()), kForever, out);
  return {};
}

std::vector<Counter> Deadband::counters() const {
  return {{"dropped", dropped_}, {"suppressed_by_shortest", blacked_out_}, {"rules_expired", rules_.expired()}};
}

}  // namespace twinpipe
