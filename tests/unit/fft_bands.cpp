// SPDX-License-Identifier: Apache-2.0
// fft-bands as a stage: what passes, what is refused, what cuts a window, and the quantities against known signals.
#include "kernel/fft_bands.hpp"

#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <cmath>
#include <numbers>

#include "drive.hpp"

using namespace twinpipe;
using testing::StreamWriter;

namespace {

constexpr double kRate = 1000;
constexpr double kTurn = 2 * std::numbers::pi;

std::string with(const std::string& rules) { return R"({"name":"p","version":"1","owner":"o","fft-bands":[)" + rules + "]}"; }
std::string rule(const std::string& parameters) { return R"({"name":"r","match":"+/+/+/x","segment":100,)" + parameters + "}"; }

v1::Frame wave(Nanos time, std::size_t count, const std::function<double(double)>& of, std::uint32_t alias = 0) {
  v1::Frame frame;
  v1::Waveform& waveform = *frame.mutable_waveform();
  waveform.set_series(alias);
  waveform.set_time(time);
  waveform.set_sample_period(1 / kRate);
  for (std::size_t i = 0; i < count; ++i) waveform.add_float_sample(static_cast<float>(of(static_cast<double>(i) / kRate)));
  return frame;
}
v1::Frame sine(Nanos time, std::size_t count = 100, std::uint32_t alias = 0) {
  return wave(
      time, count, [](double t) { return std::sin(kTurn * 50 * t); }, alias);
}

struct Rig {
  StreamWriter writer;
  SeriesTable table;
  Output out;
  std::vector<std::string> notices;
  std::vector<Counter> counters;
  Status status;

  explicit Rig(const std::string& unit = "g") {
    v1::Frame frame;
    v1::Series& series = *frame.mutable_series();
    series.set_site("s");
    series.set_line("l");
    series.set_asset("a");
    series.set_node("n");
    for (const char* name : {"x", "other"}) {
      v1::Sensor& sensor = *series.add_sensor();
      sensor.set_alias(static_cast<std::uint32_t>(series.sensor_size() - 1));
      sensor.set_name(name);
      sensor.set_type(v1::VALUE_TYPE_WAVEFORM);
      sensor.set_declared_unit(unit);
    }
    writer.out().frame(frame);
  }
  Rig& add(const v1::Frame& frame) {
    writer.out().frame(frame);
    return *this;
  }
  std::vector<v1::Spectra> run(const std::string& rules, bool keep = false) {
    Result<Policy> policy = Policy::parse(with(rules));
    REQUIRE(policy.ok());
    auto made = FftBands::rules_of(*policy);
    REQUIRE(made.ok());
    FftBands stage(table, *policy, *made, {keep, Planning::estimate});
    status = testing::drive(writer.take(), stage, table, out);
    notices = stage.take_notices();
    counters = stage.counters();
    std::vector<v1::Spectra> spectra;
    for (const v1::Frame& frame : testing::frames_of(out.pending(), FrameKind::spectra)) spectra.push_back(frame.spectra());
    return spectra;
  }
  std::size_t waveforms() const { return testing::frames_of(out.pending(), FrameKind::waveform).size(); }
  std::uint64_t counter(std::string_view name) const {
    for (const Counter& c : counters)
      if (c.name == name) return c.value;
    FAIL("no counter " << name);
    return 0;
  }
};

const std::string kBand = R"("bands":{"b":[30,70]})";  // the Hann window's main lobe and a bin beside it

}  // namespace

TEST_CASE("a waveform becomes one row; an unmatched one passes; --keep and pinned keep the matched one too") {
  Rig rig;
  v1::Frame pinned = sine(2 * kSecond);
  pinned.mutable_waveform()->set_pinned(true);
  const auto spectra = rig.add(sine(kSecond, 160)).add(pinned).add(sine(3 * kSecond, 100, 1)).run(rule(kBand));
  REQUIRE(spectra.size() == 2);
  CHECK(rig.waveforms() == 2);
  const v1::Spectra& row = spectra[0];
  CHECK(row.series(0) == 0);
  CHECK(row.start(0) == kSecond);
  CHECK(row.end(0) == kSecond + 150 * kMillisecond);  // two segments; ten samples are left over
  CHECK(row.segments(0) == 2);
  CHECK(rig.counter("samples_left_over") == 10);
  CHECK(row.band(0).name() == "b");
  CHECK(row.band(0).energy(0) == Approx(0.5).epsilon(1e-5));
  CHECK(row.peak_frequency(0) == Approx(50));
  CHECK(row.enbw(0) == Approx(15));  // Hann: 1.5 bins of 10 Hz
  CHECK(row.window_function() == "hann");
  CHECK(row.scaling() == "density");
  CHECK(row.quantity() == "acceleration");
  CHECK(row.policy_digest().size() == 64);

  Rig keeping;
  CHECK(keeping.add(sine(kSecond)).run(rule(kBand), true).size() == 1);
  CHECK(keeping.waveforms() == 1);
}

TEST_CASE("velocity: one g at 50 Hz is 22.07 mm/s RMS, whether it is declared in g or in m/s²") {
  for (const auto& [unit, amplitude] : {std::pair{"g", 1.0}, {"m/s²", 9.80665}}) {
    Rig rig(unit);
    const double a = amplitude;
    const auto spectra =
        rig.add(wave(0, 1000, [a](double t) { return 3 * a + a * std::sin(kTurn * 50 * t); }))
            .run(rule(R"("window_function":"rectangular","velocity":true,"acceleration":false,"bands":{"iso":[0,500]})"));
    REQUIRE(spectra.size() == 1);
    CHECK(spectra[0].quantity() == "velocity");
    CHECK(spectra[0].band(0).low(0) == 10);  // where the integral begins
    CHECK(std::sqrt(spectra[0].band(0).energy(0)) == Approx(9806.65 / (kTurn * 50) / std::sqrt(2)).epsilon(1e-3));
    CHECK(spectra[0].total(0) == Approx(spectra[0].band(0).energy(0)).epsilon(1e-6));
  }
}

TEST_CASE("velocity of what is no acceleration is refused at the declaration") {
  for (const char* unit : {"", "mm/s", "Cel", "mg"}) {
    Rig rig(unit);
    CHECK(rig.run(rule(R"("velocity":true)")).empty());
    CHECK(rig.status.code == Code::bad_config);
    CHECK_THAT(rig.status.message,
               Catch::StartsWith("s/l/a/x: rule 'r' wants the velocity, and the unit '" + std::string(unit) + "'"));
  }
}

TEST_CASE("the envelope of a modulated carrier has its energy at the modulation") {
  Rig rig;
  const auto modulated = [](double t) {
    return 5 * std::sin(kTurn * 20 * t) + (1 + 0.5 * std::cos(kTurn * 30 * t)) * std::sin(kTurn * 300 * t);
  };
  const auto spectra = rig.add(wave(0, 1000, modulated))
                           .run(rule(R"("acceleration":false,"envelope":true,"envelope_low":200,"envelope_high":400,)"
                                     R"("bands":{"m":[5,55],"rest":[60,400]})"));
  REQUIRE(spectra.size() == 1);
  CHECK(spectra[0].quantity() == "envelope");
  CHECK(spectra[0].band(0).energy(0) == Approx(0.125).epsilon(0.01));
  CHECK(spectra[0].band(1).energy(0) < 0.001);
  CHECK(spectra[0].peak_frequency(0) == Approx(30));
}

TEST_CASE("a waveform that cannot be transformed passes, is counted, and is said once") {
  const auto broken = [](const std::function<void(v1::Waveform&)>& how) {
    v1::Frame frame = sine(0);
    how(*frame.mutable_waveform());
    return frame;
  };
  struct Case {
    v1::Frame frame;
    const char* counter;
    const char* message;
  };
  const Case cases[] = {
      {broken([](v1::Waveform& w) { w.set_sample_period(0); }), "waveforms_without_period", "no usable sample period"},
      {broken([](v1::Waveform& w) { w.set_sample_period(std::nan("")); }), "waveforms_without_period", "no usable sample period"},
      {broken([](v1::Waveform& w) { w.set_sample_period(-1); }), "waveforms_without_period", "no usable sample period"},
      {broken([](v1::Waveform& w) { w.mutable_float_sample()->Truncate(99); }), "waveforms_too_short", "shorter than a segment"},
      {broken([](v1::Waveform& w) { w.clear_float_sample(); }), "waveforms_too_short", "shorter than a segment"},
      {broken([](v1::Waveform& w) { w.set_float_sample(7, NAN); }), "waveforms_not_finite", "not finite"},
      {broken([](v1::Waveform& w) { w.set_float_sample(99, -INFINITY); }), "waveforms_not_finite", "not finite"},
      {broken([](v1::Waveform& w) { w.set_float_sample(50, 3e38F), w.set_float_sample(51, 3e38F); }), "waveforms_not_finite",
       "not finite"},
      {broken([](v1::Waveform& w) { w.set_has_quality(true), w.set_quality(0); }), "waveforms_not_good", "quality is not good"},
  };
  for (const Case& c : cases) {
    Rig rig;
    INFO(c.counter);
    CHECK(rig.add(c.frame).add(c.frame).run(rule(kBand)).empty());
    CHECK(rig.status.ok());
    CHECK(rig.waveforms() == 2);
    CHECK(rig.counter(c.counter) == 2);
    REQUIRE(rig.notices.size() == 1);
    CHECK_THAT(rig.notices[0], Catch::Contains("s/l/a/x: waveforms are not transformed: ") && Catch::Contains(c.message));
  }
}

TEST_CASE("a band above the Nyquist frequency names the series and the rule") {
  Rig rig;
  rig.add(sine(0)).run(rule(R"("bands":{"b":[400,600]})"));
  CHECK(rig.status.code == Code::bad_config);
  CHECK_THAT(rig.status.message,
             Catch::Contains("s/l/a/x: rule 'r': band 'b' from 400 to 600 Hz reaches above the Nyquist frequency"));
}

TEST_CASE("windows: a gap, a death, a missing message, a tick and the end cut them short, and say so") {
  const std::string joined = rule(R"("window":"1s")");
  const auto at = [](int tenths) { return sine(tenths * 100 * kMillisecond, 100); };
  v1::Frame late = sine(200 * kMillisecond + 600'000, 100);  // more than half a sample
  v1::Frame gap;
  gap.mutable_gap()->set_node("n");
  v1::Frame death;
  death.mutable_lifecycle()->set_node("n");
  v1::Frame other_period = at(2);
  other_period.mutable_waveform()->set_sample_period(0.002);
  v1::Frame bad = at(2);
  bad.mutable_waveform()->set_sample_period(0);
  v1::Frame birth;
  birth.mutable_series()->set_site("s");
  birth.mutable_series()->set_line("l");
  birth.mutable_series()->set_asset("a");
  birth.mutable_series()->set_node("n");
  birth.mutable_series()->mutable_session()->set_birth(7);
  birth.mutable_series()->add_sensor()->set_name("x");
  birth.mutable_series()->mutable_sensor(0)->set_type(v1::VALUE_TYPE_WAVEFORM);
  v1::Frame tick;
  tick.mutable_watermark()->set_node("n");
  tick.mutable_watermark()->set_time(302 * kMillisecond);
  struct Case {
    const char* what;
    std::vector<v1::Frame> frames;
    std::uint32_t cut;
  };
  const Case cases[] = {
      {"a hole in time", {late}, v1::CUT_GAP},
      {"another sample period", {other_period}, v1::CUT_GAP},
      {"a waveform without a period", {bad}, v1::CUT_GAP},
      {"a Gap frame", {gap}, v1::CUT_GAP},
      {"a death", {death}, v1::CUT_DEATH},
      {"a birth", {birth}, v1::CUT_RESTART},
      {"a tick behind the next waveform's end", {tick}, v1::CUT_GAP},
      {"the end", {}, v1::CUT_RESTART},
  };
  for (const Case& c : cases) {
    INFO(c.what);
    Rig rig;
    rig.add(at(0)).add(at(1));
    for (const v1::Frame& frame : c.frames) rig.add(frame);
    const auto spectra = rig.run(joined);
    REQUIRE_FALSE(spectra.empty());
    CHECK(spectra[0].start(0) == 0);
    CHECK(spectra[0].end(0) == 200 * kMillisecond);
    CHECK(spectra[0].segments(0) == 3);
    CHECK(spectra[0].cut(0) == c.cut);
  }
}

TEST_CASE("windows: jitter up to half a sample joins, more when the rule allows it; full ones are not marked") {
  Rig rig;
  rig.add(sine(0, 100)).add(sine(100 * kMillisecond + 400'000, 100)).add(sine(200 * kMillisecond, 100));
  const auto spectra = rig.run(rule(R"("window":"300ms")"));
  REQUIRE(spectra.size() == 1);
  CHECK(spectra[0].segments(0) == 5);
  CHECK(spectra[0].cut(0) == 0);
  CHECK(rig.waveforms() == 0);

  for (const bool tolerant : {false, true}) {
    Rig loose;
    loose.add(sine(0, 100)).add(sine(103 * kMillisecond, 100));
    const auto rows = loose.run(rule(std::string(R"("window":"200ms")") + (tolerant ? R"(,"join_tolerance":"5ms")" : "")));
    CHECK(rows.size() == (tolerant ? 1 : 2));
  }
}

TEST_CASE("historical and live waveforms have windows of their own") {
  Rig rig;
  v1::Frame past = sine(100 * kMillisecond, 100);
  past.mutable_waveform()->set_historical(true);
  const auto spectra = rig.add(sine(0, 100)).add(past).add(sine(100 * kMillisecond, 100)).run(rule(R"("window":"200ms")"));
  REQUIRE(spectra.size() == 2);
  CHECK(spectra[0].segments(0) == 3);
  CHECK_FALSE(spectra[0].historical());
  CHECK(spectra[1].historical());
  CHECK(spectra[1].cut(0) == v1::CUT_RESTART);
}

TEST_CASE("a temporary rule ends at its event time, and says so") {
  Rig rig;
  const auto spectra =
      rig.add(sine(9 * kSecond))
          .add(sine(10 * kSecond))
          .run(R"({"name":"t","match":"+/+/+/x","segment":50,"expires":"1970-01-01T00:00:10Z","reason":"test"},)" + rule(kBand));
  REQUIRE(spectra.size() == 2);
  CHECK(spectra[0].segments(0) == 3);
  CHECK(spectra[1].segments(0) == 1);
  REQUIRE(rig.notices.size() == 1);
  CHECK_THAT(rig.notices[0], Catch::Contains("'t'") && Catch::Contains("expired"));
  const auto applied = testing::frames_of(rig.out.pending(), FrameKind::applied);
  REQUIRE(applied.size() == 2);
  CHECK_FALSE(applied[0].applied().rule(0).expired());
  CHECK(applied[1].applied().rule(0).expired());
}
