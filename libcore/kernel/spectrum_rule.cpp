// SPDX-License-Identifier: Apache-2.0
// Rules of the policy's section fft-bands.
#include "kernel/spectrum_rule.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <tuple>

#include "kernel/bearing.hpp"
#include "wire/quantity.hpp"

namespace twinpipe {
namespace {

constexpr double kLongestSegment = 1 << 24;
// The lower end of the range in which ISO 20816-1 measures a machine's vibration velocity.
constexpr double kVelocityLow = 10;
constexpr double kMostHarmonics = 100;

template <class... Args>
Status bad(const Rule& rule, fmt::format_string<Args...> format, Args&&... args) {
  return Status::error(Code::bad_config,
                       fmt::format("policy: rule '{}': {}", rule.name, fmt::format(format, std::forward<Args>(args)...)));
}

bool whole(double number) { return number == std::floor(number); }

Status read_segment(const Rule& rule, SpectrumRule& to) {
  const double length = rule.number("segment").value_or(4096);
  if (!whole(length) || length > kLongestSegment)
    return bad(rule, "'segment' is {}, not a whole number up to {}", length, kLongestSegment);
  to.segment.length = static_cast<std::size_t>(length);
  if (rule.number("overlap") && rule.number("overlap_samples"))
    return bad(rule, "both 'overlap' and 'overlap_samples' are given");
  const double percent = rule.number("overlap").value_or(50);
  const double overlap = rule.number("overlap_samples").value_or(std::floor(length * percent / 100));
  if (percent >= 100) return bad(rule, "'overlap' of {} % leaves nothing of a segment: below 100", percent);
  if (!whole(overlap) || overlap >= length)
    return bad(rule, "'overlap_samples' is {}, not a whole number below the segment of {}", overlap, length);
  to.hop = to.segment.length - static_cast<std::size_t>(overlap);
  to.segment.window = *window_function(rule.text("window_function", "hann"));
  to.segment.detrend = *detrend_named(rule.text("detrend", "constant"));
  to.in_double = rule.text("precision", "samples") == "double";
  if (rule.duration("window") == 0) return bad(rule, "'window' is 0: leave it out for a spectrum a waveform");
  to.window = rule.duration("window").value_or(0);
  to.join_tolerance = rule.duration("join_tolerance").value_or(0);
  return {};
}

/// Bands around the harmonics of the fault frequencies: "bpfo1" and so on.
Status read_bearing(const Rule& rule, NamedBands& bands) {
  const auto elements = rule.number("bearing_elements"), ball = rule.number("bearing_ball_diameter"),
             pitch = rule.number("bearing_pitch_diameter"), rpm = rule.number("shaft_rpm");
  const auto percent = rule.number("bearing_half_width"), hertz = rule.number("bearing_half_width_hz");
  const auto angle = rule.number("bearing_contact_angle"), harmonics = rule.number("bearing_harmonics");
  if (!elements && !ball && !pitch && !rpm && !percent && !hertz && !angle && !harmonics) return {};
  if (!elements || !ball || !pitch || !rpm)
    return bad(rule,
               "a bearing needs all of 'bearing_elements', 'bearing_ball_diameter', 'bearing_pitch_diameter' and 'shaft_rpm'");
  if (!whole(*elements) || *elements > 1000) return bad(rule, "'bearing_elements' is {}, not a number of balls", *elements);
  if (!(*ball > 0 && *ball < *pitch)) return bad(rule, "a ball of {} does not fit on a pitch circle of {}", *ball, *pitch);
  if (angle.value_or(0) >= 90) return bad(rule, "'bearing_contact_angle' is {}: degrees below 90", *angle);
  if (!(*rpm > 0)) return bad(rule, "'shaft_rpm' is 0");
  const double most = harmonics.value_or(3);
  if (!whole(most) || most > kMostHarmonics) return bad(rule, "'bearing_harmonics' is {}, not a whole number up to 100", most);
  if (percent && hertz) return bad(rule, "both 'bearing_half_width' and 'bearing_half_width_hz' are given");
  const Bearing bearing{static_cast<int>(*elements), *ball, *pitch, angle.value_or(0) * std::numbers::pi / 180};
  for (const auto& [name, turns] :
       {std::pair{"bpfo", bearing.bpfo()}, {"bpfi", bearing.bpfi()}, {"bsf", bearing.bsf()}, {"ftf", bearing.ftf()}})
    for (int harmonic = 1; harmonic <= static_cast<int>(most); ++harmonic) {
      const double centre = harmonic * turns * *rpm / 60;
      const double half = hertz.value_or(centre * percent.value_or(2) / 100);
      if (!(half > 0)) return bad(rule, "the half width of the bearing's bands is 0");
      bands.push_back({fmt::format("{}{}", name, harmonic), std::max(0.0, centre - half), centre + half});
    }
  return {};
}

Status check_names(const Rule& rule, NamedBands bands) {
  std::ranges::sort(bands, {}, &NamedBand::name);
  const auto twice = std::ranges::adjacent_find(bands, {}, &NamedBand::name);
  return twice == bands.end() ? Status{} : bad(rule, "'{}' is also the name of one of the bearing's bands", twice->name);
}

void sort_bands(NamedBands& bands) {
  std::ranges::sort(bands, {}, [](const NamedBand& band) { return std::tie(band.low, band.high, band.name); });
}

Status read_velocity(const Rule& rule, SpectrumRule& to) {
  to.velocity_low = rule.number("velocity_low").value_or(kVelocityLow);
  if (!(to.velocity_low > 0)) return bad(rule, "'velocity_low' is 0: an integral over all frequencies has no end");
  const bool own = rule.parameters.contains("velocity_bands");
  QuantitySettings velocity{Quantity::velocity, rule.bands(own ? "velocity_bands" : "bands")};
  for (NamedBand& band : velocity.bands) {
    if (band.high <= to.velocity_low)
      return bad(rule, "band '{}' of the velocity ends at {} Hz, and the velocity begins at {} Hz", band.name, band.high,
                 to.velocity_low);
    band.low = std::max(band.low, to.velocity_low);
  }
  sort_bands(velocity.bands);
  to.quantities.push_back(std::move(velocity));
  return {};
}

Status read_envelope(const Rule& rule, const NamedBands& bearing, SpectrumRule& to) {
  const auto low = rule.number("envelope_low"), high = rule.number("envelope_high");
  if (!low || !high) return bad(rule, "an envelope needs its pass band: 'envelope_low' and 'envelope_high'");
  if (!(*low < *high)) return bad(rule, "the pass band of the envelope goes from {} to {} Hz", *low, *high);
  to.envelope_low = *low;
  to.envelope_high = *high;
  const bool own = rule.parameters.contains("envelope_bands");
  QuantitySettings envelope{Quantity::envelope, rule.bands(own ? "envelope_bands" : "bands")};
  envelope.bands.insert(envelope.bands.end(), bearing.begin(), bearing.end());
  if (Status status = check_names(rule, envelope.bands); !status.ok()) return status;
  sort_bands(envelope.bands);
  to.quantities.push_back(std::move(envelope));
  return {};
}

/// A parameter that would do nothing is a mistake of its writer.
Status check_idle(const Rule& rule) {
  const auto idle = [&](bool used, std::initializer_list<std::string_view> names) -> Status {
    for (const std::string_view name : names)
      if (!used && rule.parameters.contains(name)) return bad(rule, "'{}' without {}", name, names.begin()[0].substr(0, 8));
    return {};
  };
  if (Status status = idle(rule.boolean("velocity", false), {"velocity_low", "velocity_bands"}); !status.ok()) return status;
  if (Status status = idle(rule.boolean("envelope", false), {"envelope_low", "envelope_high", "envelope_bands"}); !status.ok())
    return status;
  if (rule.parameters.contains("join_tolerance") && !rule.parameters.contains("window"))
    return bad(rule, "'join_tolerance' without 'window': nothing is joined");
  return {};
}

}  // namespace

std::string_view quantity_name(Quantity quantity) {
  constexpr std::array<std::string_view, 3> kNames{"acceleration", "velocity", "envelope"};
  return kNames[static_cast<std::size_t>(quantity)];
}

bool SpectrumRule::wants(Quantity quantity) const {
  return std::ranges::find(quantities, quantity, &QuantitySettings::quantity) != quantities.end();
}

Result<SpectrumRule> SpectrumRule::make(const Rule& rule) {
  SpectrumRule to;
  NamedBands bearing;
  if (Status status = check_idle(rule); !status.ok()) return status;
  if (Status status = read_segment(rule, to); !status.ok()) return status;
  if (Status status = read_bearing(rule, bearing); !status.ok()) return status;
  if (rule.boolean("acceleration", true)) {
    QuantitySettings acceleration{Quantity::acceleration, rule.bands("bands")};
    acceleration.bands.insert(acceleration.bands.end(), bearing.begin(), bearing.end());
    if (Status status = check_names(rule, acceleration.bands); !status.ok()) return status;
    sort_bands(acceleration.bands);
    to.quantities.push_back(std::move(acceleration));
  }
  if (rule.boolean("velocity", false))
    if (Status status = read_velocity(rule, to); !status.ok()) return status;
  if (rule.boolean("envelope", false))
    if (Status status = read_envelope(rule, bearing, to); !status.ok()) return status;
  if (to.quantities.empty()) return bad(rule, "it asks for no quantity: acceleration, velocity and envelope are all off");
  return to;
}

std::uint64_t SpectrumRule::samples_of_window(double sample_period) const {
  return static_cast<std::uint64_t>(std::round(static_cast<double>(window) * 1e-9 / sample_period));
}

Status SpectrumRule::check(double sample_period) const {
  const BinGrid grid{sample_period, segment.length};
  // A band may end one bin above, so that bands can hold the bin at the Nyquist frequency itself.
  const double most = (grid.nyquist() + grid.spacing()) * (1 + 1e-9);
  const auto above = [&](std::string_view what, double low, double high) {
    return Status::error(Code::bad_config, fmt::format("{} from {} to {} Hz reaches above the Nyquist frequency of {} Hz", what,
                                                       low, high, grid.nyquist()));
  };
  if (window > 0 && samples_of_window(sample_period) < segment.length)
    return Status::error(Code::bad_config,
                         fmt::format("a window of {} holds {} samples, fewer than a segment of {}", format_duration(window),
                                     samples_of_window(sample_period), segment.length));
  if (wants(Quantity::envelope) && envelope_high > most)
    return above("the pass band of the envelope", envelope_low, envelope_high);
  if (wants(Quantity::velocity) && velocity_low > grid.nyquist()) return above("the velocity", velocity_low, grid.nyquist());
  for (const QuantitySettings& wanted : quantities)
    for (const NamedBand& band : wanted.bands) {
      if (band.high > most) return above(fmt::format("band '{}'", band.name), band.low, band.high);
      // Its energy would be zero, whatever the machine does.
      if (const BinRange bins = grid.range(band.low, band.high); bins.low >= bins.high)
        return Status::error(
            Code::bad_config,
            fmt::format("band '{}' from {} to {} Hz holds no bin: with segments of {} samples they are {} Hz apart", band.name,
                        band.low, band.high, segment.length, grid.spacing()));
    }
  return {};
}

std::size_t BinGrid::first_from(double frequency) const {
  const std::size_t bins = length / 2 + 1;
  const double position = frequency * (static_cast<double>(length) * sample_period);
  const double bin = std::ceil(position - 1e-9 * std::max(1.0, position));
  return bin >= static_cast<double>(bins) ? bins : static_cast<std::size_t>(std::max(0.0, bin));
}

}  // namespace twinpipe
