// SPDX-License-Identifier: Apache-2.0
// Laws of the way back from quarantine: a ledger that is cut anywhere knows the acts before, and a release has each reading once.
#include "kernel/reject_release.hpp"

#include <rapidcheck.h>

#include <catch2/catch.hpp>
#include <map>
#include <set>

#include "drive.hpp"
#include "kernel/reject_facts.hpp"

using namespace twinpipe;

namespace {

v1::Reject some_reject(int number) {
  v1::Reject reject;
  v1::Series& series = *reject.mutable_series();
  series.set_site("s");
  series.set_line("l");
  series.set_asset("x" + std::to_string(*rc::gen::inRange(0, 3)));
  series.set_node("n");
  v1::Sensor& sensor = *series.add_sensor();
  sensor.set_name("t");
  sensor.set_unit(*rc::gen::element<std::string>("degC", "K"));  // as it was when it was rejected
  v1::Readings& reading = *reject.mutable_reading();
  reading.add_series(0);
  reading.add_time(*rc::gen::inRange<Nanos>(1, 50) * kSecond);
  if (series.asset() == "x2") {
    sensor.set_type(v1::VALUE_TYPE_STRING);
    reading.add_string_value(std::to_string(number));
  } else {
    sensor.set_type(v1::VALUE_TYPE_DOUBLE);
    reading.add_double_value(number);
  }
  if (*rc::gen::arbitrary<bool>()) reading.add_quality(kGood | v1::QUALITY_AFTER_GAP);
  if (*rc::gen::arbitrary<bool>()) {
    reading.add_seq(static_cast<std::uint64_t>(number));
    reading.add_index(1);
  }
  reject.set_rule("r");
  reject.set_action(*rc::gen::weightedElement<v1::Reject::Action>({{6, v1::Reject::ACTION_QUARANTINE},
                                                                   {1, v1::Reject::ACTION_FAIL},
                                                                   {1, v1::Reject::ACTION_DROP},
                                                                   {1, v1::Reject::ACTION_WARN}}));
  return reject;
}

std::vector<v1::Reject> some_rejects(int most) {
  std::vector<v1::Reject> rejects;
  for (int number = 0, count = *rc::gen::inRange(0, most); number < count; ++number) rejects.push_back(some_reject(number));
  return rejects;
}

}  // namespace

TEST_CASE("a ledger that is cut anywhere knows the acts that were whole, and which release was on its way") {
  CHECK(rc::check([] {
    using Fate = RejectLedger::Fate;
    std::string bytes;
    std::vector<std::pair<std::size_t, std::map<std::string, Fate>>> acts;  // where each ends, and what is known then
    std::map<std::string, Fate> fates;
    std::vector<std::uint64_t> on_its_way;  // after each act
    std::uint64_t number = 0, open = 0;
    for (int act = 0, count = *rc::gen::inRange(0, 8); act < count; ++act) {
      const auto rejects = some_rejects(4);
      switch (open != 0 ? 0 : *rc::gen::inRange(1, 3)) {
        case 0:
          bytes += done_segment(open);
          open = 0;
          break;
        case 1:
          bytes += released_segment({open = ++number, {}, rejects});
          for (const v1::Reject& reject : rejects) fates[identity_of(reject)] = Fate::released;
          break;
        default:
          bytes += discarded_segment(rejects, "why");
          for (const v1::Reject& reject : rejects) fates[identity_of(reject)] = Fate::discarded;
      }
      acts.emplace_back(bytes.size(), fates);
      on_its_way.push_back(open);
    }
    const auto cut = *rc::gen::inRange<std::size_t>(0, bytes.size() + 1);
    const Result<RejectLedger> ledger = RejectLedger::parse(std::string_view(bytes).substr(0, cut));
    RC_ASSERT(ledger.ok());
    std::size_t whole = 0;
    while (whole < acts.size() && acts[whole].first <= cut) ++whole;
    RC_ASSERT(ledger->whole() == (whole == 0 ? 0 : acts[whole - 1].first));
    const auto known = whole == 0 ? std::map<std::string, Fate>() : acts[whole - 1].second;
    for (const auto& [identity, fate] : fates)
      RC_ASSERT(ledger->fate(identity) == (known.contains(identity) ? known.at(identity) : Fate::open));
    const std::uint64_t expected = whole == 0 ? 0 : on_its_way[whole - 1];
    RC_ASSERT((ledger->unfinished() ? ledger->unfinished()->number : 0) == expected);
  }));
}

TEST_CASE("a release has every reading that waits once, historical, in the order of time, as it was") {
  CHECK(rc::check([] {
    const auto rejects = some_rejects(30);
    auto twice = rejects;  // at least once is what a side output may be read
    twice.insert(twice.end(), rejects.begin(), rejects.end());
    const auto leaving = waiting(twice, {});
    std::set<std::string> expected;
    for (const v1::Reject& reject : rejects)
      if (is_releasable(reject)) expected.insert(identity_of(reject));
    RC_ASSERT(leaving.size() == expected.size());
    Output out;
    write_release({1, {}, leaving}, out);
    Output again;
    write_release({1, {}, leaving}, again);
    RC_ASSERT(out.pending() == again.pending());
    // Read back: a reject made of each row, with the declaration in force, is the one that waited.
    std::map<std::uint32_t, v1::Series> declared;
    std::multiset<std::string> got;
    Nanos newest = 0;
    RC_ASSERT(testing::for_each_frame(out.pending(), [&](const FrameView& view) -> Status {
                v1::Stream one;
                one.ParseFromArray(view.bytes.data(), static_cast<int>(view.bytes.size()));
                const v1::Frame& frame = one.frame(0);
                if (frame.has_series()) declared[frame.series().sensor(0).alias()] = frame.series();
                const v1::Readings& rows = frame.readings();
                for (int row = 0; row < rows.series_size(); ++row) {
                  RC_ASSERT(rows.historical() && rows.time(row) >= newest);
                  newest = rows.time(row);
                  v1::Reject reject;
                  *reject.mutable_series() = declared.at(rows.series(row));
                  v1::Readings& reading = *reject.mutable_reading();
                  reading.add_series(0);
                  reading.add_time(rows.time(row));
                  if (rows.double_value_size() > 0) reading.add_double_value(rows.double_value(row));
                  if (rows.string_value_size() > 0) reading.add_string_value(rows.string_value(row));
                  if (rows.quality_size() > 0) reading.add_quality(rows.quality(row));
                  if (rows.seq_size() > 0) reading.add_seq(rows.seq(row)), reading.add_index(rows.index(row));
                  got.insert(identity_of(reject));
                }
                return {};
              }).ok());
    RC_ASSERT(got == std::multiset<std::string>(expected.begin(), expected.end()));
  }));
}

TEST_CASE("what passes under another policy is what its rules say of each alone, and what was compared stays") {
  CHECK(rc::check([] {
    const auto rejects = waiting(some_rejects(30), {});
    const int most = *rc::gen::inRange(0, 30);
    const bool compared = *rc::gen::arbitrary<bool>();
    const Result<Policy> policy = Policy::parse(
        R"({"name":"p","version":"1","owner":"o","quarantine":[{"name":"most","match":"+/+/+/+","expect":"range","max":)" +
        std::to_string(most) + (compared ? R"(},{"name":"r","match":"+/+/x0/+","expect":"rate","per_second":1e-6}]})" : "}]}"));
    RC_ASSERT(policy.ok());
    const auto passes = passing(rejects, *policy);
    RC_ASSERT(passes.ok() && passes->size() == rejects.size());
    for (std::size_t at = 0; at < rejects.size(); ++at) {
      const auto number = number_of(rejects[at]);
      const bool stays = (number && *number > most) || (compared && rejects[at].series().asset() == "x0");
      RC_ASSERT((*passes)[at] == !stays);
    }
  }));
}
