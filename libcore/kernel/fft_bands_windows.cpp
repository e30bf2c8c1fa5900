// SPDX-License-Identifier: Apache-2.0
// Windows that join waveforms: what belongs together, what cuts a window short, and the state that a checkpoint keeps.
#include <algorithm>
#include <cmath>

#include "kernel/fft_bands_parts.hpp"
#include "kernel/waveform_split.hpp"
#include "state.pb.h"

namespace twinpipe {

void FftBands::start_over(Open& window, Nanos start) const {
  window.start = start;
  window.missing = window.full;
  window.sums.clear(rules_[window.rule]);
  window.floats.clear();
  window.doubles.clear();
}

/// Samples that follow each other. A window that is full leaves, and the next begins behind its last sample.
template <class Real>
void FftBands::fill(Open& window, std::uint32_t slot, bool historical, Nanos time, const Real* samples, std::size_t count) {
  std::vector<Real>& waiting = window.samples<Real>();
  for (std::size_t taken = 0; taken < count;) {
    const auto some = static_cast<std::size_t>(std::min<std::uint64_t>(count - taken, window.missing));
    waiting.insert(waiting.end(), samples + taken, samples + taken + some);
    const std::size_t done = add_segments(window.rule, window.period, waiting.data(), waiting.size(), window.sums);
    waiting.erase(waiting.begin(), waiting.begin() + static_cast<std::ptrdiff_t>(done));
    window.missing -= some;
    taken += some;
    if (window.missing > 0) continue;
    leave(window, slot, historical, 0);
    start_over(window, saturating_add(time, span_of(taken, window.period)));
  }
}

/// The spectrum of what a window holds.
void FftBands::leave(Open& window, std::uint32_t slot, bool historical, std::uint32_t cut) {
  const SegmentSums& sums = window.sums;
  samples_left_over_ += window.full - window.missing - rules_[window.rule].span(sums.placed);
  if (sums.placed == 0) return;
  if (sums.segments < sums.placed) cut |= v1::CUT_GAP;
  if (!emit(slot, {window.rule, window.in_double, historical, window.period, window.to_metric, window.start, cut}, sums))
    refuse(slot, historical, kNotFinite);
}

bool FftBands::join(const v1::Waveform& waveform, std::uint32_t slot, std::uint32_t number) {
  const SpectrumRule& rule = rules_[number];
  const double period = waveform.sample_period();
  const bool in_double = rule.in_double || waveform.double_sample_size() > 0;
  const std::size_t count = sample_count(waveform);
  auto& lane = open_[waveform.historical() ? 1 : 0];
  auto at = lane.find(slot);
  if (at != lane.end()) {
    const Open& before = at->second;
    const Nanos distance = saturating_sub(waveform.time(), before.expected);
    const Nanos most = rule.join_tolerance > 0 ? rule.join_tolerance : span_of(1, period / 2);
    const bool same_signal = before.rule == number && before.in_double == in_double && before.period == period;
    if (!same_signal || distance > most || distance < -most) {
      cut(slot, waveform.historical(), v1::CUT_GAP);
      at = lane.end();
    }
  }
  if (at == lane.end()) {
    at = lane.emplace(slot, Open{}).first;
    Open& fresh = at->second;
    fresh.rule = number;
    fresh.in_double = in_double;
    fresh.period = period;
    fresh.to_metric = followed_[waveform.historical() ? 1 : 0][slot].to_metric;
    fresh.full = rule.samples_of_window(period);
    start_over(fresh, waveform.time());
  }
  Open& window = at->second;
  window.last_length = span_of(count, period);
  window.expected = saturating_add(waveform.time(), window.last_length);
  const auto fill_with = [&](const auto* samples) { fill(window, slot, waveform.historical(), waveform.time(), samples, count); };
  if (waveform.double_sample_size() > 0) {
    fill_with(waveform.double_sample().data());
  } else if (in_double) {
    converted_.assign(waveform.float_sample().begin(), waveform.float_sample().end());
    fill_with(converted_.data());
  } else {
    fill_with(waveform.float_sample().data());
  }
  return true;
}

/// Ends the window of a series. Where the segment of the stream does not declare the series there is no name for a row: then
/// the window waits for its next waveform, which tells whether it goes on.
void FftBands::cut(std::uint32_t slot, bool historical, v1::Cut why) {
  auto& lane = open_[historical ? 1 : 0];
  const auto at = lane.find(slot);
  if (at == lane.end() || !last_aliases_.of(slot)) return;
  if (at->second.missing < at->second.full) {
    leave(at->second, slot, historical, why);
    ++windows_cut_;
  }
  lane.erase(at);
}

template <class Concerns>
void FftBands::cut_where(bool historical, v1::Cut why, Concerns concerns) {
  std::vector<std::uint32_t> concerned;
  for (const auto& [slot, window] : open_[historical ? 1 : 0])
    if (concerns(slot, window)) concerned.push_back(slot);
  for (const std::uint32_t slot : concerned) cut(slot, historical, why);
}

Status FftBands::on_watermark(const v1::Watermark& watermark, const FrameView& frame, Output& out) {
  const auto node = table().find_node(watermark.node());
  // A waveform bears the time of its first sample and comes when it has its last one.
  const auto overdue = [&](std::uint32_t slot, const Open& window) {
    const Nanos tolerance = std::max(rules_[window.rule].join_tolerance, span_of(1, window.period));
    return table().node_of(slot) == *node &&
           watermark.time() > saturating_add(saturating_add(window.expected, window.last_length), tolerance);
  };
  if (node) cut_where(watermark.lane() == v1::LANE_HISTORICAL, v1::CUT_GAP, overdue);
  rows_.flush(out);
  return pass(frame, out);
}

Status FftBands::on_lifecycle(const v1::Lifecycle& lifecycle, const FrameView& frame, Output& out) {
  const auto node = table().find_node(lifecycle.node());
  const auto concerned = [&](std::uint32_t slot, const Open&) {
    const Asset& asset = table().asset_of(slot);
    return asset.node == *node &&
           (lifecycle.asset().empty() ||
            (asset.asset == lifecycle.asset() && asset.line == lifecycle.line() && asset.site == lifecycle.site()));
  };
  // Where our own link is down the node may be well: messages are missing.
  const auto why = lifecycle.reason() == v1::Lifecycle::REASON_HOST_LINK_LOST ? v1::CUT_GAP : v1::CUT_DEATH;
  if (node && !lifecycle.online())
    for (const bool historical : {false, true}) cut_where(historical, why, concerned);
  rows_.flush(out);
  return pass(frame, out);
}

Status FftBands::on_frame(const v1::Frame& decoded, const FrameView& frame, Output& out) {
  const auto node = table().find_node(decoded.gap().node());
  if (node)
    for (const bool historical : {false, true})
      cut_where(historical, v1::CUT_GAP, [&](std::uint32_t slot, const Open&) { return table().node_of(slot) == *node; });
  rows_.flush(out);
  return pass(frame, out);
}

Status FftBands::finish(Output& out) {
  for (const auto& lane : open_)
    for (const auto& [slot, window] : lane)
      if (window.missing < window.full) last_aliases_.declare(slot, out);
  for (const bool historical : {false, true})
    cut_where(historical, v1::CUT_RESTART, [](std::uint32_t, const Open&) { return true; });
  rows_.flush(out);
  return {};
}

bool FftBands::stateful() const {
  return std::ranges::any_of(rules_, [](const SpectrumRule& rule) { return rule.window > 0; });
}

std::string FftBands::save() const {
  v1::FftBandsState state;
  state.set_policy_digest(book_.digest());
  for (const bool historical : {false, true})
    for (const auto& [slot, window] : open_[historical ? 1 : 0]) {
      v1::SpectrumWindow& to = *state.add_window();
      to.set_slot(slot);
      to.set_historical(historical);
      to.set_rule(window.rule);
      to.set_in_double(window.in_double);
      to.set_period(window.period);
      to.set_to_metric(window.to_metric);
      to.set_start(window.start);
      to.set_expected(window.expected);
      to.set_last_length(window.last_length);
      to.set_missing(window.missing);
      to.mutable_float_sample()->Add(window.floats.begin(), window.floats.end());
      to.mutable_double_sample()->Add(window.doubles.begin(), window.doubles.end());
      to.mutable_power()->Add(window.sums.power.begin(), window.sums.power.end());
      to.mutable_envelope()->Add(window.sums.envelope.begin(), window.sums.envelope.end());
      to.set_placed(window.sums.placed);
      to.set_segments(window.sums.segments);
    }
  for (const auto& lane : followed_)
    for (const Followed& followed : lane) {
      state.add_newest(followed.clock.newest());
      state.add_leapt(followed.clock.leapt());
    }
  return state.SerializeAsString();
}

Status FftBands::load(std::string_view bytes) {
  v1::FftBandsState state;
  if (!state.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    return Status::error(Code::bad_config, "the saved state is not one of fft-bands");
  for (auto& lane : open_) lane.clear();
  for (auto& lane : followed_) lane.assign(table().size(), {});
  if (state.policy_digest() != book_.digest()) {
    notice("the state was saved under another policy: the windows that were open are left out");
    return {};
  }
  int at = 0;
  for (auto& lane : followed_)
    for (Followed& followed : lane) {
      if (at >= state.newest_size() || at >= state.leapt_size())
        return Status::error(Code::bad_config, "the saved state does not fit its series table");
      followed.clock = EventClock(state.newest(at), state.leapt(at));
      ++at;
    }
  for (const v1::SpectrumWindow& from : state.window()) {
    if (from.slot() >= table().size() || from.rule() >= rules_.size() || !(from.period() > 0))
      return Status::error(Code::bad_config, "the saved state does not fit its series table");
    Open window;
    window.rule = from.rule();
    window.full = rules_[window.rule].samples_of_window(from.period());
    window.sums.clear(rules_[window.rule]);
    const auto fits = [](const std::vector<double>& sum, const auto& saved) {
      return sum.size() == static_cast<std::size_t>(saved.size());
    };
    if (from.missing() > window.full || !fits(window.sums.power, from.power()) || !fits(window.sums.envelope, from.envelope()))
      return Status::error(Code::bad_config, "the saved state does not fit its policy");
    window.in_double = from.in_double();
    window.period = from.period();
    window.to_metric = from.to_metric();
    window.start = from.start();
    window.expected = from.expected();
    window.last_length = from.last_length();
    window.missing = from.missing();
    window.floats.assign(from.float_sample().begin(), from.float_sample().end());
    window.doubles.assign(from.double_sample().begin(), from.double_sample().end());
    window.sums.power.assign(from.power().begin(), from.power().end());
    window.sums.envelope.assign(from.envelope().begin(), from.envelope().end());
    window.sums.placed = from.placed();
    window.sums.segments = from.segments();
    open_[from.historical() ? 1 : 0].insert_or_assign(from.slot(), std::move(window));
  }
  return {};
}

}  // namespace twinpipe
