// SPDX-License-Identifier: Apache-2.0
// UnitNorm: what leaves in which unit, what becomes a reject, and what a change of unit means for a backlog.
#include "kernel/unit_norm.hpp"

#include <catch2/catch.hpp>

#include "drive.hpp"

using namespace twinpipe;
using namespace twinpipe::testing;

namespace {

struct Normalised {
  std::string out;
  std::vector<std::string> notices;
  Status status;
};

Normalised normalise(const std::string& stream, const std::string& rules) {
  const Result<Policy> policy = Policy::parse(R"({"name":"p","version":"2","owner":"o","unit-norm":[)" + rules + "]}");
  REQUIRE(policy.ok());
  REQUIRE(UnitNorm::check(*policy).ok());
  const Result<Units> units = Units::load();
  REQUIRE(units.ok());
  SeriesTable table;
  UnitNorm stage(table, *policy, *units);
  Output out;
  Normalised result;
  result.status = drive(stream, stage, table, out);
  result.out = out.pending();
  result.notices = stage.take_notices();
  return result;
}

void declare(StreamWriter& writer, const std::string& unit, Nanos birth = 1, ValueType type = v1::VALUE_TYPE_DOUBLE) {
  v1::Frame frame;
  v1::Series& series = *frame.mutable_series();
  series.set_site("s");
  series.set_line("l");
  series.set_asset("x");
  series.set_node("n");
  series.mutable_session()->set_birth(birth);
  v1::Sensor& sensor = *series.add_sensor();
  sensor.set_name("t");
  sensor.set_type(type);
  sensor.set_declared_unit(unit);
  sensor.set_low(32);
  sensor.set_high(212);
  writer.out().frame(frame);
}

template <class Value>
void read(StreamWriter& writer, Nanos time, Value value, std::uint32_t quality = kGood, bool historical = false) {
  ReadingsBuilder builder(std::is_same_v<Value, double> ? v1::VALUE_TYPE_DOUBLE : v1::VALUE_TYPE_INT64);
  builder.set_historical(historical);
  builder.add(0, time, value, quality);
  builder.set_origin(7, 3);
  writer.out().readings(builder.columns());
}

std::vector<double> values(const std::string& stream) {
  std::vector<double> all;
  for (const v1::Frame& frame : frames_of(stream, FrameKind::readings))
    for (const double value : frame.readings().double_value()) all.push_back(value);
  return all;
}

const std::string kCelsius = R"({"match":"+/+/+/t","unit":"degC"})";

}  // namespace

TEST_CASE("a reading leaves in the canonical unit, the spelling stays, the range follows") {
  StreamWriter writer;
  declare(writer, "Fahrenheit");
  read(writer, 1, 212.0);
  read(writer, 2, 0.0, kGood | v1::QUALITY_NULL);
  const Normalised done = normalise(writer.take(), kCelsius);
  REQUIRE(done.status.ok());
  CHECK(values(done.out) == std::vector<double>{100, 0});
  const v1::Sensor sensor = frames_of(done.out, FrameKind::series).at(0).series().sensor(0);
  CHECK(sensor.unit() == "degC");
  CHECK(sensor.declared_unit() == "Fahrenheit");
  CHECK(sensor.low() == 0);
  CHECK(sensor.high() == 100);
  CHECK(frames_of(done.out, FrameKind::applied).size() == 1);
  // Once more: nothing is converted twice.
  CHECK(values(normalise(done.out, kCelsius).out) == std::vector<double>{100, 0});
}

TEST_CASE("integers that are converted become doubles, others stay what they are") {
  StreamWriter writer;
  declare(writer, "degF", 1, v1::VALUE_TYPE_INT64);
  read(writer, 1, std::int64_t{50});
  const std::string stream = writer.take();
  const Normalised done = normalise(stream, kCelsius);
  CHECK(values(done.out) == std::vector<double>{10});
  CHECK(frames_of(done.out, FrameKind::series).at(0).series().sensor(0).type() == v1::VALUE_TYPE_DOUBLE);
  const Normalised same = normalise(stream, R"({"match":"+/+/+/t","unit":"degF"})");
  CHECK(frames_of(same.out, FrameKind::series).at(0).series().sensor(0).type() == v1::VALUE_TYPE_INT64);
  CHECK(frames_of(same.out, FrameKind::readings).at(0).readings().int_value(0) == 50);
}

TEST_CASE("what cannot be converted is a reject with its reason and where it came from") {
  StreamWriter writer;
  const auto [unit, reason] =
      GENERATE(std::pair{"", "no unit is declared"}, std::pair{"bar", "\"bar\" does not convert to \"degC\""},
               std::pair{"bananas", "the unit \"bananas\" is not known"});
  declare(writer, unit);
  read(writer, 5, 20.0);
  v1::Frame wave;
  wave.mutable_waveform()->set_sample_period(0.001);
  wave.mutable_waveform()->add_float_sample(1);
  writer.out().frame(wave);
  v1::Frame row;
  row.mutable_aggregates()->add_series(0);
  row.mutable_aggregates()->add_start(1);
  row.mutable_aggregates()->add_mean(20);
  writer.out().frame(row);
  const Normalised done = normalise(writer.take(), kCelsius);
  REQUIRE(done.status.ok());
  CHECK(values(done.out).empty());
  CHECK(done.notices ==
        std::vector<std::string>{"s/l/x/t, and all series like it: " + std::string(reason) + ": their data are rejects"});
  const auto rejects = frames_of(done.out, FrameKind::reject);
  REQUIRE(rejects.size() == 3);
  const v1::Reject& reject = rejects[0].reject();
  CHECK(reject.reason() == reason);
  CHECK(reject.rule() == "unit-norm[0]");
  CHECK(reject.policy_version() == "2");
  CHECK(reject.series().asset() == "x");
  CHECK(reject.reading().double_value(0) == 20);
  CHECK(reject.reading().time(0) == 5);
  CHECK(reject.lineage().node() == "n");
  CHECK(reject.lineage().seq() == 7);
  CHECK(reject.lineage().index() == 3);
  CHECK(rejects[1].reject().waveform().float_sample_size() == 1);
  CHECK(rejects[2].reject().aggregates().mean(0) == 20);
}

TEST_CASE("a policy may say what a device means that declares no unit") {
  StreamWriter writer;
  declare(writer, "");
  read(writer, 5, 50.0);
  CHECK(values(normalise(writer.take(), R"({"match":"+/+/+/t","unit":"degC","assumed":"degF"})").out) == std::vector<double>{10});
}

TEST_CASE("a backlog from before a change of unit is in the unit of its time") {
  StreamWriter writer;
  declare(writer, "degF", 100);
  read(writer, 110, 50.0);
  declare(writer, "degC", 200);
  read(writer, 210, 50.0);
  read(writer, 190, 50.0, kGood, true);   // stored before the birth
  read(writer, 205, 50.0, kGood, true);   // and behind it
  read(writer, 190, 50.0, kGood, false);  // a live value that had not changed for a while: its birth says what it is in
  CHECK(values(normalise(writer.take(), kCelsius).out) == std::vector<double>{10, 50, 10, 50, 50});
}

TEST_CASE("a temporary rule ends at its event time, and the series is declared anew") {
  StreamWriter writer;
  declare(writer, "degF");
  read(writer, 1 * kSecond, 50.0);
  read(writer, 6 * kSecond, 50.0);
  const Normalised done =
      normalise(writer.take(), R"({"match":"+/+/+/t","unit":"K","expires":"1970-01-01T00:00:05Z","reason":"trial"},)" + kCelsius);
  REQUIRE(done.status.ok());
  REQUIRE(values(done.out).size() == 2);
  CHECK(values(done.out)[0] == Approx(283.15));
  CHECK(values(done.out)[1] == 10);
  const auto declarations = frames_of(done.out, FrameKind::series);
  REQUIRE(declarations.size() == 2);
  CHECK(declarations[1].series().sensor(0).unit() == "degC");
  CHECK(done.notices.size() == 1);
}

TEST_CASE("energies scale by the square, and a velocity is what it is") {
  StreamWriter writer;
  declare(writer, "g");
  for (const char* quantity : {"acceleration", "velocity", "envelope"}) {
    v1::Frame frame;
    v1::Spectra& rows = *frame.mutable_spectra();
    rows.add_series(0);
    rows.add_start(1);
    rows.set_quantity(quantity);
    rows.add_total(2);
    rows.add_band()->add_energy(1);
    writer.out().frame(frame);
  }
  const auto rows = frames_of(normalise(writer.take(), R"({"match":"+/+/+/t","unit":"m/s2"})").out, FrameKind::spectra);
  REQUIRE(rows.size() == 3);
  const double square = 9.80665 * 9.80665;
  CHECK(rows[0].spectra().band(0).energy(0) == square);
  CHECK(rows[0].spectra().total(0) == 2 * square);
  CHECK(rows[1].spectra().band(0).energy(0) == 1);
  CHECK(rows[2].spectra().band(0).energy(0) == square);
}
