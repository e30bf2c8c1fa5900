// SPDX-License-Identifier: Apache-2.0
// kbridge's values: cuts, splits, dead letters, and what is refused.
#include "kernel/kafka_values.hpp"

#include <catch2/catch.hpp>

#include "kafka_records.hpp"
#include "kernel/waveform_split.hpp"

using namespace twinpipe;
using namespace twinpipe::testing;

namespace {

Routes routes() { return *Routes::parse({"s/l/+/a*=one", "s/l/+/b=two"}, "dead"); }

std::vector<Stored> data(const Log& log) {
  std::vector<Stored> records;
  for (const Stored& record : log.records)
    if (!record.key.empty()) records.push_back(record);
  return records;
}

std::size_t readings_in(const Stored& record) {
  std::size_t count = 0;
  for (const Event& event : events_of(record.value)) count += event.kind == FrameKind::readings;
  return count;
}

}  // namespace

TEST_CASE("routes: the first match wins, the rest is dead letters, and names are checked") {
  const Routes made = routes();
  CHECK(made.topics() == std::vector<std::string>{"one", "two", "dead"});
  CHECK(made.topic_of("s", "l", "x", "a1") == 0);
  CHECK(made.topic_of("s", "l", "x", "b") == 1);
  CHECK(made.topic_of("s", "l", "x", "c") == made.dead_letter());
  for (const char* bad : {"s/l/+/a", "s/l/a=t", "s/l/+/a=", "s/l/+/a=t/u", "s/l/+/a=.."}) {
    const auto parsed = Routes::parse({bad}, "dead");
    REQUIRE(!parsed.ok());
    CHECK(parsed.status().code == Code::usage);
  }
}

TEST_CASE("a value is cut by count, by ticks, by births and by deaths") {
  StreamWriter writer;
  writer.series("n", "x", {"a"}, 0);
  const auto add = [&](int count, Nanos time) {
    ReadingsBuilder builder;
    for (int i = 0; i < count; ++i) builder.add(0, time + i, 1.0);
    writer.out().readings(builder.columns());
  };
  add(25, 0);
  writer.watermark("other", 3);  // another node's tick cuts nothing
  add(5, 100);
  writer.watermark("n", 200);
  add(3, 300);
  writer.lifecycle("n", false, v1::Lifecycle::REASON_WILL, 1, 400);
  writer.series("n", "x", {"a"}, 0, 2);
  add(2, 500);
  Log log;
  ValueLimits limits;
  limits.batch = 10;
  REQUIRE(write_log(writer.take(), routes(), 1, limits, log).ok());
  std::vector<std::size_t> counts;
  for (const Stored& record : data(log)) counts.push_back(readings_in(record));
  CHECK(counts == std::vector<std::size_t>{10, 10, 10, 3, 2});
  CHECK(data(log)[0].earliest == 0);
  CHECK(data(log)[0].latest == 9);
}

TEST_CASE("ticks closer than the linger cut nothing, and the latest leaves with the values") {
  StreamWriter writer;
  writer.series("n", "x", {"a"}, 0);
  for (int i = 0; i < 10; ++i) {
    ReadingsBuilder builder;
    builder.add(0, i * kSecond, 1.0);
    writer.out().readings(builder.columns());
    writer.watermark("n", i * kSecond + 1);
  }
  Log log;
  ValueLimits limits;
  limits.linger = 5 * kSecond;
  REQUIRE(write_log(writer.take(), routes(), 1, limits, log).ok());
  std::vector<std::size_t> counts;
  for (const Stored& record : data(log)) counts.push_back(readings_in(record));
  CHECK(counts == std::vector<std::size_t>{1, 5, 4});
  CHECK(log.records.back().key.empty());
  CHECK(frames_of(log.records.back().value, FrameKind::watermark).back().watermark().time() == 9 * kSecond + 1);
}

TEST_CASE("sensors that never speak are declared all the same, with the node's state before them") {
  StreamWriter writer;
  writer.lifecycle("n", true, v1::Lifecycle::REASON_BIRTH, 1, 5);
  writer.series("n", "x", {"a", "b", "c"}, 0);
  Log log;
  REQUIRE(write_log(writer.take(), routes(), 1, {}, log).ok());
  std::set<std::string> declared;
  std::map<std::uint32_t, bool> born;
  for (const Stored& record : log.records) {
    if (!frames_of(record.value, FrameKind::lifecycle).empty()) born[record.topic] = true;
    for (const v1::Frame& frame : frames_of(record.value, FrameKind::series)) {
      CHECK(born[record.topic]);
      for (const v1::Sensor& sensor : frame.series().sensor()) declared.insert(sensor.name());
    }
  }
  CHECK(declared == std::set<std::string>{"a", "b", "c"});
}

TEST_CASE("a new birth declares every sensor again, those that stay silent too") {
  StreamWriter writer;
  writer.series("n", "x", {"a", "a2"}, 0, 1);
  writer.series("n", "x", {"a", "a2"}, 0, 2);
  ReadingsBuilder builder;
  builder.add(0, kSecond, 1.0);
  writer.out().readings(builder.columns());
  Log log;
  REQUIRE(write_log(writer.take(), routes(), 1, {}, log).ok());
  std::map<std::string, Nanos> birth;
  for (const Stored& record : log.records)
    for (const v1::Frame& frame : frames_of(record.value, FrameKind::series))
      for (const v1::Sensor& sensor : frame.series().sensor()) birth[sensor.name()] = frame.series().session().birth();
  CHECK(birth == std::map<std::string, Nanos>{{"a", 2}, {"a2", 2}});
}

TEST_CASE("what no value can hold is refused as bad data") {
  ValueLimits limits;
  limits.max_value = 2000;
  SECTION("a text") {
    StreamWriter writer;
    writer.series("n", "x", {"a"}, 0, 1, v1::VALUE_TYPE_STRING);
    ReadingsBuilder builder(v1::VALUE_TYPE_STRING);
    builder.add(0, 1, std::string_view("fits"));
    builder.add(0, 2, std::string(3000, 'x'));
    writer.out().readings(builder.columns());
    Log log;
    const Status status = write_log(writer.take(), routes(), 1, limits, log);
    CHECK(status.code == Code::bad_data);
    CHECK(status.message.find("--max-value") != std::string::npos);
  }
  SECTION("a declaration") {
    StreamWriter writer;
    writer.series("n", "x", {std::string(3000, 'a')}, 0);
    Log log;
    CHECK(write_log(writer.take(), routes(), 1, limits, log).code == Code::bad_data);
  }
  SECTION("a node frame") {
    StreamWriter writer;
    writer.series("n", "x", {"a"}, 0);
    v1::Frame frame;
    frame.mutable_gap()->set_node("n");
    frame.mutable_gap()->set_detail(std::string(3000, 'g'));
    writer.out().frame(frame);
    Log log;
    CHECK(write_log(writer.take(), routes(), 1, limits, log).code == Code::bad_data);
  }
}

TEST_CASE("an asset with more declarations than a value holds is declared in several") {
  StreamWriter writer;
  std::vector<std::string> names;
  for (int i = 0; i < 300; ++i) names.push_back("a" + std::to_string(i));
  writer.series("n", "x", names, 0);
  ReadingsBuilder builder;
  for (std::uint32_t i = 0; i < 300; ++i) builder.add(i, i, 1.0 * i);
  writer.out().readings(builder.columns());
  ValueLimits limits;
  limits.max_value = 1500;
  Log log;
  REQUIRE(write_log(writer.take(), routes(), 1, limits, log).ok());
  std::size_t readings = 0;
  for (const Stored& record : log.records) {
    CHECK(record.value.size() <= limits.max_value);
    readings += readings_in(record);
  }
  CHECK(readings == 300);
}

TEST_CASE("a waveform is split where the start times are exact") {
  v1::Waveform waveform;
  waveform.set_time(7);
  waveform.set_sample_period(1.0 / 25600);  // 39062.5 ns
  for (int i = 0; i < 1000; ++i) waveform.add_float_sample(static_cast<float>(i));
  std::vector<float> samples;
  for (WaveformSplit split(waveform, 101); !split.done();) {
    const std::size_t at = samples.size();
    const v1::Waveform part = split.next();
    CHECK(static_cast<double>(part.time()) == 7 + static_cast<double>(at) * 39062.5);
    CHECK(part.float_sample_size() <= 101);
    samples.insert(samples.end(), part.float_sample().begin(), part.float_sample().end());
  }
  CHECK(samples == std::vector<float>(waveform.float_sample().begin(), waveform.float_sample().end()));
}

TEST_CASE("rows of derived frames go to the topics and partitions of their series") {
  StreamWriter writer;
  writer.series("n", "x", {"a", "b"}, 0);
  writer.series("n", "y", {"a"}, 2);
  v1::Frame frame;
  v1::Spectra& spectra = *frame.mutable_spectra();
  for (const std::uint32_t alias : {2U, 0U, 1U, 0U}) {
    spectra.add_series(alias);
    spectra.add_start(alias * 10);
    spectra.add_end(alias * 10 + 5);
  }
  spectra.set_scaling("density");
  v1::Band& band = *spectra.add_band();
  band.set_name("low");
  for (int i = 0; i < 4; ++i) band.add_energy(i);
  writer.out().frame(frame);
  Log log;
  REQUIRE(write_log(writer.take(), routes(), 1, {}, log).ok());
  std::map<std::pair<std::uint32_t, std::string>, std::vector<double>> energies;
  for (const Stored& record : log.records)
    for (const v1::Frame& part : frames_of(record.value, FrameKind::spectra)) {
      CHECK(part.spectra().scaling() == "density");
      for (const double energy : part.spectra().band(0).energy()) energies[{record.topic, record.key}].push_back(energy);
    }
  CHECK(energies == std::map<std::pair<std::uint32_t, std::string>, std::vector<double>>{
                        {{0, "s.l.x"}, {1, 3}}, {{1, "s.l.x"}, {2}}, {{0, "s.l.y"}, {0}}});
}

TEST_CASE("frames of no asset go whole to the dead letters") {
  StreamWriter writer;
  v1::Frame frame;
  frame.mutable_features()->add_entity("s.l.x");
  writer.out().frame(frame);
  v1::Frame gap;
  gap.mutable_gap()->set_node("unknown");
  writer.out().frame(gap);
  Log log;
  REQUIRE(write_log(writer.take(), routes(), 2, {}, log).ok());
  REQUIRE(log.records.size() == 2);
  CHECK(log.records[0].topic == routes().dead_letter());
  CHECK(frames_of(log.records[0].value, FrameKind::features).size() == 1);
  CHECK(frames_of(log.records[1].value, FrameKind::gap).size() == 1);
}

TEST_CASE("facts of an asset go to every topic of its series, to one that gets its first series later too, and to no other") {
  const auto facts = [](StreamWriter& writer, const std::string& asset, Nanos from, const std::string& owner) {
    v1::Frame frame;
    frame.mutable_asset_facts()->set_site("s");
    frame.mutable_asset_facts()->set_line("l");
    frame.mutable_asset_facts()->set_asset(asset);
    frame.mutable_asset_facts()->set_from(from);
    frame.mutable_asset_facts()->set_registry_owner(owner);
    writer.out().frame(frame);
  };
  StreamWriter writer;
  writer.series("n", "x", {"a", "c"}, 0);
  writer.series("n", "y", {"a"}, 2);
  facts(writer, "x", 1, "one");
  facts(writer, "x", 2, "two");
  facts(writer, "z", 1, "no series of it");
  ReadingsBuilder builder;
  builder.add(0, 5, 1.0);
  writer.out().readings(builder.columns());
  writer.series("n", "x", {"b"}, 3);
  Log log;
  REQUIRE(write_log(writer.take(), routes(), 1, {}, log).ok());
  std::map<std::uint32_t, std::string> told;  // by topic
  for (const Stored& record : data(log))
    (void)for_each_frame(record.value, [&](const FrameView& view) -> Status {
      v1::Stream one;
      one.ParseFromArray(view.bytes.data(), static_cast<int>(view.bytes.size()));
      if (view.kind == FrameKind::asset_facts)
        told[record.topic] += record.key + " " + one.frame(0).asset_facts().registry_owner() + " ";
      if (view.kind == FrameKind::readings) told[record.topic] += "data ";
      return {};
    });
  CHECK(told == std::map<std::uint32_t, std::string>{{0, "s.l.x one s.l.x two data "}, {1, "s.l.x one s.l.x two "}});
}
