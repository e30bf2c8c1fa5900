// SPDX-License-Identifier: Apache-2.0
// The simulated machine's physics: fault frequencies against a published table, impulses where the formulas put them.
#include "kernel/plant_physics.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <complex>
#include <numbers>

using namespace twinpipe;

namespace {

double rms(const std::vector<double>& samples) {
  double sum = 0;
  for (const double sample : samples) sum += sample * sample;
  return std::sqrt(sum / static_cast<double>(samples.size()));
}

double kurtosis(const std::vector<double>& samples) {
  double m2 = 0, m4 = 0;
  for (const double sample : samples) m2 += sample * sample, m4 += sample * sample * sample * sample;
  return m4 * static_cast<double>(samples.size()) / (m2 * m2);
}

/// Strength of one frequency in the squared signal: impulses show there as a line at their rate.
double line_of_power(const std::vector<double>& samples, double frequency, double rate) {
  std::complex<double> sum;
  double mean = 0;
  for (const double sample : samples) mean += sample * sample / static_cast<double>(samples.size());
  for (std::size_t i = 0; i < samples.size(); ++i)
    sum += (samples[i] * samples[i] - mean) * std::polar(1.0, -2 * std::numbers::pi * frequency * static_cast<double>(i) / rate);
  return std::abs(sum) / static_cast<double>(samples.size());
}

/// A bearing and nothing else.
Vibration silent_machine() {
  Vibration vibration;
  vibration.noise = 0;
  vibration.unbalance = 0;
  vibration.random = RandomStream(1, "test");
  return vibration;
}

Machine steady_machine() {
  Machine machine;
  machine.cycle = 1e12;  // its speed does not change
  return machine;
}

}  // namespace

TEST_CASE("random numbers are those of SplitMix64, with the moments of a normal distribution") {
  CHECK(mix64(0x9E3779B97F4A7C15U) == 0xE220A8397B1DCDAFU);  // the first number of the generator seeded with 0
  const RandomStream stream(1, "a");
  double sum = 0, square = 0, fourth = 0;
  const std::uint64_t count = 1'000'000;
  for (std::uint64_t n = 0; n < count; ++n) {
    const double x = stream.normal(n);
    sum += x;
    square += x * x;
    fourth += x * x * x * x;
  }
  CHECK(std::fabs(sum / count) < 0.005);
  CHECK(square / count == Approx(1).epsilon(0.005));
  CHECK(fourth / count == Approx(2.97).epsilon(0.01));
  CHECK(stream.bits(5) == RandomStream(1, "a").bits(5));
  CHECK(stream.bits(5) != RandomStream(2, "a").bits(5));
  CHECK(stream.bits(5) != RandomStream(1, "b").bits(5));
  CHECK(stream.bits(5) != RandomStream(1, "a", 1).bits(5));
}

TEST_CASE("fault frequencies are those published for the same bearings") {
  // Case Western Reserve University bearing data center, defect frequencies in multiples of the running speed.
  struct Row {
    Bearing bearing;
    double inner, outer, cage, ball;
  };
  const Row rows[] = {{kBearing6205, 5.4152, 3.5848, 0.39828, 4.7135}, {kBearing6203, 4.9469, 3.0530, 0.3817, 3.9874}};
  for (const Row& row : rows) {
    CHECK(impulses_per_turn(row.bearing, BearingFault::inner) == Approx(row.inner).epsilon(2e-4));
    CHECK(impulses_per_turn(row.bearing, BearingFault::outer) == Approx(row.outer).epsilon(2e-4));
    CHECK(impulses_per_turn(row.bearing, BearingFault::cage) == Approx(row.cage).epsilon(2e-4));
    CHECK(impulses_per_turn(row.bearing, BearingFault::ball) == Approx(row.ball).epsilon(2e-4));
    CHECK(row.bearing.bpfo() + row.bearing.bpfi() == Approx(row.bearing.elements));
  }
}

TEST_CASE("impulses come at the fault's frequency") {
  const double rate = 8000;
  const Machine machine = steady_machine();
  const Vibration vibration = silent_machine();
  for (const BearingFault fault : {BearingFault::outer, BearingFault::inner, BearingFault::ball, BearingFault::cage}) {
    CAPTURE(static_cast<int>(fault));
    std::vector<double> samples(16 * 8000);
    vibration.synthesise(machine, RunState::run, 0, rate, 0, {{fault, 5}}, samples);
    const double frequency = impulses_per_turn(vibration.bearing, fault) * machine.speed(RunState::run, 0);
    const double line = line_of_power(samples, frequency, rate);
    CHECK(line > 20 * line_of_power(samples, frequency * 1.013, rate));
    CHECK(line > 20 * line_of_power(samples, frequency * 0.987, rate));
    if (fault == BearingFault::outer || fault == BearingFault::cage) continue;
    // The passing through the loaded zone shows as sidebands.
    const double carrier = fault == BearingFault::inner ? 1 : vibration.bearing.ftf();
    CHECK(line_of_power(samples, frequency - carrier * machine.speed(RunState::run, 0), rate) > 0.2 * line);
  }
}

TEST_CASE("the time between two impulses varies by the random slip and no more") {
  const double rate = 50'000;
  const Machine machine = steady_machine();
  std::vector<double> samples(4 * 50'000);
  silent_machine().synthesise(machine, RunState::run, 0, rate, 0, {{BearingFault::outer, 10}}, samples);
  std::vector<double> onsets;
  // An impulse begins where quiet ends: it has died away long before the next one.
  for (std::size_t i = 1; i < samples.size(); ++i)
    if (std::fabs(samples[i]) > 1 && (onsets.empty() || static_cast<double>(i) - onsets.back() > 0.003 * rate))
      onsets.push_back(static_cast<double>(i));
  const double period = rate / (kBearing6205.bpfo() * machine.speed(RunState::run, 0));
  REQUIRE(static_cast<double>(onsets.size()) == Approx(static_cast<double>(samples.size()) / period).margin(1.5));
  double least = period, greatest = period;
  for (std::size_t i = 1; i < onsets.size(); ++i) {
    least = std::min(least, onsets[i] - onsets[i - 1]);
    greatest = std::max(greatest, onsets[i] - onsets[i - 1]);
  }
  CHECK(least >= 0.98 * period - 2);
  CHECK(greatest <= 1.02 * period + 2);
  CHECK(greatest - least > 0.01 * period);
  // Slip does not add up: the mean is the formula's.
  CHECK((onsets.back() - onsets.front()) / static_cast<double>(onsets.size() - 1) == Approx(period).epsilon(1e-4));
}

TEST_CASE("waveforms on end are one waveform") {
  const Machine machine = steady_machine();
  Vibration vibration = silent_machine();
  vibration.unbalance = 0.3;
  const std::vector<Vibration::Defect> defects{{BearingFault::outer, 5}, {BearingFault::inner, 3}};
  std::vector<double> whole(4000), first(2000), second(2000);
  vibration.synthesise(machine, RunState::run, 0, 8000, 0, defects, whole);
  vibration.synthesise(machine, RunState::run, 0, 8000, 0, defects, first);
  vibration.synthesise(machine, RunState::run, 250 * kMillisecond, 8000, 1, defects, second);
  double worst = 0;
  for (std::size_t i = 0; i < 2000; ++i)
    worst = std::max({worst, std::fabs(whole[i] - first[i]), std::fabs(whole[2000 + i] - second[i])});
  CHECK(worst <= 1.001 * kAccelerometerStep);
}

TEST_CASE("the expected rms is the waveform's, and damage shows as kurtosis") {
  const Machine machine = steady_machine();
  Vibration vibration;
  vibration.random = RandomStream(7, "test");
  for (const auto& defects :
       {std::vector<Vibration::Defect>{}, {{BearingFault::outer, 5}}, {{BearingFault::inner, 5}}, {{BearingFault::ball, 5}}}) {
    std::vector<double> samples(20 * 8000);
    vibration.synthesise(machine, RunState::run, 0, 8000, 0, defects, samples);
    CHECK(rms(samples) == Approx(vibration.expected_rms(machine, RunState::run, 0, defects)).epsilon(0.03));
    if (defects.empty()) CHECK(kurtosis(samples) < 3);
    else CHECK(kurtosis(samples) > 5);
  }
  std::vector<double> still(8000);
  vibration.synthesise(machine, RunState::stop, 0, 8000, 0, {{BearingFault::outer, 5}}, still);
  CHECK(rms(still) == Approx(vibration.expected_rms(machine, RunState::stop, 0, {})).epsilon(0.05));
}

TEST_CASE("an acquisition clips and quantises") {
  CHECK(as_acquired(1000) == kAccelerometerRange - kAccelerometerStep);
  CHECK(as_acquired(-1000) == -kAccelerometerRange);
  CHECK(as_acquired(0.6 * kAccelerometerStep) == kAccelerometerStep);
  CHECK(quantise(20.04, 10) == 20.0);
  CHECK(quantise(26.93, 10) == 26.9);  // and not 26.900000000000002
}

TEST_CASE("turns are the integral of the speed") {
  Machine machine;
  machine.cycle_phase = 1;
  for (const RunState state : {RunState::stop, RunState::idle, RunState::run}) {
    double sum = 0;
    const Nanos step = 10 * kMillisecond;
    for (Nanos at = 0; at < 900 * kSecond; at += step) sum += machine.speed(state, at + step / 2) * 0.01;
    CHECK(machine.turns(state, 900 * kSecond) == Approx(sum).epsilon(1e-9));
  }
}

TEST_CASE("a temperature returns to its target and spreads as told") {
  const Thermal thermal(100, 0.5, 1);
  double value = 50;
  for (int i = 0; i < 100; ++i) value = thermal.next(value, 20, 0);
  CHECK(value == Approx(20 + 30 / std::numbers::e));  // one time constant
  const RandomStream random(3, "t");
  double square = 0;
  for (std::uint64_t i = 0; i < 400'000; ++i) {
    value = thermal.next(value, 20, random.normal(i));
    square += (value - 20) * (value - 20);
  }
  CHECK(std::sqrt(square / 400'000) == Approx(0.5).epsilon(0.05));
}
