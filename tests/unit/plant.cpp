// SPDX-License-Identifier: Apache-2.0
// The simulated plant as a stream: births, ticks, and each fault against the same run without it.
#include <functional>

#include "plant_run.hpp"

using namespace twinpipe;
using namespace twinpipe::testing;

namespace {

PlantOptions small_plant() {
  PlantOptions options;
  options.assets = 4;
  options.sites = 2;
  options.lines = 1;
  options.cycle = 20 * kSecond;  // states change within the run
  options.waveform_rate = 500;
  options.waveform_every = 5 * kSecond;
  return options;
}

PlantRun run_with(std::initializer_list<const char*> faults, PlantOptions options = small_plant()) {
  for (const char* text : faults) {
    const Result<Fault> fault = Fault::parse(text);
    REQUIRE(fault.ok());
    options.faults.push_back(*fault);
  }
  return run_plant(options);
}

const PlantRun& healthy() {
  static const PlantRun run = run_plant(small_plant());
  return run;
}

bool starts_with(const std::string& text, const std::string& prefix) { return text.compare(0, prefix.size(), prefix) == 0; }
const std::string kFirst = "plant-1/line-1/";

/// All series but those that `concerned` names say exactly what they say without faults.
void check_others(const PlantRun& run, const std::function<bool(const std::string&)>& concerned) {
  CHECK(run.series.size() == healthy().series.size());
  for (const auto& [name, said] : healthy().series) {
    if (concerned(name)) continue;
    INFO(name);
    CHECK(run.of(name) == said);
  }
}

Nanos start() { return PlantOptions{}.start; }
/// When a reading left its sensor: a waveform with its last sample, one second long here.
Nanos left(const std::string& name, const Said& said) {
  return said.time - start() +
         (name.find("/vibration-") != std::string::npos && name.find("rms") == std::string::npos ? kSecond : 0);
}

std::vector<v1::Lifecycle> of_node(const PlantRun& run, const std::string& node) {
  std::vector<v1::Lifecycle> all;
  for (const v1::Lifecycle& lifecycle : run.lifecycle)
    if (lifecycle.node() == node && lifecycle.asset().empty()) all.push_back(lifecycle);
  return all;
}

}  // namespace

TEST_CASE("a healthy plant: births, first values, every sensor, ticks") {
  const PlantRun& run = healthy();
  CHECK(run.series.size() == 4 * 11);
  CHECK(run.lifecycle.size() == 2 + 4);
  for (const auto& [name, said] : run.series) {
    INFO(name);
    const bool waveform = left(name, said[0]) != said[0].time - start();
    CHECK((said[0].time == start()) == !waveform);
    if (waveform) CHECK(said.size() >= 11);
  }
  for (const char* sensor : {"temp-bearing", "temp-motor", "vibration-rms", "rpm", "load"})
    CHECK(run.of(kFirst + "pump-0001/" + sensor).size() == 1 + 60);
  CHECK(run.of(kFirst + "pump-0001/state").size() > 2);
  CHECK(run.of(kFirst + "pump-0001/alarm")[0].value == "NONE");
  REQUIRE(run.watermarks.size() == 2);
  for (const auto& [node, ticks] : run.watermarks) {
    REQUIRE(ticks.size() == 60);
    CHECK(ticks.back().clock() == start() + 60 * kSecond);
    CHECK(ticks.back().time() == start() + 59 * kSecond);  // a waveform may still be under way
  }
  for (const auto& [name, said] : run.series)
    for (std::size_t i = 1; i < said.size(); ++i) CHECK(said[i].time > said[i - 1].time);
}

TEST_CASE("what a series says changes with the state of its machine") {
  const PlantRun& run = healthy();
  const auto& states = run.of(kFirst + "pump-0001/state");
  for (const Said& rpm : run.of(kFirst + "pump-0001/rpm")) {
    std::string state;
    for (const Said& change : states)
      if (change.time <= rpm.time) state = change.value;
    if (state == "RUN") CHECK(rpm.number == Approx(2940).margin(90));
    if (state == "IDLE") CHECK(rpm.number == Approx(1190).margin(60));
    if (state == "STOP") CHECK(rpm.number == 0);
  }
}

TEST_CASE("the seed decides") {
  PlantOptions options = small_plant();
  CHECK(run_plant(options).bytes == healthy().bytes);
  options.seed = 2;
  CHECK(run_plant(options).series != healthy().series);
}

TEST_CASE("other assets and no waveforms change nothing in those that stay") {
  PlantOptions options = small_plant();
  options.sites = 1;
  options.assets = 2;
  options.waveform_every = 0;
  const PlantRun run = run_plant(options);
  CHECK(run.series.size() == 2 * 9);
  for (const auto& [name, said] : run.series) CHECK(said == healthy().of(name));
}

TEST_CASE("spike adds its value while it lasts") {
  const std::string name = kFirst + "pump-0001/temp-motor", load = kFirst + "pump-0001/load",
                    waveform = kFirst + "pump-0001/vibration-de";
  const PlantRun run = run_with({"spike:plant-1/*/pump-0001/temp-motor:10s:5s:-30", "spike:plant-1/*/pump-0001/l*:10s:5s:-30",
                                 "spike:plant-1/*/pump-0001/vibration-de:10s:10s:7"});
  check_others(run, [&](const std::string& other) { return other == name || other == load || other == waveform; });
  for (const std::string& series : {name, load}) {
    const auto &with = run.of(series), &without = healthy().of(series);
    REQUIRE(with.size() == without.size());
    for (std::size_t i = 0; i < with.size(); ++i) {
      const Nanos at = with[i].time - start();
      const double wanted = at >= 10 * kSecond && at < 15 * kSecond ? -30 : 0;
      CHECK(with[i].number - without[i].number == Approx(wanted).margin(1e-9));
    }
  }
  std::size_t changed = 0;
  for (std::size_t i = 0; i < run.of(waveform).size(); ++i) {
    const Said &with = run.of(waveform)[i], &without = healthy().of(waveform)[i];
    changed += with != without;
    if (with != without) CHECK(with.number == Approx(7).margin(1));
  }
  CHECK(changed == 2);
}

TEST_CASE("a device that measures in degrees Fahrenheit says the same in its own unit") {
  PlantOptions options = small_plant();
  options.fahrenheit.push_back(*Pattern::parse("plant-1/line-1/pump-0001/+"));
  const PlantRun run = run_plant(options);
  const std::string bearing = kFirst + "pump-0001/temp-bearing", motor = kFirst + "pump-0001/temp-motor";
  check_others(run, [&](const std::string& name) { return name == bearing || name == motor; });
  for (const std::string& name : {bearing, motor}) {
    const auto &with = run.of(name), &without = healthy().of(name);
    REQUIRE(with.size() == without.size());
    for (std::size_t i = 0; i < with.size(); ++i)
      CHECK(with[i].number == Approx(without[i].number * 1.8 + 32).margin(0.15));  // both are quantised
  }
}

TEST_CASE("drift grows by its value an hour") {
  const std::string name = kFirst + "pump-0001/temp-motor";
  const PlantRun run = run_with({"drift:plant-1/line-1/pump-0001/temp-motor:20s:30s:3600"});
  check_others(run, [&](const std::string& other) { return other == name; });
  const auto &with = run.of(name), &without = healthy().of(name);
  for (std::size_t i = 0; i < with.size(); ++i) {
    const double since = static_cast<double>(with[i].time - start()) * 1e-9;
    const double wanted = since >= 20 && since < 50 ? since - 20 : 0;
    CHECK(with[i].number - without[i].number == Approx(wanted).margin(0.101));  // both are quantised
  }
}

TEST_CASE("stuck holds the value before it, and changes are not reported") {
  const PlantRun run = run_with({"stuck:plant-1/line-1/pump-0001/*:20s:20s"});
  check_others(run, [](const std::string& other) { return other.find("pump-0001") != std::string::npos; });
  for (const auto& [name, said] : run.series) {
    if (name.find("pump-0001") == std::string::npos) continue;
    INFO(name);
    std::optional<std::string> held;
    for (const Said& one : said) {
      const bool active = left(name, one) >= 20 * kSecond && left(name, one) < 40 * kSecond;
      if (!active) held = one.value;
      else if (name.find("vibration-de") != std::string::npos || name.find("vibration-nde") != std::string::npos)
        CHECK(one.number == 0);
      else CHECK(one.value == held);
    }
    std::vector<Said> outside;
    for (const Said& one : healthy().of(name))
      if (left(name, one) < 20 * kSecond || left(name, one) >= 40 * kSecond) outside.push_back(one);
    std::vector<Said> ours;
    for (const Said& one : said)
      if (left(name, one) < 20 * kSecond || left(name, one) >= 40 * kSecond) ours.push_back(one);
    CHECK(ours == outside);
  }
}

TEST_CASE("silence leaves out and nothing else") {
  const PlantRun run = run_with({"silence:plant-1/line-1/pump-0001/*:20s:20s"});
  check_others(run, [](const std::string& other) { return other.find("pump-0001") != std::string::npos; });
  for (const auto& [name, said] : healthy().series) {
    if (name.find("pump-0001") == std::string::npos) continue;
    std::vector<Said> wanted;
    for (const Said& one : said)
      if (left(name, one) < 20 * kSecond || left(name, one) >= 40 * kSecond) wanted.push_back(one);
    CHECK(run.of(name) == wanted);
  }
}

TEST_CASE("silence from the start is silent at the birth too") {
  PlantOptions options = small_plant();
  options.faults.push_back(*Fault::parse("silence:*/*/*/temp-*:0:0"));
  const PlantRun run = run_plant(options);
  CHECK(run.series.size() == 4 * 9);
  for (const auto& [name, said] : run.series) CHECK(said == healthy().of(name));
}

TEST_CASE("bearing damage grows in the waveform, the rms, the bearing's temperature and the alarm alone") {
  PlantOptions options = small_plant();
  options.cycle = 3600 * kSecond;
  options.waveform_rate = 8000;
  const PlantRun without = run_plant(options);
  options.faults.push_back(*Fault::parse("bearing:plant-1/line-1/pump-0002/vibration-de:10s:40s:outer@10"));
  const PlantRun with = run_plant(options);
  for (const auto& [name, said] : without.series) {
    INFO(name);
    const bool concerned = name.find("pump-0002/") != std::string::npos &&
                           (name.find("vibration-de") != std::string::npos || name.find("rms") != std::string::npos ||
                            name.find("temp-bearing") != std::string::npos || name.find("alarm") != std::string::npos);
    CHECK((with.of(name) == said) == !concerned);
    for (std::size_t i = 0; i < said.size(); ++i)
      if (said[i].time < start() + 10 * kSecond) CHECK(with.of(name)[i] == said[i]);
  }
  const std::string asset = kFirst + "pump-0002/";
  CHECK(with.of(asset + "vibration-rms").back().number > 1);
  CHECK(with.of(asset + "alarm").back().value == "VIBRATION_HIGH");
  CHECK(with.of(asset + "temp-bearing").back().number > without.of(asset + "temp-bearing").back().number + 0.5);
}

TEST_CASE("an outage's backlog is exactly what is missing, as historical readings of the next session") {
  const PlantRun run = run_with({"outage:plant-1/line-1:20s:15s"});
  check_others(run, [](const std::string& name) { return starts_with(name, kFirst); });
  const Nanos back = start() + 35 * kSecond;
  for (const auto& [name, said] : healthy().series) {
    if (!starts_with(name, kFirst)) continue;
    INFO(name);
    std::vector<Said> wanted = said, got;
    for (Said& one : wanted) one.historical = left(name, one) >= 20 * kSecond && left(name, one) < 35 * kSecond;
    std::size_t births = 0;
    for (const Said& one : run.of(name))
      if (one.time == back && one.at_birth) ++births;
      else got.push_back(one);
    CHECK(births == (left(name, said[0]) == said[0].time - start() ? 1 : 0));
    CHECK(got == wanted);
  }
  const auto lifecycle = of_node(run, "plant-1/line-1");
  REQUIRE(lifecycle.size() == 3);
  CHECK(lifecycle[1].reason() == v1::Lifecycle::REASON_WILL);
  CHECK_FALSE(lifecycle[1].online());
  CHECK(lifecycle[1].time() == start() + 20 * kSecond);
  CHECK(lifecycle[1].session().bdseq() == 0);
  CHECK(lifecycle[2].online());
  CHECK(lifecycle[2].time() == back);
  CHECK(lifecycle[2].session().bdseq() == 1);
  CHECK(lifecycle[2].session().birth() == back);
  for (const v1::Watermark& tick : run.watermarks.at("plant-1/line-1"))
    CHECK((tick.clock() <= start() + 20 * kSecond || tick.clock() >= back));
  CHECK(run.watermarks.at("plant-1/line-1").back().lane() == v1::LANE_HISTORICAL);
}

TEST_CASE("an outage in front of a buffer only delays the node's stream, ticks and all") {
  const PlantRun run = run_with({"outage:plant-1/line-1:20s:15s:delayed"});
  CHECK(run.series == healthy().series);
  CHECK(run.bytes != healthy().bytes);
  for (const auto& [node, ticks] : healthy().watermarks) {
    REQUIRE(run.watermarks.at(node).size() == ticks.size());
    for (std::size_t i = 0; i < ticks.size(); ++i)
      CHECK(run.watermarks.at(node)[i].SerializeAsString() == ticks[i].SerializeAsString());
  }
  CHECK(run.lifecycle.size() == healthy().lifecycle.size());
}

TEST_CASE("an outage that never ends keeps what it held") {
  const PlantRun run = run_with({"outage:plant-1/line-1:20s:0:delayed"});
  for (const auto& [name, said] : healthy().series) {
    std::vector<Said> wanted;
    for (const Said& one : said)
      if (!starts_with(name, kFirst) || left(name, one) < 20 * kSecond) wanted.push_back(one);
    CHECK(run.of(name) == wanted);
  }
}

TEST_CASE("a killed node says no more, and a reboot opens a session") {
  const PlantRun run = run_with({"kill:plant-1/line-1:20s:15s", "kill:plant-2/line-1:30s:0"});
  const Nanos back = start() + 35 * kSecond;
  for (const auto& [name, said] : healthy().series) {
    const bool first = starts_with(name, kFirst);
    std::vector<Said> wanted, got;
    for (const Said& one : said)
      if (first ? left(name, one) < 20 * kSecond || left(name, one) >= 35 * kSecond : left(name, one) < 30 * kSecond)
        wanted.push_back(one);
    for (const Said& one : run.of(name))
      if (one.time != back || !one.at_birth) got.push_back(one);
    INFO(name);
    CHECK(got == wanted);
  }
  const auto lifecycle = of_node(run, "plant-2/line-1");
  REQUIRE(lifecycle.size() == 2);
  CHECK(lifecycle[1].reason() == v1::Lifecycle::REASON_WILL);
  CHECK(lifecycle[1].time() == start() + 30 * kSecond);
  CHECK(run.watermarks.at("plant-2/line-1").back().clock() == start() + 30 * kSecond);
  CHECK(of_node(run, "plant-1/line-1").size() == 3);
}

TEST_CASE("a skewed clock moves all times of its node, ticks and birth too") {
  const Nanos ahead = 600 * kSecond;
  const PlantRun run = run_with({"skew:plant-1/line-1:0:0:10m"});
  check_others(run, [](const std::string& name) { return starts_with(name, kFirst); });
  for (const auto& [name, said] : healthy().series) {
    if (!starts_with(name, kFirst)) continue;
    std::vector<Said> wanted = said;
    for (Said& one : wanted) one.time += ahead;
    CHECK(run.of(name) == wanted);
  }
  CHECK(of_node(run, "plant-1/line-1").at(0).session().birth() == start() + ahead);
  CHECK(of_node(run, "plant-1/line-1").size() == 1);
  for (const v1::Watermark& tick : run.watermarks.at("plant-1/line-1")) CHECK(tick.time() == tick.clock() + ahead - kSecond);
}

TEST_CASE("a clock that steps back opens a session; forward again it does not") {
  const PlantRun run = run_with({"step:plant-1/line-1:20s:20s:10m"});
  check_others(run, [](const std::string& name) { return starts_with(name, kFirst); });
  const auto lifecycle = of_node(run, "plant-1/line-1");
  REQUIRE(lifecycle.size() == 3);
  CHECK_FALSE(lifecycle[1].online());
  CHECK(lifecycle[1].reason() == v1::Lifecycle::REASON_DEATH);
  CHECK(lifecycle[2].session().bdseq() == 1);
  CHECK(lifecycle[2].session().birth() == start() + 20 * kSecond - 600 * kSecond);
  const auto& temperatures = run.of(kFirst + "pump-0001/temp-motor");
  CHECK(std::count_if(temperatures.begin(), temperatures.end(), [](const Said& one) { return one.time < start(); }) == 20 + 1);
}

TEST_CASE("faults and options that make no sense are refused") {
  const auto message = [](const std::function<void(PlantOptions&)>& change) {
    PlantOptions options = small_plant();
    change(options);
    const auto plant = make_plant(options);
    REQUIRE_FALSE(plant.ok());
    CHECK(plant.status().code == Code::usage);
    return plant.status().message;
  };
  const auto with = [&](const char* fault) {
    return message([&](PlantOptions& options) { options.faults.push_back(*Fault::parse(fault)); });
  };
  CHECK(with("kill:plant-3/*:0:0").find("nothing in this plant") != std::string::npos);
  CHECK(with("bearing:*/*/*/temp-*:0:0:outer").find("nothing in this plant") != std::string::npos);
  CHECK(message([](PlantOptions& options) { options.sites = 5; }).find("too few") != std::string::npos);
  CHECK(message([](PlantOptions& options) { options.columns = 0; }).find("--columns") != std::string::npos);
  CHECK(message([](PlantOptions& options) { options.tick = 10; }).find("--tick") != std::string::npos);
  CHECK(message([](PlantOptions& options) { options.waveform_length = 6 * kSecond; }).find("--waveform-length") !=
        std::string::npos);
  CHECK(message([](PlantOptions& options) { options.waveform_rate = 0; }).find("--waveform-rate") != std::string::npos);
}

TEST_CASE("the simple plant: every series once a period, steps of one eighth") {
  PlantOptions options;
  options.assets = 20;
  options.sites = 2;
  options.duration = 30 * kSecond;
  auto plant = make_simple_plant(options, 10);
  REQUIRE(plant.ok());
  const PlantRun run = read_plant(std::move(*plant));
  CHECK(run.broken_laws.empty());
  CHECK(run.series.size() == 200);
  CHECK(run.watermarks.size() == 4);
  std::map<double, int> steps;
  for (const auto& [name, said] : run.series) {
    CHECK(said.size() == 31);
    for (std::size_t i = 1; i < said.size(); ++i) {
      CHECK((i == 1 || said[i].time - said[i - 1].time == kSecond));
      ++steps[said[i].number - said[i - 1].number];
    }
  }
  CHECK(steps.size() == 3);
  CHECK(steps[0] == Approx(3000).margin(200));
  options.faults.push_back(*Fault::parse("kill:plant-1/line-1:0:0"));
  CHECK_FALSE(make_simple_plant(options, 10).ok());
}
