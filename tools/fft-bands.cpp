// SPDX-License-Identifier: Apache-2.0
// fft-bands: turns waveforms into spectra, as energies of named bands.
#include "cli/policy_option.hpp"
#include "cli/runner.hpp"
#include "io/fd.hpp"
#include "kernel/fft_bands.hpp"

using namespace twinpipe;

namespace {

/// What FFTW learned by measuring, in a file of its own, so that it measures each length once and not at each start.
class Wisdom {
 public:
  explicit Wisdom(cli::Tool& tool) : tool_(tool) {
    tool.option("--wisdom", file_, "FILE", "Measure which plan is fastest for each length, and keep what was learned in FILE");
  }
  Planning planning() const { return file_.empty() ? Planning::estimate : Planning::measure; }

  Status read() {
    if (file_.empty()) return {};
    Result<std::string> text = read_file(file_);
    if (!text.ok()) return text.status().code == Code::no_input ? Status{} : text.status();
    // Whatever else the file is, it is not ours to write over.
    if (!text->starts_with("(fftw-")) return Status::error(Code::bad_config, file_ + ": not a file of FFTW's wisdom");
    if (fftw::learn(*text)) known_ = fftw::wisdom();
    else tool_.say(file_ + ": FFTW cannot use this wisdom (of another version or processor?): it is measured anew");
    return {};
  }
  Status write() const {
    if (file_.empty() || fftw::wisdom() == known_) return {};
    return replace_file(file_, fftw::wisdom());
  }

 private:
  cli::Tool& tool_;
  std::string file_, known_;
};

}  // namespace

int main(int argc, char** argv) {
  cli::Tool tool("fft-bands", "Turn waveforms into spectra, as energies of named bands", cli::Role::filter);
  FftBandsOptions options;
  cli::PolicyOption policy(tool);
  Wisdom wisdom(tool);
  tool.flag("--keep", options.keep, "Let the waveforms that were transformed go on too");
  return tool.run(argc, argv, [&]() -> Status {
    if (Status status = policy.load(); !status.ok()) return status;
    Result<std::vector<SpectrumRule>> rules = FftBands::rules_of(policy.get());
    if (!rules.ok() || policy.answered()) return rules.ok() ? Status{} : rules.status();
    if (Status status = wisdom.read(); !status.ok()) return status;
    options.planning = wisdom.planning();
    SeriesTable table(tool.common().max_series);
    FftBands stage(table, policy.get(), std::move(*rules), options);
    cli::Hooks hooks;
    hooks.on_end = [&](bool) { return wisdom.write(); };
    return cli::run_stage(tool, table, stage, hooks);
  });
}
