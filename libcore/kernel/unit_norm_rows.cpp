// SPDX-License-Identifier: Apache-2.0
// UnitNorm: waveforms, and what was derived in the declared unit.
#include <algorithm>
#include <cmath>
#include <vector>

#include "kernel/selection.hpp"
#include "kernel/unit_norm.hpp"

namespace twinpipe {

Status UnitNorm::on_waveform(const v1::Waveform& waveform, std::uint32_t slot, const FrameView& view, Output& out) {
  follow(slot, waveform.time(), out);
  const Id id = norm_at(slot, waveform.time(), waveform.historical());
  const Norm& norm = norms_[id];
  if (norm.does == Norm::Does::pass) return pass(view, out);
  if (norm.does == Norm::Does::refuse) {
    rejects_.waveform(waveform, slot, {said_[id].rule, said_[id].reason}, out);
    return {};
  }
  v1::Frame frame;
  v1::Waveform& made = *frame.mutable_waveform();
  made = waveform;
  for (float& sample : *made.mutable_float_sample()) sample = static_cast<float>(norm.conversion(double{sample}));
  for (double& sample : *made.mutable_double_sample()) sample = norm.conversion(sample);
  out.frame(frame);
  return {};
}

Status UnitNorm::on_frame(const v1::Frame& frame, const FrameView& view, Output& out) {
  if (frame.has_aggregates()) return on_rows(frame.aggregates(), frame, view, out);
  if (frame.has_spectra()) return on_rows(frame.spectra(), frame, view, out);
  rejects_.take_position(frame.position());
  return pass(view, out);
}

/// As readings: a frame is cut where a temporary rule ends within it.
template <class Rows>
Status UnitNorm::on_rows(const Rows& rows, const v1::Frame& frame, const FrameView& view, Output& out) {
  const auto size = static_cast<std::size_t>(rows.series_size());
  std::vector<Id> norms(size);
  std::size_t from = 0;
  for (std::size_t row = 0; row < size; ++row) {
    const std::uint32_t slot = table().slots()[rows.series(static_cast<int>(row))];
    const Nanos start = rows.start(static_cast<int>(row));
    if (!clocks_.empty() && is_over(slot, start)) {
      put_rows(rows, frame, norms, from, row, out);
      expire(slot, start, out);
      from = row;
    }
    norms[row] = norm_at(slot, start, rows.historical());
  }
  if (from == 0 && std::ranges::all_of(norms, [this](Id id) { return norms_[id].does == Norm::Does::pass; }))
    return pass(view, out);
  put_rows(rows, frame, norms, from, size, out);
  return {};
}

/// Those of the rows from `from` to `to` that convert, in one frame; those that do not, as rejects behind it.
template <class Rows>
void UnitNorm::put_rows(const Rows& rows, const v1::Frame& frame, const std::vector<Id>& norms, std::size_t from, std::size_t to,
                        Output& out) {
  v1::Frame made = frame;
  Rows* converted = nullptr;
  if constexpr (std::is_same_v<Rows, v1::Aggregates>) converted = made.mutable_aggregates();
  else converted = made.mutable_spectra();
  std::vector<bool> keep(norms.size());
  for (std::size_t row = from; row < to; ++row) {
    const Norm& norm = norms_[norms[row]];
    keep[row] = norm.does == Norm::Does::pass ||
                (norm.does == Norm::Does::convert && convert_row(norm.conversion, static_cast<int>(row), *converted));
  }
  remove_rows(*converted, keep);
  if (converted->series_size() > 0) out.frame(made);
  for (std::size_t row = from; row < to; ++row) {
    if (keep[row]) continue;
    const Said& said = said_[norms[row]];
    const bool refused = norms_[norms[row]].does == Norm::Does::refuse;
    rejects_.row(rows, static_cast<int>(row),
                 {said.rule, refused ? said.reason : "the spectrum of a unit whose zero is elsewhere"}, out);
  }
}

/// With v' = a·v + b. Where the unit only scales, rms and peak scale too; otherwise they are made of what does.
bool UnitNorm::convert_row(const Conversion& conversion, int row, v1::Aggregates& rows) {
  const double scale = std::abs(conversion.slope());
  const auto each = [row](google::protobuf::RepeatedField<double>* column, const auto& change) {
    if (row < column->size()) column->Set(row, change(column->Get(row)));
  };
  const auto scaled = [](double factor) { return [factor](double value) { return factor * value; }; };
  for (auto* column : {rows.mutable_min(), rows.mutable_max(), rows.mutable_mean(), rows.mutable_first(), rows.mutable_last()})
    each(column, conversion);
  each(rows.mutable_std(), scaled(scale));
  each(rows.mutable_m2(), scaled(scale * scale));
  each(rows.mutable_m3(), scaled(conversion.slope() * scale * scale));
  each(rows.mutable_m4(), scaled(scale * scale * scale * scale));
  if (conversion.offset() == 0) {
    each(rows.mutable_rms(), scaled(scale));
    each(rows.mutable_peak(), scaled(scale));
    return true;
  }
  each(rows.mutable_rms(), [&](double) { return std::hypot(rows.mean(row), rows.std(row)); });
  each(rows.mutable_peak(), [&](double) { return std::max(std::abs(rows.min(row)), std::abs(rows.max(row))); });
  each(rows.mutable_crest(), [&](double) { return rows.peak(row) / rows.rms(row); });
  return true;
}

/// Energies are squares of the unit; a velocity is in mm/s whatever the acceleration was in. An offset would be in the bin of 0
/// Hz.
bool UnitNorm::convert_row(const Conversion& conversion, int row, v1::Spectra& rows) {
  if (rows.quantity() == "velocity") return true;
  if (conversion.offset() != 0) return false;
  const double square = conversion.slope() * conversion.slope();
  for (v1::Band& band : *rows.mutable_band())
    if (row < band.energy_size()) band.set_energy(row, square * band.energy(row));
  if (row < rows.total_size()) rows.set_total(row, square * rows.total(row));
  return true;
}

}  // namespace twinpipe
