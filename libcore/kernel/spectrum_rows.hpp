// SPDX-License-Identifier: Apache-2.0
// Rows of Spectra frames: powers of bins become the energies of a rule's bands, and rows of one kind share a frame.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernel/spectrum_rule.hpp"
#include "wire/output.hpp"

namespace twinpipe {

/// Powers summed over the segments of one spectrum.
struct SegmentSums {
  std::vector<double> power;     // of the samples; empty when nobody asks
  std::vector<double> envelope;  // of their envelope; empty when nobody asks
  std::uint64_t placed = 0;      // segments that lie in the samples
  std::uint64_t segments = 0;    // of them, those that were summed: the others held a sample that is not finite

  /// Makes room. The sums keep what they hold: their first segment replaces it.
  void clear(const SpectrumRule& rule);
};

/// What a row says beside its energies.
struct SpectrumRow {
  std::uint32_t alias = 0;
  Nanos start = 0, end = 0;
  double noise_bandwidth = 0;  // Hz
  std::uint64_t segments = 0;
  std::uint32_t cut = 0;
};

class SpectrumRows {
 public:
  /// Adds one row. `mean_square`: of each bin, of the samples (of the envelope, for that quantity), in their unit²;
  /// `to_metric`: of one unit in m/s², for the velocity. False, and nothing is added: the energies are not finite.
  bool add(const SpectrumRow& row, const SpectrumRule& rule, const QuantitySettings& wanted, const BinGrid& grid,
           const std::vector<double>& mean_square, double to_metric, bool historical, const std::string& policy_digest);
  /// Writes the frames, in the order in which their first rows were added.
  void flush(Output& out);

 private:
  struct Kind {
    const QuantitySettings* wanted;
    bool historical;
    v1::Frame frame;
  };
  v1::Spectra& frame_for(const SpectrumRule& rule, const QuantitySettings& wanted, bool historical, const std::string& digest);

  std::vector<Kind> kinds_;
  std::vector<double> velocity_;  // mean square of each bin, (mm/s)²
};

}  // namespace twinpipe
