// SPDX-License-Identifier: Apache-2.0
// Laws of score: what a row gets is a formula of that row, whatever stands beside it; a trend is what came before its row; and
// neither the grouping into frames, nor the order of columns, nor a restart changes anything.
#include "kernel/score.hpp"

#include <fmt/format.h>
#include <rapidcheck.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <map>

#include "drive.hpp"
#include "small_model.hpp"

using namespace twinpipe;

namespace {

constexpr std::size_t kDepth = 4, kTop = 1;

struct Row {
  std::string entity;
  Nanos as_of = 0;
  std::uint32_t revision = 0;
  double heat = 0, load = 0;
};

std::vector<Row> some_rows() {
  std::vector<Row> rows(*rc::gen::inRange<std::size_t>(1, 50));
  const auto number = [] {
    return *rc::gen::inRange(0, 8) == 0 ? std::nan("") : static_cast<double>(*rc::gen::inRange(60, 100));
  };
  for (Row& row : rows)
    row = {"s.l." + std::string(1, *rc::gen::element('a', 'b', 'c')), *rc::gen::inRange<Nanos>(0, 12),
           *rc::gen::inRange<std::uint32_t>(0, 3), number(), number()};
  return rows;
}

Policy policy() {
  return *Policy::parse(R"({"name":"p","version":"1","owner":"o","score":[
    {"match":"s/l/a/+","failure_mode":"sum","weights":{"heat":1,"load":-0.5},"bias":3,"threshold":40},
    {"match":"s/l/+/+","failure_mode":"sum","weights":{"heat":0.125,"load":0.25},"bias":-30,"link":"logistic","threshold":0.5}]})");
}

std::string column_text(const auto& columns, int row) {
  std::string text;
  for (const auto& column : columns) text += fmt::format(" {}={}", column.name(), column.value(row));
  return text;
}

/// All that is said of each row, a line each, by failure mode and in order.
std::map<std::string, std::vector<std::string>> lines_of(std::string_view stream) {
  std::map<std::string, std::vector<std::string>> lines;
  for (const v1::Frame& frame : testing::frames_of(stream, FrameKind::predictions)) {
    const v1::Predictions& p = frame.predictions();
    for (int row = 0; row < p.entity_size(); ++row) {
      std::string line = fmt::format("{} {} {} r{} {} {} {}", p.entity(row), p.as_of(row), p.known_at(row), p.revision(row),
                                     p.threshold(), p.score(row), p.fired(row)) +
                         column_text(p.feature(), row);
      if (p.fired(row)) line += " |" + column_text(p.contribution(), row);
      for (const v1::Trend& trend : p.trend())
        if (trend.row() == static_cast<std::uint32_t>(row))
          line += fmt::format(" {} {} {}", trend.feature(), fmt::join(trend.as_of(), ","), fmt::join(trend.value(), ","));
      lines[p.failure_mode()].push_back(line);
    }
  }
  return lines;
}

class Run {
 public:
  Run() : stage_(table_, models(), policy_, {false, true, kDepth, kTop}, 100), driver_(stage_, table_, "test 0") {
    Output open;
    open.open("test 0");
    feed(open.pending());
  }
  void feed(std::string_view bytes) {
    RC_ASSERT(testing::for_each_frame(bytes, [&](const FrameView& frame) { return driver_.take(frame, out_); }).ok());
  }
  void rows(std::span<const Row> rows, bool swapped = false) {
    v1::Frame frame;
    v1::Features& to = *frame.mutable_features();
    for (const char* name : {"heat", "load"}) to.add_column()->set_name(name);
    for (const Row& row : rows) {
      to.add_entity(row.entity);
      to.add_as_of(row.as_of);
      to.add_known_at(row.as_of + 100);
      to.add_revision(row.revision);
      to.mutable_column(0)->add_value(row.heat);
      to.mutable_column(1)->add_value(row.load);
    }
    if (swapped) to.mutable_column()->SwapElements(0, 1);
    to.set_definition_digest("d1");
    std::string bytes;
    append_frame(frame, bytes);
    feed(bytes);
  }
  auto lines() const { return lines_of(out_.pending()); }
  std::string save() const { return stage_.save(); }
  void load(const std::string& state) { RC_ASSERT(stage_.load(state).ok()); }
  Output& out() { return out_; }

 private:
  static std::vector<std::unique_ptr<ModelFile>> models() {
    std::vector<std::unique_ptr<ModelFile>> models;
    models.push_back(std::move(*ModelFile::parse(testing::small_model(), "m.json", 1)));
    return models;
  }
  Policy policy_ = policy();
  SeriesTable table_;
  Score stage_;
  Driver driver_;
  Output out_;
};

/// The newest rows of its asset that came before row `at`, as of before it, and itself; then only those a ring has room for.
std::string trend_of(const std::vector<Row>& rows, std::size_t at, bool heat) {
  std::map<Nanos, const Row*> known;
  for (std::size_t i = 0; i <= at; ++i)
    if (rows[i].entity == rows[at].entity)
      if (const auto [place, is_new] = known.emplace(rows[i].as_of, &rows[i]);
          !is_new && rows[i].revision >= place->second->revision)
        place->second = &rows[i];
  while (known.size() > kDepth) known.erase(known.begin());
  known.erase(known.lower_bound(rows[at].as_of), known.end());
  while (known.size() > kDepth - 1) known.erase(known.begin());
  std::vector<Nanos> times;
  std::vector<double> values;
  for (const auto& [time, row] : known) times.push_back(time), values.push_back(heat ? row->heat : row->load);
  times.push_back(rows[at].as_of);
  values.push_back(heat ? rows[at].heat : rows[at].load);
  return fmt::format(" {} {} {}", heat ? "heat" : "load", fmt::join(times, ","), fmt::join(values, ","));
}

std::string expected(const std::vector<Row>& rows, std::size_t at) {
  const Row& row = rows[at];
  const bool first = row.entity == "s.l.a";
  const double heat = (first ? 1 : 0.125) * row.heat, load = (first ? -0.5 : 0.25) * row.load, bias = first ? 3 : -30;
  const double sum = bias + heat + load, score = first ? sum : 1 / (1 + std::exp(-sum)), threshold = first ? 40 : 0.5;
  std::string line = fmt::format("{} {} {} r{} {} {} {} heat={} load={}", row.entity, row.as_of, row.as_of + 100, row.revision,
                                 threshold, score, score >= threshold, row.heat, row.load);
  if (score >= threshold)
    line += fmt::format(" | heat={} load={} bias={}", heat, load, bias) + trend_of(rows, at, std::fabs(heat) >= std::fabs(load));
  return line;
}

}  // namespace

TEST_CASE("score: each row gets what the formula says of it, and the trend that was known") {
  CHECK(rc::check([] {
    const std::vector<Row> rows = some_rows();
    Run run;
    run.rows(rows);
    // Rules apply one behind the other: rows of one rule come before those of the next.
    std::vector<std::string> wanted, got = run.lines()["sum"];
    for (std::size_t i = 0; i < rows.size(); ++i) wanted.push_back(expected(rows, i));
    std::ranges::stable_partition(wanted, [](const std::string& line) { return line.starts_with("s.l.a"); });
    RC_ASSERT(got == wanted);
  }));
}

TEST_CASE("score: a tree looks at its own row alone") {
  CHECK(rc::check([] {
    const std::vector<Row> rows = some_rows();
    Run run;
    run.rows(rows);
    const auto got = run.lines()["wear"];
    RC_ASSERT(got.size() == rows.size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const bool hot = rows[i].heat >= 80;
      RC_ASSERT(got[i].find(fmt::format(" 0.75 {} {} heat=", hot ? 1.0 : 0.25, hot)) != std::string::npos);
    }
  }));
}

TEST_CASE("score: grouping into frames and the order of columns change nothing") {
  CHECK(rc::check([] {
    const std::vector<Row> rows = some_rows();
    Run one, many;
    one.rows(rows);
    for (std::span<const Row> rest = rows; !rest.empty();) {
      const auto size = std::min(rest.size(), *rc::gen::inRange<std::size_t>(1, 6));
      many.rows(rest.first(size), *rc::gen::arbitrary<bool>());
      rest = rest.subspan(size);
    }
    const auto sorted = [](auto lines) {
      for (auto& [mode, all] : lines)
        std::ranges::stable_partition(all, [](const std::string& line) { return line.starts_with("s.l.a"); });
      return lines;
    };
    RC_ASSERT(sorted(one.lines())["sum"] == sorted(many.lines())["sum"]);
    RC_ASSERT(one.lines()["wear"] == many.lines()["wear"]);
    RC_ASSERT(one.save() == many.save());
  }));
}

TEST_CASE("score: stop and resume between any two frames equals an uninterrupted run") {
  CHECK(rc::check([] {
    const std::vector<Row> rows = some_rows();
    const auto cut = *rc::gen::inRange<std::size_t>(0, rows.size());
    Run first, second;
    if (cut > 0) first.rows(std::span(rows).first(cut));
    second.load(first.save());
    first.out().clear();
    second.out().clear();
    for (Run* run : {&first, &second}) run->rows(std::span(rows).subspan(cut));
    RC_ASSERT(first.out().pending() == second.out().pending());
    RC_ASSERT(first.save() == second.save());
  }));
}

TEST_CASE("score: a state that is none is refused") {
  CHECK(rc::check([] {
    Run run;
    run.rows(some_rows());
    std::string state = run.save();
    state.resize(*rc::gen::inRange<std::size_t>(1, state.size()));
    SeriesTable table;
    const Policy rules = policy();
    Score stage(table, {}, rules, {}, 100);
    const Status status = stage.load(state);  // a prefix may be whole fields: then it says less, or does not fit itself
    RC_ASSERT(status.ok() || status.code == Code::bad_config);
  }));
}
