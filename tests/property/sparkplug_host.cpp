// SPDX-License-Identifier: Apache-2.0
// The Sparkplug host's laws: order, gaps, names and aliases, deaths, history.
#include "kernel/sparkplug_host.hpp"

#include <rapidcheck.h>

#include <algorithm>
#include <catch2/catch.hpp>

#include "unit/sparkplug_scene.hpp"

using namespace twinpipe;
using namespace twinpipe::sparkplug;

namespace {

struct Sent {
  std::string topic;
  Payload payload;
};

/// A node's life in order: its birth, one of a device, then data of both. `named`: metrics by name instead of alias.
std::vector<Sent> some_life(int messages, bool named = false) {
  Scene scene;  // for its clock and numbers alone
  std::vector<Sent> sent;
  Payload birth = scene.birth_payload(1);
  Scene::add(birth, "load", 1, 0);
  sent.push_back({"spBv1.0/G/NBIRTH/E", birth});
  scene.now += kMillisecond;
  Payload device = scene.payload();
  Scene::add(device, "rpm", 2, 0);
  Scene::add(device, "torque", 3, 0);
  sent.push_back({"spBv1.0/G/DBIRTH/E/D", device});
  for (int i = 0; i < messages; ++i) {
    scene.now += *rc::gen::inRange(0, 3) * kMillisecond;
    const bool of_device = *rc::gen::arbitrary<bool>();
    Payload data = scene.payload();
    for (int metric = 0, n = *rc::gen::inRange(1, 4); metric < n; ++metric) {
      const std::uint64_t alias = of_device ? *rc::gen::inRange<std::uint64_t>(2, 4) : 1;
      static const std::string kNames[] = {"", "load", "rpm", "torque"};
      Metric& added = Scene::add(data, named ? kNames[alias] : "", named ? 0 : alias, i + metric / 8.0);
      added.set_timestamp(data.timestamp() - *rc::gen::inRange<std::uint64_t>(0, 2000));
    }
    sent.push_back({of_device ? "spBv1.0/G/DDATA/E/D" : "spBv1.0/G/NDATA/E", data});
  }
  return sent;
}

std::vector<std::string> play(Scene& scene, const std::vector<Sent>& sent) {
  for (const Sent& message : sent) scene.message(message.topic, message.payload);
  return scene.story();
}

bool is_reading(const std::string& line) { return line.starts_with("#") || line.starts_with("old #"); }

}  // namespace

TEST_CASE("law: any permutation inside the reorder window gives the output of the order") {
  CHECK(rc::check([] {
    std::vector<Sent> sent = some_life(*rc::gen::inRange(0, 60));
    Scene ordered, shuffled;
    const auto expected = play(ordered, sent);
    for (std::size_t i = sent.size(); i > 1; --i) std::swap(sent[i - 1], sent[*rc::gen::inRange<std::size_t>(0, i)]);
    RC_ASSERT(play(shuffled, sent) == expected);
    shuffled.tick(kSecond);
    RC_ASSERT(shuffled.host.counts().gaps == 0U);
  }));
}

TEST_CASE("law: each missing range is exactly one gap, and what came is there") {
  CHECK(rc::check([] {
    const std::vector<Sent> sent = some_life(*rc::gen::inRange(1, 150));
    std::vector<Sent> kept(sent.begin(), sent.begin() + 2);
    std::vector<std::string> expected;
    std::size_t readings = 3, first = 0;
    for (std::size_t i = 2; i < sent.size(); ++i) {
      const bool lost = *rc::gen::inRange(0, 3) == 0;
      if (lost) {
        if (first == 0) first = i;
        continue;
      }
      if (first != 0)
        expected.push_back("gap G/E sequence " + std::to_string(first) + ".." + std::to_string(i - 1) + " m" +
                           std::to_string(i - first));
      first = 0;
      kept.push_back(sent[i]);
      readings += static_cast<std::size_t>(sent[i].payload.metrics_size());
    }
    Scene scene;
    std::vector<std::string> story = play(scene, kept);
    scene.tick(3 * kSecond);
    for (std::string& line : scene.story()) story.push_back(std::move(line));
    std::vector<std::string> gaps;
    std::ranges::copy_if(story, std::back_inserter(gaps), [](const std::string& line) { return line.starts_with("gap"); });
    RC_ASSERT(gaps == expected);
    RC_ASSERT(static_cast<std::size_t>(std::ranges::count_if(story, is_reading)) == readings);
    RC_ASSERT(scene.sent.size() == (expected.empty() ? 0U : 1U));
  }));
}

TEST_CASE("law: named and aliased payloads decode alike") {
  CHECK(rc::check([] {
    const std::vector<Sent> aliased = some_life(*rc::gen::inRange(0, 40));
    std::vector<Sent> named = aliased;
    static const std::string kNames[] = {"", "load", "rpm", "torque"};
    for (std::size_t i = 2; i < named.size(); ++i)
      for (Metric& metric : *named[i].payload.mutable_metrics()) {
        metric.set_name(kNames[metric.alias()]);
        if (*rc::gen::arbitrary<bool>()) metric.clear_alias();  // and both together
      }
    Scene a, b;
    RC_ASSERT(play(a, aliased) == play(b, named));
  }));
}

TEST_CASE("law: between a death and the next birth no reading is good, and the death is told once") {
  CHECK(rc::check([] {
    std::vector<Sent> sent = some_life(*rc::gen::inRange(1, 60));
    const std::size_t at = *rc::gen::inRange<std::size_t>(2, sent.size() + 1);
    Scene scene;
    (void)play(scene, {sent.begin(), sent.begin() + static_cast<std::ptrdiff_t>(at)});
    for (int i = 0, n = *rc::gen::inRange(1, 3); i < n; ++i) scene.message("spBv1.0/G/NDEATH/E", Scene::death(1));
    scene.now += *rc::gen::inRange(-3600, 3600) * kSecond;
    std::vector<std::string> story = play(scene, {sent.begin() + static_cast<std::ptrdiff_t>(at), sent.end()});
    scene.tick(10 * kSecond);
    for (std::string& line : scene.story()) story.push_back(std::move(line));
    RC_ASSERT(std::ranges::count_if(story, [](const std::string& line) { return line.starts_with("offline G/E "); }) == 1);
    for (const std::string& line : story) RC_ASSERT(!is_reading(line) || line.find(" q") != std::string::npos);
  }));
}

TEST_CASE("law: historical values never alter live ones") {
  CHECK(rc::check([] {
    std::vector<Sent> mixed = some_life(*rc::gen::inRange(1, 60)), live = mixed;
    for (std::size_t i = 2; i < mixed.size(); ++i) {
      live[i].payload.clear_metrics();
      for (Metric& metric : *mixed[i].payload.mutable_metrics()) {
        metric.set_is_historical(*rc::gen::arbitrary<bool>());
        if (metric.is_historical()) metric.set_timestamp(metric.timestamp() - *rc::gen::inRange<std::uint64_t>(0, 100'000'000));
        else *live[i].payload.add_metrics() = metric;
      }
    }
    Scene a, b;
    std::vector<std::string> with = play(a, mixed), without = play(b, live);
    a.tick(kSecond);
    b.tick(kSecond);
    for (std::string& line : a.story()) with.push_back(std::move(line));
    for (std::string& line : b.story()) without.push_back(std::move(line));
    std::erase_if(with, [](const std::string& line) { return line.starts_with("old "); });
    RC_ASSERT(with == without);
  }));
}
