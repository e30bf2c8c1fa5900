// SPDX-License-Identifier: Apache-2.0
// One machine of the simulated plant: its sensors, what they read and when, and what their faults make of it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "kernel/plant.hpp"
#include "wire/columns.hpp"

namespace twinpipe {

struct PlantSensor {
  std::string_view name;
  ValueType type;
  std::uint32_t datatype;  // Sparkplug B 3.0 §6.4.16
  std::string_view unit;
  double low, high;  // engineering range; equal where there is none
  double parts;      // of a unit that a double is rounded to
};
/// Every asset has these, in the order of their aliases; the last two, waveforms, only when they are wanted.
std::span<const PlantSensor> plant_sensors(const PlantOptions& options);
void declare(const PlantOptions& options, const v1::Series& owner, const PlantSensor& sensor, std::uint32_t alias,
             v1::Sensor& to);

/// The text of a string series' value.
std::string_view plant_text(std::uint64_t code);

/// Something that happens at `at` on the plant's clock, on its way out.
struct PlantItem {
  enum class Kind : std::uint8_t { event, reading, waveform, tick };
  Nanos at = 0;
  Nanos time = 0;          // on the node's clock; set when the node sends it
  std::uint64_t bits = 0;  // of the value; of a waveform see PlantAsset; of an event its number
  std::uint32_t slot = 0;  // alias; of an event or tick the node's number
  Kind kind = Kind::reading;
};

class PlantAsset {
 public:
  /// `used[i]` is set when fault i concerns this asset.
  PlantAsset(const PlantOptions& options, std::uint32_t number, std::vector<bool>& used);

  std::uint32_t node() const { return node_; }
  /// What a birth at the plant's start reports.
  void first_values(std::vector<PlantItem>& items);
  /// Everything that is read before `until` and was not read yet, in order of time.
  void run(Nanos until, std::vector<PlantItem>& items);
  /// The sensor reports nothing at this time.
  bool silent(std::size_t sensor, Nanos at) const;
  /// The samples of a waveform item; `bits` is the item's. `samples` has the wanted length.
  void waveform(std::size_t sensor, std::uint64_t bits, std::vector<double>& samples) const;

 private:
  enum class Alarm : std::uint8_t;
  struct SensorFault {
    std::size_t sensor;
    Fault fault;
    std::optional<std::uint64_t> held;  // of a stuck sensor
  };
  struct Damage {
    bool drive_end;
    Fault fault;
  };

  void scan(Nanos at, std::vector<PlantItem>& items);
  void change_state(Nanos at, std::vector<PlantItem>& items);
  void enter(RunState state, Nanos at);
  void watch(Nanos at, double temperature, double rms, std::vector<PlantItem>& items);
  void report(std::size_t sensor, Nanos at, std::uint64_t bits, std::vector<PlantItem>& items);
  void report(std::size_t sensor, Nanos at, double value, std::vector<PlantItem>& items);
  bool apply_faults(std::size_t sensor, Nanos at, std::uint64_t& bits);
  std::vector<Vibration::Defect> defects(bool drive_end, Nanos at) const;
  double friction(Nanos at) const;
  Nanos since_start(Nanos at) const { return at - machine_.start; }

  std::uint32_t node_ = 0, first_slot_ = 0;
  Machine machine_;
  Vibration drive_end_, other_end_;
  RandomStream noise_, schedule_;
  Thermal bearing_thermal_, motor_thermal_;
  Nanos period_, cycle_;
  Nanos waveform_length_, waveform_every_;
  double waveform_rate_;
  std::vector<bool> fahrenheit_;  // a sensor each
  std::vector<SensorFault> faults_;
  std::vector<Damage> damages_;

  RunState state_ = RunState::run;
  Alarm alarm_{};
  bool tripped_ = false;
  std::uint64_t starts_ = 0, changes_ = 0, scans_ = 0, block_ = 0;
  Nanos next_scan_ = 0, next_change_ = 0, next_block_ = 0;  // next_block_: its end
  double bearing_temperature_ = 0, motor_temperature_ = 0;
};

}  // namespace twinpipe
