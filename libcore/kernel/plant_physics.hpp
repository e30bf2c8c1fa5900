// SPDX-License-Identifier: Apache-2.0
// The physics of one rotating machine: shaft speed under load, temperatures, and what an accelerometer on a bearing
// sees. Pure functions of time and of the machine's state, so that a waveform can be made late or twice.
//
// Bearings: R. B. Randall, J. Antoni, "Rolling element bearing diagnostics — a tutorial", Mechanical Systems and Signal
// Processing 25 (2011) 485–520: fault frequencies (eqs. 1–4), impulses that excite a resonance, random slip of one or two
// per cent, modulation by shaft (inner race) and cage (rolling element).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "kernel/bearing.hpp"
#include "kernel/plant_random.hpp"
#include "wire/frame.hpp"

namespace twinpipe {

enum class BearingFault : std::uint8_t { outer, inner, ball, cage };
std::optional<BearingFault> bearing_fault(std::string_view name);
/// Impulses a turn of the shaft.
double impulses_per_turn(const Bearing& bearing, BearingFault fault);

enum class RunState : std::uint8_t { stop, idle, run };

/// What does not change while the plant runs.
struct Machine {
  Nanos start = 0;         // of the plant: time is measured from here
  double nominal = 49.5;   // shaft turns a second without load
  double cycle = 1800;     // seconds of a load cycle
  double cycle_phase = 0;  // radians

  /// 0..1
  double load(RunState state, Nanos at) const;
  /// Turns a second, and turns since the start of the plant had the machine always been in `state`. The second is the
  /// integral of the first, so that waveforms on end join without a step.
  double speed(RunState state, Nanos at) const;
  double turns(RunState state, Nanos at) const;
};

/// A temperature with a thermal time constant: an Ornstein–Uhlenbeck process around a moving target, stepped exactly.
class Thermal {
 public:
  Thermal(double time_constant, double deviation, double step);
  double next(double before, double target, double normal) const {
    return target + (before - target) * decay_ + spread_ * normal;
  }

 private:
  double decay_, spread_;
};

/// Steady temperatures in °C: a daily swing around 20 °C, and losses that rise with the square of the load.
double ambient_temperature(Nanos at);
double steady_temperature(double rise, double load, Nanos at);

/// An accelerometer's acquisition: g over ±50 g in 16 bits.
inline constexpr double kAccelerometerRange = 50;
inline constexpr double kAccelerometerStep = kAccelerometerRange / 32768;

/// What one accelerometer sees.
struct Vibration {
  Bearing bearing = kBearing6205;
  double unbalance = 0.3;   // g at the first harmonic of the shaft
  double noise = 0.05;      // g, standard deviation
  double resonance = 3000;  // Hz, of the structure that impulses excite
  double damping = 0.05;    // of critical
  RandomStream random;

  struct Defect {
    BearingFault kind;
    double amplitude;  // g, of an impulse at its height
  };
  /// Samples from `at` on, quantised and clipped. `block` numbers the waveform for the noise.
  void synthesise(const Machine& machine, RunState state, Nanos at, double rate, std::uint64_t block,
                  const std::vector<Defect>& defects, std::vector<double>& samples) const;
  /// Root mean square that the waveform has in the long run, in g.
  double expected_rms(const Machine& machine, RunState state, Nanos at, const std::vector<Defect>& defects) const;

 private:
  void add_harmonics(double turns, double turns_a_sample, double load, std::vector<double>& samples) const;
  void add_impulses(double turns, double turns_a_sample, double rate, const Defect& defect, std::vector<double>& samples) const;
};

/// To a whole number of `parts` of a unit, as the double nearest to that decimal.
double quantise(double value, double parts);
/// Quantised and clipped as the accelerometer's acquisition does.
double as_acquired(double sample);

}  // namespace twinpipe
