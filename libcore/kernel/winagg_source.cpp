// SPDX-License-Identifier: Apache-2.0
// What the source says of itself, and what that means for open windows: watermarks, sessions, deaths, gaps, restarts, the end.
#include <algorithm>

#include "kernel/winagg_parts.hpp"

namespace twinpipe {

std::uint32_t WinAgg::cut_of(std::uint32_t slot, Nanos start, Nanos end) const {
  std::uint32_t cut = v1::CUT_NONE;
  for (const Mark& mark : nodes_[node_of(slot)].marks)
    if (mark.from < end && mark.to >= start && concerns(mark, slot)) cut |= mark.cut;
  return cut;
}

void WinAgg::add_mark(std::uint32_t number, const Mark& mark) {
  Node& node = nodes_[number];
  for (const std::uint32_t slot : node.slots) {
    if (!concerns(mark, slot)) continue;
    for (const auto& lane : lanes_)
      if (Track& track = lane->tracks[slot]; track.before.time <= mark.breaks)
        track.before_until = std::min(track.before_until, mark.breaks);
  }
  // Marks that no window still to come can meet.
  const Nanos now = node.clock[kLive].watermark();
  std::erase_if(node.marks, [&](const Mark& old) { return saturating_add(old.to, longest_) < now; });
  constexpr std::size_t kMost = 256;
  if (node.marks.size() >= kMost) {  // the two oldest become one, which marks too much rather than too little
    Mark& second = node.marks[1];
    const Mark& first = node.marks[0];
    second = {std::min(first.from, second.from),
              std::max(first.to, second.to),
              std::min(first.breaks, second.breaks),
              kEverything,
              kEverything,
              first.cut | second.cut};
    node.marks.erase(node.marks.begin());
  }
  node.marks.push_back(mark);
}

/// What is open now, wherever the cut was: from the watermark to the newest event.
WinAgg::Mark WinAgg::open_span(std::uint32_t number, std::uint32_t cut) const {
  const Clock& clock = nodes_[number].clock[kLive];
  const Nanos newest = std::max(clock.data.newest(), clock.watermark());
  return {clock.watermark(), newest, newest, kEverything, kEverything, cut};
}

/// A series begins anew at `at`: what is open leaves and is marked, and nothing behind is mixed with it.
void WinAgg::restart(std::uint32_t slot, Nanos at) {
  add_mark(node_of(slot), {at, at, kForever, kEverything, slot, v1::CUT_RESTART});
  for (std::size_t lane = 0; lane < kLanes; ++lane) {
    process(lane, slot, true);
    Track& track = lanes_[lane]->tracks[slot];
    for (Pane& pane : track.panes) forget(pane);
    track = Track{};
  }
  sent_[slot].begin_anew();
  covered_[slot] = {};
  told_[slot] = {};
}

/// The live windows of a node, or of one asset, leave as they are.
void WinAgg::close_all(std::uint32_t number, std::uint32_t asset) {
  for (const std::uint32_t slot : nodes_[number].slots)
    if (asset == kEverything || table().series(slot).asset == asset) process(kLive, slot, true);
}
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
  for (Clock& clock : node.clock) clock.data = {}, clock.tick = kBeginning;
}

Status WinAgg::on_frame(const v1::Frame& frame, const FrameView& view, Output& out) {
  out_ = &out;
  if (frame.has_applied()) take_applied(frame.applied());
  if (frame.has_resume() && !std::exchange(loaded_, false)) begin_empty();
  if (frame.has_gap()) {
    const v1::Gap& gap = frame.gap();
    if (const auto node = table().find_node(gap.node()); node && *node < nodes_.size()) {
      Mark mark = open_span(*node, v1::CUT_GAP);
      if (gap.from() != 0 && gap.to() != 0 && gap.from() <= gap.to())
        mark = {gap.from(), gap.to(), gap.from(), kEverything, kEverything, v1::CUT_GAP};
      add_mark(*node, mark);
    }
  }
  write_rows(out);
  return pass(view, out);
}

/// The source goes on from a Position whose state we do not have.
void WinAgg::begin_empty() {
  for (const auto& lane : lanes_) *lane = Lane(options_.pages);
  for (auto& buffers : spare_) buffers.clear();
  buffers_.release();
  nodes_.clear();
  settings_.clear();
  sent_.clear();
  covered_.clear();
  told_.clear();
  waiting_.clear();
  rows_.clear();
  held_ = 0;
  restarted_ = true;
  grow();
  for (std::uint32_t slot = 0; slot < table().size(); ++slot) {
    nodes_[table().node_of(slot)].slots.push_back(slot);
    for (const auto& lane : lanes_)
      lane->heads[slot].node = table().node_of(slot) & Head::kMostNodes, lane->heads[slot].ruled = true;
  }
}

/// Declares, for their last rows, series that the last segment does not know.
void WinAgg::declare_missing(Output& out) {
  for (std::uint32_t slot = 0; slot < table().size(); ++slot)
    if (std::ranges::any_of(lanes_, [slot](const auto& lane) {
          return !lane->tracks[slot].panes.empty() || lane->tracks[slot].filled != kForever;
        }))
      last_aliases_.declare(slot, out);
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

bool WinAgg::concerns(const Mark& mark, std::uint32_t slot) const {
  return (mark.asset == kEverything || mark.asset == table().series(slot).asset) &&
         (mark.slot == kEverything || mark.slot == slot);
}

}  // namespace twinpipe
