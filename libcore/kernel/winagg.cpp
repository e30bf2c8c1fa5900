// SPDX-License-Identifier: Apache-2.0
// The hot path of the window aggregates: readings and waveforms into panes.
#include "kernel/winagg.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernel/waveform_split.hpp"
#include "kernel/winagg_parts.hpp"

namespace twinpipe {
namespace {

constexpr double kExcluded = std::numeric_limits<double>::quiet_NaN();

/// Message number and index as one key to compare.
std::uint64_t order_of(const Columns& columns, std::size_t row) {
  if (columns.seq.empty()) return 0;
  return columns.seq[row] << 20 | (columns.index.empty() ? 0 : columns.index[row] & 0xFFFFFU);
}

}  // namespace

WinAgg::WinAgg(const SeriesTable& table, const Policy& policy, WinAggOptions options, Output* late)
    : Stage(table),
      rules_(policy, kWinAggSection,
             [](const Rule& rule, v1::AppliedRule& to) { to.set_heartbeat(rule.duration("heartbeat").value_or(0)); }),
      options_(options),
      lanes_{std::make_unique<Lane>(), std::make_unique<Lane>()}, late_(late) {
  for (const Rule& rule : rules_.rules())
    longest_ = std::max(longest_, saturating_add(rule.duration("window").value_or(0), rule.duration("lateness").value_or(0)));
}

WinAgg::~WinAgg() = default;

bool WinAgg::reads(FrameKind kind) const {
  switch (kind) {
    case FrameKind::series:
    case FrameKind::readings:
    case FrameKind::waveform:
    case FrameKind::lifecycle:
    case FrameKind::gap:
    case FrameKind::watermark:
    case FrameKind::applied:
    case FrameKind::resume: return true;
    default: return false;
  }
}

void WinAgg::grow() {
  settings_.resize(table().size());
  sent_.resize(table().size());
  for (const auto& lane : lanes_) {
    lane->heads.resize(table().size());
    lane->tracks.resize(table().size());
  }
  while (nodes_.size() < table().nodes()) {
    Node& node = nodes_.emplace_back();
    const auto early = early_ticks_.find(table().node_name(static_cast<std::uint32_t>(nodes_.size() - 1)));
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      Clock& clock = node.clock[lane];
      if (restarted_) clock.restarted = true, clock.due = kBeginning;
      if (early == early_ticks_.end() || early->second[lane] == kBeginning) continue;
      clock.ticking = true;
      clock.tick = early->second[lane];
    }
    if (early != early_ticks_.end()) early_ticks_.erase(early);
  }
}

Status WinAgg::on_series(const std::vector<Declared>& declared, const FrameView& frame, Output& out) {
  grow();
  for (const Declared& series : declared) {
    const std::uint32_t node = table().node_of(series.slot);
    if (series.is_new) {
      nodes_[node].slots.push_back(series.slot);
      for (const auto& lane : lanes_) lane->heads[series.slot].node = node;
    }
    const Asset& asset = table().asset_of(series.slot);
    if (asset.has_session) begin_session(node, asset.session);
    if (series.is_new || series.changed) settings_[series.slot].until = kBeginning;  // asked again with the first reading's time
    if (series.is_new)
      for (const auto& lane : lanes_) lane->heads[series.slot].ruled = true;
  }
  Status status = pass(frame, out);
  if (waiting_.empty()) return status;
  // Rows that could not be named leave now, behind the declaration.
  out_ = &out;
  for (const std::uint32_t slot : std::exchange(waiting_, {}))
    for (std::size_t lane = 0; lane < kLanes; ++lane) process(lane, slot, false);
  write_rows(out);
  return status;
}

// ---- one reading --------------------------------------------------------------------------------------------------------

/// An event time was seen: it moves the node's watermark as long as no Watermark frame does.
void WinAgg::saw(std::size_t lane, std::uint32_t node, Nanos time) {
  Clock& clock = nodes_[node].clock[lane];
  if (time <= clock.newest || time > kFarthest) return;
  clock.newest = time;
  if (time >= clock.due) advance(node);
}

/// Too late for every window that contains the pane?
WinAgg::Fate WinAgg::admit(std::size_t lane, std::uint32_t slot, Nanos pane) const {
  const Setting& setting = settings_[slot];
  const Nanos watermark = nodes_[table().node_of(slot)].clock[lane].watermark();
  return pane + setting.window + setting.lateness <= watermark ? Fate::late : Fate::taken;
}

Status WinAgg::pane_for(std::size_t lane, std::uint32_t slot, Nanos start, Pane*& found) {
  const Setting& setting = settings_[slot];
  Track& track = lanes_[lane]->tracks[slot];
  const auto behind = std::find_if(track.panes.rbegin(), track.panes.rend(), [start](const Pane& pane) { return pane.start <= start; });
  if (behind != track.panes.rend() && behind->start == start) {
    found = &*behind;
    return {};
  }
  if (track.panes.size() >= options_.max_open)
    return Status::error(Code::bad_data, fmt::format("{}: more than {} windows are open; see --max-open: its node's watermark does "
                                                     "not follow its event times",
                                                     table().name(slot), options_.max_open));
  Pane pane;
  pane.start = start;
  pane.once = lane == kHistorical;
  // Windows whose rows have left and whose readings are gone cannot be sent anew: what comes adds to them.
  pane.emitted = final_before(setting, start, nodes_[table().node_of(slot)].clock[lane].watermark());
  for (std::uint32_t i = pane.emitted; i < setting.slides() && !pane.once; ++i) {
    const Nanos end = start + (i + 1) * setting.slide;
    pane.once = end + setting.lateness <= track.processed && sent_[slot].find(end - setting.window).has_value();
  }
  found = &*track.panes.insert(behind.base(), std::move(pane));
  track.filled = std::min(track.filled, start);
  schedule(lane, slot, start + (found->emitted + 1) * setting.slide + (found->once ? setting.lateness : 0));
  return {};
}

/// A pane that rows have left for gets more: those that are not final leave again. A curve's neighbours change with it.
void WinAgg::reopen(std::size_t lane, std::uint32_t slot, Nanos time) {
  const Setting& setting = settings_[slot];
  Track& track = lanes_[lane]->tracks[slot];
  const Nanos start = floor_to(time, setting.slide);
  const Nanos watermark = nodes_[table().node_of(slot)].clock[lane].watermark();
  const auto again = [&](Pane& pane) {
    const std::uint32_t final = final_before(setting, pane.start, watermark);
    if (pane.once || pane.emitted <= final) return;
    pane.emitted = final;
    schedule(lane, slot, pane.start + (final + 1) * setting.slide);
  };
  const auto at = std::ranges::lower_bound(track.panes, start, {}, &Pane::start);
  again(*at);
  if (!setting.is_curve()) return;
  const auto has = [&at](auto&& which) { return std::any_of(at->data.get(), at->data.get() + at->size, which); };
  if (!has([time](const Reading& reading) { return reading.time > time; })) {
    track.filled = std::min(track.filled, start + setting.slide);
    for (auto next = at + 1; next != track.panes.end(); ++next) {
      again(*next);
      if (next->size > 0) break;
    }
  }
  if (setting.weighting != v1::WEIGHTING_LINEAR || has([time](const Reading& reading) { return reading.time < time; })) return;
  for (auto previous = at; previous != track.panes.begin();) {
    again(*--previous);
    if (previous->size > 0) break;
  }
  schedule(lane, slot, start);  // the other end of a line
}

Status WinAgg::append(std::size_t lane, std::uint32_t slot, Pane& pane, const Reading& reading) {
  const Setting& setting = settings_[slot];
  pane.total.reset();
  if (reading.time <= pane.readings_until) {  // behind what was sealed: merged as it comes
    Content one;
    one.excluded = std::isnan(reading.value);
    if (one.excluded == 0) {
      one.moments = moments_of(std::span<const double>(&reading.value, 1));
      one.moments.first_time = one.moments.last_time = reading.time;
    }
    pane.readings_sealed.merge(one);
    ++out_of_order_;
    return {};
  }
  if (pane.size == pane.capacity) {
    const Nanos watermark = nodes_[table().node_of(slot)].clock[lane].watermark();
    if (!setting.is_curve()) seal(pane, saturating_sub(watermark, setting.lateness));
    if (pane.size > pane.capacity / 2 || pane.capacity == 0)
      if (Status status = enlarge(pane, pane.capacity == 0 ? lanes_[lane]->heads[slot].usual : 2 * pane.capacity); !status.ok())
        return status;
  }
  pane.unsorted = pane.unsorted || (pane.size > 0 && reading.time <= pane.data[pane.size - 1].time);
  pane.data[pane.size++] = reading;
  return {};
}

/// Off the hot path: another pane than the last reading's, a full one, a late reading.
Status WinAgg::insert(std::size_t lane, std::uint32_t slot, const Reading& reading, Fate& fate) {
  if (reading.time >= settings_[slot].until) configure(slot, reading.time);
  const Setting& setting = settings_[slot];
  fate = setting.rule == nullptr ? Fate::passed : Fate::late;
  if (setting.rule == nullptr || reading.time < -kFarthest || reading.time > kFarthest) return {};
  const Nanos start = floor_to(reading.time, setting.slide);
  fate = admit(lane, slot, start);
  if (fate == Fate::late) return {};
  park(lane, slot);
  Pane* pane = nullptr;
  if (Status status = pane_for(lane, slot, start, pane); !status.ok()) return status;
  if (Status status = append(lane, slot, *pane, reading); !status.ok()) return status;
  if (pane->emitted > 0 || setting.is_curve()) reopen(lane, slot, reading.time);
  const Nanos watermark = nodes_[table().node_of(slot)].clock[lane].watermark();
  if (start + setting.slide <= watermark || setting.is_curve() || pane->emitted > 0) return {};
  Head& head = lanes_[lane]->heads[slot];
  head.start = std::max(start, saturating_add(pane->readings_until, 1));
  head.end = std::min(start + setting.slide, setting.until);
  if (head.start >= head.end) head.start = head.end = 0;
  head.next = pane->data.get() + pane->size;
  head.limit = pane->data.get() + pane->capacity;
  head.last = pane->size > 0 ? pane->data[pane->size - 1].time : kBeginning;
  head.unsorted = false;
  return {};
}

template <class T>
Status WinAgg::take(std::size_t number, const Columns& columns, std::span<const T> values) {
  Lane& lane = *lanes_[number];
  const std::size_t rows = columns.rows();
  std::uint64_t excluded = 0, taken = 0;
  // Series come in any order: a head and the place that it writes to are two cache misses, fetched ahead.
  constexpr std::size_t kHeadAhead = 48, kPlaceAhead = 24;
  for (std::size_t row = 0; row < rows; ++row) {
    if (row + kHeadAhead < rows) __builtin_prefetch(&lane.heads[columns.slot[row + kHeadAhead]], 1);
    if (row + kPlaceAhead < rows) __builtin_prefetch(lane.heads[columns.slot[row + kPlaceAhead]].next, 1);
    const std::uint32_t slot = columns.slot[row];
    Head& head = lane.heads[slot];
    if (!head.ruled) {
      passed_.push_back(static_cast<std::uint32_t>(row));
      continue;
    }
    const Nanos time = columns.time[row];
    const std::uint64_t order = order_of(columns, row);
    auto value = static_cast<double>(values[row]);
    if (!is_good(columns.quality_at(row)) || !std::isfinite(value)) value = kExcluded;
    if (time >= head.start && time < head.end && head.next != head.limit) [[likely]] {
      head.unsorted = head.unsorted || time <= head.last;
      head.last = time;
      // Field by field: a struct made on the stack would be read back before its halves have left the store buffer.
      Reading* const place = head.next++;
      place->time = time;
      place->order = order;
      place->value = value;
    } else {
      Fate fate = Fate::taken;
      if (Status status = insert(number, slot, {time, order, value}, fate); !status.ok()) return status;
      if (fate == Fate::passed) {
        passed_.push_back(static_cast<std::uint32_t>(row));
        continue;
      }
      if (fate == Fate::late) {
        late(number, columns, row);
        continue;
      }
    }
    ++taken;
    excluded += std::isnan(value);
    saw(number, head.node, time);
  }
  taken_ += taken;
  excluded_ += excluded;
  return {};
}

Status WinAgg::on_readings(const Columns& columns, const FrameView& frame, Output& out) {
  out_ = &out;
  passed_.clear();
  const std::size_t lane = columns.historical ? kHistorical : kLive;
  Status status;
  bool numeric = true;
  switch (columns.type) {
    case v1::VALUE_TYPE_INT64: status = take(lane, columns, columns.ints); break;
    case v1::VALUE_TYPE_UINT64: status = take(lane, columns, columns.uints); break;
    case v1::VALUE_TYPE_BOOL: status = take(lane, columns, columns.bools); break;
    case v1::VALUE_TYPE_STRING:
    case v1::VALUE_TYPE_BYTES: numeric = false; break;
    default: status = take(lane, columns, columns.doubles); break;
  }
  if (!status.ok()) return status;
  if (!numeric) pass_texts(lane, columns);
  if (rules_.has_news())
    for (std::string& line : rules_.announce(out)) notice(std::move(line));
  if (!numeric || options_.keep || columns.pinned || passed_.size() == columns.rows()) out.forward(frame);
  else out.readings(columns, passed_);
  write_late();
  write_rows(out);
  return {};
}

/// Texts are nobody's to average: they go on, and their event times are as good as any.
void WinAgg::pass_texts(std::size_t lane, const Columns& columns) {
  for (std::size_t row = 0; row < columns.rows(); ++row) {
    const std::uint32_t slot = columns.slot[row];
    if (columns.time[row] >= settings_[slot].until) configure(slot, columns.time[row]);
    if (settings_[slot].rule == nullptr) continue;
    ++not_numeric_;
    saw(lane, table().node_of(slot), columns.time[row]);
  }
}

// ---- one waveform -------------------------------------------------------------------------------------------------------

namespace {

std::size_t samples_of(const v1::Waveform& waveform) {
  return static_cast<std::size_t>(std::max(waveform.float_sample_size(), waveform.double_sample_size()));
}

/// The first sample whose time is at or behind `time`.
std::size_t sample_at(const v1::Waveform& waveform, Nanos time, std::size_t samples) {
  const double period = waveform.sample_period() * static_cast<double>(kSecond);
  const double guess = static_cast<double>(time - waveform.time()) / period;
  auto sample = static_cast<std::size_t>(std::clamp(std::ceil(guess), 0.0, static_cast<double>(samples)));
  while (sample > 0 && sample_time(waveform, sample - 1) >= time) --sample;
  while (sample < samples && sample_time(waveform, sample) < time) ++sample;
  return sample;
}

/// Samples that are not numbers are left out and counted.
template <class T>
Moments moments_of_finite(std::span<const T> samples, std::uint64_t& excluded) {
  Moments moments = moments_of(samples);
  if (std::isfinite(moments.mean)) return moments;
  std::vector<T> finite;
  std::ranges::copy_if(samples, std::back_inserter(finite), [](T sample) { return std::isfinite(sample); });
  excluded += samples.size() - finite.size();
  return moments_of(std::span<const T>(finite));
}

}  // namespace

Status WinAgg::on_waveform(const v1::Waveform& waveform, std::uint32_t slot, const FrameView& frame, Output& out) {
  out_ = &out;
  const std::size_t samples = samples_of(waveform), lane = waveform.historical() ? kHistorical : kLive;
  if (waveform.time() >= settings_[slot].until) configure(slot, waveform.time());
  const Setting& setting = settings_[slot];
  if (setting.rule == nullptr || samples == 0) return pass(frame, out);
  const double span = static_cast<double>(samples) * waveform.sample_period() * static_cast<double>(kSecond);
  const bool period_is_sensible = waveform.sample_period() > 0 && span < static_cast<double>(kFarthest);
  if (!period_is_sensible || waveform.time() > kFarthest || waveform.time() < -kFarthest)
    return Status::error(Code::bad_data, fmt::format("{}: a waveform of {} samples from {} with a sample period of {} s",
                                                     table().name(slot), samples, waveform.time(), waveform.sample_period()));
  const bool good = is_good(waveform.has_quality() ? waveform.quality() : kGood);
  for (std::size_t from = 0, to = 0; from < samples; from = to) {
    const Nanos time = sample_time(waveform, from), pane = floor_to(time, setting.slide);
    to = sample_at(waveform, pane + setting.slide, samples);
    Slice slice{time, waveform.seq() << 20 | (waveform.index() & 0xFFFFFU), {}};
    Content& content = slice.content;
    if (!good) content.excluded = to - from;
    else if (waveform.float_sample_size() > 0)
      content.moments = moments_of_finite(std::span(waveform.float_sample().data() + from, to - from), content.excluded);
    else content.moments = moments_of_finite(std::span(waveform.double_sample().data() + from, to - from), content.excluded);
    if (content.moments.count > 0) content.moments.first_time = time, content.moments.last_time = sample_time(waveform, to - 1);
    content.samples = content.moments.weight;
    content.covered = content.samples * waveform.sample_period();
    Fate fate = Fate::taken;
    if (Status status = insert_slice(lane, slot, pane, slice, fate); !status.ok()) return status;
    if (fate == Fate::late) {
      late(waveform, slot, from, to);
      continue;
    }
    samples_taken_ += to - from;
    samples_excluded_ += content.excluded;
  }
  saw(lane, table().node_of(slot), waveform.time());
  if (rules_.has_news())
    for (std::string& line : rules_.announce(out)) notice(std::move(line));
  if (options_.keep || waveform.pinned()) out.forward(frame);
  write_late();
  write_rows(out);
  return {};
}

Status WinAgg::insert_slice(std::size_t lane, std::uint32_t slot, Nanos start, const Slice& slice, Fate& fate) {
  fate = admit(lane, slot, start);
  if (fate == Fate::late) return {};
  park(lane, slot);
  Pane* pane = nullptr;
  if (Status status = pane_for(lane, slot, start, pane); !status.ok()) return status;
  const Nanos watermark = nodes_[table().node_of(slot)].clock[lane].watermark();
  if (pane->emitted > 0) reopen(lane, slot, slice.time);
  return add_slice(*pane, slice, saturating_sub(watermark, settings_[slot].lateness));
}

// ---- the rest -----------------------------------------------------------------------------------------------------------

Status WinAgg::on_watermark(const v1::Watermark& watermark, const FrameView& frame, Output& out) {
  const std::size_t lane = watermark.lane() == v1::LANE_HISTORICAL ? kHistorical : kLive;
  const Nanos time = std::min(watermark.time(), kFarthest);
  const auto node = table().find_node(watermark.node());
  if (!node || *node >= nodes_.size()) {
    auto& early = early_ticks_.try_emplace(watermark.node(), std::array{kBeginning, kBeginning}).first->second;
    early[lane] = std::max(early[lane], time);
    return pass(frame, out);
  }
  out_ = &out;
  Clock& clock = nodes_[*node].clock[lane];
  clock.tick = clock.watermark();  // windows that event times closed stay closed
  clock.ticking = true;
  clock.due = kForever;
  if (time > clock.tick) {
    clock.tick = time;
    advance(*node);
  }
  write_rows(out);
  return pass(frame, out);
}

Status WinAgg::on_lifecycle(const v1::Lifecycle& lifecycle, const FrameView& frame, Output& out) {
  const auto node = table().find_node(lifecycle.node());
  if (!node || *node >= nodes_.size()) return pass(frame, out);
  const bool of_link = lifecycle.reason() == v1::Lifecycle::REASON_HOST_LINK_LOST ||
                       lifecycle.reason() == v1::Lifecycle::REASON_HOST_LINK_RESTORED;
  if (lifecycle.online()) {
    if (lifecycle.has_session() && !of_link) begin_session(*node, lifecycle.session());
    return pass(frame, out);
  }
  std::uint32_t asset = kEverything;
  if (!lifecycle.asset().empty()) {
    const auto is_it = [&](std::uint32_t slot) {
      const Asset& a = table().asset_of(slot);
      return a.asset == lifecycle.asset() && a.line == lifecycle.line() && a.site == lifecycle.site();
    };
    const auto slot = std::ranges::find_if(nodes_[*node].slots, is_it);
    if (slot == nodes_[*node].slots.end()) return pass(frame, out);
    asset = table().series(*slot).asset;
  }
  out_ = &out;
  Mark mark = open_span(*node, of_link ? v1::CUT_GAP : v1::CUT_DEATH);
  mark.asset = asset;
  add_mark(*node, mark);
  close_all(*node, asset);
  write_rows(out);
  return pass(frame, out);
}

/// A session's clock may be another one than that of the session before: its watermark begins anew. Windows that are open
/// stay so.
void WinAgg::begin_session(std::uint32_t number, const v1::Session& session) {
  Node& node = nodes_[number];
  const auto same = [&session](const v1::Session& s) { return s.birth() == session.birth() && s.bdseq() == session.bdseq(); };
  if (std::any_of(node.sessions.rbegin(), node.sessions.rend(), same)) return;
  constexpr std::size_t kMost = 16;
  if (node.sessions.size() >= kMost) node.sessions.erase(node.sessions.begin());
  node.sessions.push_back(session);
  if (node.sessions.size() == 1) return;
  for (Clock& clock : node.clock) clock.newest = clock.tick = kBeginning;
}

Status WinAgg::on_frame(const v1::Frame& frame, const FrameView& view, Output& out) {
  out_ = &out;
  if (frame.has_applied()) take_applied(frame.applied());
  if (frame.has_resume() && !std::exchange(loaded_, false)) begin_empty();
  if (frame.has_gap()) {
    const v1::Gap& gap = frame.gap();
    if (const auto node = table().find_node(gap.node()); node && *node < nodes_.size()) {
      Mark mark = open_span(*node, v1::CUT_GAP);
      if (gap.from() != 0 && gap.to() != 0 && gap.from() <= gap.to()) mark = {gap.from(), gap.to(), gap.from(), kEverything, kEverything, v1::CUT_GAP};
      add_mark(*node, mark);
    }
  }
  write_rows(out);
  return pass(view, out);
}

/// The source goes on from a Position whose state we do not have.
void WinAgg::begin_empty() {
  for (const auto& lane : lanes_) *lane = Lane{};
  nodes_.clear();
  settings_.clear();
  sent_.clear();
  waiting_.clear();
  rows_.clear();
  held_ = 0;
  restarted_ = true;
  grow();
  for (std::uint32_t slot = 0; slot < table().size(); ++slot) {
    nodes_[table().node_of(slot)].slots.push_back(slot);
    for (const auto& lane : lanes_) lane->heads[slot].node = table().node_of(slot), lane->heads[slot].ruled = true;
  }
}

/// Declares, for their last rows, series that the last segment does not know: nothing comes behind that could want the alias.
void WinAgg::declare_missing(Output& out) {
  auto alias = static_cast<std::uint32_t>(table().slots().size());
  for (std::uint32_t slot = 0; slot < table().size(); ++slot) {
    const bool open = std::ranges::any_of(lanes_, [slot](const auto& lane) {
      return !lane->tracks[slot].panes.empty() || lane->tracks[slot].filled != kForever;
    });
    if (!open || table().alias_of(slot)) continue;
    v1::Frame frame;
    *frame.mutable_series() = table().declaration(slot, alias);
    out.frame(frame);
    given_alias_[slot] = alias++;
  }
}

Status WinAgg::finish(Output& out) {
  out_ = &out;
  finishing_ = true;
  declare_missing(out);
  for (std::size_t lane = 0; lane < kLanes; ++lane)
    for (std::uint32_t slot = 0; slot < lanes_[lane]->tracks.size(); ++slot) process(lane, slot, true);
  write_rows(out);
  return {};
}

std::vector<Counter> WinAgg::counters() const {
  return {{"aggregated", taken_ - excluded_ - duplicates_},
          {"excluded", excluded_},
          {"duplicates", duplicates_},
          {"late", late_count_},
          {"not_numeric", not_numeric_},
          {"samples", samples_taken_ - samples_excluded_ - samples_duplicate_},
          {"samples_excluded", samples_excluded_},
          {"samples_duplicate", samples_duplicate_},
          {"samples_late", samples_late_},
          {"rows", rows_sent_},
          {"corrections", corrections_},
          {"deltas", deltas_},
          {"behind_sealed", out_of_order_},
          {"rules_expired", rules_.expired()}};
}

}  // namespace twinpipe
