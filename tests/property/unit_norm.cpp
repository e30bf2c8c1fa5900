// SPDX-License-Identifier: Apache-2.0
// Laws of units: conversions and their way back, in = passed + rejected, aggregates in either order, stop and resume.
#include "kernel/unit_norm.hpp"

#include <rapidcheck.h>

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "drive.hpp"
#include "kernel/winagg.hpp"

using namespace twinpipe;
using testing::StreamWriter;

namespace {

const Units& units() {
  static const Result<Units> loaded = Units::load();
  return *loaded;
}

Policy policy_of(const std::string& sections) {
  Result<Policy> policy = Policy::parse(R"({"name":"p","version":"1","owner":"o",)" + sections + "}");
  REQUIRE(policy.ok());
  return *policy;
}

const std::vector<std::vector<std::string>> kFamilies{{"degC", "degF", "K", "Cel", "F", "FAH", "°C"},
                                                      {"g", "m/s2", "mg", "m/s²", "mm/s2"},
                                                      {"mm/s", "in/s", "m/s", "ips"},
                                                      {"bar", "psi", "kPa", "MPa", "mbar", "inHg"},
                                                      {"barg", "psig", "kPag"},
                                                      {"rpm", "RPS", "rad/s"},
                                                      {"kWh", "J", "MJ", "Wh"},
                                                      {"L/min", "m3/h", "gpm", "cfm"},
                                                      {"%", "1", "ppm"}};

std::string any_of_family(const std::vector<std::string>& family) {
  return family[*rc::gen::inRange<std::size_t>(0, family.size())];
}

/// Distance between neighbours at `value`.
double ulp(double value) {
  const double magnitude = std::abs(value);
  return std::nextafter(magnitude, std::numeric_limits<double>::infinity()) - magnitude;
}

struct Reading {
  std::uint32_t alias;
  Nanos time;
  double value;
};

const std::vector<std::string> kDeclared{"degF", "degC", "", "bar", "K", "bananas"};

/// Six series, one for each of kDeclared; `grouping` readings a frame.
std::string stream_of(const std::vector<Reading>& readings, std::size_t grouping, std::size_t from = 0) {
  StreamWriter writer;
  v1::Frame frame;
  v1::Series& series = *frame.mutable_series();
  series.set_site("s");
  series.set_line("l");
  series.set_asset("x");
  series.set_node("n");
  for (std::uint32_t alias = 0; alias < kDeclared.size(); ++alias) {
    v1::Sensor& sensor = *series.add_sensor();
    sensor.set_alias(alias);
    sensor.set_name("t" + std::to_string(alias));
    sensor.set_type(v1::VALUE_TYPE_DOUBLE);
    sensor.set_declared_unit(kDeclared[alias]);
  }
  writer.out().frame(frame);
  ReadingsBuilder builder;
  for (std::size_t i = from; i < readings.size(); ++i) {
    builder.add(readings[i].alias, readings[i].time, readings[i].value);
    if (builder.rows() < grouping && i + 1 < readings.size()) continue;
    writer.out().readings(builder.columns());
    builder.clear();
  }
  return writer.take();
}

std::vector<Reading> some_readings() {
  std::vector<Reading> readings(*rc::gen::inRange<std::size_t>(0, 60));
  Nanos time = 0;
  for (Reading& reading : readings)
    reading = {*rc::gen::inRange<std::uint32_t>(0, kDeclared.size()), time += *rc::gen::inRange<Nanos>(1, kSecond),
               *rc::gen::inRange(-4000, 4000) / 16.0};
  return readings;
}

std::string run(const Policy& policy, const std::string& stream) {
  SeriesTable table;
  UnitNorm stage(table, policy, units());
  Output out;
  RC_ASSERT(testing::drive(stream, stage, table, out).ok());
  return std::string(out.pending());
}

/// Readings and rejects, in the order of the input's times.
std::map<Nanos, std::pair<double, std::string>> content(const std::string& stream) {
  std::map<Nanos, std::pair<double, std::string>> all;
  (void)testing::for_each_frame(stream, [&](const FrameView& view) -> Status {
    v1::Stream one;
    one.ParseFromArray(view.bytes.data(), static_cast<int>(view.bytes.size()));
    const v1::Frame& frame = one.frame(0);
    const v1::Readings& rows = frame.has_reject() ? frame.reject().reading() : frame.readings();
    for (int row = 0; row < rows.time_size(); ++row)
      RC_ASSERT(all.emplace(rows.time(row), std::pair(rows.double_value(row), frame.reject().reason())).second);
    return {};
  });
  return all;
}

}  // namespace

TEST_CASE("units: there and back is within 2 ulp of the greatest number on the way, and agrees with the slope") {
  CHECK(rc::check([] {
    const auto& family = kFamilies[*rc::gen::inRange<std::size_t>(0, kFamilies.size())];
    const std::string from = any_of_family(family), to = any_of_family(family);
    const Result<Conversion> there = units().conversion(from, to), back = units().conversion(to, from);
    RC_ASSERT(there.ok() && back.ok());
    const double value = *rc::gen::inRange(-1'000'000'000, 1'000'000'000) / 1024.0;
    const double made = (*there)(value);
    // All in units of `from`: the value itself, and where the zeros lie apart.
    const double greatest = std::abs(value) + std::abs(there->offset() / there->slope());
    RC_ASSERT(std::abs((*back)(made)-value) <= 2 * ulp(greatest));
  }));
}

TEST_CASE("unit-norm: every reading passes converted or is a reject, however readings are grouped") {
  const Policy policy = policy_of(R"("unit-norm":[{"match":"+/+/+/t*","unit":"degC"}])");
  CHECK(rc::check([&] {
    const auto readings = some_readings();
    const auto grouping = *rc::gen::inRange<std::size_t>(1, 9);
    const auto got = content(run(policy, stream_of(readings, grouping)));
    RC_ASSERT(got.size() == readings.size());
    for (const Reading& reading : readings) {
      const auto& [value, reason] = got.at(reading.time);
      const Result<Conversion> conversion = units().conversion(kDeclared[reading.alias], "degC");
      RC_ASSERT(value == (conversion.ok() ? (*conversion)(reading.value) : reading.value));
      RC_ASSERT(reason == (conversion.ok() ? "" : conversion.status().message));
    }
    RC_ASSERT(got == content(run(policy, stream_of(readings, 1000))));
  }));
}

TEST_CASE("unit-norm: a temporary rule ends at its event time, wherever frames end, and not by one wrong time") {
  const Policy policy = policy_of(R"("unit-norm":[{"match":"+/+/+/t0","unit":"K","expires":"1970-01-01T00:00:10Z","reason":"r"},
                                                   {"match":"+/+/+/t*","unit":"degC"}])");
  CHECK(rc::check([&] {
    std::vector<Reading> readings = some_readings();
    for (Reading& reading : readings) reading.alias = *rc::gen::inRange<std::uint32_t>(0, 2);
    std::map<Nanos, double> expected;
    for (const Reading& reading : readings)
      expected[reading.time] = (*units().conversion(
          kDeclared[reading.alias], reading.alias == 0 && reading.time < 10 * kSecond ? "K" : "degC"))(reading.value);
    // A wrong clock somewhere behind the first reading of its series.
    const auto first = std::ranges::find(readings, 0U, &Reading::alias);
    const Nanos stray = 3'000'000 * kSecond;
    if (first != readings.end()) {
      const auto at = *rc::gen::inRange<std::ptrdiff_t>(first - readings.begin() + 1, std::ssize(readings) + 1);
      readings.insert(readings.begin() + at, {0, stray, 1});
    }
    auto got = content(run(policy, stream_of(readings, *rc::gen::inRange<std::size_t>(1, 9))));
    got.erase(stray);
    RC_ASSERT(got.size() == expected.size());
    for (const auto& [time, value] : expected) RC_ASSERT(got.at(time).first == value);
  }));
}

TEST_CASE("unit-norm: the aggregate of what was converted is what the aggregate converts to") {
  const std::string windows = R"("winagg":[{"match":"+/+/+/t*","window":"10s","lateness":"0s"}])";
  const Policy policy = policy_of(R"("unit-norm":[{"match":"+/+/+/t*","unit":"degC"}],)" + windows);
  CHECK(rc::check([&] {
    std::vector<Reading> readings = some_readings();
    for (Reading& reading : readings) reading.alias = *rc::gen::element<std::uint32_t>(0, 1, 4);  // those that convert
    const auto rows_of = [&](const std::string& stream) {
      SeriesTable table;
      WinAgg stage(table, policy, {});
      Output out;
      RC_ASSERT(testing::drive(stream, stage, table, out).ok());
      return std::string(out.pending());
    };
    const std::string stream = stream_of(readings, 4);
    const auto first = testing::frames_of(rows_of(run(policy, stream)), FrameKind::aggregates);
    const auto last = testing::frames_of(run(policy, rows_of(stream)), FrameKind::aggregates);
    const auto near = [](double one, double other, double scale) {
      RC_ASSERT((std::isnan(one) && std::isnan(other)) || std::abs(one - other) <= 1e-10 * scale);
    };
    using Row = std::vector<double>;
    const auto table_of = [](const std::vector<v1::Frame>& frames) {
      std::map<std::pair<std::uint32_t, Nanos>, Row> rows;
      for (const v1::Frame& frame : frames)
        for (int i = 0; i < frame.aggregates().series_size(); ++i) {
          const v1::Aggregates& a = frame.aggregates();
          rows[{a.series(i), a.start(i)}] = {a.min(i), a.max(i),   a.mean(i), a.rms(i), a.peak(i),
                                             a.std(i), a.first(i), a.last(i), a.m2(i),  a.crest(i)};
        }
      return rows;
    };
    const auto one = table_of(first), other = table_of(last);
    RC_ASSERT(one.size() == other.size());
    for (const auto& [key, row] : one) {
      const Row& same = other.at(key);
      // The largest numbers on the way are some hundred degrees, and m2 sums their squares.
      for (std::size_t i = 0; i < row.size(); ++i) near(row[i], same[i], i == 8 ? 1e8 : 1e3 * std::max(1.0, std::abs(row[i])));
    }
  }));
}

TEST_CASE("unit-norm: stop and resume at any frame equals an uninterrupted run") {
  const Policy policy = policy_of(R"("unit-norm":[{"match":"+/+/+/t*","unit":"degC"}])");
  CHECK(rc::check([&] {
    // A change of unit with a birth, and a backlog from before it.
    std::vector<std::string> frames;
    for (int birth = 1; birth <= 3; ++birth) {
      v1::Frame frame;
      frame.mutable_series()->set_site("s");
      frame.mutable_series()->set_line("l");
      frame.mutable_series()->set_asset("x");
      frame.mutable_series()->set_node("n");
      frame.mutable_series()->mutable_session()->set_birth(birth * 100);
      v1::Sensor& sensor = *frame.mutable_series()->add_sensor();
      sensor.set_name("t");
      sensor.set_type(v1::VALUE_TYPE_DOUBLE);
      sensor.set_declared_unit(kDeclared[*rc::gen::inRange<std::size_t>(0, kDeclared.size())]);
      append_frame(frame, frames.emplace_back());
      const int rows = *rc::gen::inRange(0, 6);
      for (int row = 0; row < rows; ++row) {
        ReadingsBuilder builder;
        builder.set_historical(*rc::gen::arbitrary<bool>());
        builder.add(0, *rc::gen::inRange<Nanos>(0, 400), 50.0);
        encode_columns(builder.columns(), frames.emplace_back());
      }
    }
    const auto cut = *rc::gen::inRange<std::size_t>(1, frames.size() + 1);
    SeriesTable table, second_table;
    UnitNorm first(table, policy, units()), second(second_table, policy, units());
    Output out, second_out, open;
    open.open("test 0");
    Driver driver(first, table, "test 0"), second_driver(second, second_table, "test 0");
    const auto feed = [](Driver& to, Output& into, const std::string& bytes) {
      return testing::for_each_frame(bytes, [&](const FrameView& frame) { return to.take(frame, into); });
    };
    RC_ASSERT(feed(driver, out, std::string(open.pending())).ok());
    for (std::size_t i = 0; i < cut; ++i) RC_ASSERT(feed(driver, out, frames[i]).ok());
    RC_ASSERT(second_table.restore(table.save()).ok());
    RC_ASSERT(second.load(first.save()).ok());
    RC_ASSERT(feed(second_driver, second_out, std::string(open.pending())).ok());
    out.clear();
    second_out.clear();
    // A restarted source declares again what it goes on with.
    std::size_t declaration = cut - 1;
    const auto declares = [&frames](std::size_t at) {
      v1::Stream one;
      one.ParseFromString(frames[at]);
      return one.frame(0).has_series();
    };
    while (!declares(declaration)) --declaration;
    RC_ASSERT(feed(second_driver, second_out, frames[declaration]).ok());
    second_out.clear();
    for (std::size_t i = cut; i < frames.size(); ++i) {
      RC_ASSERT(feed(driver, out, frames[i]).ok());
      RC_ASSERT(feed(second_driver, second_out, frames[i]).ok());
    }
    RC_ASSERT(out.pending() == second_out.pending());
    RC_ASSERT(first.save() == second.save());
  }));
}
