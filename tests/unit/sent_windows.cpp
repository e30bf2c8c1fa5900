// SPDX-License-Identifier: Apache-2.0
// Which windows have been sent: revisions rise one by one, runs are joined, and what is forgotten errs on the safe side.
#include "kernel/sent_windows.hpp"

#include <catch2/catch.hpp>

using namespace twinpipe;

TEST_CASE("windows that follow one another are one run") {
  SentWindows sent;
  for (Nanos start = 0; start < 1000; start += 10) CHECK(sent.send(start, 10) == 0U);
  CHECK(sent.runs().size() == 1);
  CHECK(sent.find(500) == 0U);
  CHECK_FALSE(sent.find(1000).has_value());
  CHECK_FALSE(sent.find(-10).has_value());
}

TEST_CASE("a correction splits a run, and the next one joins what is equal again") {
  SentWindows sent;
  for (Nanos start = 0; start < 50; start += 10) (void)sent.send(start, 10);
  CHECK(sent.send(20, 10) == 1U);
  CHECK(sent.runs().size() == 3);
  CHECK(sent.send(20, 10) == 2U);
  CHECK(sent.send(30, 10) == 1U);
  CHECK(sent.send(30, 10) == 2U);
  CHECK(sent.runs().size() == 3);
  CHECK(sent.find(10) == 0U);
  CHECK(sent.find(20) == 2U);
  CHECK(sent.find(30) == 2U);
  CHECK(sent.find(40) == 0U);
}

TEST_CASE("a hole is filled") {
  SentWindows sent;
  (void)sent.send(0, 10);
  (void)sent.send(20, 10);
  CHECK_FALSE(sent.find(10).has_value());
  CHECK(sent.send(10, 10) == 0U);
  CHECK(sent.runs().size() == 1);
}

TEST_CASE("beyond its bound it takes old windows for sent, and never gives a revision twice") {
  SentWindows sent;
  const Nanos last = 1000 * 30;
  for (Nanos start = 0; start <= last; start += 30) (void)sent.send(start, 10);  // with holes between
  CHECK(sent.runs().size() == SentWindows::kMost);
  CHECK(sent.find(10) == 0U);  // a hole of long ago
  CHECK_FALSE(sent.find(last - 10).has_value());
  CHECK(sent.send(10, 10) == 1U);
  CHECK(sent.find(10) == 1U);
}

TEST_CASE("nothing adds to what was sent before a series began anew, and its revisions go on") {
  SentWindows sent;
  for (Nanos start = 0; start < 50; start += 10) (void)sent.send(start, 10);
  CHECK(sent.is_open(20));
  sent.begin_anew();
  CHECK_FALSE(sent.is_open(20));
  CHECK(sent.is_older(20));
  CHECK(sent.send(20, 10) == 1U);
  CHECK(sent.is_open(20));
  CHECK(sent.is_older(10));
  CHECK(sent.is_older(30));
  CHECK(sent.send(50, 10) == 0U);
  CHECK(sent.is_open(50));
  CHECK(sent.is_older(40));
  CHECK_FALSE(sent.is_older(60));
}
