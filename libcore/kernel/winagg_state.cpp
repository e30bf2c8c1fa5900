// SPDX-License-Identifier: Apache-2.0
// What a checkpoint keeps of the window aggregates: open windows, watermarks, and which rows have been sent.
#include <algorithm>
#include <functional>

#include "kernel/winagg_parts.hpp"
#include "state.pb.h"

namespace twinpipe {
namespace {

template <class Content>
void save_content(const Content& from, v1::WinAggContent& to) {
  const Moments& m = from.moments;
  to.set_count(m.count);
  to.set_excluded(from.excluded);
  for (const double number : {m.weight, m.mean, m.m2, m.m3, m.m4, m.min, m.max, m.first, m.last, from.samples, from.covered})
    to.add_number(number);
  to.set_first_time(m.first_time);
  to.set_last_time(m.last_time);
}

template <class Content>
bool load_content(const v1::WinAggContent& from, Content& to) {
  Moments& m = to.moments;
  int i = 0;
  if (from.number_size() != 11) return false;
  for (double* number : {&m.weight, &m.mean, &m.m2, &m.m3, &m.m4, &m.min, &m.max, &m.first, &m.last, &to.samples, &to.covered})
    *number = from.number(i++);
  m.count = from.count();
  to.excluded = from.excluded();
  m.first_time = from.first_time();
  m.last_time = from.last_time();
  return true;
}

std::uint32_t index_of(const Rule* rule, const std::vector<Rule>& rules) {
  return rule == nullptr ? 0 : static_cast<std::uint32_t>(rule - rules.data()) + 1;
}

}  // namespace

void WinAgg::save_pane(const Pane& pane, const Head& head, v1::WinAggPane& to) {
  const bool open = head.writes_to(pane);
  const auto size = open ? static_cast<std::uint32_t>(head.next - pane.data) : pane.size;
  const auto add = [&to](const Numbered& reading) {
    to.add_time(reading.time);
    to.add_order(reading.order);
    to.add_value(reading.value);
  };
  to.set_start(pane.start);
  to.set_emitted(pane.emitted);
  to.set_once(pane.once);
  to.set_readings_until(pane.sealed_until);
  to.set_slices_until(pane.slices ? pane.slices->until : kBeginning);
  to.set_capacity(pane.capacity);  // full panes are sealed: when that is must not depend on a restart
  for (std::uint32_t i = 0; i < size; ++i) add(pane.reading(i));
  for (std::uint32_t i = 0; open && i < head.waiting; ++i) add({head.waits[i], 0});
  to.set_unsorted(pane.unsorted || std::ranges::adjacent_find(to.time(), std::greater_equal<>()) != to.time().end());
  if (!pane.sealed.empty()) save_content(pane.sealed, *to.mutable_readings_sealed());
  if (!pane.slices) return;
  for (const Slice& slice : pane.slices->kept) {
    v1::WinAggSlice& part = *to.add_slice();
    part.set_time(slice.time);
    part.set_order(slice.order);
    save_content(slice.content, *part.mutable_content());
  }
  if (!pane.slices->sealed.empty()) save_content(pane.slices->sealed, *to.mutable_slices_sealed());
}

bool WinAgg::load_pane(const v1::WinAggPane& from, Pane& pane) {
  if (from.order_size() != from.time_size() || from.value_size() != from.time_size()) return false;
  pane.start = from.start();
  pane.emitted = from.emitted();
  pane.unsorted = from.unsorted();
  pane.once = from.once();
  pane.sealed_until = from.readings_until();
  const auto size = static_cast<std::uint32_t>(from.time_size());
  const std::uint32_t capacity = std::max(size, from.capacity());
  if (capacity > kMostReadings || (capacity > 0 && !enlarge(pane, capacity).ok())) return false;
  pane.size = size;
  for (int i = 0; i < from.time_size(); ++i) pane.data[static_cast<std::size_t>(i)] = {from.time(i), from.value(i)};
  if (std::ranges::any_of(from.order(), [](std::uint64_t order) { return order != 0; })) {
    if (!add_orders(pane).ok()) return false;
    std::ranges::copy(from.order(), pane.orders);
  }
  if (from.has_readings_sealed() && !load_content(from.readings_sealed(), pane.sealed)) return false;
  if (from.slice().empty() && from.slices_until() == kBeginning) return true;
  pane.slices = std::make_unique<Slices>();
  pane.slices->until = from.slices_until();
  for (const v1::WinAggSlice& part : from.slice()) {
    Slice& slice = pane.slices->kept.emplace_back();
    slice.time = part.time();
    slice.order = part.order();
    if (!load_content(part.content(), slice.content)) return false;
  }
  held_ += pane.slices->bytes();
  return !from.has_slices_sealed() || load_content(from.slices_sealed(), pane.slices->sealed);
}

std::string WinAgg::save() const {
  const std::vector<Rule>& rules = rules_.rules();
  v1::WinAggState state;
  state.set_policy_digest(rules_.digest());
  for (std::uint32_t slot = 0; slot < settings_.size(); ++slot) {
    const Setting& setting = settings_[slot];
    v1::WinAggSlot& to = *state.add_slot();
    to.set_rule(index_of(setting.rule, rules));
    to.set_until(setting.until);
    to.set_hold(setting.hold);
    to.set_weighting(setting.weighting);
    for (const SentWindows::Run& run : sent_[slot].runs()) {
      to.add_sent_first(run.first);
      to.add_sent_last(run.last);
      to.add_sent_revision(run.revision);
      to.add_sent_older(run.older);
    }
    for (const CoveredTime::Run& run : covered_[slot].runs()) {
      v1::WinAggCovered& covered = *to.add_covered();
      covered.set_from(run.from);
      covered.set_to(run.to);
      covered.set_begin(run.begin);
      covered.set_end(run.end);
      covered.set_until(run.until);
    }
    to.set_declared(setting.declared);
    if (const Reading& told = told_[slot]; told.time != kBeginning) {
      to.set_told_time(told.time);
      to.set_told_value(told.value);
    }
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      const Track& track = lanes_[lane]->tracks[slot];
      v1::WinAggTrack& lane_to = *to.add_lane();
      lane_to.set_usual(track.usual);
      lane_to.set_scheduled(track.scheduled);
      lane_to.set_processed(track.processed);
      lane_to.set_filled(track.filled);
      lane_to.set_before_time(track.before.time);
      lane_to.set_before_value(track.before.value);
      lane_to.set_before_until(track.before_until);
      for (const Pane& pane : track.panes) save_pane(pane, lanes_[lane]->heads[slot], *lane_to.add_pane());
    }
  }
  for (const Node& node : nodes_) {
    v1::WinAggNode& to = *state.add_node();
    for (const Clock& clock : node.clock) {
      to.add_newest(clock.data.newest());
      to.add_leapt(clock.data.leapt());
      to.add_tick(clock.tick);
      to.add_ticking(clock.ticking);
      to.add_restarted(clock.restarted);
    }
    for (const Mark& mark : node.marks) {
      v1::WinAggMark& mark_to = *to.add_mark();
      mark_to.set_from(mark.from);
      mark_to.set_to(mark.to);
      mark_to.set_breaks(mark.breaks);
      mark_to.set_asset(mark.asset);
      mark_to.set_slot(mark.slot);
      mark_to.set_cut(mark.cut);
    }
    to.mutable_session()->Assign(node.sessions.begin(), node.sessions.end());
  }
  for (const auto& [name, ticks] : early_ticks_) {
    v1::WinAggEarly& to = *state.add_early();
    to.set_node(name);
    for (const Nanos tick : ticks) to.add_tick(tick);
  }
  const std::vector<v1::Applied> upstream = upstream_.words();
  state.mutable_upstream()->Assign(upstream.begin(), upstream.end());
  state.mutable_waiting()->Assign(waiting_.begin(), waiting_.end());
  state.set_late_bytes(late_bytes_);
  for (const auto& [slot, alias] : late_alias_) (*state.mutable_late_alias())[slot] = alias;
  return state.SerializeAsString();
}

bool WinAgg::load_slot(const v1::WinAggSlot& from, std::uint32_t slot) {
  const std::vector<Rule>& rules = rules_.rules();
  if (from.rule() > rules.size() || from.lane_size() != static_cast<int>(kLanes)) return false;
  if (from.sent_last_size() != from.sent_first_size() || from.sent_revision_size() != from.sent_first_size()) return false;
  if (from.sent_older_size() != from.sent_first_size()) return false;
  Setting& setting = settings_[slot];
  if (from.rule() > 0) set_rule(setting, rules[from.rule() - 1]);
  setting.until = from.until();
  setting.hold = from.hold();
  setting.declared = from.declared();
  setting.weighting = from.weighting();
  std::vector<SentWindows::Run> runs;
  for (int i = 0; i < from.sent_first_size(); ++i)
    runs.push_back({from.sent_first(i), from.sent_last(i), from.sent_revision(i), from.sent_older(i)});
  sent_[slot].set_runs(std::move(runs));
  std::vector<CoveredTime::Run> covered;
  for (const v1::WinAggCovered& run : from.covered())
    covered.push_back({run.from(), run.to(), run.begin(), run.end(), run.until()});
  covered_[slot].set_runs(std::move(covered));
  if (from.has_told_time()) told_[slot] = {from.told_time(), from.told_value()};
  for (std::size_t lane = 0; lane < kLanes; ++lane) {
    const v1::WinAggTrack& lane_from = from.lane(static_cast<int>(lane));
    Track& track = lanes_[lane]->tracks[slot];
    track.processed = lane_from.processed();
    track.filled = lane_from.filled();
    track.before = {lane_from.before_time(), lane_from.before_value()};
    track.before_until = lane_from.before_until();
    if (lane_from.usual() == 0 || lane_from.usual() > kMostReadings) return false;
    track.usual = lane_from.usual();
    for (const v1::WinAggPane& pane : lane_from.pane())
      if (!load_pane(pane, track.panes.emplace_back())) return false;
    if (lane_from.scheduled() != kForever) schedule(lane, slot, lane_from.scheduled());
    // A series without a rule passes whole; before the first reading nobody knows.
    lanes_[lane]->heads[slot].ruled = setting.rule != nullptr || setting.until == kBeginning;
  }
  return true;
}

void WinAgg::load_node(const v1::WinAggNode& from, Node& node) {
  for (std::size_t lane = 0; lane < kLanes; ++lane) {
    const auto i = static_cast<int>(lane);
    Clock& clock = node.clock[lane];
    clock.data = EventClock(from.newest(i), from.leapt(i));
    clock.tick = from.tick(i);
    clock.ticking = from.ticking(i);
    clock.restarted = from.restarted(i);
    clock.due = clock.restarted ? kBeginning : kForever;
  }
  for (const v1::WinAggMark& mark : from.mark())
    node.marks.push_back({mark.from(), mark.to(), mark.breaks(), mark.asset(), mark.slot(), mark.cut()});
  node.sessions.assign(from.session().begin(), from.session().end());
}

Status WinAgg::load(std::string_view bytes) {
  v1::WinAggState state;
  if (!state.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    return Status::error(Code::bad_config, "the saved state is not that of window aggregates");
  begin_empty();
  restarted_ = false;
  loaded_ = resumed_ = true;
  late_bytes_ = state.late_bytes();
  late_alias_.clear();
  for (const auto& [slot, alias] : state.late_alias()) late_alias_[slot] = alias;
  if (state.policy_digest() != rules_.digest()) {
    notice("the state was saved under another policy: the windows that were open are left out, and marked as cut");
    begin_empty();
    return {};
  }
  const auto unfit = [] { return Status::error(Code::bad_config, "the saved state does not fit its series table"); };
  if (state.slot_size() != static_cast<int>(table().size()) || state.node_size() > static_cast<int>(nodes_.size()))
    return unfit();
  for (int i = 0; i < state.node_size(); ++i) {
    const v1::WinAggNode& node = state.node(i);
    for (const int size : {node.newest_size(), node.leapt_size(), node.tick_size(), node.ticking_size(), node.restarted_size()})
      if (size != static_cast<int>(kLanes)) return unfit();
    load_node(node, nodes_[static_cast<std::size_t>(i)]);
  }
  for (std::uint32_t slot = 0; slot < table().size(); ++slot)
    if (!load_slot(state.slot(static_cast<int>(slot)), slot)) return unfit();
  for (const v1::WinAggEarly& early : state.early())
    if (early.tick_size() == static_cast<int>(kLanes)) early_ticks_[early.node()] = {early.tick(0), early.tick(1)};
  upstream_.clear();
  for (const v1::Applied& applied : state.upstream()) upstream_.take(applied);
  upstream_.open_segment();  // a filter upstream says anew what it does
  for (const std::uint32_t slot : state.waiting())
    if (slot < table().size()) waiting_.push_back(slot);
  return {};
}

}  // namespace twinpipe
