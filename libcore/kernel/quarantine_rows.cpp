// SPDX-License-Identifier: Apache-2.0
// Quarantine: waveforms, which are rejected whole, and rows of windows.
//
// Rate and stuck value look at neighbours within one waveform. A window's row has values in the unit of its series, which a range
// is held against, and no neighbour that it is compared with; the powers of a spectrum are in none.
#include <fmt/format.h>

#include <array>
#include <cmath>
#include <span>

#include "kernel/quarantine_parts.hpp"
#include "kernel/selection.hpp"

namespace twinpipe {
namespace {

/// The time of a sample.
Nanos time_of(const v1::Waveform& waveform, std::size_t sample) {
  const double behind = static_cast<double>(sample) * waveform.sample_period() * 1e9;
  return behind < 1e18 ? saturating_add(waveform.time(), static_cast<Nanos>(behind)) : kForever;
}

/// The first sample that breaks a rule about values, as `is_broken` says of each as a reading.
template <class Sample, class Broken>
std::optional<std::size_t> first_broken(std::span<const Sample> samples, const v1::Waveform& waveform, Sighting& seen,
                                        const Broken& is_broken) {
  const Nanos start = seen.time;
  seen.is_number = true;
  for (std::size_t at = 0; at < samples.size(); ++at) {
    const auto value = static_cast<double>(samples[at]);
    seen.time = at == 0 ? start : time_of(waveform, at);
    seen.same = at > 0 && value == seen.number;
    seen.rise = at > 0 ? value - seen.number : 0;
    seen.elapsed = at > 0 ? saturating_sub(seen.time, time_of(waveform, at - 1)) : 0;
    if (!seen.same) seen.since = seen.time;
    seen.follows = at > 0;
    seen.number = value;
    if (is_broken(seen)) return at;
  }
  return std::nullopt;
}

/// Columns of aggregates in the unit of the series.
struct Statistic {
  std::string_view name;
  const google::protobuf::RepeatedField<double>* column;
};
std::array<Statistic, 5> statistics_of(const v1::Aggregates& rows) {
  return {{{"min", &rows.min()}, {"max", &rows.max()}, {"mean", &rows.mean()}, {"first", &rows.first()}, {"last", &rows.last()}}};
}

/// Calls `is_broken` with each value of a row, until one is. `where`: its name.
template <class Broken>
bool any_broken(const v1::Aggregates& rows, int row, Sighting& seen, std::string& where, const Broken& is_broken) {
  if (row < rows.count_size() && rows.count(row) == 0) return false;
  seen.has_value = seen.is_number = true;
  for (const auto& [name, column] : statistics_of(rows)) {
    if (row >= column->size()) continue;
    seen.number = column->Get(row);
    where = fmt::format("{} ", name);
    if (is_broken(seen)) return true;
  }
  return false;
}
template <class Broken>
bool any_broken(const v1::Spectra&, int, Sighting&, std::string&, const Broken&) {
  return false;
}

constexpr bool is_about_samples(Expect what) { return what == Expect::range || what == Expect::rate || what == Expect::stuck; }

}  // namespace

Status Quarantine::on_waveform(const v1::Waveform& waveform, std::uint32_t slot, const FrameView& view, Output& out) {
  Lane& lane = *lanes_[waveform.historical() ? 1 : 0];
  const Entry entry = enter(lane, slot, waveform.time());
  if (is_over(lane, slot, waveform.time(), entry)) configure(lane, slot, waveform.time());
  announce(out);
  Sighting whole;
  whole.time = whole.since = waveform.time();
  whole.quality = waveform.has_quality() ? waveform.quality() : kGood;
  whole.now = now();
  const auto breaks = [&](const Check& check, Offence& offence) {
    const auto is_broken = [&check](const Sighting& seen) {
      return check.expectation->is_broken(seen, check.wrong_unit, check.expectation->longest);
    };
    offence.seen = whole;
    if (!is_about_samples(check.expectation->what)) return is_broken(offence.seen);
    offence.seen.has_value = is_good(whole.quality);
    if (!offence.seen.has_value) return false;
    const std::span floats(waveform.float_sample().data(), static_cast<std::size_t>(waveform.float_sample_size()));
    const std::span doubles(waveform.double_sample().data(), static_cast<std::size_t>(waveform.double_sample_size()));
    const auto at = floats.empty() ? first_broken(doubles, waveform, offence.seen, is_broken)
                                   : first_broken(floats, waveform, offence.seen, is_broken);
    if (!at) return false;
    offence.position = *at;
    offence.where = fmt::format("sample {}: ", *at);
    return true;
  };
  const Expectation* broken = judge(lane.tracks[slot].program, slot, 0, breaks);
  if (broken == nullptr) out.forward(view), ++passed_;
  for (const Hit& hit : hits_) reject(out, [&](Output& to) { rejects_.waveform(waveform, slot, hit.breach, to); });
  hits_.clear();
  if (stop_) return failed(out);
  if (!is_about_time(broken)) leave(lane, slot, entry);
  return {};
}

/// The rows up to `until` that have not left yet, without those that are gone, and behind them what broke rules.
template <class Rows>
void Quarantine::put_rows(const Rows& rows, const v1::Frame& frame, std::size_t until, const FrameView& view, Output& out) {
  const auto size = static_cast<std::size_t>(rows.series_size());
  if (gone_.empty() && written_ == 0 && until == size) {
    out.forward(view);
  } else {
    std::vector<bool> keep(size);
    for (std::size_t row = written_; row < until; ++row) keep[row] = true;
    for (const std::uint32_t row : gone_) keep[row] = false;
    v1::Frame made = frame;
    if constexpr (std::is_same_v<Rows, v1::Aggregates>) remove_rows(*made.mutable_aggregates(), keep);
    else remove_rows(*made.mutable_spectra(), keep);
    if (until - written_ > gone_.size()) out.frame(made);
  }
  for (const Hit& hit : hits_) reject(out, [&](Output& to) { rejects_.row(rows, static_cast<int>(hit.row), hit.breach, to); });
  hits_.clear();
  passed_ += until - written_ - gone_.size();
  written_ = until;
  gone_.clear();
}

template <class Rows>
Status Quarantine::on_rows(const Rows& rows, const v1::Frame& frame, const FrameView& view, Output& out) {
  Lane& lane = *lanes_[rows.historical() ? 1 : 0];
  const auto size = static_cast<std::size_t>(rows.series_size());
  written_ = 0;
  for (std::size_t number = 0; number < size; ++number) {
    const int row = static_cast<int>(number);
    const std::uint32_t slot = table().slots()[rows.series(row)];
    Sighting whole;
    whole.time = rows.start(row);
    whole.now = now();
    const Entry entry = enter(lane, slot, whole.time);
    if (is_over(lane, slot, whole.time, entry)) {
      configure(lane, slot, whole.time);
      if (rules_.has_news()) put_rows(rows, frame, number, view, out), announce(out);
    }
    const Expectation* broken = judge(lane.tracks[slot].program, slot, number, [&](const Check& check, Offence& offence) {
      const auto is_broken = [&check](const Sighting& seen) {
        return check.expectation->is_broken(seen, check.wrong_unit, check.stuck_after);
      };
      offence.seen = whole;
      if (check.expectation->what == Expect::range) return any_broken(rows, row, offence.seen, offence.where, is_broken);
      return is_broken(offence.seen);
    });
    if (stop_) {
      put_rows(rows, frame, number, view, out);
      return failed(out);
    }
    if (broken != nullptr) gone_.push_back(static_cast<std::uint32_t>(number));
    if (!is_about_time(broken)) leave(lane, slot, entry);
  }
  put_rows(rows, frame, size, view, out);
  return {};
}

Status Quarantine::on_frame(const v1::Frame& frame, const FrameView& view, Output& out) {
  switch (view.kind) {
    case FrameKind::aggregates: return on_rows(frame.aggregates(), frame, view, out);
    case FrameKind::spectra: return on_rows(frame.spectra(), frame, view, out);
    case FrameKind::arrival: now_.take(frame.arrival().time()); break;
    case FrameKind::applied: take_applied(frame.applied()); break;
    case FrameKind::position: rejects_.take_position(frame.position()); break;
    case FrameKind::resume: rejects_.take_position(frame.resume().position()); break;
    default: break;
  }
  if (side_.live && view.kind != FrameKind::applied && view.kind != FrameKind::arrival)
    to_side([&view](Output& side) { side.forward(view); });
  return pass(view, out);
}

}  // namespace twinpipe
