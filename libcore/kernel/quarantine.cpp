// SPDX-License-Identifier: Apache-2.0
// Quarantine: one pass over the columns, half a cache line of state per series.
#include "kernel/quarantine.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "kernel/column_values.hpp"
#include "kernel/quarantine_parts.hpp"

namespace twinpipe {
namespace {

/// Is the value the same? Zero has two signs; two not-a-numbers are no change.
template <class Values>
bool is_same(std::uint64_t one, std::uint64_t other) {
  if constexpr (std::is_same_v<Values, DoubleValues>) return DoubleValues::near(one, other, 0);
  else return one == other;
}

/// The difference of two times that may be anything, where it does not matter what comes of those that are absurd.
Nanos wrapped(Nanos one, Nanos other) {
  return static_cast<Nanos>(static_cast<std::uint64_t>(one) - static_cast<std::uint64_t>(other));
}

}  // namespace

bool Quarantine::reads(FrameKind kind) const {
  switch (kind) {
    case FrameKind::series:
    case FrameKind::readings:
    case FrameKind::waveform:
    case FrameKind::aggregates:
    case FrameKind::spectra:
    case FrameKind::arrival:
    case FrameKind::watermark:
    case FrameKind::applied:
    case FrameKind::position:
    case FrameKind::resume: return true;
    default: return false;
  }
}

void Quarantine::on_open(Output& out) {
  out.frame(rules_.applied());
  upstream_.open_segment();
  if (side_.live) to_side([](Output&) {});  // a stream without rejects is one, too
}

void Quarantine::grow() {
  for (const auto& lane : lanes_) {
    lane->tracks.resize(table().size());
    lane->clock.resize(table().size());
  }
}

/// A birth: the clock may be another. Another unit or type: what was before says nothing of the values that come.
Status Quarantine::on_series(const std::vector<Declared>& declared, const FrameView& frame, Output& out) {
  grow();
  for (const Declared& series : declared) {
    if (!series.is_new && !series.changed && !series.born) continue;
    const Id program = program_for(series.slot, kBeginning);
    for (const auto& lane : lanes_) {
      Track& track = lane->tracks[series.slot];
      if (series.redefined || series.is_new) {
        track = Track{};
      } else if (series.born) {
        lane->clock[series.slot] = clock_of(*lane, series.slot);
        track.state |= kOdd | kBorn;
      }
      track.program = program;
    }
  }
  return pass(frame, out);
}

std::optional<Nanos> Quarantine::now() const { return now_.newest() == kBeginning ? std::nullopt : std::optional(now_.newest()); }

EventClock Quarantine::clock_of(const Lane& lane, std::uint32_t slot) const {
  const Track& track = lane.tracks[slot];
  if (track.state & kOdd) return lane.clock[slot];
  return track.state & kHasLast ? EventClock(track.time, kBeginning) : EventClock();
}

Quarantine::Entry Quarantine::enter(const Lane& lane, std::uint32_t slot, Nanos time) const {
  Entry entry{clock_of(lane, slot), {}};
  entry.sight = entry.clock.take(time);
  if (entry.sight != EventClock::Sight::late || !(lane.tracks[slot].state & kBorn)) return entry;
  entry.clock = EventClock();  // set back with the birth
  entry.clock.take(time);
  entry.sight = EventClock::Sight::anew;
  return entry;
}

/// Do other rules apply from here on, perhaps?
bool Quarantine::is_over(const Lane& lane, std::uint32_t slot, Nanos time, const Entry& entry) const {
  return entry.anew() || (entry.believed() && time >= programs_[lane.tracks[slot].program].until);
}

void Quarantine::leave(Lane& lane, std::uint32_t slot, const Entry& entry) {
  Track& track = lane.tracks[slot];
  lane.clock[slot] = entry.clock;
  if (entry.believed()) track.state &= ~kBorn;
  const bool usual = (track.state & kHasLast) && !(track.state & kBorn) && entry.clock.newest() == track.time &&
                     entry.clock.leapt() == kBeginning;
  if (usual) track.state &= ~kOdd;
  else track.state |= kOdd;
}

void Quarantine::announce(Output& out) {
  for (std::string& line : rules_.announce(out)) notice(std::move(line));
}

// ---- what is broken -------------------------------------------------------------------------------------------------

/// Does what broke a rule of this action go on?
bool Quarantine::goes_on(v1::Reject::Action action) {
  switch (action) {
    case v1::Reject::ACTION_WARN: ++warned_; return true;
    case v1::Reject::ACTION_DROP: ++dropped_; return false;
    case v1::Reject::ACTION_FAIL: stop_ = true; return false;
    default: ++quarantined_; return false;
  }
}

void Quarantine::tell(const Expectation& expected, std::uint32_t slot, std::size_t row, const Offence& offence) {
  std::string reason = offence.where + expected.reason(offence.seen, table().series(slot).sensor);
  if (expected.action == v1::Reject::ACTION_FAIL)
    failure_ = fmt::format("rule '{}' is broken: {}: {}", expected.rule->name, table().name(slot), reason);
  hits_.push_back({static_cast<std::uint32_t>(row), {expected.rule->name, std::move(reason), expected.action, offence.position}});
}

/// A rule of action `fail` is broken, and all before it is written: the segment ends as that of a program that was told to stop.
Status Quarantine::failed(Output& out) {
  out.close(false);
  stop_ = false;
  return Status::error(Code::finding, failure_);
}

// ---- readings -------------------------------------------------------------------------------------------------------

/// The rows up to `until` that have not left yet, without those that are gone, and behind them what broke rules.
void Quarantine::write(const Columns& columns, std::size_t until, const FrameView& view, Output& out) {
  if (gone_.empty() && written_ == 0 && until == columns.rows()) {
    out.forward(view);
  } else {
    kept_.clear();
    auto gone = gone_.begin();
    for (auto row = static_cast<std::uint32_t>(written_); row < until; ++row) {
      if (gone != gone_.end() && *gone == row) ++gone;
      else kept_.push_back(row);
    }
    out.readings(columns, kept_);
  }
  for (const Hit& hit : hits_) reject(out, [&](Output& to) { rejects_.reading(columns, hit.row, hit.breach, to); });
  hits_.clear();
  passed_ += until - written_ - gone_.size();
  written_ = until;
  gone_.clear();
}

template <class Values>
Sighting Quarantine::sighting(const Lane& lane, const Values& values, std::size_t row, const Columns& columns,
                              bool follows) const {
  const std::uint32_t slot = columns.slot[row];
  const Track& track = lane.tracks[slot];
  Sighting seen;
  seen.time = seen.since = columns.time[row];
  seen.quality = columns.quality_at(row);
  seen.type = columns.type;
  seen.has_value = is_good(seen.quality);
  seen.is_number = Values::kNumber;
  seen.bits = values.bits(row);
  seen.text = values.text(row);
  seen.now = now();
  if constexpr (Values::kNumber) seen.number = Values::number(seen.bits);
  seen.follows = follows && (track.state & ~(kOdd | kBorn)) == state_of(columns.type, kHasLast);
  if (!seen.follows) return seen;
  seen.elapsed = saturating_sub(seen.time, track.time);
  seen.same = is_same<Values>(seen.bits, track.value);
  if constexpr (Values::kText) seen.same = lane.text.at(slot) == seen.text;
  if constexpr (Values::kNumber) seen.rise = Values::rise(track.value, seen.bits);
  if (seen.same) seen.since = track.since;
  return seen;
}

/// A row that breaks something, perhaps, or whose series is not in its usual state.
template <class Values>
Status Quarantine::look(Lane& lane, const Values& values, std::size_t row, const Columns& columns, const FrameView& view,
                        Output& out) {
  const std::uint32_t slot = columns.slot[row];
  const Nanos time = columns.time[row];
  const Entry entry = enter(lane, slot, time);
  if (is_over(lane, slot, time, entry)) {
    configure(lane, slot, time);
    if (rules_.has_news()) {
      write(columns, row, view, out);
      announce(out);
    }
  }
  const Sighting seen = sighting(lane, values, row, columns, entry.sight == EventClock::Sight::in_order);
  Track& track = lane.tracks[slot];
  const Expectation* broken = judge(track.program, slot, row, [&](const Check& check, Offence& offence) {
    if (!check.expectation->is_broken(seen, check.wrong_unit, check.stuck_after)) return false;
    offence.seen = seen;
    return true;
  });
  if (stop_) {
    write(columns, row, view, out);
    return failed(out);
  }
  if (broken != nullptr) gone_.push_back(static_cast<std::uint32_t>(row));
  if (is_about_time(broken)) return {};
  if (entry.anew()) track.state &= ~kHasLast;
  if (broken == nullptr && entry.believed() && seen.has_value) {
    track.value = seen.bits;
    track.time = seen.time;
    track.since = seen.since;
    track.state = state_of(columns.type, kHasLast | (track.state & (kOdd | kBorn)));
    if constexpr (Values::kText) lane.text[slot] = seen.text;
  }
  leave(lane, slot, entry);
  return {};
}

template <class Values>
Status Quarantine::hold(Lane& lane, const Values& values, const Columns& columns, const FrameView& view, Output& out) {
  const std::uint32_t usual = state_of(columns.type, kHasLast);
  const Nanos now = now_.newest() == kBeginning ? kForever : now_.newest();
  const bool usual_clock = now >= 0;  // so that nothing wraps around below
  Track* const tracks = lane.tracks.data();
  const std::uint32_t* const quality = columns.quality.empty() ? nullptr : columns.quality.data();
  Id number = 0;
  Program program = programs_[number];  // the last one used: neighbours often have the same, and a copy stays in registers
  for (std::size_t row = 0; row < columns.rows(); ++row) {
    Track& track = tracks[columns.slot[row]];
    if (track.program != number) [[unlikely]] {
      number = track.program;
      program = programs_[number];
    }
    const Nanos time = columns.time[row];
    const std::uint64_t bits = values.bits(row);
    // One test of everything, not one after another: that it holds is what the processor may count on.
    bool fine = usual_clock & !Values::kText & !program.always & (track.state == usual);
    fine &= EventClock::follows(track.time, time) & (time > program.earliest) & (time < program.until);
    fine &= wrapped(time, now) <= program.skew;
    if (quality != nullptr) fine &= quality[row] == kGood;
    bool same = bits == track.value;
    if constexpr (Values::kNumber) {
      const double value = Values::number(bits);
      fine &= (value >= program.low) & (value <= program.high);  // so it is a number
      fine &= std::fabs(Values::rise(track.value, bits)) <= Expectation::most_rise(program.per_second, wrapped(time, track.time));
      if constexpr (std::is_same_v<Values, DoubleValues>) same = value == Values::number(track.value);
    }
    const Nanos since = same ? track.since : time;
    fine &= wrapped(time, since) <= program.stuck;
    if (!fine) [[unlikely]] {
      if (program.silent) continue;
      if (Status status = look(lane, values, row, columns, view, out); !status.ok()) return status;
      continue;
    }
    track.since = since;
    track.value = bits;
    track.time = time;
  }
  return {};
}

Status Quarantine::on_readings(const Columns& columns, const FrameView& view, Output& out) {
  Lane& lane = *lanes_[columns.historical ? 1 : 0];
  written_ = 0;
  const Status status = with_values(columns, [&](const auto& values) { return hold(lane, values, columns, view, out); });
  if (status.ok()) write(columns, columns.rows(), view, out);
  return status;
}

Status Quarantine::on_watermark(const v1::Watermark& watermark, const FrameView& view, Output& out) {
  if (watermark.clock() != 0) now_.take(watermark.clock());
  if (side_.live) to_side([&view](Output& side) { side.forward(view); });
  return pass(view, out);
}

std::vector<Counter> Quarantine::counters() const {
  return {{"passed", passed_},
          {"quarantined", quarantined_},
          {"dropped", dropped_},
          {"warned", warned_},
          {"rules_expired", rules_.expired()}};
}

}  // namespace twinpipe
