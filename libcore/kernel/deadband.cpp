// SPDX-License-Identifier: Apache-2.0
// Deadband: one pass over the columns, one cache line of state per series.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "kernel/column_values.hpp"
#include "kernel/deadband_parts.hpp"
#include "wire/quantity.hpp"

namespace twinpipe {
namespace {

/// The number that a rule gives in the series' unit or in per cent of its range.
struct Amount {
  double value = 0;
  bool given = false, percent = false;
};

Amount amount(const Rule& rule, std::string_view absolute, std::string_view percent) {
  if (const auto value = rule.number(percent)) return {*value, true, true};
  if (const auto value = rule.number(absolute)) return {*value, true, false};
  return {};
}

Amount exception_bound(const Rule& rule) { return amount(rule, "absolute", "percent"); }
Amount door_bound(const Rule& rule) { return amount(rule, "swinging_door", "swinging_door_percent"); }
bool sends_previous(const Rule& rule) { return rule.boolean("previous", false); }
bool draws_lines(const Rule& rule) { return door_bound(rule).given || sends_previous(rule); }

/// What a reader has to count with: the error of the straight line when there is one, of the held value otherwise.
void describe(const Rule& rule, v1::AppliedRule& to) {
  const Amount exception = exception_bound(rule), door = door_bound(rule);
  to.set_interpolation(draws_lines(rule) ? v1::WEIGHTING_LINEAR : v1::WEIGHTING_STEP);
  to.set_percent(exception.percent || door.percent);
  to.set_bound(draws_lines(rule) ? door.value + 2 * exception.value : exception.value);
  to.set_heartbeat(rule.duration("heartbeat").value_or(0));
  to.set_shortest(rule.duration("shortest").value_or(0));
}

double in_unit(const Amount& bound, double range) { return bound.percent ? range * bound.value / 100 : bound.value; }

}  // namespace

Status Deadband::check(const Policy& policy) {
  for (const Rule& rule : policy.rules("deadband")) {
    const auto wrong = [&rule](std::string what) {
      return Status::error(Code::bad_config, fmt::format("policy: deadband: rule '{}': {}", rule.name, what));
    };
    for (const auto& [one, other] : {std::pair("absolute", "percent"), std::pair("swinging_door", "swinging_door_percent")})
      if (rule.number(one) && rule.number(other)) return wrong(fmt::format("'{}' and '{}' exclude each other", one, other));
    const Amount exception = exception_bound(rule), door = door_bound(rule);
    if (exception.given && door.given && exception.percent != door.percent)
      return wrong("one bound in the unit and the other in per cent: they do not add up to one that a reader can count with");
    const Nanos shortest = rule.duration("shortest").value_or(0), heartbeat = rule.duration("heartbeat").value_or(kForever);
    if (shortest > 0 && shortest >= heartbeat)
      return wrong(fmt::format("the shortest interval, {}, is not below the heartbeat, {}", format_duration(shortest),
                               format_duration(heartbeat)));
  }
  return {};
}

std::optional<std::string> Deadband::range_complaint(const Rule& rule, std::optional<double> low, std::optional<double> high) {
  const Amount exception = exception_bound(rule), door = door_bound(rule);
  if (!exception.percent && !door.percent) return std::nullopt;
  if (!low || !high || !(*high > *low)) return "wants per cent of the engineering range, and the series declares none";
  const double range = *high - *low;
  if (std::isfinite(in_unit(exception, range)) && std::isfinite(in_unit(door, range))) return std::nullopt;
  return "wants per cent of the engineering range, and the bound is not finite";
}

Deadband::Deadband(const SeriesTable& table, const Policy& policy)
    : Stage(table),
      rules_(policy, "deadband", describe),
      lines_(std::ranges::any_of(rules_.rules(), draws_lines)),
      lanes_{std::make_unique<Lane>(), std::make_unique<Lane>()},
      selection_(std::make_unique<Selection>()) {}

Deadband::~Deadband() = default;

bool Deadband::reads(FrameKind kind) const {
  return kind == FrameKind::series || kind == FrameKind::readings || kind == FrameKind::watermark || kind == FrameKind::lifecycle;
}

void Deadband::on_open(Output& out) {
  ++segment_;
  out.frame(rules_.applied());
}

void Deadband::grow() {
  for (auto asset = static_cast<std::uint32_t>(nodes_.size()); asset < table().assets(); ++asset)
    nodes_.push_back(table().asset(asset).node);
  for (const auto& lane : lanes_) {
    lane->held.resize(table().size());
    lane->leapt.resize(table().size());
    if (!lines_) continue;
    lane->doors.resize(table().size());
    lane->previous.resize(table().size());
  }
}

/// Takes over the rule that applies to a series from event time `at` on.
Status Deadband::configure(std::uint32_t slot, Nanos at, Lane& lane) {
  const auto [rule, until] = rules_.find(table(), slot, at);
  Held& held = lane.held[slot];
  held.until = until;
  held.mode = DeadbandMode::all;
  held.heartbeat = kForever;
  held.shortest = 0;
  if (rule == nullptr) return {};
  const Amount exception = exception_bound(*rule), door = door_bound(*rule);
  const v1::Sensor& sensor = table().series(slot).sensor;
  const auto low = sensor.has_low() ? std::optional(sensor.low()) : std::nullopt;
  const auto high = sensor.has_high() ? std::optional(sensor.high()) : std::nullopt;
  if (const auto complaint = range_complaint(*rule, low, high))
    return Status::error(Code::bad_config, fmt::format("{}: rule '{}' {}", table().name(slot), rule->name, *complaint));
  const double range = low && high ? *high - *low : 0;
  held.mode = draws_lines(*rule) ? DeadbandMode::line : DeadbandMode::step;
  held.heartbeat = rule->duration("heartbeat").value_or(kForever);
  held.shortest = rule->duration("shortest").value_or(0);
  held.bound = door.given && !exception.given ? -1 : in_unit(exception, range);
  if (lines_) lane.doors[slot].bound = door.given ? in_unit(door, range) : -1;
  return {};
}

Status Deadband::on_series(const std::vector<Declared>& declared, const FrameView& frame, Output& out) {
  grow();
  if (!declared.empty()) follow_node(table().series(declared.front().slot).asset);
  for (const Declared& series : declared)
    if (series.born || series.changed)
      if (Status status = configure(series.slot, kBeginning, *lanes_[0]); !status.ok()) return status;
  end_lines(declared, false, out);
  out.forward(frame);
  end_lines(declared, true, out);
  for (const Declared& series : declared) {
    for (const auto& lane : lanes_) {
      if (!series.born && !series.changed) {
        lane->carry_over(series.slot, table().series(series.slot).sensor.alias(), segment_);
        continue;
      }
      // What the shortest interval suppressed before a birth is older than the birth's own values, which follow and pass.
      // The rule is asked for again with the first reading's time.
      lane->held[series.slot] = Held{};
    }
  }
  return {};
}

/// The series of `row` goes by another rule from here on, or its clock went elsewhere: then its next reading is the first.
Status Deadband::begin_anew(Lane& lane, std::size_t row, EventClock::Sight sight, Selection& to) {
  const std::uint32_t slot = to.columns->slot[row];
  end_line(lane, row, to);     // drawn under another rule
  lane.forget(slot, kListed);  // as due by the old rule
  if (sight == EventClock::Sight::anew) lane.forget(slot, kHeld | kSuppressed);
  if (Status status = configure(slot, to.columns->time[row], lane); !status.ok()) return status;
  if (lane.held[slot].flags & kSuppressed) lane.list(slot, table().node_of(slot));
  return {};
}

template <class Values>
Status Deadband::select(Lane& lane, const Values& values, Selection& to) {
  const Columns& columns = *to.columns;
  const std::size_t rows = columns.rows();
  const auto type = static_cast<std::uint8_t>(columns.type);
  std::uint32_t* const kept = to.rows.data();
  std::size_t count = 0;
  for (std::size_t row = 0; row < rows; ++row) {
    if constexpr (Values::kNumber) {
      if (lane.held[columns.slot[row]].mode == DeadbandMode::line) [[unlikely]] {
        row = extend_on(lane, values, row, columns);
        if (row == rows) break;
      }
    }
    const std::uint32_t slot = columns.slot[row];
    Held& held = lane.held[slot];
    const Nanos time = columns.time[row];
    if (held.mode != DeadbandMode::step || time >= held.until || held.flags & kLeapt || !EventClock::follows(held.seen, time))
        [[unlikely]] {
      const EventClock::Sight sight = lane.see(slot, time);
      to.count = count;
      if (sight == EventClock::Sight::late || sight == EventClock::Sight::leap) {
        // It passes and changes nothing: what is held is newer, or the time of this one is not believed.
        if (sight == EventClock::Sight::leap) end_line(lane, row, to);
        to.keep(row);
        count = to.count;
        continue;
      }
      if (sight == EventClock::Sight::anew || time >= held.until)
        if (Status status = begin_anew(lane, row, sight, to); !status.ok()) return status;
      bool on_line = false;
      if constexpr (Values::kNumber) on_line = held.mode == DeadbandMode::line && follow(lane, values, row, to);
      // What no line leads to is compared with what is held.
      if (!on_line && held.mode == DeadbandMode::line) end_line(lane, row, to);
      count = to.count;
      if (on_line) continue;
      if (held.mode == DeadbandMode::all) {
        kept[count++] = static_cast<std::uint32_t>(row);
        continue;
      }
    }
    kept[count] = static_cast<std::uint32_t>(row);
    held.seen = time;
    const std::uint32_t quality = columns.quality_at(row);
    const std::string* text = Values::kText ? lane.text_of(slot) : nullptr;
    const bool comparable = (held.flags & kHeld) && held.type == type && held.quality == quality;
    if (comparable && values.within(row, held, text)) {
      lane.forget(slot, kSuppressed);
      if (saturating_sub(time, held.sent) < held.heartbeat) continue;
    } else if (comparable && saturating_sub(time, held.sent) < held.shortest && values.ordinary(row, held)) {
      suppress(lane, slot, Stored(columns, row, values.bits(row), segment_), values.text(row));
      ++blacked_out_;
      continue;
    }
    lane.hold(slot, values, row, time, quality, columns.type);
    ++count;
  }
  to.count = count;
  return {};
}

Status Deadband::on_readings(const Columns& columns, const FrameView& frame, Output& out) {
  Lane& lane = *lanes_[columns.historical ? 1 : 0];
  StoredRows earlier(columns.historical, out);
  Selection& selection = *selection_;
  selection.start(columns, earlier, columns.rows() * (lines_ ? 3 : 1));
  Status status;
  with_values(columns, [&](const auto& values) {
    if (columns.pinned) hold_pinned(lane, values, selection);
    else status = select(lane, values, selection);
  });
  if (!status.ok()) return status;
  earlier.write();
  for (std::string& line : rules_.announce(out)) notice(std::move(line));
  dropped_ += columns.rows() - selection.count - selection.count_earlier;
  if (columns.pinned || (selection.count == columns.rows() && selection.memory.empty())) return pass(frame, out);
  selection.write(out);
  return {};
}

Status Deadband::on_watermark(const v1::Watermark& watermark, const FrameView& frame, Output& out) {
  if (const auto node = table().find_node(watermark.node()))
    release(watermark.lane() == v1::LANE_HISTORICAL, *node, watermark.time(), out);
  return pass(frame, out);
}

Status Deadband::on_lifecycle(const v1::Lifecycle& lifecycle, const FrameView& frame, Output& out) {
  if (!lifecycle.online())
    if (const auto node = table().find_node(lifecycle.node()))
      for (const bool historical : {false, true}) release(historical, *node, kForever, out);
  return pass(frame, out);
}

Status Deadband::finish(Output& out) {
  declare_absent(out);
  for (const bool historical : {false, true})
    for (std::uint32_t node = 0; node < table().nodes(); ++node) release(historical, node, kForever, out);
  return {};
}

std::vector<Counter> Deadband::counters() const {
  return {
      {"dropped", dropped_}, {"suppressed_by_shortest", blacked_out_}, {"rules_expired", rules_.expired()}, {"held_lost", lost_}};
}

}  // namespace twinpipe
