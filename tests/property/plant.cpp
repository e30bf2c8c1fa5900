// SPDX-License-Identifier: Apache-2.0
// Any plant with any faults: the stream keeps its laws, and neither frames nor ticks change what the series say.
#include <rapidcheck.h>

#include "plant_run.hpp"

using namespace twinpipe;
using namespace twinpipe::testing;

namespace {

rc::Gen<Fault> any_fault(Nanos duration) {
  const auto when = *rc::gen::inRange<Nanos>(0, duration / kMillisecond);
  const auto lasts = *rc::gen::inRange<Nanos>(0, duration / kMillisecond);
  const auto value = *rc::gen::inRange<int>(-50, 50);
  const std::string span = fmt::format(":{}ms:{}ms", when, lasts);
  const std::string series =
      *rc::gen::element<std::string>("*/*/pump-0001/*", "*/*/*/temp-*", "*/line-1/+/vibration-*", "*/*/*/state");
  const std::string numeric = *rc::gen::element<std::string>("*/*/pump-0001/temp-motor", "*/*/*/load", "*/*/*/vibration-rms");
  const std::string node = *rc::gen::element<std::string>("*/*", "plant-1/line-1");
  const std::string text = *rc::gen::element<std::string>(
      fmt::format("spike:{}{}:{}", numeric, span, value), fmt::format("drift:{}{}:{}", numeric, span, value * 100),
      "stuck:" + series + span, "silence:" + series + span,
      fmt::format("bearing:*/*/*/vibration-de{}:ball@{}", span, std::abs(value)), "outage:" + node + span + ":historical",
      "outage:" + node + span + ":delayed", "kill:" + node + span, fmt::format("skew:{}{}:{}ms", node, span, value * 37),
      fmt::format("step:{}{}:{}ms", node, span, std::abs(value) * 211));
  return rc::gen::just(*Fault::parse(text));
}

PlantOptions any_plant() {
  PlantOptions options;
  options.seed = *rc::gen::arbitrary<std::uint64_t>();
  options.sites = *rc::gen::inRange<std::uint32_t>(1, 3);
  options.lines = *rc::gen::inRange<std::uint32_t>(1, 3);
  options.assets = options.sites * options.lines + *rc::gen::inRange<std::uint32_t>(0, 4);
  options.duration = *rc::gen::inRange<Nanos>(1, 15'000) * kMillisecond;
  options.tick = *rc::gen::inRange<Nanos>(50, 3'000) * kMillisecond;
  options.period = *rc::gen::inRange<Nanos>(100, 3'000) * kMillisecond;
  options.cycle = *rc::gen::inRange<Nanos>(1, 20) * kSecond;
  options.waveform_rate = 100;
  options.waveform_length = *rc::gen::inRange<Nanos>(10, 2'000) * kMillisecond;
  options.waveform_every = *rc::gen::element<Nanos>(0, 2, 5) * kSecond;
  options.columns = *rc::gen::inRange<std::uint32_t>(1, 100);
  const auto faults = *rc::gen::inRange(0, 4);
  for (int i = 0; i < faults; ++i) options.faults.push_back(*any_fault(options.duration));
  return options;
}

std::string describe(const PlantOptions& options) {
  std::string text =
      fmt::format("seed {} assets {} sites {} lines {} duration {} tick {} period {} cycle {} length {} every {} columns {}",
                  options.seed, options.assets, options.sites, options.lines, options.duration, options.tick, options.period,
                  options.cycle, options.waveform_length, options.waveform_every, options.columns);
  for (const Fault& fault : options.faults) text += " --fault " + fault.text;
  return text;
}

/// Nothing where the options contradict themselves.
std::optional<PlantRun> try_plant(const PlantOptions& options) {
  auto plant = make_plant(options);
  if (!plant.ok()) return std::nullopt;
  return read_plant(std::move(*plant));
}

}  // namespace

TEST_CASE("any plant keeps the laws of the stream") {
  CHECK(rc::check([] {
    const PlantOptions options = any_plant();
    RC_LOG() << describe(options);
    const auto run = try_plant(options);
    RC_PRE(run.has_value());
    RC_LOG() << fmt::format("{}", fmt::join(run->broken_laws, "\n"));
    RC_ASSERT(run->broken_laws.empty());
    RC_ASSERT(try_plant(options)->bytes == run->bytes);
  }));
}

TEST_CASE("neither the frames' size nor the ticks change what the series say") {
  CHECK(rc::check([] {
    PlantOptions options = any_plant();
    RC_LOG() << describe(options);
    const auto run = try_plant(options);
    RC_PRE(run.has_value());
    options.columns = *rc::gen::inRange<std::uint32_t>(1, 2'000);
    RC_ASSERT(try_plant(options)->series == run->series);
    options.tick = *rc::gen::inRange<Nanos>(20, 9'000) * kMillisecond;
    RC_ASSERT(try_plant(options)->series == run->series);
  }));
}

TEST_CASE("the simple plant says the same in any frames") {
  CHECK(rc::check([] {
    PlantOptions options = any_plant();
    options.faults.clear();
    const auto sensors = *rc::gen::inRange<std::uint32_t>(1, 40);
    RC_LOG() << describe(options) << " sensors " << sensors;
    const PlantRun run = read_plant(std::move(*make_simple_plant(options, sensors)));
    RC_LOG() << fmt::format("{}", fmt::join(run.broken_laws, "\n"));
    RC_ASSERT(run.broken_laws.empty());
    options.columns = *rc::gen::inRange<std::uint32_t>(1, 2'000);
    RC_ASSERT(read_plant(std::move(*make_simple_plant(options, sensors))).series == run.series);
  }));
}
