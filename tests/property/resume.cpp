// SPDX-License-Identifier: Apache-2.0
// The law of every stateful filter, alone and in one straight pipe: stopped behind any frame and resumed as a restarted source
// resumes it, with its declarations said again, it says what it would have said without the stop.
#include <rapidcheck.h>

#include <catch2/catch.hpp>
#include <memory>

#include "kernel/deadband.hpp"
#include "kernel/exc_pass.hpp"
#include "kernel/fft_bands.hpp"
#include "kernel/frame_json.hpp"
#include "kernel/quarantine.hpp"
#include "kernel/rawbuf_declarations.hpp"
#include "kernel/twin_fold.hpp"
#include "kernel/winagg.hpp"
#include "plant_run.hpp"
#include "property/rendering.hpp"

using namespace twinpipe;

namespace {

// Open windows of every kind, doors, held-back values and rings that hold at any time.
constexpr const char* kPolicy = R"({"name":"p","version":"1","owner":"o",
  "fft-bands":[{"match":"+/+/+/vibration-*de","segment":64,"overlap":50,"window":"3s","bands":{"low":[10,50],"high":[50,200]}}],
  "winagg":[{"name":"v","match":"+/+/+/vibration-*de","window":"4s","slide":"2s","lateness":"1s"},
            {"name":"m","match":"+/+/+/temp-*","window":"5s","lateness":"2s","weighting":"step","heartbeat":"10s"}],
  "exc-pass":[{"name":"r","match":"+/+/+/vibration-rms","above":1,"hysteresis":0.2,"on_delay":"1s","passes":"vibration-*de",
               "pre":"3s","post":"5s","budget":60000},
              {"name":"l","match":"+/+/+/vibration-de","signal":"rms","above":0.3,"pre":"3s","post":"2s"}],
  "deadband":[{"match":"+/+/+/temp-*","swinging_door":0.4,"heartbeat":"9s"},
              {"match":"+/+/+/vibration-rms","absolute":0.02,"shortest":"3s"},
              {"match":"+/+/+/rpm","absolute":5,"previous":true}],
  "quarantine":[{"match":"+/+/+/temp-*","expect":"rate","per_second":0.2},
                {"match":"+/+/+/load","expect":"stuck","longest":"2s"},
                {"match":"+/+/+/vibration-*de","expect":"range","min":-1,"max":1},
                {"match":"+/+/+/state","expect":"stuck","longest":"3s","action":"warn"}],
  "freshness":[{"match":"+/+/+/temp-*","slo":"3s"}]})";

const Policy& policy() {
  static const Policy parsed = [] {
    Result<Policy> result = Policy::parse(kPolicy);
    if (!result.ok()) throw std::runtime_error(result.status().message);
    return *result;
  }();
  return parsed;
}
const ExceptionRules& exception_rules() {
  static const Result<ExceptionRules> rules = ExceptionRules::make(policy());
  return *rules;
}

using Make = std::unique_ptr<Stage> (*)(const SeriesTable&);

std::unique_ptr<Stage> make_deadband(const SeriesTable& table) { return std::make_unique<Deadband>(table, policy()); }
std::unique_ptr<Stage> make_winagg(const SeriesTable& table) {
  WinAggOptions options;
  options.keep = true;
  return std::make_unique<WinAgg>(table, policy(), options);
}
std::unique_ptr<Stage> make_fft_bands(const SeriesTable& table) {
  FftBandsOptions options;
  options.keep = true;
  return std::make_unique<FftBands>(table, policy(), *FftBands::rules_of(policy()), options);
}
std::unique_ptr<Stage> make_exc_pass(const SeriesTable& table) {
  return std::make_unique<ExcPass>(table, exception_rules(), ExcPassOptions{true, 1 << 20, 8 * kSecond});
}
std::unique_ptr<Stage> make_quarantine(const SeriesTable& table) {
  return std::make_unique<Quarantine>(table, policy(), *read_expectations(policy()));
}
std::unique_ptr<Stage> make_twin_fold(const SeriesTable& table) {
  return std::make_unique<TwinFold>(table, policy(), TwinOptions{});
}

struct Filter {
  explicit Filter(Make make) : stage(make(table)), driver(*stage, table, "test 0") {}
  SeriesTable table;
  std::unique_ptr<Stage> stage;
  Driver driver;
  Output out;
};

/// Filters one behind the other.
class Pipe {
 public:
  explicit Pipe(const std::vector<Make>& makes) {
    for (const Make make : makes) filters_.push_back(std::make_unique<Filter>(make));
  }
  void take(std::string_view frames) { take(0, frames); }
  void end() {
    for (std::size_t i = 0; i < filters_.size(); ++i) {
      RC_ASSERT(filters_[i]->driver.end(true, filters_[i]->out).ok());
      pass(i);
    }
  }
  /// What the runner does at a Resume.
  void load(const Pipe& from) {
    for (std::size_t i = 0; i < filters_.size(); ++i) {
      RC_ASSERT(filters_[i]->table.restore(from.filters_[i]->table.save()).ok());
      RC_ASSERT(filters_[i]->stage->load(from.filters_[i]->stage->save()).ok());
    }
  }
  const std::string& said() const { return said_; }

 private:
  void take(std::size_t filter, std::string_view frames) {
    if (filter == filters_.size()) {
      said_ += frames;
      return;
    }
    const Status status = testing::for_each_frame(
        frames, [&](const FrameView& frame) { return filters_[filter]->driver.take(frame, filters_[filter]->out); });
    if (!status.ok()) RC_FAIL(status.message);
    pass(filter);
  }
  void pass(std::size_t filter) {
    const std::string pending(filters_[filter]->out.pending());
    filters_[filter]->out.clear();
    take(filter + 1, pending);
  }

  std::vector<std::unique_ptr<Filter>> filters_;
  std::string said_;
};

/// In words, because a filter that is resumed between two segments gives what it still holds back other aliases. Without what a
/// restarted process says anew.
std::string in_words(const std::string& stream) {
  SelectionOptions options;
  for (const FrameKind kind : {FrameKind::open, FrameKind::close, FrameKind::series, FrameKind::applied, FrameKind::resume})
    options.kinds.reset(static_cast<std::size_t>(kind));
  const auto lines = [](const SeriesTable& table) { return std::make_unique<JsonForm>(table, JsonStyle::lines); };
  std::string text = render(stream, lines, options).text;  // the one that was stopped has no Close
  // A reject tells the last Position before it: that of the Resume here, while the plant has none.
  const std::string position = R"(,"position":{"source":"test"})";
  for (auto at = text.find(position); at != text.npos; at = text.find(position, at)) text.erase(at, position.size());
  return text;
}

/// One or two recordings of a plant with vibration, a damaged bearing and a node that is lost for a while.
std::vector<std::string> some_frames() {
  std::vector<std::string> frames;
  for (int part = 0, parts = *rc::gen::inRange(1, 3); part < parts; ++part) {
    PlantOptions options;
    options.seed = *rc::gen::inRange<std::uint64_t>(1, 1000);
    options.assets = 2;
    options.start += part * 3600 * kSecond;
    options.duration = 16 * kSecond;
    options.waveform_rate = 400;
    options.waveform_every = kSecond;
    options.columns = *rc::gen::element<std::uint32_t>(1, 4, 512);
    const auto fault = *rc::gen::element<std::string>("outage:plant-1/line-2:5s:6s", "outage:plant-1/line-2:5s:6s:delayed",
                                                      "kill:plant-1/line-2:5s:4s", "step:plant-1/line-2:8s:1s:3s");
    for (const std::string& text : {std::string("bearing:plant-1/line-1/pump-0001/vibration-de:3s:2s:outer@10"), fault}) {
      const Result<Fault> parsed = Fault::parse(text);
      if (!parsed.ok()) RC_FAIL(parsed.status().message);
      options.faults.push_back(*parsed);
    }
    const testing::PlantRun run = testing::run_plant(options);
    RC_ASSERT(testing::for_each_frame(run.bytes, [&](const FrameView& frame) -> Status {
                frames.emplace_back(frame.bytes);
                return {};
              }).ok());
  }
  return frames;
}

/// One or two recordings of two assets of one node that are born again and again, of all their sensors or of some, under a newer
/// session, the same, or the one before it: two hosts of a pair, one a birth behind.
std::vector<std::string> some_births() {
  const std::vector<std::string> sensors{"temp-a", "temp-b", "vibration-rms", "rpm"};
  constexpr std::uint32_t kSensors = 4;
  std::vector<std::string> frames;
  Nanos session = 1, now = 1000 * kSecond;
  for (int part = 0, parts = *rc::gen::inRange(1, 3); part < parts; ++part) {
    testing::StreamWriter writer;
    for (const std::uint32_t asset : {0, 1})
      writer.series("n", "a" + std::to_string(asset), sensors, asset * kSensors,
                    *rc::gen::inRange<Nanos>(session - 1, session + 1));
    for (int steps = *rc::gen::inRange(0, 40); steps > 0; --steps, now += *rc::gen::inRange<Nanos>(0, 3) * kSecond) {
      const auto asset = *rc::gen::inRange<std::uint32_t>(0, 2);
      switch (*rc::gen::inRange(0, 6)) {
        case 0: {
          const auto from = *rc::gen::inRange<std::uint32_t>(0, kSensors), to = *rc::gen::inRange(from, kSensors) + 1;
          session += *rc::gen::inRange<Nanos>(0, 2);
          const Nanos birth = *rc::gen::inRange<Nanos>(session - 1, session + 1);
          if (*rc::gen::arbitrary<bool>()) writer.lifecycle("n", true, v1::Lifecycle::REASON_BIRTH, birth, now);
          writer.series("n", "a" + std::to_string(asset), {sensors.begin() + from, sensors.begin() + to}, asset * kSensors + from,
                        birth);
          break;
        }
        case 1: writer.watermark("n", now - kSecond); break;
        default:
          ReadingsBuilder rows;
          for (int row = *rc::gen::inRange(1, 4); row > 0; --row)
            rows.add(asset * kSensors + *rc::gen::inRange<std::uint32_t>(0, kSensors),
                     now - *rc::gen::inRange<Nanos>(0, 3) * kSecond, *rc::gen::inRange(0, 30) / 10.0);
          writer.out().readings(rows.columns());
      }
    }
    RC_ASSERT(testing::for_each_frame(writer.take(), [&](const FrameView& frame) -> Status {
                frames.emplace_back(frame.bytes);
                return {};
              }).ok());
  }
  return frames;
}

void check_law(const std::vector<Make>& makes, const std::vector<std::string>& frames) {
  Pipe whole(makes), first(makes), second(makes);
  for (const std::string& frame : frames) whole.take(frame);
  whole.end();

  const auto stop = *rc::gen::inRange<std::size_t>(1, frames.size() + 1);
  rawbuf::Declarations in_force;
  for (std::size_t i = 0; i < stop; ++i) {
    first.take(frames[i]);
    RC_ASSERT(testing::for_each_frame(frames[i], [&](const FrameView& frame) { return in_force.observe(frame); }).ok());
  }
  Output again;
  again.open("test 1", false);
  second.take(again.pending());
  second.load(first);
  v1::Frame resume;
  resume.mutable_resume()->mutable_position()->set_source("test");
  std::string bytes;
  append_frame(resume, bytes);
  second.take(bytes);
  std::uint32_t count = 0;
  (void)testing::for_each_frame(in_force.frames(count), [&](const FrameView& frame) -> Status {
    if (frame.kind != FrameKind::open) second.take(frame.bytes);
    return {};
  });
  for (std::size_t i = stop; i < frames.size(); ++i)
    (void)testing::for_each_frame(frames[i], [&](const FrameView& frame) -> Status {
      if (frame.kind == FrameKind::open) second.take(again.pending());
      else if (frame.kind != FrameKind::close) second.take(frame.bytes);  // it counts frames that came before the stop
      return {};
    });
  second.end();
  RC_ASSERT(in_words(first.said()) + in_words(second.said()) == in_words(whole.said()));
}

bool holds_for_plants(const std::vector<Make>& makes) {
  return rc::check([&] { check_law(makes, some_frames()); });
}
bool holds_for_births(const std::vector<Make>& makes) {
  return rc::check([&] { check_law(makes, some_births()); });
}

}  // namespace

TEST_CASE("resumed at any frame: deadband") {
  CHECK(holds_for_plants({make_deadband}));
  CHECK(holds_for_births({make_deadband}));
}
TEST_CASE("resumed at any frame: winagg") {
  CHECK(holds_for_plants({make_winagg}));
  CHECK(holds_for_births({make_winagg}));
}
TEST_CASE("resumed at any frame: fft-bands") { CHECK(holds_for_plants({make_fft_bands})); }
TEST_CASE("resumed at any frame: exc-pass") {
  CHECK(holds_for_plants({make_exc_pass}));
  CHECK(holds_for_births({make_exc_pass}));
}
TEST_CASE("resumed at any frame: quarantine") {
  CHECK(holds_for_plants({make_quarantine}));
  CHECK(holds_for_births({make_quarantine}));
}
TEST_CASE("resumed at any frame: twin-fold") {
  CHECK(holds_for_plants({make_twin_fold}));
  CHECK(holds_for_births({make_twin_fold}));
}
TEST_CASE("resumed at any frame: fft-bands, winagg, exc-pass and deadband in one pipe") {
  CHECK(holds_for_plants({make_fft_bands, make_winagg, make_exc_pass, make_deadband}));
  CHECK(holds_for_births({make_winagg, make_exc_pass, make_deadband}));
}
