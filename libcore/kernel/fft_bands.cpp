// SPDX-License-Identifier: Apache-2.0
// Waveforms into spectra: which rule applies, what is refused, and what comes out.
#include "kernel/fft_bands.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "kernel/fft_bands_parts.hpp"
#include "kernel/waveform_split.hpp"

namespace twinpipe {
namespace {

constexpr std::string_view kSection = "fft-bands";
constexpr double kShortestPeriod = 1e-9, kLongestPeriod = 86400;  // seconds
constexpr double kStandardGravity = 9.80665;                      // m/s², ISO 80000-3

/// One unit of acceleration in m/s².
std::optional<double> acceleration_unit(std::string_view unit) {
  constexpr std::array<std::string_view, 4> kGravities{"g", "gn", "g_n", "[g]"};
  constexpr std::array<std::string_view, 7> kMetric{"m/s2", "m/s^2", "m/s²", "m/s**2", "m.s-2", "m s-2", "m·s⁻²"};
  if (std::ranges::find(kGravities, unit) != kGravities.end()) return kStandardGravity;
  if (std::ranges::find(kMetric, unit) != kMetric.end()) return 1;
  return std::nullopt;
}

}  // namespace

Nanos span_of(std::uint64_t samples, double period) {
  const double nanos = std::round(static_cast<double>(samples) * period * 1e9);
  return nanos < 0x1p63 ? static_cast<Nanos>(nanos) : kForever;
}

FftBands::FftBands(const SeriesTable& table, const Policy& policy, std::vector<SpectrumRule> rules,
                   const FftBandsOptions& options)
    : Stage(table),
      book_(policy, std::string(kSection)),
      rules_(std::move(rules)),
      options_(options),
      transforms_(rules_.size()) {}

FftBands::~FftBands() = default;

Result<std::vector<SpectrumRule>> FftBands::rules_of(const Policy& policy) {
  std::vector<SpectrumRule> rules;
  for (const Rule& rule : policy.rules(kSection)) {
    Result<SpectrumRule> made = SpectrumRule::make(rule);
    if (!made.ok()) return made.status();
    rules.push_back(std::move(*made));
  }
  return rules;
}

bool FftBands::reads(FrameKind kind) const {
  return kind == FrameKind::series || kind == FrameKind::waveform || kind == FrameKind::lifecycle ||
         kind == FrameKind::watermark || kind == FrameKind::gap;
}

void FftBands::on_open(Output& out) { out.frame(book_.applied()); }

/// Takes over the rule that applies to a series from event time `at` on. A window that another rule began ends here; one that
/// a checkpoint brought back goes on.
Status FftBands::configure(std::uint32_t slot, bool historical, Nanos at) {
  const auto [rule, until] = book_.find(table(), slot, at);
  Followed& followed = followed_[historical ? 1 : 0][slot];
  const std::uint32_t number = rule == nullptr ? kNoRule : static_cast<std::uint32_t>(rule - book_.rules().data());
  followed.until = until;
  if (number == followed.rule) return {};
  const auto& lane = open_[historical ? 1 : 0];
  if (const auto window = lane.find(slot); window != lane.end() && window->second.rule != number)
    cut(slot, historical, v1::CUT_RESTART);
  followed.rule = number;
  followed.checked_period = 0;
  return number == kNoRule ? Status{} : check_unit(slot, followed);
}

template <class Real>
SegmentSpectrum<Real>& FftBands::spectrum(std::uint32_t rule) {
  auto& made = [ this, rule ]() -> auto& {
    if constexpr (std::is_same_v<Real, float>) return transforms_[rule].in_float;
    else return transforms_[rule].in_double;
  }
  ();
  if (!made)
    made =
        std::make_unique<SegmentSpectrum<Real>>(rules_[rule].segment, rules_[rule].wants(Quantity::envelope), options_.planning);
  return *made;
}

Status FftBands::check_unit(std::uint32_t slot, Followed& followed) const {
  if (!rules_[followed.rule].wants(Quantity::velocity)) return {};
  const v1::Sensor& sensor = table().series(slot).sensor;
  const std::string& unit = sensor.unit().empty() ? sensor.declared_unit() : sensor.unit();
  const std::optional<double> metric = acceleration_unit(unit);
  if (!metric)
    return Status::error(Code::bad_config,
                         fmt::format("{}: rule '{}' wants the velocity, and the unit '{}' is no acceleration: g or m/s²",
                                     table().name(slot), book_.rules()[followed.rule].name, unit));
  followed.to_metric = *metric;
  return {};
}

Status FftBands::on_series(const std::vector<Declared>& declared, const FrameView& frame, Output& out) {
  for (auto& lane : followed_) lane.resize(table().size());
  named_in_.resize(table().size());
  std::vector<std::uint32_t> behind;
  for (const Declared& series : declared) {
    const std::uint64_t segment = table().series(series.slot).segment;
    const bool named = std::exchange(named_in_[series.slot], segment) == segment;
    if (!series.born && !series.changed) continue;
    if (!named) behind.push_back(series.slot);
    else if (Status status = begin_again(series.slot); !status.ok()) return status;
  }
  rows_.flush(out);
  Status status = pass(frame, out);
  // Rows of series that this segment had not yet named leave behind their declaration.
  for (std::size_t i = 0; i < behind.size() && status.ok(); ++i) status = begin_again(behind[i]);
  rows_.flush(out);
  return status;
}

/// A series was born, or has another unit: what came before is not continued.
Status FftBands::begin_again(std::uint32_t slot) {
  for (const bool historical : {false, true}) {
    cut(slot, historical, v1::CUT_RESTART);
    followed_[historical ? 1 : 0][slot] = Followed{};
    if (table().series(slot).sensor.type() != v1::VALUE_TYPE_WAVEFORM) continue;
    if (Status status = configure(slot, historical, kBeginning); !status.ok()) return status;
    followed_[historical ? 1 : 0][slot].until = kBeginning;  // asked again with the first waveform's time
  }
  return {};
}

/// Why a waveform cannot be transformed.
std::optional<FftBands::Refusal> FftBands::refusal(const v1::Waveform& waveform, const SpectrumRule& rule, bool joins) {
  const std::size_t count = sample_count(waveform);
  if (waveform.has_quality() && !is_good(waveform.quality())) return kNotGood;
  if (!(waveform.sample_period() >= kShortestPeriod && waveform.sample_period() <= kLongestPeriod)) return kNoPeriod;
  if (count < (joins ? 1 : rule.segment.length)) return kTooShort;
  return std::nullopt;
}

/// Counted each time, said once a series: a sensor that is wrong is wrong ten times a second.
void FftBands::refuse(std::uint32_t slot, bool historical, Refusal why) {
  constexpr std::array<std::string_view, kRefusals> kWhy{"their quality is not good", "they have no usable sample period",
                                                         "they are shorter than a segment",
                                                         "every segment has a sample that is not finite"};
  ++refused_[why];
  const auto bit = static_cast<std::uint8_t>(1U << why);
  std::uint8_t& told = followed_[historical ? 1 : 0][slot].told;
  if (told & bit) return;
  told |= bit;
  notice(fmt::format("{}: waveforms are not transformed: {} (said once)", table().name(slot), kWhy[why]));
}

Status FftBands::on_waveform(const v1::Waveform& waveform, std::uint32_t slot, const FrameView& frame, Output& out) {
  const bool historical = waveform.historical();
  Followed& followed = followed_[historical ? 1 : 0][slot];
  // A time that is not believed ends no temporary rule, and its waveform no window of others.
  const EventClock::Sight sight = followed.clock.take(waveform.time());
  const bool doubtful = sight == EventClock::Sight::leap;
  if (!doubtful && (waveform.time() >= followed.until || sight == EventClock::Sight::anew)) {
    if (Status status = configure(slot, historical, waveform.time()); !status.ok()) return status;
    rows_.flush(out);
    for (std::string& line : book_.announce(out)) notice(std::move(line));
  }
  // A birth says null where it has no waveform yet: nothing is refused, nothing is cut.
  const bool nothing = waveform.has_quality() && is_null(waveform.quality()) && sample_count(waveform) == 0;
  if (followed.rule == kNoRule || nothing) return pass(frame, out);
  const SpectrumRule& rule = rules_[followed.rule];
  const bool joins = rule.window > 0 && !doubtful;
  bool used = false;
  if (const std::optional<Refusal> why = refusal(waveform, rule, joins)) {
    if (!doubtful) cut(slot, historical, v1::CUT_GAP);
    refuse(slot, historical, *why);
  } else {
    if (followed.checked_period != waveform.sample_period()) {
      if (Status status = rule.check(waveform.sample_period()); !status.ok())
        return Status::error(
            status.code, fmt::format("{}: rule '{}': {}", table().name(slot), book_.rules()[followed.rule].name, status.message));
      followed.checked_period = waveform.sample_period();
    }
    used = joins ? join(waveform, slot, followed.rule)
                 : transform(waveform, slot, followed.rule, rule.window > 0 ? v1::CUT_GAP : v1::CUT_NONE);
    transformed_ += used;
  }
  if (!used || options_.keep || waveform.pinned()) out.forward(frame);
  rows_.flush(out);
  return {};
}

/// All segments that lie in `samples`; how many samples lie before the next one.
template <class Real>
std::size_t FftBands::add_segments(std::uint32_t rule_number, double period, const Real* samples, std::size_t count,
                                   SegmentSums& sums) {
  const SpectrumRule& rule = rules_[rule_number];
  SegmentSpectrum<Real>& of = spectrum<Real>(rule_number);
  const BinRange pass_band = BinGrid{period, rule.segment.length}.range(rule.envelope_low, rule.envelope_high);
  double* const power = sums.power.empty() ? nullptr : sums.power.data();
  double* const envelope = sums.envelope.empty() ? nullptr : sums.envelope.data();
  std::size_t at = 0;
  for (; at + of.length() <= count; at += rule.hop) {
    ++sums.placed;
    const bool first = sums.segments == 0;
    const bool finite = of.add(samples + at, first, power, pass_band, envelope);
    sums.segments += finite;
  }
  return at;
}

template std::size_t FftBands::add_segments(std::uint32_t, double, const float*, std::size_t, SegmentSums&);
template std::size_t FftBands::add_segments(std::uint32_t, double, const double*, std::size_t, SegmentSums&);

/// A waveform alone; `cut`: it should be one of several.
bool FftBands::transform(const v1::Waveform& waveform, std::uint32_t slot, std::uint32_t number, v1::Cut cut) {
  const SpectrumRule& rule = rules_[number];
  const double period = waveform.sample_period();
  bool in_double = waveform.double_sample_size() > 0;
  sums_.clear(rule);
  const auto run = [&](const auto& samples) {
    add_segments(number, period, samples.data(), static_cast<std::size_t>(samples.size()), sums_);
    return static_cast<std::uint64_t>(samples.size());
  };
  std::uint64_t count = 0;
  if (in_double) {
    count = run(waveform.double_sample());
  } else if (rule.in_double) {
    converted_.assign(waveform.float_sample().begin(), waveform.float_sample().end());
    in_double = true;
    count = run(converted_);
  } else {
    count = run(waveform.float_sample());
  }
  const double to_metric = followed_[waveform.historical() ? 1 : 0][slot].to_metric;
  if (sums_.segments < sums_.placed) cut = v1::CUT_GAP;
  if (!emit(slot, {number, in_double, waveform.historical(), period, to_metric, waveform.time(), static_cast<std::uint32_t>(cut)},
            sums_)) {
    refuse(slot, waveform.historical(), kNotFinite);
    return false;
  }
  samples_left_over_ += count - rule.span(sums_.placed);
  return true;
}

/// Adds the rows of one spectrum. False: there is nothing finite in it.
bool FftBands::emit(std::uint32_t slot, const Origin& from, const SegmentSums& sums) {
  const SpectrumRule& rule = rules_[from.rule];
  segments_ += sums.segments;
  segments_not_finite_ += sums.placed - sums.segments;
  if (sums.segments == 0) return false;
  const BinGrid grid{from.period, rule.segment.length};
  SpectrumRow row;
  row.alias = *last_aliases_.of(slot);
  row.start = from.start;
  row.end = saturating_add(from.start, span_of(rule.span(sums.placed), from.period));
  row.segments = sums.segments;
  row.cut = from.cut;
  const auto measure = [&](auto& of) {
    row.noise_bandwidth = of.noise_bandwidth() * grid.spacing();
    if (!sums.power.empty()) of.mean_square(sums.power.data(), sums.segments, power_);
    if (!sums.envelope.empty()) of.mean_square_of_envelope(sums.envelope.data(), sums.segments, envelope_);
  };
  if (from.in_double) measure(spectrum<double>(from.rule));
  else measure(spectrum<float>(from.rule));
  bool finite = true;
  for (const QuantitySettings& wanted : rule.quantities) {
    const auto& bins = wanted.quantity == Quantity::envelope ? envelope_ : power_;
    const bool added = rows_.add(row, rule, wanted, grid, bins, from.to_metric, from.historical, book_.digest());
    spectra_ += added;
    finite = finite && added;
  }
  return finite;
}

std::vector<Counter> FftBands::counters() const {
  return {{"waveforms_transformed", transformed_},
          {"waveforms_not_good", refused_[kNotGood]},
          {"waveforms_without_period", refused_[kNoPeriod]},
          {"waveforms_too_short", refused_[kTooShort]},
          {"waveforms_not_finite", refused_[kNotFinite]},
          {"segments", segments_},
          {"segments_not_finite", segments_not_finite_},
          {"samples_left_over", samples_left_over_},
          {"spectra", spectra_},
          {"windows_cut", windows_cut_},
          {"rules_expired", book_.expired()}};
}

}  // namespace twinpipe
