// SPDX-License-Identifier: Apache-2.0
// Features frames as columns: what is read, what is refused, and protobuf's other spellings.
#include "kernel/feature_rows.hpp"

#include <catch2/catch.hpp>

using namespace twinpipe;

namespace {

v1::Features two_rows() {
  v1::Features rows;
  for (int i = 0; i < 2; ++i) {
    rows.add_entity(i == 0 ? "one" : "another");
    rows.add_as_of(10 + i);
    rows.add_known_at(20 + i);
    rows.add_revision(static_cast<std::uint32_t>(300 * i));
  }
  v1::FeatureColumn& column = *rows.add_column();
  column.set_name("x");
  column.add_value(1.5);
  column.add_value(2.5);
  rows.set_definition_digest("d");
  return rows;
}

struct Read {
  EntityTable entities{10};
  FeatureLayouts layouts;
  FeaturesDecoder decoder{entities, layouts};
};

std::string message_of(const v1::Features& rows) {
  Read read;
  const std::string payload = rows.SerializeAsString();
  const Result<FeatureRows> result = read.decoder.decode(payload);
  return result.ok() ? "" : result.status().message;
}

}  // namespace

TEST_CASE("feature rows are read as they were written") {
  Read read;
  const std::string payload = two_rows().SerializeAsString();
  for (int again = 0; again < 3; ++again) {
    const Result<FeatureRows> rows = read.decoder.decode(payload);
    REQUIRE(rows.ok());
    REQUIRE(rows->rows() == 2);
    CHECK(read.entities.name(rows->entity[1]) == "another");
    CHECK(rows->as_of[1] == 11);
    CHECK(rows->known_at[0] == 20);
    CHECK(rows->revision_at(1) == 300);
    CHECK(rows->column[0][1] == 2.5);
    CHECK(read.layouts.layout(rows->layout).names == std::vector<std::string>{"x"});
    CHECK(read.layouts.layout(rows->layout).digest == "d");
  }
  CHECK(read.entities.size() == 2);
  CHECK(read.layouts.size() == 1);
}

TEST_CASE("feature rows in protobuf's other spellings are the same rows") {
  Read read;
  v1::Features ahead, behind;
  for (int i = 0; i < 2; ++i) {
    v1::Features& part = i == 0 ? ahead : behind;
    part.add_entity("e");
    part.add_as_of(i);
    part.add_known_at(i);
  }
  const std::string joined = ahead.SerializeAsString() + behind.SerializeAsString();
  const Result<FeatureRows> rows = read.decoder.decode(joined);
  REQUIRE(rows.ok());
  CHECK(rows->rows() == 2);
  CHECK(rows->as_of[1] == 1);
  // Unpacked: tag 0x11 is field 2 as fixed64.
  std::string unpacked =
      "\x0a\x01"
      "e"
      "\x11";
  unpacked += std::string("\x05\0\0\0\0\0\0\0", 8) + "\x19" + std::string("\x06\0\0\0\0\0\0\0", 8);
  const Result<FeatureRows> one = read.decoder.decode(unpacked);
  REQUIRE(one.ok());
  CHECK(one->as_of[0] == 5);
  CHECK(one->known_at[0] == 6);
}

TEST_CASE("feature rows that are not whole are refused") {
  v1::Features rows = two_rows();
  rows.clear_known_at();
  CHECK(message_of(rows) == "feature rows without known_at: nobody can tell whether they leak (--event-time does not ask)");
  rows = two_rows();
  rows.clear_as_of();
  CHECK(message_of(rows) == "feature rows without as_of");
  rows = two_rows();
  rows.add_known_at(1);
  CHECK(message_of(rows) == "columns of unequal length: 2 entities and 3 of known_at");
  rows = two_rows();
  rows.mutable_column(0)->add_value(1);
  CHECK(message_of(rows) == "columns of unequal length: 2 entities and 3 of 'x'");
  rows = two_rows();
  *rows.add_column() = rows.column(0);
  CHECK(message_of(rows) == "two columns are called 'x'");
  Read read;
  CHECK_FALSE(read.decoder
                  .decode("\x0a\x05"
                          "ab")
                  .ok());
  CHECK_FALSE(read.decoder.decode("\x0a\x01\xff\x12\x08\0\0\0\0\0\0\0\0").ok());
}

TEST_CASE("there may be so many entities and no more") {
  Read read;
  v1::Features rows;
  for (int i = 0; i < 11; ++i) {
    rows.add_entity("e" + std::to_string(i));
    rows.add_as_of(i);
    rows.add_known_at(i);
  }
  CHECK(message_of(rows) == "more than 10 entities (--max-series)");
}
