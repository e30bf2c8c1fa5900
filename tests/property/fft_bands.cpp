// SPDX-License-Identifier: Apache-2.0
// The laws of fft-bands: Parseval for bands that tile, sines on a bin, scaling by k², a naive transform as oracle, joined windows
// that do not depend on how the signal was cut into waveforms, and resuming.
#include "kernel/fft_bands.hpp"

#include <fmt/format.h>
#include <rapidcheck.h>

#include <catch2/catch.hpp>
#include <cmath>
#include <complex>
#include <numbers>

#include "drive.hpp"

using namespace twinpipe;
using testing::StreamWriter;

namespace {

constexpr double kTurn = 2 * std::numbers::pi;
constexpr double kPeriod = 0.001;  // 1 kHz

Policy policy_of(const std::string& rule) {
  Result<Policy> policy =
      Policy::parse(R"({"name":"p","version":"1","owner":"o","fft-bands":[{"match":"+/+/+/+",)" + rule + "}]}");
  if (!policy.ok()) FAIL(policy.status().message);
  return *policy;
}

struct Settings {
  std::size_t segment, overlap;
  std::string window, detrend;
  std::string json() const {
    return fmt::format(R"("segment":{},"overlap_samples":{},"window_function":"{}","detrend":"{}")", segment, overlap, window,
                       detrend);
  }
};

Settings some_settings() {
  const auto segment = *rc::gen::inRange<std::size_t>(16, 80);
  return {segment, *rc::gen::inRange<std::size_t>(0, segment),
          *rc::gen::element<std::string>("rectangular", "hann", "hamming", "blackman", "flattop"),
          *rc::gen::element<std::string>("none", "constant", "linear")};
}

std::vector<double> some_samples(std::size_t least, std::size_t most) {
  const auto count = *rc::gen::inRange<std::size_t>(least, most);
  return *rc::gen::container<std::vector<double>>(count,
                                                  rc::gen::map(rc::gen::inRange(-1000, 1001), [](int n) { return n * 0.01; }));
}

void add_wave(StreamWriter& writer, std::uint32_t alias, Nanos time, std::span<const double> samples, bool in_float = false) {
  v1::Frame frame;
  v1::Waveform& waveform = *frame.mutable_waveform();
  waveform.set_series(alias);
  waveform.set_time(time);
  waveform.set_sample_period(kPeriod);
  for (const double sample : samples) {
    if (in_float) waveform.add_float_sample(static_cast<float>(sample));
    else waveform.add_double_sample(sample);
  }
  writer.out().frame(frame);
}

StreamWriter begun() {
  StreamWriter writer;
  writer.series("n", "a", {"x", "y"}, 0, 1, v1::VALUE_TYPE_WAVEFORM);
  return writer;
}

std::vector<v1::Frame> run(const Policy& policy, const std::string& stream) {
  SeriesTable table;
  auto rules = FftBands::rules_of(policy);
  RC_ASSERT(rules.ok());
  FftBands stage(table, policy, *rules, {});
  Output out;
  RC_ASSERT(testing::drive(stream, stage, table, out).ok());
  return testing::frames_of(out.pending(), FrameKind::spectra);
}

v1::Spectra one_spectrum(const std::string& rule, const std::vector<double>& samples, bool in_float = false) {
  StreamWriter writer = begun();
  add_wave(writer, 0, 0, samples, in_float);
  const auto frames = run(policy_of(rule), writer.take());
  RC_ASSERT(frames.size() == 1U);
  RC_ASSERT(frames[0].spectra().series_size() == 1);
  return frames[0].spectra();
}

bool near(double a, double b, double relative) {
  return std::fabs(a - b) <= relative * std::max(std::fabs(a), std::fabs(b)) + 1e-12;
}

std::string row_text(const v1::Spectra& spectra, int row) {
  std::string text = fmt::format("{} {} {} {} {} {} {}", spectra.start(row), spectra.end(row), spectra.total(row),
                                 spectra.peak_frequency(row), spectra.enbw(row), spectra.segments(row), spectra.cut(row));
  for (const v1::Band& band : spectra.band()) text += fmt::format(" {} {}", band.name(), band.energy(row));
  return text + "\n";
}

std::vector<double> detrended(std::vector<double> x, const std::string& how) {
  const auto n = static_cast<double>(x.size());
  double mean = 0, slope = 0, squares = 0;
  for (const double v : x) mean += v / n;
  if (how == "none") return x;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double t = static_cast<double>(i) - (n - 1) / 2;
    slope += t * x[i];
    squares += t * t;
  }
  for (std::size_t i = 0; i < x.size(); ++i)
    x[i] -= mean + (how == "linear" ? slope / squares * (static_cast<double>(i) - (n - 1) / 2) : 0);
  return x;
}

/// Mean over segments of what `of` says of each, detrended and tapered; and of Σw².
template <class Of>
double over_segments(const Settings& s, const std::vector<double>& x, Of of) {
  const std::vector<double> window = window_coefficients(*window_function(s.window), s.segment);
  double squares = 0, total = 0;
  int segments = 0;
  for (const double w : window) squares += w * w;
  for (std::size_t at = 0; at + s.segment <= x.size(); at += s.segment - s.overlap, ++segments) {
    auto part = detrended({x.begin() + static_cast<std::ptrdiff_t>(at), x.begin() + static_cast<std::ptrdiff_t>(at + s.segment)},
                          s.detrend);
    for (std::size_t i = 0; i < part.size(); ++i) part[i] *= window[i];
    total += of(part) / squares;
  }
  return total / segments;
}

}  // namespace

TEST_CASE("bands that tile sum to the mean over segments of Σ(w·x)²/Σw²") {
  CHECK(rc::check([] {
    const Settings s = some_settings();
    const auto x = some_samples(s.segment, 400);
    const bool in_float = *rc::gen::arbitrary<bool>();
    // The last bin at or below 500 Hz, and a band that may end one bin above it.
    const auto spectrum = one_spectrum(
        fmt::format(R"("bands":{{"a":[0,100],"b":[100,300],"c":[300,{}]}},)", 500 + 900.0 / static_cast<double>(s.segment)) +
            s.json(),
        x, in_float);
    double sum = 0;
    for (const v1::Band& band : spectrum.band()) sum += band.energy(0);
    const double expected = over_segments(s, x, [](const std::vector<double>& part) {
      double squares = 0;
      for (const double v : part) squares += v * v;
      return squares;
    });
    RC_ASSERT(near(sum, expected, in_float ? 1e-5 : 1e-12));
    RC_ASSERT(near(sum, spectrum.total(0), 1e-14));
  }));
}

TEST_CASE("each bin is the naive transform's") {
  CHECK(rc::check([] {
    const Settings s = some_settings();
    const auto x = some_samples(s.segment, 200);
    const auto bin = *rc::gen::inRange<std::size_t>(0, s.segment / 2 + 1);
    const double step = 1000.0 / static_cast<double>(s.segment), at = static_cast<double>(bin) * step;
    const auto spectrum =
        one_spectrum(fmt::format(R"("bands":{{"bin":[{},{}]}},)", std::max(0.0, at - 0.4 * step), at + 0.4 * step) + s.json(), x);
    const double expected = over_segments(s, x, [&](const std::vector<double>& part) {
      std::complex<double> sum;
      for (std::size_t i = 0; i < part.size(); ++i)
        sum += std::polar(part[i], -kTurn * static_cast<double>(bin * i) / static_cast<double>(part.size()));
      return (bin == 0 || 2 * bin == s.segment ? 1 : 2) * std::norm(sum) / static_cast<double>(s.segment);
    });
    RC_ASSERT(std::fabs(spectrum.band(0).energy(0) - expected) <= 1e-11 * spectrum.total(0) + 1e-18);
    RC_ASSERT(spectrum.segments(0) == (x.size() - s.segment) / (s.segment - s.overlap) + 1);
  }));
}

TEST_CASE("an on-bin sine of amplitude A gives A²/2 and its frequency, whatever the window") {
  CHECK(rc::check([] {
    Settings s = some_settings();
    s.detrend = "none";
    const auto bin = *rc::gen::inRange<std::size_t>(5, (s.segment + 1) / 2 - 5 > 5 ? (s.segment + 1) / 2 - 5 : 6);
    if (bin + 5 > (s.segment - 1) / 2) return;  // a flat top's skirt would fold
    const double amplitude = *rc::gen::inRange(1, 100) * 0.1, phase = *rc::gen::inRange(0, 628) * 0.01;
    std::vector<double> x(*rc::gen::inRange<std::size_t>(s.segment, 300));
    for (std::size_t i = 0; i < x.size(); ++i)
      x[i] = amplitude * std::sin(kTurn * static_cast<double>(bin * i) / static_cast<double>(s.segment) + phase);
    const auto spectrum = one_spectrum(s.json(), x);
    RC_ASSERT(near(spectrum.total(0), amplitude * amplitude / 2, 1e-11));
    RC_ASSERT(near(spectrum.peak_frequency(0), static_cast<double>(bin) * 1000 / static_cast<double>(s.segment), 1e-12));
  }));
}

TEST_CASE("x → k·x gives k², for every quantity") {
  CHECK(rc::check([] {
    const Settings s = some_settings();
    const auto x = some_samples(s.segment, 300);
    const double k = std::ldexp(1.0, *rc::gen::inRange(-20, 20)) * *rc::gen::element(1, -1, 3);
    auto scaled = x;
    for (double& v : scaled) v *= k;
    const std::string rule =
        R"("bands":{"a":[80,200],"b":[200,400]},"envelope":true,"envelope_low":150,"envelope_high":400,)" + s.json();
    const auto once = [&](const std::vector<double>& samples) {
      StreamWriter writer = begun();
      add_wave(writer, 0, 0, samples);
      return run(policy_of(rule), writer.take());
    };
    const auto plain = once(x), times = once(scaled);
    RC_ASSERT(plain.size() == 2U);
    for (std::size_t i = 0; i < plain.size(); ++i) {
      const v1::Spectra &a = plain[i].spectra(), &b = times[i].spectra();
      RC_ASSERT(std::fabs(b.total(0) - k * k * a.total(0)) <= 1e-9 * k * k * a.total(0) + 1e-20 * k * k);
      for (int band = 0; band < a.band_size(); ++band)
        RC_ASSERT(std::fabs(b.band(band).energy(0) - k * k * a.band(band).energy(0)) <=
                  1e-9 * k * k * a.total(0) + 1e-20 * k * k);
    }
  }));
}

TEST_CASE("joined windows are the same however the signal was cut into waveforms, and so is a resumed run") {
  CHECK(rc::check([] {
    const Settings s = some_settings();
    const auto window = *rc::gen::inRange<std::size_t>(s.segment, 4 * s.segment);
    const Policy policy = policy_of(fmt::format(R"("bands":{{"a":[90,200],"b":[200,400]}},"window":"{}ms",)", window) + s.json());
    const auto x = some_samples(1, 800);
    const auto stream_of = [&](std::size_t from, std::size_t to, bool whole) {
      StreamWriter writer = begun();
      while (from < to) {
        const std::size_t count = whole ? to - from : std::min<std::size_t>(to - from, *rc::gen::inRange<std::size_t>(1, 200));
        add_wave(writer, 0, static_cast<Nanos>(from) * kMillisecond, std::span(x).subspan(from, count), true);
        from += count;
      }
      return writer.take();
    };
    const auto text = [](const std::vector<v1::Frame>& frames) {
      std::string all;  // rows: how many share a frame depends on how many come at once
      for (const v1::Frame& frame : frames)
        for (int row = 0; row < frame.spectra().series_size(); ++row) all += row_text(frame.spectra(), row);
      return all;
    };
    const std::string expected = text(run(policy, stream_of(0, x.size(), true)));
    RC_ASSERT(text(run(policy, stream_of(0, x.size(), false))) == expected);
    RC_ASSERT(static_cast<std::size_t>(std::ranges::count(expected, '\n')) ==
              x.size() / window + (x.size() % window >= s.segment ? 1 : 0));

    const auto cut = *rc::gen::inRange<std::size_t>(0, x.size() + 1);
    SeriesTable table, second_table;
    auto rules = FftBands::rules_of(policy);
    RC_ASSERT(rules.ok());
    FftBands first(table, policy, *rules, {}), second(second_table, policy, *rules, {});
    Output out, second_out;
    Driver driver(first, table, "test 0"), second_driver(second, second_table, "test 0");
    const auto feed = [](Driver& to, Output& into, const std::string& stream) {
      return testing::for_each_frame(stream, [&](const FrameView& frame) { return to.take(frame, into); });
    };
    RC_ASSERT(feed(driver, out, stream_of(0, cut, false)).ok());
    RC_ASSERT(second_table.restore(table.save()).ok());
    RC_ASSERT(second.load(first.save()).ok());
    RC_ASSERT(feed(second_driver, second_out, stream_of(cut, x.size(), false)).ok());
    RC_ASSERT(second_driver.end(false, second_out).ok());
    const std::string resumed = text(testing::frames_of(out.pending(), FrameKind::spectra)) +
                                text(testing::frames_of(second_out.pending(), FrameKind::spectra));
    RC_ASSERT(resumed == expected);
  }));
}

TEST_CASE(
    "a sample that is not finite, or too large to be squared and summed, takes out the segments that hold it, and nothing else") {
  CHECK(rc::check([] {
    Settings s = some_settings();
    s.overlap = 0;
    auto x = some_samples(s.segment, 400);
    const auto bad = *rc::gen::inRange<std::size_t>(0, x.size() / s.segment * s.segment);
    auto without = x;  // the same without that segment
    const auto from = without.begin() + static_cast<std::ptrdiff_t>(bad / s.segment * s.segment);
    without.erase(from, from + static_cast<std::ptrdiff_t>(s.segment));
    const bool in_float = *rc::gen::arbitrary<bool>();
    const double absurd = in_float ? *rc::gen::element(1.1e15, -1e16, 1e20, 3e38) : *rc::gen::element(1.1e150, -1e160, 1e308);
    x[bad] = *rc::gen::element(std::nan(""), HUGE_VAL, -HUGE_VAL, absurd, -absurd);
    StreamWriter writer = begun();
    add_wave(writer, 0, 0, x, in_float);
    const auto got = run(policy_of(s.json()), writer.take());
    if (without.size() < s.segment) {
      RC_ASSERT(got.empty());
      return;
    }
    RC_ASSERT(got.size() == 1U);
    RC_ASSERT(got[0].spectra().cut(0) == v1::CUT_GAP);
    const auto expected = one_spectrum(s.json(), without, in_float);
    RC_ASSERT(got[0].spectra().segments(0) == expected.segments(0));
    RC_ASSERT(got[0].spectra().total(0) == expected.total(0));
  }));
}
