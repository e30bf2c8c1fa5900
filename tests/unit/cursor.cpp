// SPDX-License-Identifier: Apache-2.0
#include "cli/cursor.hpp"

#include <catch2/catch.hpp>

#include "io/fd.hpp"
#include "scratch.hpp"

using namespace twinpipe;

namespace {

v1::Position some_position() {
  v1::Position position;
  position.set_source("ksub asset.state \"0/1\"\n");
  position.set_number(7);
  for (int i = 0; i < 2; ++i) {
    v1::Offset& offset = *position.add_offset();
    offset.set_name("asset.state");
    offset.set_partition(i);
    offset.set_next((std::int64_t{1} << 40) + i);
  }
  return position;
}

}  // namespace

TEST_CASE("A Position is one line, and the line is the Position") {
  const v1::Position position = some_position();
  const std::string line = cli::position_text(position);
  CHECK(line.find('\n') == line.npos);
  CHECK_FALSE(line.ends_with(' '));
  const Result<v1::Position> back = cli::parse_position(line);
  REQUIRE(back.ok());
  CHECK(back->SerializeAsString() == position.SerializeAsString());
}

TEST_CASE("What is no Position is refused") {
  for (const char* text : {"", "earliest", "number: 3", "source: \"x\" no_such_field: 1", "{}"}) {
    INFO(text);
    CHECK(cli::parse_position(text).status().code == Code::usage);
  }
}

TEST_CASE("A cursor file takes the line as well as what write_cursor() wrote") {
  const testing::Scratch scratch;
  const v1::Position position = some_position();
  const std::string path = scratch.path("cursor");
  CHECK_FALSE(cli::read_cursor(path)->has_value());
  REQUIRE(cli::write_cursor(path, position).ok());
  CHECK((*cli::read_cursor(path))->SerializeAsString() == position.SerializeAsString());
  REQUIRE(replace_file(path, cli::position_text(position) + "\n").ok());
  CHECK((*cli::read_cursor(path))->SerializeAsString() == position.SerializeAsString());
  REQUIRE(replace_file(path, "").ok());
  CHECK(cli::read_cursor(path).status().code == Code::bad_config);
}

TEST_CASE("A source runs no further ahead of its cursor than filters keep states") {
  const testing::Scratch scratch;
  const std::string path = scratch.path("cursor");
  v1::Position position = some_position();
  cli::CursorLead unbound("", position.source(), 0), lead(path, position.source(), 7);
  CHECK(unbound.allows(1'000'000));
  // Nothing is recorded yet: from where it starts.
  CHECK(lead.allows(21));
  CHECK_FALSE(lead.allows(22));
  position.set_number(8);
  REQUIRE(cli::write_cursor(path, position).ok());
  CHECK(lead.allows(22));
  CHECK_FALSE(lead.allows(23));
  // What is recorded of another source says nothing, and neither does what is no cursor.
  position.set_source("rawbuf /elsewhere");
  position.set_number(20);
  REQUIRE(cli::write_cursor(path, position).ok());
  CHECK_FALSE(lead.allows(23));
  REQUIRE(replace_file(path, "damaged").ok());
  CHECK_FALSE(lead.allows(23));
}
