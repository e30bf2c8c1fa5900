// SPDX-License-Identifier: Apache-2.0
// The hot path of the window aggregates: readings into panes.
#include "kernel/winagg.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

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
      settings_(options.pages),
      sent_(options.pages),
      lanes_{std::make_unique<Lane>(options.pages), std::make_unique<Lane>(options.pages)},
      buffers_(options.pages),
      late_(late) {
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
  covered_.resize(table().size());
  told_.resize(table().size());
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
  out_ = &out;
  std::vector<std::uint32_t> behind;
  for (const Declared& series : declared) {
    const std::uint32_t node = table().node_of(series.slot);
    // Another unit or type: values before and behind it are not of one kind. In another segment the alias is not declared yet.
    Setting& setting = settings_[series.slot];
    const std::uint64_t segment = std::exchange(setting.segment, table().series(series.slot).segment);
    const bool moved = !series.is_new && lanes_[kLive]->heads[series.slot].node != node;
    if (moved) std::erase(nodes_[lanes_[kLive]->heads[series.slot].node].slots, series.slot);
    if (series.is_new || moved) {
      nodes_[node].slots.push_back(series.slot);
      for (const auto& lane : lanes_) lane->heads[series.slot].node = node & Head::kMostNodes;
    }
    if ((series.changed || moved) && !series.is_new && setting.rule != nullptr) {
      if (segment == setting.segment) restart(series.slot, nodes_[node].clock[kLive].data.newest());
      else behind.push_back(series.slot);
    }
    const Asset& asset = table().asset_of(series.slot);
    if (asset.has_session) begin_session(node, asset.session);
    if (series.born || series.changed) ask_again(series.slot);  // with the first reading's time
    setting.declared = true;
    park(kLive, series.slot);
  }
  write_rows(out);  // of the declaration before
  Status status = pass(frame, out);
  // Rows that could not be named leave now, behind the declaration.
  for (const std::uint32_t slot : behind) restart(slot, nodes_[node_of(slot)].clock[kLive].data.newest());
  for (const std::uint32_t slot : std::exchange(waiting_, {}))
    for (std::size_t lane = 0; lane < kLanes; ++lane) process(lane, slot, false);
  write_rows(out);
  return status;
}

// ---- one reading --------------------------------------------------------------------------------------------------------

/// An event time was seen: it moves the node's watermark as long as no Watermark frame does.
void WinAgg::saw(std::size_t lane, std::uint32_t node, Nanos time) {
  if (time > kFarthest) return;
  Clock& clock = nodes_[node].clock[lane];
  const Nanos before = clock.data.newest();
  if (clock.data.take(time) == EventClock::Sight::anew) [[unlikely]]
    for (const std::uint32_t slot : nodes_[node].slots) ask_again(slot);
  if (clock.data.newest() > before && clock.data.newest() >= clock.due) advance(node);
}

/// Too late for every window that contains the pane? What only adds to what was sent never is.
WinAgg::Fate WinAgg::admit(std::size_t lane, std::uint32_t slot, Nanos pane) const {
  const Setting& setting = settings_[slot];
  if (only_adds(lane, setting)) return Fate::taken;
  const Nanos watermark = nodes_[node_of(slot)].clock[lane].watermark();
  return pane + setting.window + setting.lateness <= watermark ? Fate::late : Fate::taken;
}

Status WinAgg::pane_for(std::size_t lane, std::uint32_t slot, Nanos start, Pane*& found) {
  const Setting& setting = settings_[slot];
  Track& track = lanes_[lane]->tracks[slot];
  const bool adds = only_adds(lane, setting);
  found = track.pane_at(start);
  if (found != nullptr && !(adds && found->emitted > 0)) return {};
  const bool full = track.panes.size() >= options_.max_open;
  if (full && adds && make_room(slot)) return pane_for(lane, slot, start, found);
  if (full)
    return Status::error(Code::bad_data,
                         fmt::format("{}: more than {} windows are open; see --max-open: its node's watermark does "
                                     "not follow its event times",
                                     table().name(slot), options_.max_open));
  Pane pane;
  pane.start = start;
  pane.once = lane == kHistorical;
  // Windows whose rows have left and whose readings are gone cannot be sent anew: what comes adds to them.
  if (!adds) pane.emitted = final_before(setting, start, nodes_[node_of(slot)].clock[lane].watermark());
  for (std::uint32_t i = pane.emitted; i < setting.slides() && !pane.once; ++i) {
    const Nanos end = start + (i + 1) * setting.slide;
    pane.once = end + setting.lateness <= track.processed && sent_[slot].find(end - setting.window).has_value();
  }
  if (track.panes.empty()) track.panes.reserve(2);  // the last one waits for late readings while the next one fills
  found = &*track.panes.insert(track.first_behind(start), std::move(pane));
  track.filled = std::min(track.filled, start);
  schedule(lane, slot, start + (found->emitted + 1) * setting.slide + (found->once ? setting.lateness : 0));
  return {};
}

/// A pane that rows have left for gets more: those that are not final leave again. A curve's neighbours change with it.
void WinAgg::reopen(std::size_t lane, std::uint32_t slot, Nanos time) {
  const Setting& setting = settings_[slot];
  Track& track = lanes_[lane]->tracks[slot];
  const Nanos start = floor_to(time, setting.slide);
  const Nanos watermark = nodes_[node_of(slot)].clock[lane].watermark();
  const auto again = [&](Pane& pane) {
    const std::uint32_t final = final_before(setting, pane.start, watermark);
    if (pane.once || pane.emitted <= final) return;
    pane.emitted = final;
    schedule(lane, slot, pane.start + (final + 1) * setting.slide);
  };
  const auto at = std::ranges::lower_bound(track.panes, start, {}, &Pane::start);
  again(*at);
  if (!setting.is_curve()) return;
  const auto has = [&at](auto&& which) { return std::any_of(at->data, at->data + at->size, which); };
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

Status WinAgg::append(std::size_t lane, std::uint32_t slot, Pane& pane, const Numbered& reading) {
  const Setting& setting = settings_[slot];
  pane.total.reset();
  if (reading.time <= pane.sealed_until) {  // behind what was sealed: merged as it comes
    Content one;
    one.excluded = std::isnan(reading.value);
    if (one.excluded == 0) {
      one.moments = moments_of(std::span<const double>(&reading.value, 1));
      one.moments.first_time = one.moments.last_time = reading.time;
    }
    pane.sealed.merge(one);
    ++out_of_order_;
    return {};
  }
  if (pane.size == pane.capacity) {
    const Nanos watermark = nodes_[node_of(slot)].clock[lane].watermark();
    if (pane.size > 0 && !setting.is_curve()) seal(pane, saturating_sub(watermark, setting.lateness));
    if (pane.size > pane.capacity / 2 || pane.capacity == 0)
      if (Status status = enlarge(pane, pane.capacity == 0 ? lanes_[lane]->tracks[slot].usual : 2 * pane.capacity); !status.ok())
        return status;
  }
  if (reading.order != 0 && pane.orders == nullptr)
    if (Status status = add_orders(pane); !status.ok()) return status;
  pane.unsorted = pane.unsorted || (pane.size > 0 && reading.time <= pane.data[pane.size - 1].time);
  if (pane.orders != nullptr) pane.orders[pane.size] = reading.order;
  pane.data[pane.size++] = reading;
  return {};
}

/// Off the hot path: another pane than the last reading's, a full one, a late reading.
Status WinAgg::insert(std::size_t lane, std::uint32_t slot, const Numbered& reading, Fate& fate) {
  const bool maybe_of_birth = lane == kLive && std::exchange(settings_[slot].declared, false);
  if (is_over(lane, slot, reading.time)) configure(slot, reading.time);
  const Setting& setting = settings_[slot];
  fate = setting.rule == nullptr ? Fate::passed : Fate::late;
  if (setting.rule == nullptr || reading.time < -kFarthest || reading.time > kFarthest) return {};
  const Nanos start = floor_to(reading.time, setting.slide);
  if (is_repeated(lane, slot, reading) || (maybe_of_birth && still_has(kHistorical, slot, reading))) {
    if (maybe_of_birth) told_[slot] = reading;
    fate = Fate::taken;
    ++duplicates_;
    return {};
  }
  fate = admit(lane, slot, start);
  if (fate == Fate::late) return {};
  if (maybe_of_birth) told_[slot] = reading;
  park(lane, slot);
  Pane* pane = nullptr;
  if (Status status = pane_for(lane, slot, start, pane); !status.ok()) return status;
  if (Status status = append(lane, slot, *pane, reading); !status.ok()) return status;
  if (pane->emitted > 0 || setting.is_curve()) reopen(lane, slot, reading.time);
  const Nanos watermark = nodes_[node_of(slot)].clock[lane].watermark();
  if (start + setting.slide <= watermark || setting.is_curve() || pane->emitted > 0) return {};
  if (lane == kHistorical && has_live(slot, start)) return {};  // each one may be told already
  Head& head = lanes_[lane]->heads[slot];
  head.start = std::max(start, saturating_add(pane->sealed_until, 1));
  head.end = std::min(start + setting.slide, setting.until);
  if (head.start >= head.end) head.start = head.end = 0;
  head.next = pane->data + pane->size;
  head.room = pane->capacity - pane->size;
  head.ordered = pane->orders != nullptr;
  if (head.ordered != 0) head.next_order = pane->orders + pane->size;
  return {};
}

/// Series come in any order: a head and the place that it writes to are two cache misses, fetched ahead of their row; another
/// pane than the last reading's is some more.
class WinAgg::Ahead {
 public:
  /// Fetches for the first rows: otherwise every frame would wait for them.
  Ahead(const WinAgg& stage, std::size_t lane, const Columns& columns)
      : stage_(stage), lane_(lane), heads_(stage.lanes_[lane]->heads.data()), slot_(columns.slot), time_(columns.time) {
    for (std::size_t row = 0; row < kHead; ++row) fetch_head(row);
    for (std::size_t row = 0; row < kPlace; ++row) fetch_place(row);
    for (std::size_t row = 0; row < kPane; ++row)
      if ((closing_ >> (kPlace - 1 - row) & 1U) != 0) fetch_pane(row);
  }

  /// Before `row` is taken.
  void fetch(std::size_t row) {
    fetch_head(row + kHead);
    fetch_place(row + kPlace);
    if ((closing_ >> (kPlace - kPane) & 1U) != 0) [[unlikely]]
      fetch_pane(row + kPane);
  }

 private:
  static constexpr std::size_t kHead = 48, kPlace = 24, kPane = 12;

  void fetch_head(std::size_t row) const {
    if (row < slot_.size()) __builtin_prefetch(&heads_[slot_[row]], 1);
  }
  void fetch_place(std::size_t row) {
    closing_ <<= 1;
    if (row >= slot_.size()) return;
    const Head& head = heads_[slot_[row]];
    if (time_[row] >= head.end || head.room == 0) {
      closing_ |= 1U;
      stage_.fetch_track(lane_, slot_[row]);
    } else if (head.waiting == Head::kMostWaiting) {
      __builtin_prefetch(head.next, 1);
      __builtin_prefetch(head.next + 2, 1);
    } else if (head.ordered != 0) {
      __builtin_prefetch(head.next, 1);
      __builtin_prefetch(head.next_order, 1);
    }
  }

  void fetch_pane(std::size_t row) const {
    stage_.fetch_panes(lane_, slot_[row]);
    stage_.fetch_readings(lane_, slot_[row]);
  }

  const WinAgg& stage_;
  const std::size_t lane_;
  const Head* const heads_;
  const std::span<const std::uint32_t> slot_;
  const std::span<const Nanos> time_;
  std::uint64_t closing_ = 0;  // a bit a row, the newest lowest: does it need another pane than its head's, or a full one?
};

template <class T>
Status WinAgg::take(std::size_t number, const Columns& columns, std::span<const T> values) {
  Head* const heads = lanes_[number]->heads.data();
  const std::span<const std::uint32_t> slots = columns.slot;
  const std::span<const Nanos> times = columns.time;
  const bool ordered = !columns.seq.empty(), qualified = !columns.quality.empty();
  std::uint64_t excluded = 0, taken = 0;
  Ahead ahead(*this, number, columns);
  for (std::size_t row = 0; row < slots.size(); ++row) {
    ahead.fetch(row);
    const std::uint32_t slot = slots[row];
    Head& head = heads[slot];
    const std::uint32_t node = head.node;  // before its neighbours are written: a load across them would wait for those writes
    const Nanos time = times[row];
    const std::uint64_t order = ordered ? order_of(columns, row) : 0;
    auto value = static_cast<double>(values[row]);
    const bool good = std::isfinite(value) && (!qualified || is_good(columns.quality[row]));
    if (!good) value = kExcluded;
    if (head.takes(time, order)) [[likely]] {
      head.take({time, value}, order);
    } else {
      Fate fate = Fate::passed;
      if (head.ruled)
        if (Status status = insert(number, slot, {{time, value}, order}, fate); !status.ok()) return status;
      if (fate == Fate::passed) passed_.push_back(static_cast<std::uint32_t>(row));
      if (fate == Fate::late) late(number, columns, row);
      if (fate != Fate::taken) continue;
    }
    ++taken;
    excluded += !good;
    // Most readings bear the time of the one before.
    if (!nodes_[node].clock[number].data.stands_at(time)) saw(number, node, time);
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
    if (is_over(lane, slot, columns.time[row])) configure(slot, columns.time[row]);
    if (settings_[slot].rule == nullptr) continue;
    ++not_numeric_;
    saw(lane, node_of(slot), columns.time[row]);
  }
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
