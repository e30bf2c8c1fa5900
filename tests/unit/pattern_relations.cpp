// SPDX-License-Identifier: Apache-2.0
// Patterns against each other: covering, and a series in common.
#include "policy/pattern_relations.hpp"

#include <catch2/catch.hpp>

#include "wire/names.hpp"

using namespace twinpipe;

TEST_CASE("globs that cover others") {
  struct Row {
    const char *outer, *inner;
    bool covers;
  };
  for (const Row& row : {Row{"*", "temp-*", true},
                         {"temp-*", "*", false},
                         {"temp-*", "temp-motor", true},
                         {"temp-?", "temp-*", false},
                         {"?*", "*?", true},
                         {"?*", "*x", true},
                         {"?*", "*", false},
                         {"a?c", "abc", true},
                         {"abc", "a?c", false},
                         {"*a*", "*b*a?", true},
                         {"", "", true},
                         {"*", "", true}}) {
    INFO(row.outer << " over " << row.inner);
    CHECK(glob_covers(row.outer, row.inner) == row.covers);
  }
}

TEST_CASE("patterns cover level by level") {
  const Pattern outer = *Pattern::parse("plant-*/+/+/temp-*");
  CHECK(covers(outer, *Pattern::parse("plant-1/*/pump-?/temp-motor")));
  CHECK(covers(outer, outer));
  CHECK_FALSE(covers(outer, *Pattern::parse("plant-1/*/+/*")));
  CHECK_FALSE(covers(outer, *Pattern::parse("*/*/+/temp-motor")));
}

TEST_CASE("a series that two patterns have in common") {
  const Pattern one = *Pattern::parse("plant-*/+/pump-?/temp-*");
  const auto name = [&](const char* other) {
    const auto levels = common_series(one, *Pattern::parse(other), 'x');
    return levels ? series_name((*levels)[0], (*levels)[1], (*levels)[2], (*levels)[3]) : std::string("none");
  };
  CHECK(name("*/line-1/+/*-motor") == "plant-x/line-1/pump-x/temp-motor");
  CHECK(name("*/+/fan-?/*") == "none");
  CHECK(name("*/*/*/*") == "plant-x/x/pump-x/temp-x");
}
