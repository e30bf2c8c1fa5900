// SPDX-License-Identifier: Apache-2.0
// One machine of the simulated plant.
#include "kernel/plant_asset.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <numbers>

namespace twinpipe {

enum class PlantAsset::Alarm : std::uint8_t { none, temperature_high, vibration_high, trip };

namespace {

enum Sensor : std::size_t {
  kTempBearing,
  kTempMotor,
  kVibrationRms,
  kRpm,
  kLoad,
  kState,
  kRunning,
  kStarts,
  kAlarm,
  kVibrationDe,
  kVibrationNde,
  kSensorCount
};

// Datatypes: 4 Int64, 8 UInt64, 10 Double, 11 Boolean, 12 String, 30 FloatArray.
constexpr std::uint32_t kSparkplugDouble = 10;
constexpr std::array<PlantSensor, kSensorCount> kSensors{{
    {"temp-bearing", v1::VALUE_TYPE_DOUBLE, 10, "degC", 0, 120, 10},
    {"temp-motor", v1::VALUE_TYPE_DOUBLE, 10, "degC", 0, 150, 10},
    {"vibration-rms", v1::VALUE_TYPE_DOUBLE, 10, "g", 0, 10, 1000},
    {"rpm", v1::VALUE_TYPE_DOUBLE, 10, "rpm", 0, 3600, 1},
    {"load", v1::VALUE_TYPE_INT64, 4, "%", 0, 100, 1},
    {"state", v1::VALUE_TYPE_STRING, 12, "", 0, 0, 0},
    {"running", v1::VALUE_TYPE_BOOL, 11, "", 0, 0, 0},
    {"starts", v1::VALUE_TYPE_UINT64, 8, "", 0, 0, 0},
    {"alarm", v1::VALUE_TYPE_STRING, 12, "", 0, 0, 0},
    {"vibration-de", v1::VALUE_TYPE_WAVEFORM, 30, "g", -kAccelerometerRange, kAccelerometerRange, 0},
    {"vibration-nde", v1::VALUE_TYPE_WAVEFORM, 30, "g", -kAccelerometerRange, kAccelerometerRange, 0},
}};

constexpr std::array<std::string_view, 7> kTexts{"NONE", "TEMP_HIGH", "VIBRATION_HIGH", "TRIP", "STOP", "IDLE", "RUN"};
constexpr std::uint64_t kFirstState = 4;  // RunState in kTexts

constexpr double kBearingRise = 25, kMotorRise = 45;  // °C at full load
constexpr double kFrictionRise = 6;                   // °C a g of impulse height
constexpr double kTempHigh = 70, kTempBack = 65;      // °C
constexpr double kRmsHigh = 0.5, kRmsBack = 0.45;     // g

// Numbers of draws: a scan makes kDraws of them.
enum Draw : std::uint64_t { kDrawBearing, kDrawMotor, kDrawBearingNoise, kDrawMotorNoise, kDrawRms, kDrawRpm, kDrawLoad, kDraws };

Nanos whole_milliseconds(double nanos) { return static_cast<Nanos>(nanos) / kMillisecond * kMillisecond; }
double in_seconds(Nanos time) { return static_cast<double>(time) * 1e-9; }

constexpr std::string_view kCelsius = "degC";
double in_fahrenheit(double celsius) { return celsius * 1.8 + 32; }
bool measures_fahrenheit(const PlantOptions& options, const v1::Series& owner, const PlantSensor& sensor) {
  return sensor.unit == kCelsius && std::ranges::any_of(options.fahrenheit, [&](const Pattern& pattern) {
           return pattern.matches(owner.site(), owner.line(), owner.asset(), sensor.name);
         });
}

}  // namespace

std::span<const PlantSensor> plant_sensors(const PlantOptions& options) {
  return std::span(kSensors).first(options.waveform_every > 0 ? kSensorCount : std::size_t{kVibrationDe});
}

void declare(const PlantOptions& options, const v1::Series& owner, const PlantSensor& sensor, std::uint32_t alias,
             v1::Sensor& to) {
  to.set_alias(alias);
  to.set_name(std::string(sensor.name));
  to.set_type(sensor.type);
  to.set_datatype(sensor.datatype);
  to.set_declared_unit(std::string(sensor.unit));
  if (sensor.type == v1::VALUE_TYPE_WAVEFORM) {
    // By this property a Sparkplug host knows a waveform from any other array, before the first one comes.
    v1::Property& period = *to.add_property();
    period.set_name("samplePeriod");
    period.set_datatype(kSparkplugDouble);
    period.mutable_value()->set_double_value(1 / options.waveform_rate);
  }
  if (sensor.low == sensor.high) return;
  to.set_low(sensor.low);
  to.set_high(sensor.high);
  if (!measures_fahrenheit(options, owner, sensor)) return;
  to.set_declared_unit("degF");
  to.set_low(in_fahrenheit(sensor.low));
  to.set_high(in_fahrenheit(sensor.high));
}

std::string_view plant_text(std::uint64_t code) { return kTexts[code]; }

PlantAsset::PlantAsset(const PlantOptions& options, std::uint32_t number, std::vector<bool>& used)
    : node_(plant_node_of(options, number)),
      first_slot_(number * static_cast<std::uint32_t>(plant_sensors(options).size())),
      bearing_thermal_(1200, 0.4, in_seconds(options.period)),
      motor_thermal_(900, 0.6, in_seconds(options.period)),
      period_(options.period),
      cycle_(options.cycle),
      waveform_length_(options.waveform_length),
      waveform_every_(options.waveform_every),
      waveform_rate_(options.waveform_rate) {
  const v1::Series owner = plant_asset(options, number, 0, 0);
  const std::string name = owner.site() + "/" + owner.line() + "/" + owner.asset();
  const RandomStream traits(options.seed, name, 0);
  noise_ = RandomStream(options.seed, name, 1);
  schedule_ = RandomStream(options.seed, name, 2);
  machine_.start = options.start;
  machine_.nominal = 48.5 + 2 * traits.uniform(0);
  machine_.cycle = in_seconds(options.cycle);
  machine_.cycle_phase = 2 * std::numbers::pi * traits.uniform(1);
  drive_end_.unbalance = 0.2 + 0.2 * traits.uniform(2);
  drive_end_.random = RandomStream(options.seed, name, 3);
  other_end_.bearing = kBearing6203;
  other_end_.unbalance = 0.6 * drive_end_.unbalance;
  other_end_.random = RandomStream(options.seed, name, 4);

  // Each asset is scanned at its own place in the period, never at the moment of the birth.
  next_scan_ = options.start + std::max(kMillisecond, whole_milliseconds(static_cast<double>(period_) * traits.uniform(3)));
  if (waveform_every_ > 0)
    next_block_ = options.start + whole_milliseconds(static_cast<double>(waveform_every_) * traits.uniform(4)) + waveform_length_;
  for (const PlantSensor& sensor : kSensors) fahrenheit_.push_back(measures_fahrenheit(options, owner, sensor));
  for (std::size_t i = 0; i < options.faults.size(); ++i) {
    const Fault& fault = options.faults[i];
    for (std::size_t sensor = 0; sensor < kSensorCount; ++sensor) {
      if (!fault.matches_series(owner.site(), owner.line(), owner.asset(), kSensors[sensor].name)) continue;
      const bool bearing = fault.kind == FaultKind::bearing;
      const bool waveform = kSensors[sensor].type == v1::VALUE_TYPE_WAVEFORM;
      if (bearing && waveform) damages_.push_back({sensor == kVibrationDe, fault});
      if (!bearing && sensor < plant_sensors(options).size()) faults_.push_back({sensor, fault, {}});
      used[i] = used[i] || (bearing ? waveform : sensor < plant_sensors(options).size());
    }
  }
}

void PlantAsset::first_values(std::vector<PlantItem>& items) {
  const Nanos at = machine_.start;
  enter(schedule_.uniform(0) < 0.85 ? RunState::run : RunState::idle, at);
  const double load = machine_.load(state_, at);
  bearing_temperature_ = steady_temperature(kBearingRise, load, at) + friction(at);
  motor_temperature_ = steady_temperature(kMotorRise, load, at);
  scan(at, items);
  const auto state = static_cast<std::uint64_t>(state_);
  report(kState, at, kFirstState + state, items);
  report(kRunning, at, std::uint64_t{state_ == RunState::run}, items);
  report(kStarts, at, starts_, items);
  if (alarm_ == Alarm::none) report(kAlarm, at, std::uint64_t{0}, items);
}

void PlantAsset::run(Nanos until, std::vector<PlantItem>& items) {
  for (;;) {
    const Nanos next = std::min(next_scan_, next_change_);
    if (waveform_every_ > 0 && next_block_ <= next && next_block_ < until) {
      for (const std::size_t sensor : {kVibrationDe, kVibrationNde}) {
        if (silent(sensor, next_block_)) continue;
        items.push_back({next_block_, 0, block_ << 2 | static_cast<std::uint64_t>(state_),
                         first_slot_ + static_cast<std::uint32_t>(sensor), PlantItem::Kind::waveform});
      }
      next_block_ += waveform_every_;
      ++block_;
      continue;
    }
    if (next >= until) return;
    if (next == next_change_) {
      change_state(next, items);
    } else {
      scan(next, items);
      next_scan_ += period_;
    }
  }
}

void PlantAsset::scan(Nanos at, std::vector<PlantItem>& items) {
  const auto draw = [base = kDraws * scans_++, this](Draw which) { return noise_.normal(base + which); };
  const double load = machine_.load(state_, at);
  bearing_temperature_ =
      bearing_thermal_.next(bearing_temperature_, steady_temperature(kBearingRise, load, at) + friction(at), draw(kDrawBearing));
  motor_temperature_ = motor_thermal_.next(motor_temperature_, steady_temperature(kMotorRise, load, at), draw(kDrawMotor));
  const double rms = drive_end_.expected_rms(machine_, state_, at, defects(true, at));
  report(kTempBearing, at, bearing_temperature_ + 0.03 * draw(kDrawBearingNoise), items);
  report(kTempMotor, at, motor_temperature_ + 0.03 * draw(kDrawMotorNoise), items);
  report(kVibrationRms, at, rms * (1 + 0.02 * draw(kDrawRms)), items);
  report(kRpm, at, state_ == RunState::stop ? 0.0 : machine_.speed(state_, at) * 60 + 0.5 * draw(kDrawRpm), items);
  const double percent = state_ == RunState::stop ? 0 : std::clamp(100 * load + 0.3 * draw(kDrawLoad), 0.0, 100.0);
  report(kLoad, at, static_cast<std::uint64_t>(std::llround(percent)), items);
  watch(at, bearing_temperature_, rms, items);
}

/// The machine's own alarms follow its true state: a broken sensor raises none.
void PlantAsset::watch(Nanos at, double temperature, double rms, std::vector<PlantItem>& items) {
  Alarm now = Alarm::none;
  if (rms > (alarm_ == Alarm::vibration_high ? kRmsBack : kRmsHigh)) now = Alarm::vibration_high;
  if (temperature > (alarm_ == Alarm::temperature_high ? kTempBack : kTempHigh)) now = Alarm::temperature_high;
  if (state_ == RunState::stop && tripped_) now = Alarm::trip;
  if (now == alarm_) return;
  alarm_ = now;
  report(kAlarm, at, static_cast<std::uint64_t>(now), items);
}

/// Run most of the time, idle between, stopped now and then; one stop in five is a trip.
void PlantAsset::change_state(Nanos at, std::vector<PlantItem>& items) {
  const double draw = schedule_.uniform(2 * changes_);
  tripped_ = state_ == RunState::run && draw < 0.06;
  enter(state_ != RunState::run ? RunState::run : draw < 0.3 ? RunState::stop : RunState::idle, at);
  report(kState, at, kFirstState + static_cast<std::uint64_t>(state_), items);
  report(kRunning, at, std::uint64_t{state_ == RunState::run}, items);
  if (state_ == RunState::run) report(kStarts, at, starts_, items);
}

void PlantAsset::enter(RunState state, Nanos at) {
  state_ = state;
  starts_ += state == RunState::run ? 1 : 0;
  const double draw = schedule_.uniform(2 * changes_++ + 1);
  const double cycles = state == RunState::run    ? 0.5 + 1.5 * draw
                        : state == RunState::idle ? 0.05 + 0.1 * draw
                                                  : 0.1 + 0.2 * draw;
  next_change_ = at + std::max(kMillisecond, whole_milliseconds(cycles * static_cast<double>(cycle_)));
}

void PlantAsset::report(std::size_t sensor, Nanos at, double value, std::vector<PlantItem>& items) {
  report(sensor, at, std::bit_cast<std::uint64_t>(value), items);
}

void PlantAsset::report(std::size_t sensor, Nanos at, std::uint64_t bits, std::vector<PlantItem>& items) {
  if (!apply_faults(sensor, at, bits)) return;
  if (kSensors[sensor].type == v1::VALUE_TYPE_DOUBLE) {
    const double value = std::bit_cast<double>(bits);
    bits = std::bit_cast<std::uint64_t>(quantise(fahrenheit_[sensor] ? in_fahrenheit(value) : value, kSensors[sensor].parts));
  }
  items.push_back({at, 0, bits, first_slot_ + static_cast<std::uint32_t>(sensor), PlantItem::Kind::reading});
}

bool PlantAsset::apply_faults(std::size_t sensor, Nanos at, std::uint64_t& bits) {
  const ValueType type = kSensors[sensor].type;
  const auto add = [&](double amount) {
    if (type == v1::VALUE_TYPE_DOUBLE) bits = std::bit_cast<std::uint64_t>(std::bit_cast<double>(bits) + amount);
    if (type == v1::VALUE_TYPE_INT64) bits += static_cast<std::uint64_t>(std::llround(amount));
  };
  for (SensorFault& entry : faults_) {
    if (entry.sensor != sensor) continue;
    const Fault& fault = entry.fault;
    const bool active = fault.active(since_start(at));
    switch (fault.kind) {
      case FaultKind::spike:
        if (active) add(fault.value);
        break;
      case FaultKind::drift:
        if (active) add(fault.value * in_seconds(since_start(at) - fault.from) / 3600);
        break;
      case FaultKind::silence:
        if (active) return false;
        break;
      case FaultKind::stuck:
        if (!active || !entry.held) entry.held = bits;  // the newest one before it, or the first
        bits = *entry.held;
        // What is reported on change has no change to report; at the birth it has a value.
        if (active && sensor >= kState && at != machine_.start) return false;
        break;
      default: break;
    }
  }
  return true;
}

bool PlantAsset::silent(std::size_t sensor, Nanos at) const {
  return std::ranges::any_of(faults_, [&](const SensorFault& entry) {
    return entry.sensor == sensor && entry.fault.kind == FaultKind::silence && entry.fault.active(since_start(at));
  });
}

std::vector<Vibration::Defect> PlantAsset::defects(bool drive_end, Nanos at) const {
  std::vector<Vibration::Defect> all;
  for (const Damage& damage : damages_) {
    const double growth = damage.fault.growth(since_start(at));
    if (damage.drive_end == drive_end && growth > 0) all.push_back({damage.fault.bearing, growth * damage.fault.value});
  }
  return all;
}

/// What the damage of the drive end's bearing, whose temperature is measured, adds to it.
double PlantAsset::friction(Nanos at) const {
  double rise = 0;
  if (state_ != RunState::stop)
    for (const Vibration::Defect& defect : defects(true, at)) rise += kFrictionRise * defect.amplitude;
  return rise;
}

void PlantAsset::waveform(std::size_t sensor, std::uint64_t bits, std::vector<double>& samples) const {
  const std::uint64_t block = bits >> 2;
  const bool drive_end = sensor == kVibrationDe;
  const Nanos first = next_block_ - (static_cast<Nanos>(block_) - static_cast<Nanos>(block)) * waveform_every_ - waveform_length_;
  (drive_end ? drive_end_ : other_end_)
      .synthesise(machine_, static_cast<RunState>(bits & 3), first, waveform_rate_, block, defects(drive_end, first), samples);
  for (const SensorFault& entry : faults_) {
    const Fault& fault = entry.fault;
    // As of its last sample, when it is reported.
    const Nanos since = since_start(first + waveform_length_);
    if (entry.sensor != sensor || !fault.active(since)) continue;
    if (fault.kind == FaultKind::stuck) std::ranges::fill(samples, 0.0);
    if (fault.kind == FaultKind::spike) samples[samples.size() / 2] += fault.value;
    if (fault.kind == FaultKind::drift)
      for (double& sample : samples) sample += fault.value * in_seconds(since - fault.from) / 3600;
    for (double& sample : samples) sample = as_acquired(sample);
  }
}

}  // namespace twinpipe
