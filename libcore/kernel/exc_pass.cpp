// SPDX-License-Identifier: Apache-2.0
// Exception pass: raw and derived frames on their way through.
#include "kernel/exc_pass.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>

#include "kernel/asset_batch.hpp"
#include "kernel/exc_pass_parts.hpp"
#include "kernel/frame_aliases.hpp"
#include "kernel/waveform_split.hpp"

namespace twinpipe {
namespace {

// One adapter per column type: the value that is judged, and how it is kept.

struct DoubleValues {
  static constexpr bool kJudged = true;
  std::span<const double> column;
  double number(std::size_t row) const { return column[row]; }
  std::uint64_t bits(std::size_t row) const { return std::bit_cast<std::uint64_t>(column[row]); }
  std::string_view text(std::size_t) const { return {}; }
};

template <class T>
struct IntegerValues {
  static constexpr bool kJudged = true;
  std::span<const T> column;
  double number(std::size_t row) const { return static_cast<double>(column[row]); }
  std::uint64_t bits(std::size_t row) const { return static_cast<std::uint64_t>(column[row]); }
  std::string_view text(std::size_t) const { return {}; }
};

struct TextValues {
  static constexpr bool kJudged = false;
  std::span<const std::string_view> column;
  double number(std::size_t) const { return 0; }
  std::uint64_t bits(std::size_t) const { return 0; }
  std::string_view text(std::size_t row) const { return column[row]; }
};

/// Time of a waveform's last sample. A period that is no sensible number leaves the first.
Nanos last_time(const v1::Waveform& waveform) {
  const double span = waveform.sample_period() * 1e9 * (static_cast<double>(sample_count(waveform)) - 1);
  return span > 0 && span < 9e18 ? saturating_add(waveform.time(), static_cast<Nanos>(span)) : waveform.time();
}

}  // namespace

ExcPass::ExcPass(const SeriesTable& table, const ExceptionRules& rules, ExcPassOptions options)
    : Stage(table),
      rules_(&rules),
      options_(options),
      book_(rules.policy(), std::string(ExceptionRules::kSection)),
      lanes_{std::make_unique<Lane>(), std::make_unique<Lane>()},
      ring_(options.ring, saturating_add(options.reach, rules.longest_pre())),
      writer_(std::make_unique<Writer>()) {
  lanes_[0]->used = lanes_[1]->historical = true;
}

ExcPass::~ExcPass() = default;

bool ExcPass::reads(FrameKind kind) const {
  switch (kind) {
    case FrameKind::series:
    case FrameKind::readings:
    case FrameKind::waveform:
    case FrameKind::lifecycle:
    case FrameKind::watermark:
    case FrameKind::aggregates:
    case FrameKind::spectra:
    case FrameKind::gap:
    case FrameKind::resume: return true;
    default: return false;
  }
}

void ExcPass::on_open(Output& out) { out.frame(book_.applied()); }

// ---- readings -------------------------------------------------------------------------------------------------------

Status ExcPass::on_readings(const Columns& columns, const FrameView& frame, Output& out) {
  Lane& lane = use(columns.historical);
  writer_->begin(out, &columns);
  switch (columns.type) {
    case v1::VALUE_TYPE_INT64: take_rows(lane, columns, IntegerValues<std::int64_t>{columns.ints}); break;
    case v1::VALUE_TYPE_UINT64: take_rows(lane, columns, IntegerValues<std::uint64_t>{columns.uints}); break;
    case v1::VALUE_TYPE_BOOL: take_rows(lane, columns, IntegerValues<std::uint8_t>{columns.bools}); break;
    case v1::VALUE_TYPE_STRING:
    case v1::VALUE_TYPE_BYTES: take_rows(lane, columns, TextValues{columns.texts}); break;
    default: take_rows(lane, columns, DoubleValues{columns.doubles}); break;
  }
  return writer_->done() ? pass(frame, out) : Status{};
}

template <class Values>
void ExcPass::take_rows(Lane& lane, const Columns& columns, const Values& values) {
  std::size_t quiet = 0;
  if (!reads_data_clock(lane)) quiet = quiet_rows(lane, columns, values);
  else if (std::ranges::all_of(columns.slot, [&](Id slot) { return lane.flags[slot] == 0; })) quiet = columns.rows();
  if (quiet == columns.rows()) return writer_->all_plain();
  writer_->plain_until(quiet);
  for (std::size_t row = quiet; row < columns.rows(); ++row) {
    take_row(lane, columns, row, values);
    if (!alone_.empty()) forget_alone(lane);
  }
}

/// Rows at the front that change no condition, meet no window and wait for none: all of them, most of the time.
template <class Values>
std::size_t ExcPass::quiet_rows(Lane& lane, const Columns& columns, const Values& values) const {
  const std::size_t rows = columns.rows();
  for (std::size_t row = 0; row < rows; ++row) {
    const Id slot = columns.slot[row];
    const std::uint8_t flags = lane.flags[slot];
    if (flags == 0) continue;
    if (flags != kJudged || !Values::kJudged || !columns.quality.empty()) return row;
    Hot& hot = lane.hot[slot];
    const double value = values.number(row);
    if (!(value >= hot.low && value <= hot.high) || !hot.clock.advance(columns.time[row])) return row;
  }
  return rows;
}

template <class Values>
void ExcPass::take_row(Lane& lane, const Columns& columns, std::size_t row, const Values& values) {
  const Id slot = columns.slot[row];
  if (lane.flags[slot] == 0) return writer_->plain(row);
  const Nanos time = columns.time[row];
  const Sight sight = see(lane, slot, time);
  if (Values::kJudged && (lane.flags[slot] & kJudged))
    judge_raw(lane, slot, time, values.number(row), is_good(columns.quality_at(row)), sight);
  tick(lane, slot, time);
  const std::uint8_t flags = lane.flags[slot];
  if (columns.pinned || !(flags & (kGated | kInWindow))) return writer_->plain(row);
  const std::string_view text = values.text(row);
  const Verdict decided = verdict(lane, slot, time, time, kReadingBytes + text.size());
  if (decided == Verdict::pinned) return writer_->pinned(row);
  if (!(flags & kGated)) return writer_->plain(row);
  ++gated_;
  const Id ring = ring_of(lane, slot);
  if (decided == Verdict::refused) return ring_.lose(ring, time, time);
  RawRow waits{time, values.bits(row), 0, 0, columns.quality_at(row), 0, static_cast<std::uint8_t>(columns.type), false};
  if (!columns.seq.empty()) {
    waits.has_seq = true;
    waits.seq = columns.seq[row];
    waits.index = columns.index.empty() ? 0 : columns.index[row];
  }
  ring_.add(ring, waits, text, sight == Sight::leap);
}

/// A temporary rule of the series' asset may have ended by now.
void ExcPass::reconfigure(Lane& lane, Id slot, Nanos at) {
  const Id asset = table().series(slot).asset;
  if (at < lane.assets[asset].rules_until) return;
  configure(lane, asset, at);
  announce();
}

/// Raw tells the time of its series.
ExcPass::Sight ExcPass::see(Lane& lane, Id slot, Nanos time) {
  EventClock& clock = lane.hot[slot].clock;
  // Behind a restart without a state, raw from before it may be missing.
  if (clock.newest() == kBeginning && std::exchange(lane.sensors[slot].cold, false))
    ring_.lose(ring_of(lane, slot), kBeginning + 1, saturating_sub(time, 1));
  const Sight sight = clock.take(time);
  if (sight == Sight::anew) leap(lane, slot, lane.sensors[slot].raw);
  if (sight != Sight::leap && lane.flags[slot] & kWillChange) reconfigure(lane, slot, time);
  return sight;
}

/// A clock went elsewhere: nobody knows that a condition held meanwhile, and the rules are asked for again.
void ExcPass::leap(Lane& lane, Id slot, const std::vector<Id>& watches) {
  for (const Id id : watches) {
    Watch& watch = lane.watches[id];
    if (watch.window != kNone) close_window(lane, watch.window);
    watch.side = ExceptionRule::Side::none;
    watch.raised = watch.has_previous = false;
    watch.newest = kBeginning;
  }
  AssetState& asset = lane.assets[table().series(slot).asset];
  asset.configured = asset.rules_until = kBeginning;
  lane.flags[slot] |= kWillChange;
}

/// Raw tells the time of its node, where that has no watermarks.
void ExcPass::tick(Lane& lane, Id slot, Nanos time) {
  if (lane.live.size() == alone_.size()) return;
  const Id number = table().node_of(slot);
  Node& node = lane.nodes[number];
  if (node.ticking) return;
  if (node.data.take(time) == Sight::anew || node.data.newest() > node.due) close_due(lane, number);
}

// ---- waveforms ------------------------------------------------------------------------------------------------------

Status ExcPass::on_waveform(const v1::Waveform& waveform, std::uint32_t slot, const FrameView& frame, Output& out) {
  Lane& lane = use(waveform.historical());
  if (lane.flags[slot] == 0) return pass(frame, out);
  writer_->begin(out);
  const Nanos first = waveform.time(), last = last_time(waveform);
  const Sight sight = see(lane, slot, last);
  tick(lane, slot, last);
  const std::uint8_t flags = lane.flags[slot];
  if (waveform.pinned() || !(flags & (kGated | kInWindow))) return pass(frame, out);
  const Verdict decided = verdict(lane, slot, first, last, frame.payload.size());
  if (decided == Verdict::pinned) {
    writer_->waveform({}, frame.payload);
    return {};
  }
  if (!(flags & kGated)) return pass(frame, out);
  ++gated_;
  const Id ring = ring_of(lane, slot);
  if (decided == Verdict::refused) {
    ring_.lose(ring, first, last);
    return {};
  }
  std::string rest;
  rest.reserve(frame.payload.size());
  without_field(frame.payload, v1::Waveform::kSeriesFieldNumber, rest);
  ring_.add(ring, first, last, std::move(rest), sight == Sight::leap);
  return {};
}

// ---- what was derived -----------------------------------------------------------------------------------------------

/// A frame that does not fit together is refused before it leaves.
template <class Rows>
Status ExcPass::check_derived(const Rows& rows) const {
  if (Status status = check_spans(rows); !status.ok()) return status;
  const int count = rows.series_size();
  for (const Signal& signal : rules_->signals())
    if (const std::size_t size = signal.of(rows).size(); size != 0 && size != static_cast<std::size_t>(count))
      return Status::error(Code::bad_data,
                           fmt::format("columns of unequal length: {} series, {} of '{}'", count, size, signal.name));
  return {};
}

template <class Rows>
Status ExcPass::take_derived(const Rows& rows, const FrameView& view, Output& out) {
  if (Status status = check_derived(rows); !status.ok()) return status;
  out.forward(view);  // the cause stands in front of the exception
  Lane& lane = use(rows.historical());
  writer_->begin(out);
  for (int row = 0; row < rows.series_size(); ++row) {
    const Id slot = table().slots()[rows.series(row)];
    const Nanos end = rows.end(row);
    const Sight sight = lane.sensors[slot].derived_clock.take(end);
    if (sight == Sight::anew) leap(lane, slot, lane.sensors[slot].derived);
    if (sight != Sight::leap && lane.flags[slot] & kWillChange) reconfigure(lane, slot, end);
    for (const Id number : lane.sensors[slot].derived) {
      Watch& watch = lane.watches[number];
      const std::span<const double> column = rules_->signals()[watch.signal].of(rows);
      if (column.empty()) continue;
      const double value = column[static_cast<std::size_t>(row)];
      if (!std::isfinite(value)) {
        ++not_finite_;
        continue;
      }
      if (sight == Sight::leap) {
        judge(lane, number, {end, rows.start(row), value}, sight);
        continue;
      }
      const bool late = end < watch.newest;
      watch.newest = std::max(watch.newest, end);
      judge(lane, number, {end, rows.start(row), value}, late ? Sight::late : Sight::in_order);
    }
    if (!alone_.empty()) forget_alone(lane);
  }
  writer_->flush();
  return {};
}

Status ExcPass::on_frame(const v1::Frame& frame, const FrameView& view, Output& out) {
  if (frame.has_aggregates()) return take_derived(frame.aggregates(), view, out);
  if (frame.has_spectra()) return take_derived(frame.spectra(), view, out);
  if (frame.has_gap()) {
    if (const auto node = table().find_node(frame.gap().node()))
      for (const auto& lane : lanes_) restart_conditions(*lane, *node, nullptr);
  }
  if (frame.has_resume()) {
    restarted_ = !std::exchange(loaded_, false);
    writer_->begin(out);
    announce();
  }
  return pass(view, out);
}

// ---- the state of the source ----------------------------------------------------------------------------------------

Status ExcPass::on_watermark(const v1::Watermark& watermark, const FrameView& frame, Output& out) {
  Lane& lane = use(watermark.lane() == v1::LANE_HISTORICAL);
  if (const auto number = table().find_node(watermark.node())) {
    writer_->begin(out);
    Node& node = lane.nodes[*number];
    node.ticking = true;
    node.watermark = std::max(node.watermark, watermark.time());
    if (node.watermark > node.due) close_due(lane, *number);
    writer_->flush();
  }
  return pass(frame, out);
}

/// The windows of what went offline are closed before the news; raw in their span that comes later still passes.
Status ExcPass::on_lifecycle(const v1::Lifecycle& lifecycle, const FrameView& frame, Output& out) {
  const auto node = table().find_node(lifecycle.node());
  if (lifecycle.online() || !node) return pass(frame, out);
  writer_->begin(out);
  for (const auto& lane : lanes_) {
    restart_conditions(*lane, *node, &lifecycle);
    for (const Id window : std::vector<Id>(lane->live)) {
      const Id slot = lane->windows[window].slot;
      if (table().node_of(slot) == *node && is_of(slot, lifecycle)) close_window(*lane, window);
    }
  }
  writer_->flush();
  return pass(frame, out);
}

Status ExcPass::finish(Output& out) {
  for (const auto& lane : lanes_)
    for (const Id window : lane->live)
      if (lane->windows[window].open) last_aliases_.declare(lane->windows[window].slot, out);
  writer_->begin(out);
  for (const auto& lane : lanes_)
    for (const Id window : std::vector<Id>(lane->live)) close_window(*lane, window);
  writer_->flush();
  return {};
}

std::vector<Counter> ExcPass::counters() const {
  return {{"pinned", pinned_},          {"gated", gated_ - released_},     {"over_budget", refused_},
          {"evicted", ring_.evicted()}, {"ring_bytes", ring_.bytes()},     {"exceptions", exceptions_},
          {"not_finite", not_finite_},  {"rules_expired", book_.expired()}};
}

}  // namespace twinpipe
