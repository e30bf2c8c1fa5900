// SPDX-License-Identifier: Apache-2.0
// Patterns over series names, and the glob of one level.
#include "policy/pattern.hpp"

#include <catch2/catch.hpp>

using namespace twinpipe;

TEST_CASE("globs") {
  struct Row {
    const char *glob, *text;
    bool matches;
  };
  for (const Row& row : {Row{"", "", true},
                         {"", "a", false},
                         {"*", "", true},
                         {"*", "anything", true},
                         {"**", "", true},
                         {"?", "", false},
                         {"?", "a", true},
                         {"?", "ab", false},
                         {"a*", "a", true},
                         {"a*", "ba", false},
                         {"*a", "ba", true},
                         {"*a", "ab", false},
                         {"a*b*c", "abc", true},
                         {"a*b*c", "aXbYbZc", true},
                         {"a*b*c", "aXbY", false},
                         {"*ab", "aab", true},
                         {"*aab", "aaab", true},
                         {"a?c", "abc", true},
                         {"a?c", "ac", false},
                         {"*?", "", false},
                         {"*?", "x", true},
                         {"temp-*", "temp-", true},
                         {"temp-*", "temperature", false},
                         {"A", "a", false},
                         {"[a]", "a", false},
                         {"[a]", "[a]", true}}) {
    INFO(row.glob << " on " << row.text);
    CHECK(glob_matches(row.glob, row.text) == row.matches);
  }
}

TEST_CASE("a glob of many stars stays quick") {
  const std::string text(100'000, 'a');
  CHECK_FALSE(glob_matches("*a*a*a*a*a*a*b", text));
  CHECK(glob_matches("*a*a*a*a*a*a*", text));
}

TEST_CASE("patterns have four levels, '+' is any of one, and no level reaches into another") {
  const Pattern pattern = *Pattern::parse("plant-*/line-?/+/vibration-*");
  CHECK(pattern.matches("plant-a", "line-1", "pump", "vibration-de"));
  CHECK(pattern.matches("plant-", "line-1", "a/b", "vibration-"));
  CHECK_FALSE(pattern.matches("plant-a", "line-12", "pump", "vibration-de"));
  CHECK_FALSE(pattern.matches("plant-a", "line-1", "pump", "temp-motor"));
  CHECK(pattern.text() == "plant-*/line-?/+/vibration-*");
  for (const char* text : {"", "*", "a/b/c", "a/b/c/d/e", "a/b//d", "/b/c/d", "a/b/c/"}) {
    INFO(text);
    const Result<Pattern> bad = Pattern::parse(text);
    REQUIRE_FALSE(bad.ok());
    CHECK(bad.status().message.find("four levels") != std::string::npos);
  }
}

TEST_CASE("encoded levels are decoded, and an encoded plus is a plus") {
  CHECK(Pattern::parse("a%2Fb/*/*/*")->matches("a/b", "l", "x", "y"));
  CHECK(Pattern::parse("%2A/*/*/*")->matches("anything", "l", "x", "y"));
  const Pattern plus = *Pattern::parse("*/*/%2B/*");
  CHECK(plus.matches("s", "l", "+", "y"));
  CHECK_FALSE(plus.matches("s", "l", "x", "y"));
  const Pattern inside = *Pattern::parse("*/*/a+/*");
  CHECK(inside.matches("s", "l", "a+", "y"));
  CHECK_FALSE(inside.matches("s", "l", "ab", "y"));
}
