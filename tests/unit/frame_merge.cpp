// SPDX-License-Identifier: Apache-2.0
// fmerge: whose turn it is, what is a copy, what becomes of an input that dies or falls silent.
#include "kernel/frame_merge.hpp"

#include <catch2/catch.hpp>

#include "merge_run.hpp"

using namespace twinpipe;
using testing::frames_of;
using testing::merge;
using testing::Merged;
using testing::StreamWriter;

namespace {

/// Readings of one sensor at these seconds, a frame each.
std::string at_seconds(const std::string& node, const std::string& asset, const std::vector<Nanos>& seconds, bool final = true) {
  StreamWriter writer;
  writer.series(node, asset, {"x"}, 0);
  for (const Nanos second : seconds) {
    ReadingsBuilder rows;
    rows.add(0, second * kSecond, static_cast<double>(second));
    writer.out().readings(rows.columns());
  }
  return writer.take(final);
}

std::vector<Nanos> times_of(std::string_view stream) {
  std::vector<Nanos> times;
  for (const v1::Frame& frame : frames_of(stream, FrameKind::readings))
    for (const Nanos time : frame.readings().time()) times.push_back(time / kSecond);
  return times;
}

/// One numbered reading a message.
void numbered(StreamWriter& writer, std::uint64_t seq, Nanos second, std::uint32_t quality = kGood) {
  ReadingsBuilder rows;
  rows.add(0, second * kSecond, 1.0, quality);
  rows.set_origin(seq, 0);
  writer.out().readings(rows.columns());
}

void gap(StreamWriter& writer, const std::string& node, std::uint64_t first, std::uint64_t last) {
  v1::Frame frame;
  frame.mutable_gap()->set_node(node);
  frame.mutable_gap()->mutable_session()->set_birth(1);
  frame.mutable_gap()->set_first(first);
  frame.mutable_gap()->set_last(last);
  writer.out().frame(frame);
}

std::string without_close(std::string stream) {
  std::size_t close = 0;
  (void)testing::for_each_frame(stream, [&](const FrameView& view) -> Status {
    if (view.kind == FrameKind::close) close = view.offset;
    return {};
  });
  return stream.substr(0, close);
}

}  // namespace

TEST_CASE("fmerge takes the earliest reading, and cuts frames where another input's turn comes") {
  StreamWriter a, b;
  a.series("n", "a", {"x"}, 0);
  b.series("m", "b", {"y", "z"}, 0);
  ReadingsBuilder rows;
  for (const Nanos second : {1, 2, 5, 6}) rows.add(0, second * kSecond, 1.0);
  a.out().readings(rows.columns());
  rows.clear();
  for (const Nanos second : {3, 4, 7}) rows.add(1, second * kSecond, 2.0);
  b.out().readings(rows.columns());
  const Merged merged = merge({a.take(), b.take()});
  REQUIRE(merged.outcome.ok());
  CHECK(times_of(merged.bytes) == std::vector<Nanos>{1, 2, 3, 4, 5, 6, 7});
  CHECK(frames_of(merged.bytes, FrameKind::readings).back().readings().series(0) == 2);  // z, behind x and y
  CHECK(frames_of(merged.bytes, FrameKind::close).at(0).close().final());
}

TEST_CASE("fmerge: a backlog passes, and its input still comes in time") {
  const Merged merged = merge({at_seconds("n", "a", {10, 11, 12, 13}), at_seconds("m", "b", {10, 2, 3, 4, 12})});
  CHECK(times_of(merged.bytes) == std::vector<Nanos>{10, 10, 2, 3, 4, 11, 12, 12, 13});
}

TEST_CASE("fmerge: a clock that is ahead of its source holds nothing back") {
  StreamWriter a;
  a.series("n", "a", {"x"}, 0);
  v1::Frame arrival;
  for (const auto& [clock, second] : {std::pair<Nanos, Nanos>{10, 1'000'000}, {11, 1'000'001}, {12, 1'000'002}}) {
    arrival.mutable_arrival()->set_time(clock * kSecond);
    a.out().frame(arrival);
    ReadingsBuilder rows;
    rows.add(0, second * kSecond, 1.0);
    a.out().readings(rows.columns());
  }
  const Merged merged = merge({a.take(), at_seconds("m", "b", {10, 11, 12})});
  CHECK(times_of(merged.bytes) == std::vector<Nanos>{10, 1'000'000, 11, 1'000'001, 12, 1'000'002});
}

TEST_CASE("fmerge: an input that dies is told, the others go on, and nothing says that the output is whole") {
  const std::string cut = without_close(at_seconds("n", "a", {1, 2}));
  Merged merged = merge({cut, at_seconds("m", "b", {1, 3, 5})});
  CHECK(merged.outcome.code == Code::bad_data);
  REQUIRE(merged.failures.size() == 1);
  CHECK(merged.failures[0].message == "input 0: end of input without Close: test 0 died");
  CHECK(times_of(merged.bytes) == std::vector<Nanos>{1, 1, 2, 3, 5});
  CHECK(frames_of(merged.bytes, FrameKind::close).empty());

  MergeOptions copies;
  copies.copies = true;
  merged = merge({cut, at_seconds("m", "b", {1, 3, 5})}, copies);
  CHECK(merged.outcome.ok());
  CHECK(merged.failures.size() == 1);
  CHECK(frames_of(merged.bytes, FrameKind::close).at(0).close().final());
  CHECK_FALSE(merge({cut, cut}, copies).outcome.ok());
}

TEST_CASE("fmerge: an input that was stopped makes an output that was stopped") {
  const Merged merged = merge({at_seconds("n", "a", {1}, false), at_seconds("m", "b", {1})});
  CHECK(merged.outcome.ok());
  CHECK_FALSE(frames_of(merged.bytes, FrameKind::close).at(0).close().final());
}

TEST_CASE("fmerge: bad content ends its input alone, or is left out") {
  StreamWriter a;
  a.series("n", "a", {"x"}, 0);
  ReadingsBuilder rows;
  rows.add(7, kSecond, 1.0);
  a.out().readings(rows.columns());
  rows.clear();
  rows.add(0, 2 * kSecond, 1.0);
  a.out().readings(rows.columns());
  const std::string bad = a.take();
  Merged merged = merge({bad, at_seconds("m", "b", {3})});
  CHECK(merged.outcome.code == Code::bad_data);
  REQUIRE(merged.failures.size() == 1);
  CHECK(merged.failures[0].message == "input 0: undeclared alias 7: 1 are declared");
  CHECK(merged.failures[0].frame == 3);
  CHECK(times_of(merged.bytes) == std::vector<Nanos>{3});
  MergeOptions skip;
  skip.skip_bad = true;
  merged = merge({bad, at_seconds("m", "b", {3})}, skip);
  CHECK(merged.outcome.ok());
  CHECK(merged.counters["skipped_bad"] == 1);
  CHECK(times_of(merged.bytes) == std::vector<Nanos>{2, 3});
}

TEST_CASE("fmerge: the same number with another time is another reading") {
  StreamWriter a, b;
  for (StreamWriter* writer : {&a, &b}) writer->series("n", "a", {"x"}, 0);
  numbered(a, 1, 10);
  numbered(b, 1, 10);
  numbered(b, 1, 11);
  numbered(a, 2, 12, v1::QUALITY_TIME_OF_ARRIVAL | kGood);
  numbered(b, 2, 13, v1::QUALITY_TIME_OF_ARRIVAL | kGood);  // each host has its own clock
  CHECK(times_of(merge({a.take(), b.take()}).bytes) == std::vector<Nanos>{10, 11, 12});
}

TEST_CASE("fmerge: a number from before the window passes, and is told") {
  MergeOptions options;
  options.window = 4;
  StreamWriter a, b;
  for (StreamWriter* writer : {&a, &b}) writer->series("n", "a", {"x"}, 0);
  for (std::uint64_t seq = 0; seq < 10; ++seq) numbered(a, seq, 10);
  numbered(b, 0, 20);
  const Merged merged = merge({a.take(), b.take()}, options);
  CHECK(times_of(merged.bytes).size() == 11);
  CHECK(merged.counters.at("beyond_window") == 1);
  REQUIRE(merged.notices.size() == 1);
  CHECK(merged.notices[0].starts_with("input 1: message 0 of node n is older than the 4 that are compared"));
}

TEST_CASE("fmerge: a waveform from before the window passes, and is told") {
  MergeOptions options;
  options.window = 4;
  StreamWriter a, b;
  for (StreamWriter* writer : {&a, &b}) writer->series("n", "a", {"x"}, 0);
  const auto waveform = [](StreamWriter& writer, std::uint64_t seq, Nanos second) {
    v1::Frame frame;
    frame.mutable_waveform()->set_time(second * kSecond);
    frame.mutable_waveform()->set_seq(seq);
    frame.mutable_waveform()->set_index(1);
    writer.out().frame(frame);
  };
  for (std::uint64_t seq = 0; seq < 10; ++seq) waveform(a, seq, 10);
  waveform(b, 0, 20);
  waveform(b, 9, 21);
  const Merged merged = merge({a.take(), b.take()}, options);
  CHECK(frames_of(merged.bytes, FrameKind::waveform).size() == 12);
  CHECK(merged.counters.at("beyond_window") == 1);
  REQUIRE(merged.notices.size() == 1);
  CHECK(merged.notices[0].starts_with("input 1: message 0 of node n is older than the 4 that are compared"));
}

TEST_CASE("fmerge: of a gap only what nobody has comes out, and its mark goes with it") {
  StreamWriter a, b;
  for (StreamWriter* writer : {&a, &b}) writer->series("n", "a", {"x"}, 0);
  numbered(a, 0, 10);
  gap(a, "n", 1, 3);
  numbered(a, 4, 14, kGood | v1::QUALITY_AFTER_GAP);
  for (std::uint64_t seq = 0; seq < 2; ++seq) numbered(b, seq, 10 + static_cast<Nanos>(seq));
  gap(b, "n", 2, 2);
  numbered(b, 3, 13, kGood | v1::QUALITY_AFTER_GAP);
  numbered(b, 4, 14);
  const Merged merged = merge({a.take(), b.take()});
  CHECK(times_of(merged.bytes) == std::vector<Nanos>{10, 11, 13, 14});
  const auto gaps = frames_of(merged.bytes, FrameKind::gap);
  REQUIRE(gaps.size() == 1);
  CHECK(gaps[0].gap().first() == 2);
  CHECK(gaps[0].gap().last() == 2);
}

TEST_CASE("fmerge: what a gap costs does not grow with those that wait beside it") {
  // One host misses every other message; the other has seen the birth and brings the messages late, or not at all.
  enum class Other { brings_all, brings_nothing, misses_the_same };
  for (const Other other : {Other::brings_all, Other::brings_nothing, Other::misses_the_same})
    for (const std::uint64_t gaps : {500, 4000}) {
      StreamWriter a, b;
      for (StreamWriter* writer : {&a, &b}) writer->series("n", "a", {"x"}, 0);
      for (std::uint64_t i = 0; i < gaps; ++i) {
        numbered(a, 2 * i, 10);
        gap(a, "n", 2 * i + 1, 2 * i + 1);
      }
      for (std::uint64_t i = 0; i < gaps && other == Other::brings_all; ++i) numbered(b, 2 * i + 1, 11);
      for (std::uint64_t i = 0; i < gaps && other == Other::misses_the_same; ++i) gap(b, "n", 2 * i + 1, 2 * i + 1);
      MergeOptions options;
      options.window = 4 * gaps;
      const Merged merged = merge({a.take(), b.take()}, options);
      CAPTURE(gaps, static_cast<int>(other));
      CHECK(frames_of(merged.bytes, FrameKind::gap).size() == (other == Other::brings_all ? 0 : gaps));
      CHECK(merged.gap_judgements <= 4 * gaps);
    }
}

TEST_CASE("fmerge: a node's watermark is the least among those that have seen it and are open") {
  StreamWriter a, b, c;
  a.series("n", "a", {"x"}, 0);
  b.series("n", "b", {"x"}, 0);
  c.series("m", "c", {"x"}, 0);
  a.watermark("n", 10 * kSecond);
  a.watermark("n", 20 * kSecond);
  b.watermark("n", 5 * kSecond);
  b.watermark("n", 25 * kSecond);
  a.watermark("n", 30 * kSecond);
  const auto marks = frames_of(merge({a.take(), b.take(), c.take()}).bytes, FrameKind::watermark);
  std::vector<Nanos> times;
  for (const v1::Frame& frame : marks) times.push_back(frame.watermark().time() / kSecond);
  CHECK(times == std::vector<Nanos>{5, 20, 30});  // b has ended before the last
}

TEST_CASE("fmerge: blind is who nobody sees") {
  StreamWriter a, b;
  for (StreamWriter* writer : {&a, &b}) {
    writer->series("n", "a", {"x"}, 0);
    writer->lifecycle("n", true, v1::Lifecycle::REASON_BIRTH, 1, kSecond);
  }
  b.lifecycle("n", false, v1::Lifecycle::REASON_HOST_LINK_LOST, 1, 5 * kSecond);
  b.lifecycle("n", true, v1::Lifecycle::REASON_HOST_LINK_RESTORED, 1, 7 * kSecond);
  b.lifecycle("n", false, v1::Lifecycle::REASON_HOST_LINK_LOST, 1, 20 * kSecond);
  a.lifecycle("n", false, v1::Lifecycle::REASON_HOST_LINK_LOST, 1, 21 * kSecond);
  b.lifecycle("n", true, v1::Lifecycle::REASON_HOST_LINK_RESTORED, 1, 22 * kSecond);
  b.lifecycle("n", false, v1::Lifecycle::REASON_WILL, 1, 23 * kSecond);
  a.lifecycle("n", false, v1::Lifecycle::REASON_WILL, 1, 24 * kSecond);
  std::vector<std::pair<int, Nanos>> told;
  for (const v1::Frame& frame : frames_of(merge({a.take(), b.take()}).bytes, FrameKind::lifecycle))
    told.emplace_back(frame.lifecycle().reason(), frame.lifecycle().time() / kSecond);
  using L = v1::Lifecycle;
  CHECK(told ==
        std::vector<std::pair<int, Nanos>>{
            {L::REASON_BIRTH, 1}, {L::REASON_HOST_LINK_LOST, 21}, {L::REASON_HOST_LINK_RESTORED, 22}, {L::REASON_WILL, 23}});
}

TEST_CASE("fmerge: rows keep the session that they belong to") {
  StreamWriter a, b;
  a.series("n", "a", {"x"}, 0, 1);
  b.series("n", "a", {"x"}, 0, 1);
  numbered(a, 0, 10);
  a.series("n", "a", {"x"}, 0, 2);
  numbered(a, 0, 12);
  numbered(b, 1, 11);
  numbered(b, 2, 13);
  const Merged merged = merge({a.take(), b.take()});
  std::vector<std::pair<Nanos, Nanos>> sessions;
  REQUIRE(testing::for_each_readings(merged.bytes, [&](const SeriesTable& table, const Columns& columns) {
            for (const Nanos time : columns.time) sessions.emplace_back(time / kSecond, table.asset_of(0).session.birth());
          }).ok());
  CHECK(sessions == std::vector<std::pair<Nanos, Nanos>>{{10, 1}, {11, 1}, {12, 2}, {13, 1}});
}

TEST_CASE("fmerge waits for a silent input, but no longer than its patience") {
  for (const Nanos patience : {Nanos{0}, 3 * kSecond}) {
    testing::MemoryStore store;
    MergeOptions options;
    options.patience = patience;
    FrameMerge merge({"a", "b"}, options, store);
    StreamWriter a, b;
    a.series("n", "a", {"x"}, 0);
    b.series("n", "b", {"x"}, 0);
    for (Nanos second = 1; second < 10; ++second) a.watermark("n", second * kSecond);
    const std::string one = a.take(), other = b.take();
    Output out;
    const auto feed = [&](std::uint32_t input, const std::string& stream, bool whole) {
      (void)testing::for_each_frame(stream, [&](const FrameView& view) -> Status {
        if (view.kind != FrameKind::close || whole) (void)merge.push(input, view);
        while (*merge.step(out, out.pending().size() + 1)) {
        }
        return {};
      });
    };
    feed(1, other, false);
    feed(0, one, true);
    const auto marks = frames_of(out.pending(), FrameKind::watermark);
    CHECK(merge.take_notices().size() == (patience > 0 ? 1 : 0));
    REQUIRE(marks.empty() == (patience == 0));
    if (patience > 0) CHECK(marks.back().watermark().time() == 9 * kSecond);
  }
}

TEST_CASE("fmerge: what waits goes to the store and comes back in order") {
  testing::MemoryStore store;
  WaitingFrames waiting(2, 64 * 1024, kDefaultFrameLimit, store);
  const std::string a = at_seconds("n", "a", std::vector<Nanos>(20'000, 1)), b = at_seconds("m", "b", {1, 2});
  for (const auto& [input, stream] : {std::pair<std::uint32_t, const std::string&>{0, a}, {1, b}})
    REQUIRE(testing::for_each_frame(stream, [&](const FrameView& view) { return waiting.push(input, view.bytes); }).ok());
  CHECK(store.blocks() > 0);
  CHECK(waiting.memory() <= 64 * 1024 + 4 * waiting.block_size());
  for (const auto& [input, stream] : {std::pair<std::uint32_t, const std::string&>{1, b}, {0, a}}) {
    std::string back;
    for (FrameView view; !waiting.empty(input); waiting.pop(input)) {
      REQUIRE(waiting.front(input, view).ok());
      CHECK(view.offset == back.size());
      back += view.bytes;
    }
    CHECK(back == stream);
  }
  CHECK(store.blocks() == 0);
}

TEST_CASE("fmerge: a work order that was completed comes in at its source's clock, which stands ahead of it") {
  StreamWriter plant, orders;
  plant.series("n", "a", {"x"}, 0);
  const auto arrival = [](StreamWriter& writer, Nanos second) {
    v1::Frame frame;
    frame.mutable_arrival()->set_time(second * kSecond);
    writer.out().frame(frame);
  };
  for (const Nanos second : {10, 20, 30}) {
    arrival(plant, second);
    ReadingsBuilder rows;
    rows.add(0, second * kSecond, 1.0);
    plant.out().readings(rows.columns());
  }
  arrival(orders, 25);
  v1::Frame done;
  done.mutable_work_order()->set_asset("s.l.a");
  done.mutable_work_order()->set_time(3 * kSecond);
  orders.out().frame(done);
  const Merged merged = merge({plant.take(true), orders.take(true)});
  std::vector<std::string> order;
  (void)testing::for_each_frame(merged.bytes, [&](const FrameView& view) -> Status {
    v1::Stream one;
    one.ParseFromArray(view.bytes.data(), static_cast<int>(view.bytes.size()));
    if (one.frame(0).has_arrival()) order.push_back("clock " + std::to_string(one.frame(0).arrival().time() / kSecond));
    if (one.frame(0).has_readings()) order.push_back("row " + std::to_string(one.frame(0).readings().time(0) / kSecond));
    if (one.frame(0).has_work_order()) order.push_back("done");
    return {};
  });
  CHECK(order == std::vector<std::string>{"clock 10", "row 10", "clock 20", "row 20", "clock 25", "done", "clock 30", "row 30"});
}
