// SPDX-License-Identifier: Apache-2.0
// The series table's law: saved behind any declaration, restored, and told again what was in force, it says of every declaration
// behind that what it would have said without the stop.
#include "wire/series_table.hpp"

#include <rapidcheck.h>

#include <catch2/catch.hpp>

#include "drive.hpp"
#include "kernel/rawbuf_declarations.hpp"

using namespace twinpipe;

namespace {

/// Births of one, some or all of the sensors of three assets, by two nodes, in one or more segments: an Open where there are
/// none.
std::vector<v1::Series> some_declarations() {
  constexpr std::uint32_t kAssets = 3, kSensors = 3;
  std::vector<v1::Series> all;
  std::vector<std::uint32_t> aliases(kAssets * kSensors, ~0U);
  std::uint32_t next = 0;
  for (int steps = *rc::gen::inRange(1, 30); steps > 0; --steps) {
    v1::Series& frame = all.emplace_back();
    if (steps > 1 && *rc::gen::inRange(0, 12) == 0) {
      std::ranges::fill(aliases, ~0U);
      next = 0;
      continue;
    }
    const auto asset = *rc::gen::inRange<std::uint32_t>(0, kAssets);
    frame.set_site("s");
    frame.set_asset("a" + std::to_string(asset));
    frame.set_node(*rc::gen::element<std::string>("n", "n", "n", "m"));
    if (const Nanos birth = *rc::gen::inRange(0, 4); birth > 0) frame.mutable_session()->set_birth(birth);
    for (std::uint32_t sensor = 0; sensor < kSensors; ++sensor) {
      if (*rc::gen::inRange(0, 2) == 0) continue;
      std::uint32_t& alias = aliases[asset * kSensors + sensor];
      if (alias == ~0U) alias = next++;
      v1::Sensor& declared = *frame.add_sensor();
      declared.set_alias(alias);
      declared.set_name("x" + std::to_string(sensor));
      declared.set_type(v1::VALUE_TYPE_DOUBLE);
      declared.set_unit(*rc::gen::element<std::string>("K", "K", "K", "bar"));
    }
  }
  return all;
}

bool is_open(const v1::Series& frame) { return frame.site().empty(); }

/// What a table says of one more declaration.
std::string said(SeriesTable& table, const v1::Series& frame) {
  if (is_open(frame)) table.open_segment();
  if (is_open(frame)) return "open";
  std::vector<Declared> declared;
  RC_ASSERT(table.declare(frame, declared).ok());
  std::string text;
  for (const Declared& one : declared) {
    const SeriesInfo& info = table.series(one.slot);
    for (const std::uint64_t number :
         {std::uint64_t{one.slot}, std::uint64_t{one.is_new}, std::uint64_t{one.born}, std::uint64_t{one.changed},
          std::uint64_t{one.redefined}, std::uint64_t{info.asset}, static_cast<std::uint64_t>(info.session.birth())})
      text += std::to_string(number) + ' ';
    text += table.declaration(one.slot, one.slot).ShortDebugString() + '\n';
  }
  return text;
}

std::string bytes_of(const v1::Series& frame) {
  Output out;
  if (is_open(frame)) out.open("test 0");
  v1::Frame series;
  *series.mutable_series() = frame;
  if (!is_open(frame)) out.frame(series);
  return std::string(out.pending());
}

}  // namespace

TEST_CASE("a table restored behind any declaration says of those behind it what it would have said") {
  CHECK(rc::check([] {
    const std::vector<v1::Series> all = some_declarations();
    const auto stop = *rc::gen::inRange<std::size_t>(0, all.size() + 1);
    SeriesTable whole, stopped;
    rawbuf::Declarations in_force;
    const auto observe = [&](const FrameView& view) { return in_force.observe(view); };
    RC_ASSERT(testing::for_each_frame(bytes_of({}), observe).ok());
    for (std::size_t i = 0; i < stop; ++i) {
      (void)said(whole, all[i]);
      RC_ASSERT(testing::for_each_frame(bytes_of(all[i]), observe).ok());
    }
    RC_ASSERT(stopped.restore(whole.save()).ok());
    std::uint32_t count = 0;
    RC_ASSERT(testing::for_each_frame(in_force.frames(count), [&](const FrameView& view) -> Status {
                v1::Series frame;
                frame.ParseFromArray(view.payload.data(), static_cast<int>(view.payload.size()));
                std::vector<Declared> declared;
                if (view.kind != FrameKind::series) return {};
                Status status = stopped.declare(frame, declared);
                for (const Declared& one : declared) RC_ASSERT(!one.born && !one.changed);
                return status;
              }).ok());
    for (std::size_t i = stop; i < all.size(); ++i) RC_ASSERT(said(stopped, all[i]) == said(whole, all[i]));
    for (std::uint32_t slot = 0; slot < whole.size(); ++slot) RC_ASSERT(stopped.alias_of(slot) == whole.alias_of(slot));
    RC_ASSERT(stopped.save() == whole.save());
  }));
}
