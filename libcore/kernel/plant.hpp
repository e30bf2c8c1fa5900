// SPDX-License-Identifier: Apache-2.0
// A deterministic plant as a stream: what its nodes would have sent, in the order in which it would have arrived. The
// options and the seed decide every byte; no clock is read.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "kernel/plant_faults.hpp"
#include "kernel/plant_physics.hpp"
#include "policy/pattern.hpp"
#include "wire/output.hpp"
#include "wire/status.hpp"

namespace twinpipe {

/// What is simulated. Times on the wire are whole milliseconds (Sparkplug's resolution) as long as `start` and `period` are.
struct PlantOptions {
  std::uint64_t seed = 1;
  std::uint32_t assets = 10;
  std::uint32_t sites = 1;
  std::uint32_t lines = 2;                // of a site; each is a node
  std::uint32_t first_line = 1;           // number of a site's first line: several plants side by side make one
  Nanos start = 1'767'225'600 * kSecond;  // 2026-01-01T00:00:00Z
  Nanos duration = 60 * kSecond;          // 0: without end
  Nanos tick = kSecond;                   // between two Watermarks of a node
  Nanos period = kSecond;                 // between two readings of a slow series
  Nanos cycle = 1'800 * kSecond;          // of the load
  double waveform_rate = 8'000;           // Hz
  Nanos waveform_length = kSecond;
  Nanos waveform_every = 10 * kSecond;  // 0: no waveforms
  std::uint32_t columns = 512;          // greatest number of readings in a frame
  std::vector<Fault> faults;
  std::vector<Pattern> fahrenheit;  // temperatures of devices that measure in °F
};

/// A plant that is simulated tick by tick.
class PlantSource {
 public:
  virtual ~PlantSource() = default;
  /// Births of all nodes, the declarations of their series and the first value of each.
  virtual void begin(Output& out) = 0;
  /// Simulates on until a tick is complete or `out` holds some 256 KiB, whichever comes first. False: the end.
  virtual bool advance(Output& out) = 0;
  /// The plant's clock: the end of the last tick that was completed.
  virtual Nanos now() const = 0;
};

/// Assets with temperatures, vibration, states and alarms, and with faults.
/// Errors (usage): options that make no sense, a fault that nothing in this plant can have.
Result<std::unique_ptr<PlantSource>> make_plant(const PlantOptions& options);

/// Where an asset stands: assets are spread evenly over the lines, neighbours together.
std::uint32_t plant_node_of(const PlantOptions& options, std::uint32_t asset);
/// site, line and asset as they are named; the node is "site/line".
v1::Series plant_asset(const PlantOptions& options, std::uint32_t asset, Nanos birth, std::uint64_t bdseq);
/// The Lifecycle frame of a node, or of an asset of it where `asset` is given.
v1::Frame plant_lifecycle(const v1::Series& of, bool node, bool online, v1::Lifecycle::Reason reason, Nanos time);
/// Errors (usage) in what both kinds of plant need.
Status check_plant(const PlantOptions& options);

}  // namespace twinpipe
