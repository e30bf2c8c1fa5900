// SPDX-License-Identifier: Apache-2.0
// Laws of point-in-time joins: equal to brute force, blind to what is known later, exact at the edges, in any grouping.
#include "kernel/pit_join.hpp"

#include <rapidcheck.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <optional>

#include "kernel/pit_explain.hpp"

using namespace twinpipe;

namespace {

struct Row {
  std::uint32_t entity = 0;
  RowTimes times;
  unsigned columns = 0;  // 0: a and b; 1: b and c
  /// Rows that say the same times are the same fact.
  double value() const {
    return static_cast<double>(((times.as_of * 100 + times.known_at) * 10 + times.revision) * 10 + entity * 2) + columns;
  }
};
struct Label {
  std::uint32_t entity = 0;
  Nanos time = 0;
};
struct Log {
  std::vector<Row> rows;      // in the order of the walk
  std::vector<Label> labels;  // in order of time
  PitOptions options;
};

const std::vector<std::vector<std::string>> kColumns{{"a", "b"}, {"b", "c"}};

bool has(const Row& row, std::uint32_t feature) { return feature == 1 || feature == 2 * row.columns; }

/// Every row is looked at.
const Row* brute_force(const Log& log, const Label& label, bool event_time, std::optional<std::uint32_t> feature = {}) {
  const Row* best = nullptr;
  for (const Row& row : log.rows) {
    const RowTimes& t = row.times;
    if (row.entity != label.entity || t.as_of > label.time || (log.options.strict && t.as_of == label.time)) continue;
    if ((!event_time && t.known_at > label.time) || (feature && !has(row, *feature))) continue;
    const auto rank = [](const RowTimes& of) { return std::tuple(of.as_of, of.revision, of.known_at); };
    if (best == nullptr || rank(t) >= rank(best->times)) best = &row;
  }
  return best != nullptr && label.time - best->times.as_of <= log.options.tolerance ? best : nullptr;
}

Nanos walk(const Log& log, const Row& row) { return walk_time(log.options, row.times); }

Log some_log(bool mixed = false) {
  Log log;
  log.options.strict = *rc::gen::arbitrary<bool>();
  log.options.event_time = *rc::gen::inRange(0, 4) == 0;
  log.options.each = mixed && *rc::gen::arbitrary<bool>();
  if (*rc::gen::arbitrary<bool>()) log.options.tolerance = *rc::gen::inRange<Nanos>(0, 12);
  log.rows.resize(*rc::gen::inRange<std::size_t>(0, 60));
  for (Row& row : log.rows) {
    row.entity = *rc::gen::inRange<std::uint32_t>(0, 3);
    row.times.as_of = *rc::gen::inRange<Nanos>(0, 30);
    row.times.known_at = row.times.as_of + *rc::gen::inRange<Nanos>(-3, 15);  // clocks run ahead, too
    row.times.revision = *rc::gen::inRange<std::uint32_t>(0, 3);
    row.columns = mixed ? *rc::gen::inRange(0U, 2U) : 0;
  }
  std::ranges::stable_sort(log.rows, {}, [&](const Row& row) { return walk(log, row); });
  log.labels.resize(*rc::gen::inRange<std::size_t>(0, 30));
  for (Label& label : log.labels) label = {*rc::gen::inRange<std::uint32_t>(0, 4), *rc::gen::inRange<Nanos>(-2, 45)};
  std::ranges::stable_sort(log.labels, {}, &Label::time);
  return log;
}

std::string frame_of(std::span<const Row> rows) {
  v1::Features frame;
  for (const std::string& name : kColumns[rows[0].columns]) frame.add_column()->set_name(name);
  for (const Row& row : rows) {
    frame.add_entity("entity-" + std::to_string(row.entity));
    frame.add_as_of(row.times.as_of);
    frame.add_known_at(row.times.known_at);
    frame.add_revision(row.times.revision);
    for (auto& column : *frame.mutable_column()) column.add_value(row.value());
  }
  return frame.SerializeAsString();
}

struct Joined {
  std::vector<std::vector<double>> values;  // of each label
  std::vector<Missing> missing;             // of its first value
  std::uint64_t leaks = 0;
  bool refused = false;
};

/// Walks as the tool does: rows until one stands behind the label.
Joined join(const Log& log, std::size_t grouping) {
  EntityTable entities(100);
  for (std::uint32_t i = 0; i < 4; ++i) entities.find_or_add("entity-" + std::to_string(i));
  FeatureLayouts layouts({"a", "b", "c"});
  FeaturesDecoder decoder(entities, layouts);
  PitJoin join(log.options, layouts);
  Joined joined;
  std::string frame;
  FeatureRows rows;
  std::size_t taken = 0, at = 0;
  const auto take = [&](Nanos limit) {
    while (!joined.refused) {
      if (at == rows.rows()) {
        if (taken == log.rows.size()) return;
        std::size_t end = taken + 1;
        while (end < log.rows.size() && end - taken < grouping && log.rows[end].columns == log.rows[taken].columns) ++end;
        frame = frame_of(std::span(log.rows).subspan(taken, end - taken));
        Result<FeatureRows> decoded = decoder.decode(frame);
        RC_ASSERT(decoded.ok());
        rows = *decoded;
        taken = end;
        at = 0;
      }
      const auto& walked = log.options.event_time ? rows.as_of : rows.known_at;
      if (walked[at] > limit) return;
      joined.refused = !join.add(rows, at, at + 1).ok();
      ++at;
    }
  };
  for (const Label& label : log.labels) {
    take(label.time);
    if (joined.refused) return joined;
    Result<PitJoin::Answer> answer = join.answer(label.entity, label.time);
    RC_ASSERT(answer.ok());
    joined.values.emplace_back(answer->values.begin(), answer->values.end());
    joined.missing.push_back(answer->chosen[0].missing);
  }
  take(kForever);
  joined.leaks = join.leaks();
  return joined;
}

void require_brute_force(const Log& log, const Joined& joined) {
  RC_ASSERT(joined.values.size() == log.labels.size());
  for (std::size_t i = 0; i < log.labels.size(); ++i) {
    for (std::uint32_t feature = 0; feature < 3; ++feature) {
      const auto by = log.options.each ? std::optional(feature) : std::nullopt;
      const Row* const row = brute_force(log, log.labels[i], log.options.event_time, by);
      const double got = joined.values[i][feature];
      if (row == nullptr || !has(*row, feature)) RC_ASSERT(std::isnan(got));
      else RC_ASSERT(got == row->value());
    }
  }
}

}  // namespace

TEST_CASE("pit-join: every label gets what brute force finds, however rows are grouped") {
  CHECK(rc::check([] {
    const Log log = some_log(*rc::gen::arbitrary<bool>());
    const Joined joined = join(log, *rc::gen::inRange<std::size_t>(1, 9));
    RC_ASSERT(!joined.refused);
    require_brute_force(log, joined);
  }));
}

TEST_CASE("pit-join: rows that become known later than a label change nothing") {
  CHECK(rc::check([] {
    Log log = some_log();
    log.options.event_time = false;
    std::ranges::stable_sort(log.rows, {}, [](const Row& row) { return row.times.known_at; });
    const Joined with = join(log, 4);
    for (std::size_t i = 0; i < log.labels.size(); ++i) {
      Log without = log;
      without.labels = {log.labels[i]};
      std::erase_if(without.rows, [&](const Row& row) { return row.times.known_at > log.labels[i].time; });
      const Joined alone = join(without, 4);
      RC_ASSERT(alone.missing[0] == with.missing[i]);
      RC_ASSERT(alone.values[0][0] == with.values[i][0] || (std::isnan(alone.values[0][0]) && std::isnan(with.values[i][0])));
    }
  }));
}

TEST_CASE("pit-join: leaks are the labels to which an event-time join gives a fact that nobody knew") {
  CHECK(rc::check([] {
    const Log log = some_log();
    std::uint64_t leaks = 0;
    for (const Label& label : log.labels) {
      const Row* const naive = brute_force(log, label, true);
      const Row* const known = brute_force(log, label, false);
      const auto fact = [](const Row& row) { return std::pair(row.times.as_of, row.times.revision); };
      if (naive == nullptr || naive->times.known_at <= label.time) continue;
      // The same fact sent again is no news, unless the event-time join is asked for: there its own row counts.
      leaks += log.options.event_time || known == nullptr || fact(*naive) > fact(*known) ? 1 : 0;
    }
    RC_ASSERT(join(log, 3).leaks == leaks);
  }));
}

TEST_CASE("pit-join: a log out of order gives the same answers, or is refused") {
  int refused = 0, fine = 0;
  CHECK(rc::check([&] {
    Log log = some_log();
    std::ranges::stable_sort(log.rows, {}, [](const Row& row) { return std::tuple(row.times.known_at, row.times.as_of); });
    log.options.event_time = false;
    Log stirred = log;
    for (std::size_t swaps = *rc::gen::inRange<std::size_t>(1, 6); swaps > 0 && log.rows.size() > 1; --swaps) {
      const auto at = *rc::gen::inRange<std::size_t>(1, log.rows.size());
      std::swap(stirred.rows[at - 1], stirred.rows[at]);
    }
    const Joined joined = join(stirred, 5);
    ++(joined.refused ? refused : fine);
    if (!joined.refused) require_brute_force(log, joined);
  }));
  CHECK(fine > 0);
  CHECK(refused > 0);
}

TEST_CASE("pit-join: the explanation names the row that is joined, and the leak") {
  CHECK(rc::check([] {
    const Log log = some_log();
    if (log.rows.empty() || log.labels.empty()) return;
    EntityTable entities(100);
    for (std::uint32_t i = 0; i < 4; ++i) entities.find_or_add("entity-" + std::to_string(i));
    FeatureLayouts layouts;
    FeaturesDecoder decoder(entities, layouts);
    const std::string frame = frame_of(log.rows);
    Result<FeatureRows> rows = decoder.decode(frame);
    RC_ASSERT(rows.ok());
    const Label& label = log.labels[*rc::gen::inRange<std::size_t>(0, log.labels.size())];
    PitExplain explain(log.options, layouts, label.entity, label.time);
    explain.add(*rows);
    const std::string text = explain.text();
    const Row* const joined = brute_force(log, label, log.options.event_time);
    const Row* const naive = brute_force(log, label, true);
    const std::string line = text.substr(text.find("\njoined"));
    if (joined == nullptr) {
      RC_ASSERT(line.find("nothing: ") == 19);
    } else {
      const auto value = std::to_string(static_cast<std::int64_t>(joined->value()));
      RC_ASSERT(line.find(" a " + value + "\n") < line.find("event-time join"));
    }
    RC_ASSERT((text.find("it leaks") != std::string::npos) == (naive != nullptr && naive->times.known_at > label.time));
  }));
}
