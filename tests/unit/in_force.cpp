// SPDX-License-Identifier: Apache-2.0
// Policies in force by node: hosts that run one policy in two versions, and meet in a topic.
#include "policy/in_force.hpp"

#include <catch2/catch.hpp>

#include "kafka_records.hpp"
#include "kernel/egress.hpp"
#include "kernel/form_driver.hpp"
#include "kernel/lineage.hpp"
#include "kernel/twin_fold.hpp"
#include "kernel/winagg.hpp"

using namespace twinpipe;
using namespace twinpipe::testing;

namespace {

v1::Frame policy(const std::string& version, v1::Weighting interpolation, double bound,
                 const std::vector<std::string>& nodes = {}, const std::string& tool = "deadband") {
  v1::Frame frame;
  v1::Applied& applied = *frame.mutable_applied();
  applied.set_tool(tool);
  applied.set_policy("edge");
  applied.set_version(version);
  applied.set_digest("digest-" + version);
  for (const std::string& node : nodes) applied.add_node(node);
  v1::AppliedRule& rule = *applied.add_rule();
  rule.set_name("all");
  rule.set_pattern("+/+/+/x");
  rule.set_interpolation(interpolation);
  rule.set_bound(bound);
  return frame;
}

/// Readings of an asset, seconds from `first` on, one a tick.
void readings(StreamWriter& writer, const std::string& node, std::uint32_t alias, Nanos first) {
  for (Nanos second = first; second < first + 5; ++second) {
    ReadingsBuilder rows;
    rows.add(alias, second * kSecond, static_cast<double>(second));
    writer.out().readings(rows.columns());
    writer.watermark(node, second * kSecond);
  }
}

std::string host(const std::string& node, const v1::Frame* head) {
  StreamWriter writer;
  if (head != nullptr) writer.out().frame(*head);
  writer.series(node, "of-" + node, {"x"}, 0);
  readings(writer, node, 0, 0);
  return writer.take();
}

/// What a reader sees of a topic that each host wrote with a bridge of its own, record by record in turn.
std::string through_topic(const std::vector<std::string>& hosts, std::int32_t partitions) {
  const Routes routes = *Routes::parse(Routes::defaults(), "other");
  Log all;
  for (std::size_t i = 0; i < hosts.size(); ++i) {
    auto clock = static_cast<std::int64_t>(i);
    Log log([&] { return clock += static_cast<std::int64_t>(hosts.size()); });
    REQUIRE(write_log(hosts[i], routes, partitions, {}, log).ok());
    all.records.insert(all.records.end(), log.records.begin(), log.records.end());
  }
  std::ranges::stable_sort(all.records, {}, &Stored::stamp);
  Output out;
  out.open("test 0");
  REQUIRE(read_log(all, partitions, out).ok());
  out.close(true);
  return std::string(out.pending());
}

std::string audit(const std::string& stream) {
  SeriesTable table;
  Lineage form(table, {}, false);
  Selection selection(table, {});
  FormDriver driver(form, selection, table);
  Output out;
  REQUIRE(for_each_frame(stream, [&](const FrameView& frame) { return driver.take(frame, out); }).ok());
  REQUIRE(driver.end(false, out).ok());
  return std::string(out.pending());
}

/// Weighting of each asset's windows.
std::map<std::string, v1::Weighting> weightings(const std::string& stream) {
  const Policy windows = *Policy::parse(R"({"name":"w","version":"1","owner":"o","winagg":[{"match":"+/+/+/+","window":"2s"}]})");
  SeriesTable table;
  WinAgg stage(table, windows, {}, nullptr);
  Output out;
  REQUIRE(drive(stream, stage, table, out).ok());
  std::map<std::string, v1::Weighting> found;
  for (const v1::Frame& frame : frames_of(out.pending(), FrameKind::aggregates))
    for (const std::uint32_t alias : frame.aggregates().series())
      found[table.asset_of(table.slots()[alias]).asset] = frame.aggregates().weighting();
  return found;
}

std::map<std::string, std::vector<std::string>> twins(const std::string& stream) {
  const Policy none;
  SeriesTable table;
  TwinFold stage(table, none, {});
  Output out;
  REQUIRE(drive(stream, stage, table, out).ok());
  std::map<std::string, std::vector<std::string>> found;
  for (const v1::Frame& frame : frames_of(out.pending(), FrameKind::twin))
    found[frame.twin().asset()].assign(frame.twin().shaped_by().begin(), frame.twin().shaped_by().end());
  return found;
}

std::map<std::string, double> bounds(const std::string& kept, const std::string& whole) {
  const Routes routes = *Routes::parse(Routes::defaults(), "other");
  Reconstruction reconstruction;
  SeriesTable kept_table, whole_table;
  EgressSide after(kept_table, routes, {}, EgressSide::Role::kept, reconstruction);
  EgressSide before(whole_table, routes, {}, EgressSide::Role::whole, reconstruction);
  Output out;
  REQUIRE(drive(kept, after, kept_table, out).ok());
  REQUIRE(after.close().ok());
  REQUIRE(drive(whole, before, whole_table, out).ok());
  REQUIRE(before.close().ok());
  std::map<std::string, double> found;
  for (const auto& [series, worst] : reconstruction.worst()) found[series] = worst.bound;
  return found;
}

std::vector<std::string> versions(const PoliciesInForce& policies, const std::string& node) {
  std::vector<std::string> found;
  for (const auto& one : policies.of(node)) found.push_back(one->words().tool() + " " + one->words().version());
  return found;
}

}  // namespace

TEST_CASE("hosts that run one policy in two versions keep their own through a topic") {
  const v1::Frame one = policy("1", v1::WEIGHTING_STEP, 1), two = policy("2", v1::WEIGHTING_LINEAR, 5);
  for (const std::int32_t partitions : {1, 2, 5})
    for (const bool turned : {false, true}) {
      CAPTURE(partitions, turned);
      std::vector<std::string> hosts{host("n1", &one), host("n2", &two), host("n3", nullptr)};
      if (turned) std::ranges::reverse(hosts);
      const std::string stream = through_topic(hosts, partitions);
      CHECK(frames_of(stream, FrameKind::applied).size() == 2);
      CHECK(audit(stream) ==
            "s/l/of-n1/x: 5 readings from 1970-01-01T00:00:00Z to 1970-01-01T00:00:04Z\n"
            "  deadband: policy edge version 1 owner  digest digest-1, rule all\n"
            "s/l/of-n2/x: 5 readings from 1970-01-01T00:00:00Z to 1970-01-01T00:00:04Z\n"
            "  deadband: policy edge version 2 owner  digest digest-2, rule all\n"
            "s/l/of-n3/x: 5 readings from 1970-01-01T00:00:00Z to 1970-01-01T00:00:04Z\n"
            "  no policy\n");
      CHECK(weightings(stream) == std::map<std::string, v1::Weighting>{{"of-n1", v1::WEIGHTING_STEP},
                                                                       {"of-n2", v1::WEIGHTING_LINEAR},
                                                                       {"of-n3", v1::WEIGHTING_COUNT}});
      CHECK(twins(stream) ==
            std::map<std::string, std::vector<std::string>>{{"of-n1", {"digest-1"}}, {"of-n2", {"digest-2"}}, {"of-n3", {}}});
      CHECK(bounds(stream, host("n1", nullptr) + host("n2", nullptr) + host("n3", nullptr)) ==
            std::map<std::string, double>{{"s/l/of-n1/x", 1}, {"s/l/of-n2/x", 5}});
    }
}

TEST_CASE("a node that a host declares later is under its policies too, downstream first, and a new version replaces the old") {
  StreamWriter writer;
  writer.out().frame(policy("1", v1::WEIGHTING_COUNT, 0, {}, "winagg"));
  writer.out().frame(policy("1", v1::WEIGHTING_STEP, 1));
  writer.series("n1", "of-n1", {"x"}, 0);
  readings(writer, "n1", 0, 0);
  writer.series("n2", "of-n2", {"x"}, 1);
  readings(writer, "n2", 1, 0);
  writer.out().frame(policy("2", v1::WEIGHTING_LINEAR, 5));
  readings(writer, "n1", 0, 10);
  const std::string bridged = through_topic({writer.take(), host("n3", nullptr)}, 3);
  const auto frames = frames_of(bridged, FrameKind::applied);
  REQUIRE(frames.size() == 5);  // two of each node, and the new version of both
  CHECK(std::vector<std::string>(frames[4].applied().node().begin(), frames[4].applied().node().end()) ==
        std::vector<std::string>{"n1", "n2"});
  PoliciesInForce policies;
  for (const v1::Frame& frame : frames) {
    CHECK(policies.take(frame.applied()));
    CHECK_FALSE(policies.take(frame.applied()));
  }
  for (const char* node : {"n1", "n2"}) CHECK(versions(policies, node) == std::vector<std::string>{"winagg 1", "deadband 2"});
  CHECK(policies.of("n3").empty());
  // The last partition to hold a node has its policies from the first record about it on.
  const std::string again = through_topic({bridged}, 2);
  PoliciesInForce passed_on;
  for (const v1::Frame& frame : frames_of(again, FrameKind::applied)) passed_on.take(frame.applied());
  for (const char* node : {"n1", "n2", "n3"}) CHECK(versions(passed_on, node) == versions(policies, node));
}

TEST_CASE("what is said of all nodes holds for each until something later is said of it") {
  PoliciesInForce policies;
  const auto take = [&](const v1::Frame& frame) { return policies.take(frame.applied()); };
  CHECK(take(policy("1", v1::WEIGHTING_STEP, 1)));
  CHECK(take(policy("2", v1::WEIGHTING_STEP, 1, {"a", "b"})));
  CHECK(versions(policies, "a") == std::vector<std::string>{"deadband 2"});
  CHECK(versions(policies, "c") == std::vector<std::string>{"deadband 1"});
  CHECK(take(policy("3", v1::WEIGHTING_STEP, 1, {"b"}, "exc-pass")));
  CHECK(versions(policies, "b") == std::vector<std::string>{"deadband 2", "exc-pass 3"});

  PoliciesInForce copy;
  for (const v1::Applied& words : policies.words()) copy.take(words);
  for (const char* node : {"a", "b", "c"}) CHECK(versions(copy, node) == versions(policies, node));

  CHECK(take(policy("4", v1::WEIGHTING_STEP, 1)));
  CHECK(versions(policies, "a") == std::vector<std::string>{"deadband 4"});
  CHECK(versions(policies, "b") == std::vector<std::string>{"deadband 4", "exc-pass 3"});
  policies.open_segment();
  CHECK(versions(policies, "b") == std::vector<std::string>{"deadband 4", "exc-pass 3"});
  CHECK(take(policy("5", v1::WEIGHTING_STEP, 1, {"b"})));
  CHECK(versions(policies, "b") == std::vector<std::string>{"deadband 5"});
  policies.clear();
  CHECK(policies.of("b").empty());
}
