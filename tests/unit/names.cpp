// SPDX-License-Identifier: Apache-2.0
// Percent-encoding of names: what is encoded, what is kept, what is not a name.
#include "wire/names.hpp"

#include <catch2/catch.hpp>

using namespace twinpipe;

TEST_CASE("levels are encoded only where they would be ambiguous") {
  struct Row {
    std::string plain, encoded;
  };
  const Row rows[] = {{"", ""},
                      {"pump-0001", "pump-0001"},
                      {"a.b/c+d#e%f", "a%2Eb%2Fc%2Bd%23e%25f"},
                      {std::string("\0\n\x7f", 3), "%00%0A%7F"},
                      {"Pumpe Süd $node *?", "Pumpe Süd $node *?"},
                      {"%41", "%2541"}};
  for (const Row& row : rows) {
    CHECK(encode_level(row.plain) == row.encoded);
    CHECK(decode_level(row.encoded) == row.plain);
  }
}

TEST_CASE("a percent sign that escapes nothing stays") {
  for (const char* text : {"%", "%4", "%zz", "100%", "%%", "a%g1"}) CHECK(decode_level(text) == text);
  CHECK(decode_level("%2e%2E") == "..");
  CHECK(decode_level("%%41") == "%A");
}

TEST_CASE("names have four levels and keys three") {
  CHECK(series_name("a/b", "l", "x", "y") == "a%2Fb/l/x/y");
  CHECK(split_series_name("a%2Fb/l/x/y") == std::array<std::string, 4>{"a/b", "l", "x", "y"});
  CHECK(split_series_name("///") == std::array<std::string, 4>{});
  for (const char* text : {"", "a", "a/b/c", "a/b/c/d/e", "a.b.c.d"}) CHECK_FALSE(split_series_name(text).has_value());
  CHECK(asset_key("a.b", "l", "x") == "a%2Eb.l.x");
  CHECK(split_asset_key("a%2Eb.l.x") == std::array<std::string, 3>{"a.b", "l", "x"});
  for (const char* text : {"", "a.b", "a.b.c.d", "a/b/c"}) CHECK_FALSE(split_asset_key(text).has_value());
}
