// SPDX-License-Identifier: Apache-2.0
// Writing without waiting: a full pipe, a reader that left, and flags that stay as they were.
#include "io/bounded_writer.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <csignal>

using namespace twinpipe;

TEST_CASE("a writer keeps what a full pipe does not take, and writes it in order") {
  std::array<int, 2> ends{};
  REQUIRE(pipe(ends.data()) == 0);
  const Fd reader(ends[0]), writer_end(ends[1]);
  const Fd others(dup(writer_end.get()));  // as another process shares the open file
  const int flags = fcntl(others.get(), F_GETFL);
  BoundedWriter writer(writer_end.get());
  std::string all;
  for (int i = 0; i < 50; ++i) {
    const std::string chunk(10'000, static_cast<char>('a' + i % 26));
    all += chunk;
    REQUIRE(writer.put(chunk).ok());
  }
  CHECK(writer.waiting() + writer.written() == all.size());
  CHECK(writer.waiting() > 0);
  CHECK(fcntl(others.get(), F_GETFL) == flags);  // the pipe as others see it still waits
  std::string got(all.size(), '\0');
  for (std::size_t at = 0; at < got.size();) {
    const Result<std::size_t> n = read_some(reader.get(), got.data() + at, got.size() - at);
    REQUIRE(n.ok());
    at += *n;
    REQUIRE(writer.write_more().ok());
  }
  CHECK(got == all);
  CHECK(writer.waiting() == 0);
}

TEST_CASE("a writer notices that its reader left") {
  std::signal(SIGPIPE, SIG_IGN);
  std::array<int, 2> ends{};
  REQUIRE(pipe(ends.data()) == 0);
  const Fd writer_end(ends[1]);
  BoundedWriter writer(writer_end.get());
  close(ends[0]);
  REQUIRE(writer.put("x").ok());
  CHECK(writer.reader_left());
  CHECK(writer.waiting() == 0);
  CHECK(writer.finish().ok());
}
