// SPDX-License-Identifier: Apache-2.0
// exc-pass: derived rows, waveforms, budgets, lanes, deaths, expiry; what the property tests do not reach.
#include "kernel/exc_pass.hpp"

#include <catch2/catch.hpp>
#include <cmath>

#include "drive.hpp"

using namespace twinpipe;
using testing::StreamWriter;

namespace {

Policy policy_of(const std::string& rules) {
  Result<Policy> policy = Policy::parse(R"({"name":"p","version":"1","owner":"o","exc-pass":[)" + rules + "]}");
  INFO((policy.ok() ? std::string() : policy.status().message));
  REQUIRE(policy.ok());
  return *policy;
}

std::string error_of(const std::string& rules) {
  const Policy policy = policy_of(rules);
  const Result<ExceptionRules> made = ExceptionRules::make(policy);
  return made.ok() ? "" : made.status().message;
}

struct Run {
  std::vector<v1::Frame> frames;  // without Open, Close, Applied and Series
  std::map<std::string, std::uint64_t> counters;
};

Run run(const std::string& rules, const std::string& stream, ExcPassOptions options = {true}) {
  const Policy policy = policy_of(rules);
  const Result<ExceptionRules> made = ExceptionRules::make(policy);
  REQUIRE(made.ok());
  SeriesTable table;
  ExcPass stage(table, *made, options);
  Output out;
  REQUIRE(testing::drive(stream, stage, table, out).ok());
  Run result;
  for (const Counter& counter : stage.counters()) result.counters[counter.name] = counter.value;
  (void)testing::for_each_frame(out.pending(), [&](const FrameView& view) -> Status {
    v1::Stream one;
    one.ParseFromArray(view.bytes.data(), static_cast<int>(view.bytes.size()));
    const v1::Frame& frame = one.frame(0);
    if (!frame.has_open() && !frame.has_close() && !frame.has_applied() && !frame.has_series()) result.frames.push_back(frame);
    return {};
  });
  return result;
}

v1::Frame waveform(std::uint32_t alias, Nanos time, int samples, bool historical = false) {
  v1::Frame frame;
  frame.mutable_waveform()->set_series(alias);
  frame.mutable_waveform()->set_time(time);
  frame.mutable_waveform()->set_sample_period(0.001);
  for (int i = 0; i < samples; ++i) frame.mutable_waveform()->add_float_sample(static_cast<float>(i));
  frame.mutable_waveform()->set_historical(historical);
  return frame;
}

v1::Frame rms(std::uint32_t alias, Nanos start, Nanos end, double value, bool historical = false) {
  v1::Frame frame;
  v1::Aggregates& rows = *frame.mutable_aggregates();
  rows.add_series(alias);
  rows.add_start(start);
  rows.add_end(end);
  rows.add_rms(value);
  rows.set_historical(historical);
  return frame;
}

v1::Frame band(std::uint32_t alias, Nanos start, Nanos end, const std::string& quantity, double energy) {
  v1::Frame frame;
  v1::Spectra& rows = *frame.mutable_spectra();
  rows.add_series(alias);
  rows.add_start(start);
  rows.add_end(end);
  rows.set_quantity(quantity);
  rows.add_band()->set_name("bpfo");
  rows.mutable_band(0)->add_energy(energy);
  return frame;
}

void reading(StreamWriter& writer, std::uint32_t alias, Nanos time, double value, std::uint32_t quality = kGood) {
  ReadingsBuilder rows;
  rows.add(alias, time, value, quality);
  writer.out().readings(rows.columns());
}

int count(const Run& run, v1::Exception::Phase phase) {
  return static_cast<int>(
      std::ranges::count_if(run.frames, [&](const v1::Frame& f) { return f.has_exception() && f.exception().phase() == phase; }));
}

constexpr Nanos s = kSecond;

}  // namespace

TEST_CASE("rules that make no sense are refused by name") {
  CHECK(error_of(R"({"match":"+/+/+/+","above":1})").empty());
  CHECK(error_of(R"({"match":"+/+/+/+","above":1,"signal":"band:x@envelope"})").empty());
  CHECK(error_of(R"({"match":"+/+/+/+","name":"n"})") ==
        "policy: exc-pass: rule 'n': neither 'above' nor 'below': it would never be crossed");
  CHECK(error_of(R"({"match":"+/+/+/+","above":1,"below":2})") ==
        "policy: exc-pass: rule 'exc-pass[0]': 'below' 2 is greater than 'above' 1: every value would cross");
  CHECK(error_of(R"({"match":"+/+/+/+","above":1,"post":"0"})") ==
        "policy: exc-pass: rule 'exc-pass[0]': 'post' is 0: nothing would pass behind the crossing");
  CHECK(error_of(R"({"match":"+/+/+/+","above":1,"passes":"pump-1/vibration-*"})") ==
        "policy: exc-pass: rule 'exc-pass[0]': 'passes' pump-1/vibration-* is no glob over the sensors of one asset: it would "
        "pass nothing");
  for (const char* signal : {"rsm", "band:", "bands:x", "rms@envelope"})
    CHECK(error_of(R"({"match":"+/+/+/+","above":1,"signal":")" + std::string(signal) + "\"}").find("is none of value, rate") !=
          std::string::npos);
  CHECK(Policy::parse(R"({"name":"p","version":"1","owner":"o","exc-pass":[{"match":"+/+/+/+","above":1,"hysteresis":-1}]})")
            .status()
            .message == "policy: exc-pass[0]: 'hysteresis' is below 0");
}

TEST_CASE("an aggregate that crosses lets out the waveforms from its window's start minus pre on, byte for byte") {
  StreamWriter writer;
  writer.series("n", "a", {"other", "vib"}, 0, 1, v1::VALUE_TYPE_WAVEFORM);
  for (int i = 0; i < 6; ++i) writer.out().frame(waveform(1, i * 10 * s, 100));
  writer.out().frame(waveform(0, 50 * s, 5));
  writer.out().frame(rms(1, 30 * s, 40 * s, 7));
  writer.out().frame(waveform(1, 60 * s, 100));
  writer.out().frame(waveform(1, 61 * s + 1, 100));
  const Run out = run(R"({"match":"+/+/+/vib","signal":"rms","above":5,"pre":"10s","post":"21s"})", writer.take());
  REQUIRE(out.frames.size() == 9);
  CHECK_FALSE(out.frames[0].waveform().pinned());  // of the other series
  CHECK(out.frames[1].has_aggregates());           // the cause
  const v1::Exception& open = out.frames[2].exception();
  CHECK(open.phase() == v1::Exception::PHASE_OPEN);
  CHECK(open.series() == 1);
  CHECK(open.time() == 40 * s);
  CHECK(open.value() == 7);
  CHECK(open.threshold() == 5);
  CHECK(open.from() == 20 * s);
  CHECK(open.until() == 61 * s);
  CHECK(open.lost_until() == 0);
  CHECK(open.policy_digest().size() == 64);
  for (int i = 0; i < 5; ++i) {
    v1::Frame expected = waveform(1, (20 + i * 10) * s, 100);
    expected.mutable_waveform()->set_pinned(true);
    CHECK(out.frames[3 + static_cast<std::size_t>(i)].SerializeAsString() == expected.SerializeAsString());
  }
  CHECK(out.frames[8].exception().phase() == v1::Exception::PHASE_CLOSE);
  CHECK(out.counters.at("pinned") == 5);
}

TEST_CASE("bands by name and quantity; hysteresis holds the condition between the thresholds") {
  StreamWriter writer;
  writer.series("n", "a", {"vib"}, 0, 1, v1::VALUE_TYPE_WAVEFORM);
  writer.out().frame(band(0, 0, 10 * s, "acceleration", 9));
  writer.out().frame(band(0, 0, 10 * s, "envelope", 4));
  writer.out().frame(band(0, 10 * s, 20 * s, "envelope", 6));
  writer.out().frame(band(0, 20 * s, 30 * s, "envelope", 4.5));
  writer.out().frame(band(0, 30 * s, 40 * s, "envelope", 4));
  const Run out =
      run(R"({"match":"+/+/+/vib","signal":"band:bpfo@envelope","above":5,"hysteresis":1,"post":"1m"})", writer.take());
  REQUIRE(count(out, v1::Exception::PHASE_OPEN) == 1);
  const v1::Exception& close = out.frames.back().exception();
  CHECK(close.phase() == v1::Exception::PHASE_CLOSE);
  CHECK(close.from() == 10 * s);
  CHECK(close.until() == 90 * s);
}

TEST_CASE("a spent budget is said once an hour, stops raw, and is new with the next hour of event time") {
  StreamWriter writer;
  writer.series("n", "a", {"x"}, 0);
  for (int i = 0; i < 5; ++i) reading(writer, 0, (3590 + i * 5) * s, 9);
  const std::string stream = writer.take();
  const std::string rules = R"({"match":"+/+/+/x","above":5,"budget":20})";
  const Run gated = run(rules, stream);
  std::vector<Nanos> times;
  for (const v1::Frame& frame : gated.frames)
    for (const Nanos time : frame.readings().time()) times.push_back(time);
  CHECK(times == std::vector<Nanos>{3590 * s, 3600 * s});
  CHECK(count(gated, v1::Exception::PHASE_BUDGET_SPENT) == 2);
  CHECK(gated.frames[2].exception().phase() == v1::Exception::PHASE_BUDGET_SPENT);
  CHECK(gated.frames[2].exception().value() == 20);
  CHECK(gated.frames[2].exception().until() == 3600 * s);
  CHECK(gated.counters.at("over_budget") == 3);
  const Run open = run(rules, stream, {});
  int pinned = 0, plain = 0;
  for (const v1::Frame& frame : open.frames)
    if (frame.has_readings()) ++(frame.readings().pinned() ? pinned : plain);
  CHECK(pinned == 2);
  CHECK(plain == 3);
}

TEST_CASE("the past selects for itself: a live window lets no historical raw pass, and the other way round") {
  StreamWriter writer;
  writer.series("n", "a", {"vib"}, 0, 1, v1::VALUE_TYPE_WAVEFORM);
  writer.out().frame(waveform(0, 1 * s, 10));
  writer.out().frame(waveform(0, 1 * s, 10, true));
  writer.out().frame(rms(0, 0, 10 * s, 9, true));
  const Run out = run(R"({"match":"+/+/+/vib","signal":"rms","above":5})", writer.take());
  REQUIRE(out.frames.size() == 4);
  CHECK(out.frames[1].exception().historical());
  CHECK(out.frames[2].waveform().historical());
  CHECK(out.frames[2].waveform().pinned());
}

TEST_CASE("a death closes the windows before it is told, and ends the condition; the rest of the span still passes") {
  StreamWriter writer;
  writer.series("n", "a", {"x"}, 0);
  reading(writer, 0, 10 * s, 9);
  writer.lifecycle("n", false, v1::Lifecycle::REASON_WILL, 1, 11 * s);
  reading(writer, 0, 12 * s, 4.5);
  const Run out = run(R"({"match":"+/+/+/x","above":5,"hysteresis":1,"post":"5s"})", writer.take());
  REQUIRE(out.frames.size() == 5);
  CHECK(out.frames[2].exception().phase() == v1::Exception::PHASE_CLOSE);
  CHECK(out.frames[2].exception().until() == 15 * s);
  CHECK(out.frames[3].has_lifecycle());
  CHECK(out.frames[4].readings().pinned());
}

TEST_CASE("a node's watermark closes its windows, another node's does not") {
  StreamWriter writer;
  writer.series("n", "a", {"x"}, 0);
  writer.series("m", "b", {"x"}, 1);
  writer.watermark("n", 0);
  reading(writer, 0, 10 * s, 9);
  writer.watermark("m", 100 * s);
  writer.watermark("n", 15 * s);
  writer.watermark("n", 15 * s + 1);
  const Run out = run(R"({"match":"+/+/+/x","above":5,"post":"5s"})", writer.take());
  REQUIRE(out.frames.size() == 7);
  CHECK(out.frames[1].has_exception());
  CHECK(out.frames[4].watermark().time() == 15 * s);
  CHECK(out.frames[5].exception().phase() == v1::Exception::PHASE_CLOSE);
}

TEST_CASE("per signal the first rule that matches applies, and an expired one falls back to the next") {
  StreamWriter writer;
  writer.series("n", "a", {"x"}, 0);
  for (int i = 0; i < 4; ++i) reading(writer, 0, i * 100 * s, 50);
  reading(writer, 0, 301 * s, 90);
  const Run out =
      run(R"({"name":"t","match":"+/+/+/x","above":60,"expires":"1970-01-01T00:04:00Z","reason":"noise","post":"1s"},)"
          R"({"name":"g","match":"+/+/+/x","above":40,"post":"1s"},)"
          R"({"name":"r","match":"+/+/+/x","signal":"rate","above":20,"post":"1s"})",
          writer.take());
  std::vector<std::string> opened;
  for (const v1::Frame& frame : out.frames)
    if (frame.exception().phase() == v1::Exception::PHASE_OPEN && frame.has_exception())
      opened.push_back(frame.exception().rule());
  CHECK(opened == std::vector<std::string>{"g", "r"});
  CHECK(out.counters.at("rules_expired") == 1);
}

TEST_CASE("no number and no good quality never cross; an on_delay wants the condition to hold") {
  StreamWriter writer;
  writer.series("n", "a", {"x"}, 0);
  reading(writer, 0, 1 * s, std::nan(""));
  reading(writer, 0, 2 * s, HUGE_VAL);
  reading(writer, 0, 3 * s, 99, v1::QUALITY_STALE);
  reading(writer, 0, 4 * s, 99);
  reading(writer, 0, 5 * s, 1);
  reading(writer, 0, 6 * s, 99);
  writer.out().frame([] {
    v1::Frame frame;
    frame.mutable_gap()->set_node("n");
    return frame;
  }());
  reading(writer, 0, 8 * s, 99);
  const Run out = run(R"({"match":"+/+/+/x","above":5,"on_delay":"1500ms"})", writer.take());
  CHECK(count(out, v1::Exception::PHASE_OPEN) == 0);
  CHECK(out.counters.at("not_finite") == 2);
}

TEST_CASE("what is pinned already passes the gate as it came; texts, origins and qualities pass whole") {
  StreamWriter writer;
  writer.series("n", "a", {"x"}, 0);
  writer.series("n", "a", {"state"}, 1, 1, v1::VALUE_TYPE_STRING);
  ReadingsBuilder pinned;
  pinned.set_pinned(true);
  pinned.add(0, 1 * s, 1.0);
  writer.out().readings(pinned.columns());
  ReadingsBuilder texts(v1::VALUE_TYPE_STRING);
  texts.add(1, 2 * s, "running", v1::QUALITY_STALE);
  texts.set_origin(7, 3);
  texts.add(1, 3 * s, "stopped");
  texts.set_origin(8, 0);
  writer.out().readings(texts.columns());
  reading(writer, 0, 4 * s, 9);
  const Run out = run(R"({"match":"+/+/+/x","above":5,"pre":"2s","passes":"*"})", writer.take());
  REQUIRE(out.frames.size() == 5);
  CHECK(out.frames[0].readings().pinned());
  const v1::Readings& released = out.frames[2].readings();
  CHECK(released.pinned());
  REQUIRE(released.string_value_size() == 2);
  CHECK(released.string_value(0) == "running");
  CHECK(released.quality(0) == v1::QUALITY_STALE);
  CHECK(released.seq(1) == 8);
  CHECK(released.index(0) == 3);
}

TEST_CASE("behind a Resume without a state the pre-trigger is said to be incomplete") {
  StreamWriter writer;
  v1::Frame resume;
  resume.mutable_resume()->mutable_position()->set_source("log");
  writer.out().frame(resume);
  writer.series("n", "a", {"x"}, 0);
  reading(writer, 0, 100 * s, 1);
  reading(writer, 0, 101 * s, 9);
  const Run out = run(R"({"match":"+/+/+/x","above":5,"pre":"10s"})", writer.take());
  REQUIRE(out.frames.size() >= 2);
  CHECK(out.frames[1].exception().lost_until() == 100 * s - 1);
}

TEST_CASE("a reading from the far future does not cost the ring of those that follow") {
  StreamWriter writer;
  writer.series("n", "a", {"x"}, 0);
  reading(writer, 0, 100 * s, 1);
  reading(writer, 0, 1'000'000 * s, 1);
  for (int i = 101; i < 105; ++i) reading(writer, 0, i * s, 2);
  reading(writer, 0, 105 * s, 9);  // late by then: it crosses by itself
  const Run out = run(R"({"match":"+/+/+/x","above":5,"pre":"3s","post":"1s"})", writer.take());
  int rows = 0;
  for (const v1::Frame& frame : out.frames) rows += frame.readings().series_size();
  CHECK(rows == 4);
  CHECK(out.frames[0].exception().lost_until() == 0);
}

TEST_CASE("derived frames that do not fit together are refused before they leave") {
  for (const bool alias : {true, false}) {
    StreamWriter writer;
    writer.series("n", "a", {"x"}, 0);
    v1::Frame frame = rms(alias ? 9 : 0, 0, 1, 1);
    if (!alias) frame.mutable_aggregates()->add_rms(2);
    writer.out().frame(frame);
    const Policy policy = policy_of(R"({"match":"+/+/+/x","signal":"rms","above":5})");
    const Result<ExceptionRules> rules = ExceptionRules::make(policy);
    SeriesTable table;
    ExcPass stage(table, *rules, {});
    Output out;
    const Status status = testing::drive(writer.take(), stage, table, out);
    CHECK(status.code == Code::bad_data);
    CHECK(status.message == (alias ? "undeclared alias 9: 1 are declared" : "columns of unequal length: 1 series, 2 of 'rms'"));
    CHECK(testing::frames_of(out.pending(), FrameKind::aggregates).empty());
  }
}

TEST_CASE("raw that waits while its series has no alias leaves when it is declared again") {
  StreamWriter first;
  first.series("n", "a", {"x", "y"}, 0);
  reading(first, 1, 10 * s, 1);
  StreamWriter second;
  second.series("n", "a", {"x"}, 0);
  reading(second, 0, 10 * s, 9);
  second.series("n", "a", {"y"}, 1);
  const Run out = run(R"({"match":"+/+/+/x","above":5,"pre":"1s","passes":"*"})", first.take() + second.take());
  REQUIRE(out.frames.size() == 4);
  CHECK(out.frames[0].has_exception());
  CHECK(out.frames[1].readings().series(0) == 0);
  CHECK(out.frames[2].readings().series(0) == 1);
  CHECK(out.frames[2].readings().pinned());
}
