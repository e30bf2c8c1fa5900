// SPDX-License-Identifier: Apache-2.0
// Waveforms into spectra by Welch's method: energies of named bands, of the samples, of their velocity and of their envelope.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "kernel/last_aliases.hpp"
#include "kernel/spectrum_rows.hpp"
#include "kernel/spectrum_rule.hpp"
#include "kernel/stage.hpp"
#include "policy/rule_book.hpp"

namespace twinpipe {

struct FftBandsOptions {
  bool keep = false;  // waveforms that were transformed go on too
  Planning planning = Planning::estimate;
};

/// Laws: bands that tile 0 to above the Nyquist frequency sum to the mean over segments of Σ(w·x)²/Σw²; x → k·x gives k². A
/// waveform that no rule owns passes, so does one that is pinned and one that cannot be transformed, which is counted and said.
///
/// Where a rule has a window, waveforms that follow each other without a gap are one signal, whatever their lengths: segments
/// run across the seams, and a spectrum leaves when a window is full. What cuts it short (a gap, a death, a birth, the end)
/// makes it leave at once, marked, when it holds a segment.
class FftBands final : public Stage {
 public:
  /// `rules`: those of the policy's section, in its order; see rules_of().
  FftBands(const SeriesTable& table, const Policy& policy, std::vector<SpectrumRule> rules, const FftBandsOptions& options);
  ~FftBands() override;

  /// Errors (bad_config): see SpectrumRule::make.
  static Result<std::vector<SpectrumRule>> rules_of(const Policy& policy);

  bool reads(FrameKind kind) const override;
  void on_open(Output& out) override;
  Status on_series(const std::vector<Declared>& declared, const FrameView& frame, Output& out) override;
  Status on_waveform(const v1::Waveform& waveform, std::uint32_t slot, const FrameView& frame, Output& out) override;
  Status on_lifecycle(const v1::Lifecycle& lifecycle, const FrameView& frame, Output& out) override;
  Status on_watermark(const v1::Watermark& watermark, const FrameView& frame, Output& out) override;
  Status on_frame(const v1::Frame& decoded, const FrameView& frame, Output& out) override;  // Gap
  Status finish(Output& out) override;

  /// Only where a rule has a window.
  bool stateful() const override;
  std::string save() const override;
  Status load(std::string_view state) override;
  std::vector<Counter> counters() const override;

 private:
  struct Followed;    // what the policy says about a series
  struct Open;        // a window that is not yet full
  struct Transforms;  // of one rule
  struct Origin {     // where a spectrum comes from
    std::uint32_t rule = 0;
    bool in_double = false, historical = false;
    double period = 0;     // seconds
    double to_metric = 0;  // m/s² in one unit, where the rule wants the velocity
    Nanos start = 0;
    std::uint32_t cut = 0;
  };
  enum Refusal : std::uint8_t { kNotGood, kNoPeriod, kTooShort, kNotFinite, kRefusals };

  Status begin_again(std::uint32_t slot);
  Status configure(std::uint32_t slot, bool historical, Nanos at);
  Status check_unit(std::uint32_t slot, Followed& followed) const;
  static std::optional<Refusal> refusal(const v1::Waveform& waveform, const SpectrumRule& rule, bool joins);
  void refuse(std::uint32_t slot, bool historical, Refusal why);

  bool transform(const v1::Waveform& waveform, std::uint32_t slot, std::uint32_t rule, v1::Cut cut);
  template <class Real>
  SegmentSpectrum<Real>& spectrum(std::uint32_t rule);
  template <class Real>
  std::size_t add_segments(std::uint32_t rule, double period, const Real* samples, std::size_t count, SegmentSums& sums);
  bool emit(std::uint32_t slot, const Origin& from, const SegmentSums& sums);

  bool join(const v1::Waveform& waveform, std::uint32_t slot, std::uint32_t rule);
  template <class Real>
  void fill(Open& window, std::uint32_t slot, bool historical, Nanos time, const Real* samples, std::size_t count);
  void start_over(Open& window, Nanos start) const;
  void leave(Open& window, std::uint32_t slot, bool historical, std::uint32_t cut);
  void cut(std::uint32_t slot, bool historical, v1::Cut why);
  template <class Concerns>
  void cut_where(bool historical, v1::Cut why, Concerns concerns);

  RuleBook book_;
  std::vector<SpectrumRule> rules_;  // in the book's order
  FftBandsOptions options_;
  std::vector<Transforms> transforms_;                 // by rule
  std::array<std::vector<Followed>, 2> followed_;      // by slot, a lane each
  std::vector<std::uint64_t> named_in_;                // by slot: the segment that declared it last
  std::array<std::map<std::uint32_t, Open>, 2> open_;  // by slot, a lane each
  SpectrumRows rows_;
  LastAliases last_aliases_{table()};
  SegmentSums sums_;                      // of the waveform in hand
  std::vector<double> converted_;         // float samples that a rule wants in double
  std::vector<double> power_, envelope_;  // mean square of each bin
  std::array<std::uint64_t, kRefusals> refused_{};
  std::uint64_t transformed_ = 0, segments_ = 0, segments_not_finite_ = 0, samples_left_over_ = 0, spectra_ = 0, windows_cut_ = 0;
};

}  // namespace twinpipe
