// SPDX-License-Identifier: Apache-2.0
// Rules of fft-bands: what is refused, bands of bearings, and which bin a frequency belongs to.
#include "kernel/spectrum_rule.hpp"

#include <catch2/catch.hpp>

using namespace twinpipe;

namespace {

Result<SpectrumRule> make(const std::string& parameters) {
  Result<Policy> policy = Policy::parse(R"({"name":"p","version":"1","owner":"o","fft-bands":[{"name":"r","match":"+/+/+/+")" +
                                        (parameters.empty() ? "" : "," + parameters) + "}]}");
  if (!policy.ok()) FAIL(policy.status().message);
  return SpectrumRule::make(policy->rules("fft-bands")[0]);
}

SpectrumRule good(const std::string& parameters) {
  Result<SpectrumRule> rule = make(parameters);
  if (!rule.ok()) FAIL(rule.status().message);
  return *rule;
}

}  // namespace

TEST_CASE("what a rule of fft-bands leaves out has a default") {
  const SpectrumRule rule = good("");
  CHECK(rule.segment.length == 4096);
  CHECK(rule.hop == 2048);
  CHECK(rule.segment.window == WindowFunction::hann);
  CHECK(rule.segment.detrend == Detrend::constant);
  CHECK(rule.window == 0);
  REQUIRE(rule.quantities.size() == 1);
  CHECK(rule.quantities[0].quantity == Quantity::acceleration);
  CHECK(good(R"("segment":1000,"overlap":75)").hop == 250);
  CHECK(good(R"("segment":7)").hop == 4);
  CHECK(good(R"("segment":1000,"overlap_samples":0)").hop == 1000);
}

TEST_CASE("rules of fft-bands that make no sense are refused by name") {
  const std::string bearing = R"("bearing_elements":9,"bearing_ball_diameter":8,"bearing_pitch_diameter":39,"shaft_rpm":3000)";
  struct Case {
    std::string parameters;
    const char* message;
  };
  const Case cases[] = {
      {R"("segment":2.5)", "rule 'r': 'segment' is 2.5, not a whole number"},
      {R"("segment":1e9)", "not a whole number up to 16777216"},
      {R"("overlap":100)", "'overlap' of 100 % leaves nothing"},
      {R"("overlap":50,"overlap_samples":5)", "both 'overlap' and 'overlap_samples'"},
      {R"("segment":64,"overlap_samples":64)", "'overlap_samples' is 64"},
      {R"("overlap_samples":0.5)", "'overlap_samples' is 0.5"},
      {R"("window":"0")", "'window' is 0"},
      {R"("join_tolerance":"1ms")", "'join_tolerance' without 'window'"},
      {R"("acceleration":false)", "it asks for no quantity"},
      {R"("velocity_low":5)", "'velocity_low' without velocity"},
      {R"("velocity":false,"velocity_bands":{"a":[1,2]})", "'velocity_bands' without velocity"},
      {R"("velocity":true,"velocity_low":0)", "'velocity_low' is 0"},
      {R"("velocity":true,"bands":{"a":[1,10]})", "band 'a' of the velocity ends at 10 Hz, and the velocity begins at 10 Hz"},
      {R"("envelope_low":5)", "'envelope_low' without envelope"},
      {R"("envelope":true)", "an envelope needs its pass band"},
      {R"("envelope":true,"envelope_low":5,"envelope_high":5)", "the pass band of the envelope goes from 5 to 5 Hz"},
      {R"("shaft_rpm":1000)", "a bearing needs all of"},
      {R"("bearing_elements":9.5,"bearing_ball_diameter":8,"bearing_pitch_diameter":39,"shaft_rpm":3000)",
       "not a number of balls"},
      {R"("bearing_elements":9,"bearing_ball_diameter":40,"bearing_pitch_diameter":39,"shaft_rpm":3000)", "does not fit"},
      {R"("bearing_elements":9,"bearing_ball_diameter":8,"bearing_pitch_diameter":39,"shaft_rpm":0)", "'shaft_rpm' is 0"},
      {bearing + R"(,"bearing_contact_angle":90)", "degrees below 90"},
      {bearing + R"(,"bearing_harmonics":1000)", "not a whole number up to 100"},
      {bearing + R"(,"bearing_half_width":1,"bearing_half_width_hz":1)", "both 'bearing_half_width'"},
      {bearing + R"(,"bearing_half_width_hz":0)", "the half width of the bearing's bands is 0"},
      {bearing + R"(,"bands":{"bpfo2":[1,2]})", "'bpfo2' is also the name"},
  };
  for (const Case& c : cases) {
    INFO(c.parameters);
    const Result<SpectrumRule> rule = make(c.parameters);
    REQUIRE_FALSE(rule.ok());
    CHECK(rule.status().code == Code::bad_config);
    CHECK_THAT(rule.status().message, Catch::Contains(c.message));
  }
}

TEST_CASE("bearing bands lie around the harmonics of the fault frequencies") {
  // 6205 at 1797 turns a minute, as in the data set of the Case Western Reserve University bearing data centre, whose table
  // gives 3.5848, 5.4152, 0.39828 and, struck on both races, 4.7135 = 2 · 2.3567 times the shaft's speed.
  const SpectrumRule rule =
      good(R"("bearing_elements":9,"bearing_ball_diameter":7.94,"bearing_pitch_diameter":39.04,"shaft_rpm":1797,)"
           R"("bearing_harmonics":2,"bearing_half_width":1)");
  const NamedBands& bands = rule.quantities[0].bands;
  REQUIRE(bands.size() == 8);
  const auto middle = [&](std::string_view name) {
    const auto band = std::ranges::find(bands, name, &NamedBand::name);
    REQUIRE(band != bands.end());
    CHECK((band->high - band->low) / (band->high + band->low) == Approx(0.01));
    return (band->low + band->high) / 2;
  };
  CHECK(middle("bpfo1") == Approx(3.5848 * 29.95).epsilon(1e-4));
  CHECK(middle("bpfo2") == Approx(2 * 3.5848 * 29.95).epsilon(1e-4));
  CHECK(middle("bpfi1") == Approx(5.4152 * 29.95).epsilon(1e-4));
  CHECK(middle("ftf1") == Approx(0.39828 * 29.95).epsilon(1e-4));
  CHECK(middle("bsf2") == Approx(4.7135 * 29.95).epsilon(1e-4));
}

TEST_CASE("a band that cannot be measured is refused when the sample period is known") {
  struct Case {
    const char* parameters;
    const char* message;  // none: it is fine
  };
  const Case cases[] = {
      {R"("segment":1000,"bands":{"a":[0,500]})", nullptr},
      {R"("segment":1000,"bands":{"a":[0,501]})", nullptr},  // one bin above, to hold the Nyquist frequency's
      {R"("segment":1000,"bands":{"a":[0,501.5]})", "band 'a' from 0 to 501.5 Hz reaches above the Nyquist frequency of 500 Hz"},
      {R"("segment":1000,"bands":{"a":[10.1,10.9]})", "band 'a' from 10.1 to 10.9 Hz holds no bin"},
      {R"("segment":1000,"bands":{"a":[10,10.9]})", nullptr},
      {R"("segment":1000,"velocity":true,"velocity_low":600)", "the velocity from 600 to 500 Hz reaches above"},
      {R"("segment":1000,"envelope":true,"envelope_low":100,"envelope_high":600)", "the pass band of the envelope"},
      {R"("segment":1000,"window":"500ms")", "a window of 500ms holds 500 samples, fewer than a segment of 1000"},
      {R"("segment":1000,"window":"1s")", nullptr},
  };
  for (const Case& c : cases) {
    INFO(c.parameters);
    const Status status = good(c.parameters).check(0.001);
    CHECK(status.ok() == (c.message == nullptr));
    if (c.message != nullptr) CHECK_THAT(status.message, Catch::Contains(c.message));
  }
}

TEST_CASE("an edge on a bin's frequency belongs to the band above it, in spite of rounding") {
  for (const double rate : {8000.0, 25600.0, 51200.0, 44100.0, 1e6 / 3}) {
    for (const std::size_t length : {1000U, 1024U, 4096U, 999U}) {
      const BinGrid grid{1 / rate, length};
      for (std::size_t bin = 0; bin <= length / 2; ++bin) {
        const double frequency = static_cast<double>(bin) * rate / static_cast<double>(length);
        CHECK(grid.first_from(frequency) == bin);
      }
      CHECK(grid.first_from(rate) == length / 2 + 1);
    }
  }
}
