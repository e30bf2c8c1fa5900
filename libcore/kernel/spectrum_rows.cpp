// SPDX-License-Identifier: Apache-2.0
// Rows of Spectra frames.
#include "kernel/spectrum_rows.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "kernel/spectral_passes.hpp"

namespace twinpipe {
namespace {

double sum_of(const std::vector<double>& bins, BinRange range) {
  return range.high > range.low ? spectral::sum(bins.data() + range.low, range.high - range.low) : 0;
}

/// Frequency of the bin with the greatest density; 0 when nothing moves. Bin 0 is left out where segments lose their mean,
/// and the Nyquist frequency's stands for one bin, as all do in the density.
double peak_frequency(const std::vector<double>& bins, const BinGrid& grid, bool with_zero) {
  const std::size_t from = with_zero ? 0 : 1;
  const std::size_t peak = from + spectral::greatest(bins.data() + from, bins.size() - from);
  return bins[peak] > 0 ? grid.frequency(peak) : 0;
}

}  // namespace

void SegmentSums::clear(const SpectrumRule& rule) {
  const std::size_t size = segment_sum_size(rule.segment.length);
  power.resize(rule.wants_power() ? size : 0);
  envelope.resize(rule.wants(Quantity::envelope) ? size : 0);
  placed = segments = 0;
}

v1::Spectra& SpectrumRows::frame_for(const SpectrumRule& rule, const QuantitySettings& wanted, bool historical,
                                     const std::string& digest) {
  for (Kind& kind : kinds_)
    if (kind.wanted == &wanted && kind.historical == historical) return *kind.frame.mutable_spectra();
  Kind& kind = kinds_.emplace_back(Kind{&wanted, historical, {}});
  v1::Spectra& spectra = *kind.frame.mutable_spectra();
  spectra.set_window_function(std::string(window_function_name(rule.segment.window)));
  spectra.set_scaling("density");
  spectra.set_quantity(std::string(quantity_name(wanted.quantity)));
  spectra.set_policy_digest(digest);
  spectra.set_historical(historical);
  for (const NamedBand& band : wanted.bands) spectra.add_band()->set_name(band.name);
  return spectra;
}

bool SpectrumRows::add(const SpectrumRow& row, const SpectrumRule& rule, const QuantitySettings& wanted, const BinGrid& grid,
                       const std::vector<double>& mean_square, double to_metric, bool historical,
                       const std::string& policy_digest) {
  const std::vector<double>* bins = &mean_square;
  if (wanted.quantity == Quantity::velocity) {
    // Integration divides a sine of frequency f by 2πf. Below the lower limit drift would rise without bound: those bins are 0.
    velocity_.assign(mean_square.size(), 0);
    for (std::size_t bin = std::max<std::size_t>(1, grid.first_from(rule.velocity_low)); bin < velocity_.size(); ++bin) {
      const double to_velocity = 1000 * to_metric / (2 * std::numbers::pi * grid.frequency(bin));  // mm/s
      velocity_[bin] = mean_square[bin] * to_velocity * to_velocity;
    }
    bins = &velocity_;
  }
  const double total = sum_of(*bins, {0, bins->size()});
  if (!std::isfinite(total)) return false;
  v1::Spectra& spectra = frame_for(rule, wanted, historical, policy_digest);
  spectra.add_series(row.alias);
  spectra.add_start(row.start);
  spectra.add_end(row.end);
  spectra.add_revision(0);
  for (std::size_t i = 0; i < wanted.bands.size(); ++i) {
    v1::Band& band = *spectra.mutable_band(static_cast<int>(i));
    band.add_low(wanted.bands[i].low);
    band.add_high(wanted.bands[i].high);
    band.add_energy(sum_of(*bins, grid.range(wanted.bands[i].low, wanted.bands[i].high)));
  }
  spectra.add_total(total);
  const bool with_zero = wanted.quantity == Quantity::acceleration && rule.segment.detrend == Detrend::none;
  spectra.add_peak_frequency(peak_frequency(*bins, grid, with_zero));
  spectra.add_enbw(row.noise_bandwidth);
  spectra.add_segments(static_cast<std::uint32_t>(row.segments));
  spectra.add_cut(row.cut);
  return true;
}

void SpectrumRows::flush(Output& out) {
  for (const Kind& kind : kinds_) out.frame(kind.frame);
  kinds_.clear();
}

}  // namespace twinpipe
