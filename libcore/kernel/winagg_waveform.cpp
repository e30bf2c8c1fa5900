// SPDX-License-Identifier: Apache-2.0
// Waveforms into the panes of the window aggregates: each sample at its own time.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "kernel/waveform_split.hpp"
#include "kernel/winagg_parts.hpp"
#include "wire/quantity.hpp"

namespace twinpipe {

namespace {

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
  const std::size_t samples = sample_count(waveform), lane = waveform.historical() ? kHistorical : kLive;
  if (is_over(lane, slot, waveform.time())) configure(slot, waveform.time());
  const Setting& setting = settings_[slot];
  if (setting.rule == nullptr || samples == 0) return pass(frame, out);
  const double span = static_cast<double>(samples) * waveform.sample_period() * static_cast<double>(kSecond);
  const bool period_is_sensible = waveform.sample_period() > 0 && span < static_cast<double>(kFarthest);
  if (!period_is_sensible || waveform.time() > kFarthest || waveform.time() < -kFarthest) {
    // One bad sensor must not stop the others.
    samples_taken_ += samples;
    samples_excluded_ += samples;
    if (!std::exchange(settings_[slot].told, true))
      notice(fmt::format("{}: waveforms are left out: {} samples from {} with a sample period of {} s (said once)",
                         table().name(slot), samples, format_time(waveform.time()), waveform.sample_period()));
    return pass(frame, out);
  }
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
  saw(lane, node_of(slot), waveform.time());
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
  const Nanos watermark = nodes_[node_of(slot)].clock[lane].watermark();
  if (pane->emitted > 0) reopen(lane, slot, slice.time);
  return add_slice(*pane, slice, saturating_sub(watermark, settings_[slot].lateness));
}

}  // namespace twinpipe
