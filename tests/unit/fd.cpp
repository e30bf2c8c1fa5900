// SPDX-License-Identifier: Apache-2.0
// Descriptors: whole writes, readers that leave, and files that are replaced or left alone. What happens when a call fails
// in the middle is in the fault table, with the failures injected.
#include "io/fd.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <fstream>
#include <thread>

#include "scratch.hpp"

using namespace twinpipe;

namespace {

struct Pipe {
  Pipe() {
    int ends[2];
    if (pipe(ends) != 0) std::abort();
    out = Fd(ends[0]);
    in = Fd(ends[1]);
  }
  Fd out, in;
};

void set_non_blocking(int fd) { fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK); }

}  // namespace

TEST_CASE("a file is replaced whole, and nothing is left beside it") {
  const testing::Scratch scratch;
  const std::string path = scratch.path("f");
  REQUIRE(replace_file(path, "one").ok());
  REQUIRE(replace_file(path, "two").ok());
  CHECK(*read_file(path) == "two");
  CHECK(scratch.files() == 1);
}

TEST_CASE("a replacement that fails changes nothing") {
  const testing::Scratch scratch;
  CHECK(replace_file(scratch.path("none/f"), "x").code == Code::cant_create);
  std::filesystem::create_directory(scratch.path("d"));
  std::ofstream(scratch.path("d/inside")) << "kept";
  const Status status = replace_file(scratch.path("d"), "x");
  CHECK(status.code == Code::cant_create);
  CHECK(status.message.find("cannot rename to ") != std::string::npos);
  CHECK(*read_file(scratch.path("d/inside")) == "kept");
  CHECK(scratch.files() == 1);
}

TEST_CASE("reading a file says why it cannot") {
  const testing::Scratch scratch;
  CHECK(read_file(scratch.path("none")).status().code == Code::no_input);
  const Result<std::string> directory = read_file(scratch.path());
  REQUIRE_FALSE(directory.ok());
  CHECK(directory.status().code == Code::io_error);
  CHECK(directory.status().message == scratch.path() + ": cannot read: Is a directory");
}

TEST_CASE("everything is written, however small the pipe") {
  Pipe pipe;
  fcntl(pipe.in.get(), F_SETPIPE_SZ, 4096);
  set_non_blocking(pipe.in.get());
  set_non_blocking(pipe.out.get());
  std::string sent(300'000, 'a');
  for (std::size_t i = 0; i < sent.size(); ++i) sent[i] = static_cast<char>(i * 7919 >> 3);
  std::string received;
  std::thread reader([&] {
    for (char buffer[777];;) {
      const Result<std::size_t> got = read_some(pipe.out.get(), buffer, sizeof buffer);
      if (!got.ok() || *got == 0) return;
      received.append(buffer, *got);
    }
  });
  const Result<Written> written = write_all(pipe.in.get(), sent);
  pipe.in = Fd();
  reader.join();
  REQUIRE(written.ok());
  CHECK(*written == Written::all);
  CHECK(received == sent);
}

TEST_CASE("a reader that left is no error") {
  std::signal(SIGPIPE, SIG_IGN);
  Pipe pipe;
  pipe.out = Fd();
  const Result<Written> written = write_all(pipe.in.get(), "anybody?");
  std::signal(SIGPIPE, SIG_DFL);
  REQUIRE(written.ok());
  CHECK(*written == Written::reader_left);
}

TEST_CASE("which way a descriptor is open") {
  Pipe pipe;
  CHECK(open_for_reading(pipe.out.get()));
  CHECK_FALSE(open_for_writing(pipe.out.get()));
  CHECK(open_for_writing(pipe.in.get()));
  CHECK_FALSE(open_for_reading(pipe.in.get()));
  CHECK_FALSE(open_for_reading(-1));
}
