// SPDX-License-Identifier: Apache-2.0
// The mark of a repeated message, and what a host remembers of those that it had.
#include "kernel/sparkplug_repeat.hpp"

#include <catch2/catch.hpp>

using namespace twinpipe::sparkplug;

TEST_CASE("a repetition names the messages that carried its values before") {
  const std::vector<MessageName> names{{1'700'000'000'123, 0}, {1'700'000'100'000, 513}};
  const std::string mark = repeat_mark(names);
  CHECK(mark == "twinpipe-repeat 1700000000123 0 1700000100000 513");
  const std::vector<MessageName> read = parse_repeat_mark(mark);
  REQUIRE(read.size() == 2);
  CHECK(read[0].birth == names[0].birth);
  CHECK(read[1].count == 513);
  for (const char* other :
       {"", "SPBV1.0_COMPRESSED", "twinpipe-repeat", "twinpipe-repeat 1", "twinpipe-repeat 1 x", "twinpipe-repeat1 2",
        "twinpipe-repeat 1 2 3", "twinpipe-repeat -1 2", "twinpipe-repeat 1 99999999999999999999"})
    CHECK(parse_repeat_mark(other).empty());
}

TEST_CASE("what a host had is remembered in any order, in a bounded number of runs and sessions") {
  HadMessages had;
  for (const std::uint64_t count : {0U, 1U, 5U, 3U, 4U, 1U}) had.add({7, count});
  for (const std::uint64_t count : {0U, 1U, 3U, 4U, 5U}) CHECK(had.has({7, count}));
  CHECK_FALSE(had.has({7, 2}));
  CHECK_FALSE(had.has({7, 6}));
  CHECK_FALSE(had.has({8, 0}));
  for (std::uint64_t run = 0; run < 2 * HadMessages::kRuns; ++run) had.add({8, 2 * run});
  CHECK(had.has({8, 4 * HadMessages::kRuns - 2}));
  CHECK_FALSE(had.has({8, 0}));  // forgotten, which costs a reading that comes twice
  for (std::uint64_t session = 0; session < HadMessages::kSessions; ++session) had.add({100 + session, 0});
  CHECK_FALSE(had.has({7, 0}));
  CHECK(had.has({100, 0}));
}
