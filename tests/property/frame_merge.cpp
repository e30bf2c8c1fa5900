// SPDX-License-Identifier: Apache-2.0
// fmerge's laws: a stream merged with itself is itself, its parts merged are the whole, what one of a pair has missed the other
// fills, and neither the order of arrival nor the memory changes a byte.
#include <rapidcheck.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <set>
#include <tuple>

#include "kernel/canonical.hpp"
#include "merge_run.hpp"
#include "property/arbitrary_stream.hpp"
#include "property/merge_streams.hpp"
#include "property/rendering.hpp"

using namespace twinpipe;
using merging::Host;
using merging::Message;
using testing::frames_of;
using testing::merge;
using testing::Merged;

namespace {

std::string canonical(const std::string& stream) {
  Rendered done =
      render(stream, [](const SeriesTable& table) { return std::make_unique<Canonical>(table, std::size_t{1} << 30); });
  if (!done.status.ok()) RC_FAIL(done.status.message);
  return done.text;
}

std::function<std::size_t(std::size_t)> any_order() {
  // Drawn once: a generator must not be asked from inside a merge whose length depends on it.
  const auto draws = *rc::gen::container<std::vector<std::size_t>>(17, rc::gen::inRange<std::size_t>(0, 64));
  return [draws, at = std::size_t{0}](std::size_t n) mutable { return draws[at++ % draws.size()] % n; };
}

std::set<std::size_t> some_missed(std::size_t messages) {
  std::set<std::size_t> missed;
  for (std::size_t i = 0; i < messages; ++i)
    if (*rc::gen::inRange(0, 4) == 0) missed.insert(i);
  return missed;
}

/// node, session, seq, index, time, value
using Row = std::tuple<std::string, Nanos, std::uint64_t, std::uint32_t, Nanos, double>;

/// Rows of a stream as they come, each under the declaration in force.
std::vector<Row> rows_of(const std::string& stream) {
  std::vector<Row> rows;
  const Status status = testing::for_each_readings(stream, [&](const SeriesTable& table, const Columns& columns) {
    for (std::size_t i = 0; i < columns.rows(); ++i) {
      const Asset& asset = table.asset_of(columns.slot[i]);
      rows.emplace_back(table.node_name(asset.node), asset.session.birth(), columns.seq.empty() ? 0 : columns.seq[i],
                        columns.index.empty() ? 0 : columns.index[i], columns.time[i], columns.doubles[i]);
    }
  });
  if (!status.ok()) RC_FAIL(status.message);
  return rows;
}

/// (node, session, message) that the stream's Gap frames name, each once.
std::set<std::tuple<std::string, Nanos, std::uint64_t>> gaps_of(const std::string& stream) {
  std::set<std::tuple<std::string, Nanos, std::uint64_t>> all;
  for (const v1::Frame& frame : frames_of(stream, FrameKind::gap))
    for (std::uint64_t seq = frame.gap().first(); seq <= frame.gap().last(); ++seq)
      RC_ASSERT(all.emplace(frame.gap().node(), frame.gap().session().birth(), seq).second);
  return all;
}

}  // namespace

TEST_CASE("merging one stream is passing it on") {
  CHECK(rc::check([] {
    const std::string stream = *arbitrary::stream();
    const Merged merged = merge({stream});
    if (!merged.outcome.ok()) RC_DISCARD("a stream that its readers refuse");
    RC_ASSERT(canonical(merged.bytes) == canonical(stream));
  }));
}

TEST_CASE("a stream merged with itself is itself") {
  CHECK(rc::check([] {
    const std::string stream = Host(*rc::gen::inRange<std::size_t>(1, 9)).stream(merging::some_messages());
    const std::size_t copies = *rc::gen::inRange<std::size_t>(2, 5);
    const Merged merged = merge(std::vector<std::string>(copies, stream), {}, any_order());
    RC_ASSERT(canonical(merged.bytes) == canonical(stream));
    RC_ASSERT(merged.notices.empty());
  }));
}

TEST_CASE("neither the order of arrival nor the memory changes a byte") {
  CHECK(rc::check([] {
    const auto messages = merging::some_messages();
    std::vector<std::string> streams;
    for (std::size_t i = *rc::gen::inRange<std::size_t>(2, 4); i > 0; --i)
      streams.push_back(Host(*rc::gen::inRange<std::size_t>(1, 9), *rc::gen::inRange<Nanos>(0, 900) * kMillisecond)
                            .stream(messages, some_missed(messages.size())));
    const std::string expected = merge(streams).bytes;
    MergeOptions tiny;
    tiny.memory = 1;
    const Merged merged = merge(streams, tiny, any_order());
    RC_ASSERT(merged.bytes == expected);
  }));
}

TEST_CASE("what one of a pair has missed the other fills, and only what both missed is a gap") {
  CHECK(rc::check([] {
    const auto messages = merging::some_messages();
    const auto a = some_missed(messages.size()), b = some_missed(messages.size());
    std::set<std::size_t> both;
    std::ranges::set_intersection(a, b, std::inserter(both, both.end()));
    const Nanos skew = *rc::gen::inRange<Nanos>(0, 400) * kMillisecond;
    const Merged merged = merge({Host(*rc::gen::inRange<std::size_t>(1, 9)).stream(messages, a),
                                 Host(*rc::gen::inRange<std::size_t>(1, 9), skew).stream(messages, b)},
                                {}, any_order());
    const std::string expected = Host(1).stream(messages, both);
    auto rows = rows_of(merged.bytes), wanted = rows_of(expected);
    std::ranges::sort(rows);
    std::ranges::sort(wanted);
    RC_ASSERT(rows == wanted);
    // The last messages of a session are missed by nobody who did not see another behind them.
    const auto told = gaps_of(merged.bytes), lost = gaps_of(expected);
    RC_ASSERT(std::ranges::includes(lost, told));
    const auto told_by_a = gaps_of(Host(1).stream(messages, a)), told_by_b = gaps_of(Host(1).stream(messages, b));
    for (const auto& gap : lost) RC_ASSERT(told.contains(gap) == (told_by_a.contains(gap) || told_by_b.contains(gap)));
  }));
}

TEST_CASE("no reading is older than a watermark before it, and every series keeps its order") {
  CHECK(rc::check([] {
    const auto messages = merging::some_messages();
    std::vector<std::string> streams;
    for (int i = 0; i < 2; ++i)
      streams.push_back(Host(*rc::gen::inRange<std::size_t>(1, 9)).stream(messages, some_missed(messages.size())));
    const std::string merged = merge(streams, {}, any_order()).bytes;
    std::map<std::pair<std::string, int>, Nanos> marks;
    SeriesTable table;
    ReadingsDecoder decoder;
    std::vector<Declared> declared;
    RC_ASSERT(testing::for_each_frame(merged, [&](const FrameView& view) -> Status {
                if (view.kind == FrameKind::series) {
                  v1::Series series;
                  series.ParseFromArray(view.payload.data(), static_cast<int>(view.payload.size()));
                  return table.declare(series, declared);
                }
                if (view.kind == FrameKind::watermark) {
                  v1::Watermark mark;
                  mark.ParseFromArray(view.payload.data(), static_cast<int>(view.payload.size()));
                  Nanos& last = marks[{mark.node(), static_cast<int>(mark.lane())}];
                  RC_ASSERT(mark.time() >= last);
                  last = mark.time();
                }
                if (view.kind != FrameKind::readings) return {};
                Result<Columns> columns = decoder.decode(view.payload, table);
                if (!columns.ok()) return columns.status();
                for (std::size_t i = 0; i < columns->rows(); ++i)
                  RC_ASSERT(columns->time[i] >=
                            (marks[{table.node_name(table.node_of(columns->slot[i])), columns->historical ? 1 : 0}]));
                return {};
              }).ok());
  }));
}

TEST_CASE("parts of a stream merged are the stream") {
  CHECK(rc::check([] {
    const auto messages = merging::some_messages();
    const std::string stream = Host(*rc::gen::inRange<std::size_t>(1, 9)).stream(messages);
    const auto parts = *rc::gen::inRange<std::size_t>(2, 5);
    const bool by_series = *rc::gen::arbitrary<bool>();
    std::vector<Output> outs(parts);
    SeriesTable table;
    ReadingsDecoder decoder;
    std::vector<Declared> declared;
    for (Output& out : outs) out.open("part 0");
    RC_ASSERT(
        testing::for_each_frame(stream, [&](const FrameView& view) -> Status {
          if (view.kind == FrameKind::open || view.kind == FrameKind::close) return {};
          if (view.kind == FrameKind::series) {
            v1::Series series;
            series.ParseFromArray(view.payload.data(), static_cast<int>(view.payload.size()));
            if (Status status = table.declare(series, declared); !status.ok()) return status;
          }
          if (view.kind != FrameKind::readings) {
            for (Output& out : outs) out.forward(view);
            return {};
          }
          const Result<Columns> columns = decoder.decode(view.payload, table);
          if (!columns.ok()) return columns.status();
          std::vector<std::vector<std::uint32_t>> rows(parts);
          for (std::uint32_t row = 0; row < columns->rows(); ++row)
            rows[(by_series ? columns->slot[row] : static_cast<std::uint64_t>(columns->time[row] / kSecond)) % parts].push_back(
                row);
          for (std::size_t i = 0; i < parts; ++i) outs[i].readings(*columns, rows[i]);
          return {};
        }).ok());
    std::vector<std::string> streams;
    for (Output& out : outs) {
      out.close(true);
      streams.emplace_back(out.pending());
    }
    const Merged merged = merge(streams, {}, any_order());
    // Which clock reading a part's rows came with is said again where the parts meet.
    const auto without_arrivals = [](const std::string& text) {
      std::string kept;
      for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = text.find('\n', at) + 1;
        if (text.compare(at, 18, R"({"frame":"arrival")") != 0) kept.append(text, at, end - at);
        at = end;
      }
      return kept;
    };
    RC_ASSERT(without_arrivals(canonical(merged.bytes)) == without_arrivals(canonical(stream)));
  }));
}
