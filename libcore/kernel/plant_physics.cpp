// SPDX-License-Identifier: Apache-2.0
// The physics of one rotating machine.
#include "kernel/plant_physics.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <complex>
#include <numbers>

namespace twinpipe {
namespace {

constexpr double kTurn = 2 * std::numbers::pi;
constexpr double kSlip = 0.02;  // fall of speed from no load to full load
constexpr double kLoadMean = 0.7;
constexpr double kLoadSwing = 0.25;
constexpr double kIdleLoad = 0.1;
constexpr double kIdleSpeed = 0.4;       // of nominal
constexpr double kRunTurnJitter = 0.01;  // random slip of the rolling elements, of the time between two impulses
constexpr double kRingTimes = 10;        // time constants after which an impulse has died away (e^-10)

double seconds(Nanos time) { return static_cast<double>(time) * 1e-9; }

struct Harmonic {
  int order;
  double part;  // of the unbalance
  double phase;
};
// Unbalance, misalignment, looseness, and the pass of seven vanes.
constexpr std::array kHarmonics{Harmonic{1, 1.0, 0.0}, Harmonic{2, 0.4, 1.1}, Harmonic{3, 0.15, 2.3}, Harmonic{7, 0.25, 0.7}};

/// Strength of an impulse as the defect passes through the loaded zone (Randall & Antoni, fig. 6).
double modulation(BearingFault fault, const Bearing& bearing, double turns) {
  switch (fault) {
    case BearingFault::inner: return 0.5 * (1 + std::cos(kTurn * turns));
    case BearingFault::ball: return 0.5 * (1 + std::cos(kTurn * turns * bearing.ftf()));
    default: return 1;
  }
}

/// Mean square of modulation().
double modulation_power(BearingFault fault) { return fault == BearingFault::inner || fault == BearingFault::ball ? 0.375 : 1; }

}  // namespace

std::optional<BearingFault> bearing_fault(std::string_view name) {
  if (name == "outer") return BearingFault::outer;
  if (name == "inner") return BearingFault::inner;
  if (name == "ball") return BearingFault::ball;
  if (name == "cage") return BearingFault::cage;
  return std::nullopt;
}

double impulses_per_turn(const Bearing& bearing, BearingFault fault) {
  switch (fault) {
    case BearingFault::outer: return bearing.bpfo();
    case BearingFault::inner: return bearing.bpfi();
    case BearingFault::ball: return 2 * bearing.bsf();
    case BearingFault::cage: return bearing.ftf();
  }
  return 0;
}

double Machine::load(RunState state, Nanos at) const {
  if (state == RunState::stop) return 0;
  if (state == RunState::idle) return kIdleLoad;
  return kLoadMean + kLoadSwing * std::sin(kTurn * seconds(at - start) / cycle + cycle_phase);
}

double Machine::speed(RunState state, Nanos at) const {
  if (state == RunState::stop) return 0;
  if (state == RunState::idle) return nominal * kIdleSpeed;
  return nominal * (1 - kSlip * load(state, at));
}

double Machine::turns(RunState state, Nanos at) const {
  const double t = seconds(at - start);
  if (state == RunState::stop) return 0;
  if (state == RunState::idle) return nominal * kIdleSpeed * t;
  const double swing = std::cos(cycle_phase) - std::cos(kTurn * t / cycle + cycle_phase);
  return nominal * ((1 - kSlip * kLoadMean) * t - kSlip * kLoadSwing * cycle / kTurn * swing);
}

Thermal::Thermal(double time_constant, double deviation, double step)
    : decay_(std::exp(-step / time_constant)), spread_(deviation * std::sqrt(1 - decay_ * decay_)) {}

double ambient_temperature(Nanos at) {
  // Warmest at 15:00 UTC.
  return 20 + 5 * std::cos(kTurn * (seconds(at % (86'400 * kSecond)) / 86'400 - 0.625));
}

double steady_temperature(double rise, double load, Nanos at) { return ambient_temperature(at) + rise * load * load; }

double quantise(double value, double parts) { return std::nearbyint(value * parts) / parts; }

double as_acquired(double sample) {
  return std::clamp(std::nearbyint(sample / kAccelerometerStep) * kAccelerometerStep, -kAccelerometerRange,
                    kAccelerometerRange - kAccelerometerStep);
}

void Vibration::add_harmonics(double turns, double turns_a_sample, double load, std::vector<double>& samples) const {
  for (const Harmonic& harmonic : kHarmonics) {
    // A phasor turned by one multiplication a sample; it drifts by some 1e-16 a turn.
    std::complex<double> phasor = std::polar(unbalance * harmonic.part * (0.7 + 0.3 * load),
                                             kTurn * std::remainder(harmonic.order * turns, 1.0) + harmonic.phase);
    const std::complex<double> turn = std::polar(1.0, kTurn * harmonic.order * turns_a_sample);
    for (double& sample : samples) {
      sample += phasor.real();
      phasor *= turn;
    }
  }
}

/// Each passing of the defect strikes the structure, which answers with a decaying oscillation. An impulse belongs to its
/// number since the start of the plant, so blocks on end share those that ring across the boundary.
void Vibration::add_impulses(double turns, double turns_a_sample, double rate, const Defect& defect,
                             std::vector<double>& samples) const {
  const double per_turn = impulses_per_turn(bearing, defect.kind);
  const double frequency = std::min(resonance, 0.375 * rate);
  const double decay = damping * kTurn * frequency;  // 1/s
  const double ring = kRingTimes / decay * rate;     // samples
  const std::complex<double> step = std::exp(std::complex<double>(-decay, kTurn * frequency) / rate);
  const auto count = static_cast<double>(samples.size());
  const auto first = static_cast<std::int64_t>(std::floor((turns - ring * turns_a_sample) * per_turn)) - 1;
  const auto last = static_cast<std::int64_t>(std::ceil((turns + count * turns_a_sample) * per_turn)) + 1;
  for (std::int64_t k = std::max<std::int64_t>(first, 0); k <= last; ++k) {
    const auto n = static_cast<std::uint64_t>(k) * 4 + static_cast<std::uint64_t>(defect.kind);
    const RandomStream& draw = random;
    const double slip = kRunTurnJitter * (2 * draw.uniform(n) - 1);
    const double at_turns = (static_cast<double>(k) + slip) / per_turn;
    const double at = (at_turns - turns) / turns_a_sample;  // in samples, with its fraction
    if (at >= count || at < -ring) continue;
    const auto from = static_cast<std::size_t>(std::max(0.0, std::ceil(at)));
    const auto until = static_cast<std::size_t>(std::clamp(std::ceil(at + ring), 0.0, count));
    const double height = defect.amplitude * modulation(defect.kind, bearing, at_turns) * (0.9 + 0.2 * draw.uniform(~n));
    const double since = (static_cast<double>(from) - at) / rate;
    std::complex<double> answer = std::polar(height * std::exp(-decay * since), kTurn * frequency * since);
    for (std::size_t i = from; i < until; ++i) {
      samples[i] += answer.imag();
      answer *= step;
    }
  }
}

void Vibration::synthesise(const Machine& machine, RunState state, Nanos at, double rate, std::uint64_t block,
                           const std::vector<Defect>& defects, std::vector<double>& samples) const {
  // Streams of noise and of impulses must not overlap: the noise counts in the upper half of the numbers.
  const std::uint64_t base = (std::uint64_t{1} << 63) + block * samples.size();
  const double floor = state == RunState::stop ? 0.1 * noise : noise;
  for (std::size_t i = 0; i < samples.size(); ++i) samples[i] = floor * random.normal(base + i);
  if (state != RunState::stop && !samples.empty()) {
    const double length = static_cast<double>(samples.size()) / rate;
    const double turns = machine.turns(state, at);
    const double turns_a_sample =
        (machine.turns(state, at + static_cast<Nanos>(length * 1e9)) - turns) / static_cast<double>(samples.size());
    add_harmonics(turns, turns_a_sample, machine.load(state, at), samples);
    for (const Defect& defect : defects) add_impulses(turns, turns_a_sample, rate, defect, samples);
  }
  for (double& sample : samples) sample = as_acquired(sample);
}

double Vibration::expected_rms(const Machine& machine, RunState state, Nanos at, const std::vector<Defect>& defects) const {
  if (state == RunState::stop) return 0.1 * noise;
  double power = noise * noise;
  for (const Harmonic& harmonic : kHarmonics) {
    const double amplitude = unbalance * harmonic.part * (0.7 + 0.3 * machine.load(state, at));
    power += 0.5 * amplitude * amplitude;
  }
  // Energy of e^(-αt)·sin(ωt) is 1/(4α) − α/(4(α² + ω²)); so many times a second.
  const double omega = kTurn * resonance, alpha = damping * omega;
  const double energy = 0.25 / alpha - 0.25 * alpha / (alpha * alpha + omega * omega);
  for (const Defect& defect : defects)
    power += defect.amplitude * defect.amplitude * modulation_power(defect.kind) * energy *
             impulses_per_turn(bearing, defect.kind) * machine.speed(state, at);
  return std::sqrt(power);
}

}  // namespace twinpipe
