// SPDX-License-Identifier: Apache-2.0
// The series table: rules of aliases, slots across segments, births and changes, save and restore.
#include "wire/series_table.hpp"

#include <catch2/catch.hpp>
#include <functional>

using namespace twinpipe;

namespace {

v1::Series series(const std::string& asset, std::initializer_list<std::pair<std::uint32_t, const char*>> sensors, Nanos birth = 1,
                  const std::string& node = "n") {
  v1::Series frame;
  frame.set_site("s");
  frame.set_line("l");
  frame.set_asset(asset);
  frame.set_node(node);
  if (birth != 0) frame.mutable_session()->set_birth(birth);
  for (const auto& [alias, name] : sensors) {
    v1::Sensor& sensor = *frame.add_sensor();
    sensor.set_alias(alias);
    sensor.set_name(name);
    sensor.set_type(v1::VALUE_TYPE_DOUBLE);
  }
  return frame;
}

std::vector<Declared> declare(SeriesTable& table, const v1::Series& frame) {
  std::vector<Declared> declared;
  const Status status = table.declare(frame, declared);
  if (!status.ok()) FAIL(status.message);
  return declared;
}

std::string refusal(SeriesTable& table, const v1::Series& frame) {
  std::vector<Declared> declared;
  const Status status = table.declare(frame, declared);
  REQUIRE_FALSE(status.ok());
  CHECK(status.code == Code::bad_data);
  UNSCOPED_INFO(status.message);
  return status.message;
}

}  // namespace

TEST_CASE("aliases are dense, and one stands for one series in a segment") {
  SeriesTable table;
  CHECK(refusal(table, series("a", {{1, "x"}})).find("alias 1 is not dense: the next one is 0") != std::string::npos);
  declare(table, series("a", {{0, "x"}, {1, "y"}}));
  declare(table, series("a", {{1, "y"}}));  // again
  CHECK(refusal(table, series("b", {{1, "y"}})).find("alias 1 already stands for s/l/a/y, now it is declared as s/l/b/y") !=
        std::string::npos);
  CHECK(refusal(table, series("a", {{3, "z"}})).find("not dense") != std::string::npos);
  CHECK(refusal(table, series("a", {{2, ""}})).find("without a sensor name") != std::string::npos);
  CHECK(table.slots() == std::vector<std::uint32_t>{0, 1});
  CHECK(table.aliases_are_slots());
  CHECK(table.size() == 2);  // what was refused left nothing behind
  CHECK(SeriesTable().restore(table.save()).ok());
}

TEST_CASE("a series may have two aliases in a segment") {
  SeriesTable table;
  declare(table, series("a", {{0, "x"}, {1, "x"}}));
  CHECK(table.size() == 1);
  CHECK(table.slots() == std::vector<std::uint32_t>{0, 0});
  CHECK_FALSE(table.aliases_are_slots());
}

TEST_CASE("slots belong to identities and outlive the segment") {
  SeriesTable table;
  declare(table, series("a", {{0, "x"}, {1, "y"}}));
  table.open_segment();
  CHECK(table.slots().empty());
  CHECK(table.aliases_are_slots());
  CHECK_FALSE(table.alias_of(0).has_value());
  const auto declared = declare(table, series("a", {{0, "y"}}));
  CHECK(declared[0].slot == 1);
  CHECK_FALSE(declared[0].is_new);
  CHECK_FALSE(declared[0].born);
  CHECK_FALSE(table.aliases_are_slots());
  CHECK(table.slots() == std::vector<std::uint32_t>{1});
  CHECK(table.alias_of(1) == 0U);
  CHECK_FALSE(table.alias_of(0).has_value());
  CHECK(declare(table, series("b", {{1, "y"}}))[0].slot == 2);
  CHECK(table.name(2) == "s/l/b/y");
}

TEST_CASE("names that would run together stay apart") {
  SeriesTable table;
  v1::Series one = series("b", {{0, "x"}}), two = series("", {{1, "x"}});
  one.set_line("a");
  two.set_line("ab");
  declare(table, one);
  CHECK(declare(table, two)[0].is_new);
  CHECK(table.assets() == 2);
}

TEST_CASE("a birth is another session, once for each series") {
  SeriesTable table;
  CHECK(declare(table, series("a", {{0, "x"}, {1, "y"}}, 1))[0].born);
  CHECK_FALSE(declare(table, series("a", {{0, "x"}}, 1))[0].born);
  CHECK(declare(table, series("a", {{0, "x"}}, 2))[0].born);
  CHECK_FALSE(declare(table, series("a", {{0, "x"}}, 2))[0].born);
  CHECK(declare(table, series("a", {{1, "y"}}, 2))[0].born);  // its asset was born before
  CHECK(table.asset_of(0).births == 2);
  v1::Series other = series("a", {{0, "x"}}, 2);
  other.mutable_session()->set_bdseq(1);
  CHECK(declare(table, other)[0].born);
  CHECK(declare(table, series("a", {{0, "x"}}, 0))[0].born);  // a source without sessions took over
  CHECK_FALSE(declare(table, series("a", {{0, "x"}}, 0))[0].born);
}

TEST_CASE("a change of type, unit or range is a change") {
  SeriesTable table;
  const v1::Series plain = series("a", {{0, "x"}});
  CHECK_FALSE(declare(table, plain)[0].changed);
  const std::function<void(v1::Sensor&)> changes[] = {[](v1::Sensor& sensor) { sensor.set_type(v1::VALUE_TYPE_INT64); },
                                                      [](v1::Sensor& sensor) { sensor.set_unit("K"); },
                                                      [](v1::Sensor& sensor) { sensor.set_declared_unit("degC"); },
                                                      [](v1::Sensor& sensor) { sensor.set_low(0); },
                                                      [](v1::Sensor& sensor) { sensor.set_high(1); },
                                                      [](v1::Sensor& sensor) { sensor.set_datatype(9); }};
  for (const auto& change : changes) {
    v1::Series changed = plain;
    change(*changed.mutable_sensor(0));
    CHECK(declare(table, changed)[0].changed);
    CHECK_FALSE(declare(table, changed)[0].changed);
    CHECK(declare(table, plain)[0].changed);
  }
}

TEST_CASE("the limit holds, and what was refused stays unknown") {
  SeriesTable table(2);
  declare(table, series("a", {{0, "x"}, {1, "y"}}));
  for (int again = 0; again < 2; ++again)
    CHECK(refusal(table, series("a", {{2, "z"}})).find("more than 2 series (--max-series)") != std::string::npos);
  CHECK(table.size() == 2);
  CHECK_FALSE(declare(table, series("a", {{0, "x"}}))[0].is_new);
}

TEST_CASE("nodes are numbered once") {
  SeriesTable table;
  declare(table, series("a", {{0, "x"}}, 1, "p"));
  declare(table, series("b", {{1, "x"}}, 1, "q"));
  CHECK(table.nodes() == 2);
  CHECK(table.node("p") == 0);
  CHECK(table.find_node("q") == 1U);
  CHECK_FALSE(table.find_node("r").has_value());
  CHECK(table.nodes() == 2);
  CHECK(table.node_name(table.node_of(1)) == "q");
}

TEST_CASE("a restored table gives the same slots, births and changes") {
  SeriesTable table;
  table.node("early");
  declare(table, series("a", {{0, "x"}, {1, "y"}}, 1));
  table.open_segment();
  declare(table, series("a", {{0, "y"}}, 2));  // x has not been declared since this birth
  v1::Series ranged = series("b", {{1, "x"}});
  ranged.mutable_sensor(0)->set_low(-1);
  declare(table, ranged);

  SeriesTable copy;
  declare(copy, series("c", {{0, "old"}}));  // forgotten
  REQUIRE(copy.restore(table.save()).ok());
  CHECK(copy.size() == table.size());
  CHECK(copy.slots().empty());
  CHECK(copy.nodes() == table.nodes());
  for (std::uint32_t slot = 0; slot < table.size(); ++slot) {
    CHECK(copy.name(slot) == table.name(slot));
    CHECK_FALSE(copy.alias_of(slot).has_value());
  }
  table.open_segment();
  for (const v1::Series& next :
       {series("a", {{0, "y"}}, 2), series("a", {{1, "x"}}, 2), series("b", {{2, "x"}}), series("b", {{3, "new"}})}) {
    const auto one = declare(table, next), other = declare(copy, next);
    CHECK(one[0].slot == other[0].slot);
    CHECK(one[0].is_new == other[0].is_new);
    CHECK(one[0].born == other[0].born);
    CHECK(one[0].changed == other[0].changed);
  }
  CHECK(copy.save() == table.save());
  CHECK(copy.restore("\xff").code == Code::bad_config);
}

TEST_CASE("a declaration is the series' own, under another alias") {
  SeriesTable table;
  declare(table, series("a", {{0, "x"}, {1, "y"}}, 7));
  const v1::Series frame = table.declaration(1, 0);
  CHECK(frame.SerializeAsString() == series("a", {{0, "y"}}, 7).SerializeAsString());
}
