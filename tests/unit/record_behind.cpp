// SPDX-License-Identifier: Apache-2.0
// Recording by a thread: when each promise calls something written, and a disk that fails.
#include "cli/record_behind.hpp"

#include <poll.h>

#include <catch2/catch.hpp>
#include <filesystem>

#include "scratch.hpp"
#include "wire/output.hpp"

using namespace twinpipe;
using cli::RecordBehind;
using cli::SyncWhen;

namespace {

cli::RecorderOptions into(const std::string& directory, SyncWhen sync, Nanos every = kSecond) {
  cli::RecorderOptions options;
  options.directory = directory;
  options.sync = sync;
  options.sync_every = every;
  options.writer.durable = sync != SyncWhen::none;
  return options;
}

std::string open_frame() {
  Output out;
  out.open("test 1");
  return std::string(out.pending());
}

/// Polls until `done`, at most twenty seconds.
template <class Done>
bool wait_for(RecordBehind& recording, const Done& done, Status& status) {
  for (int i = 0; i < 200 && !done(); ++i) {
    pollfd entry = recording.polled();
    (void)poll(&entry, 1, 100);
    status = recording.write_more();
  }
  return done();
}

}  // namespace

TEST_CASE("under each promise what was put is called written without more to come") {
  const auto [sync, every] = GENERATE(std::pair(SyncWhen::always, kSecond), std::pair(SyncWhen::interval, kMillisecond),
                                      std::pair(SyncWhen::none, kSecond));
  const testing::Scratch scratch;
  RecordBehind recording(into(scratch.path("raw"), sync, every), 1 << 20, [](const std::string&) {});
  REQUIRE(recording.start().ok());
  const std::string frame = open_frame();
  REQUIRE(recording.put(frame).ok());
  recording.hurry();
  Status status;
  CHECK(wait_for(
      recording, [&] { return recording.written() == frame.size(); }, status));
  CHECK(status.ok());
  CHECK(recording.waiting() == 0);
  CHECK(recording.counts().frames_safe == 1);
}

TEST_CASE("what waits for its interval takes no memory, and is not called written") {
  const testing::Scratch scratch;
  RecordBehind recording(into(scratch.path("raw"), SyncWhen::interval, 3600 * kSecond), 1, [](const std::string&) {});
  REQUIRE(recording.start().ok());
  REQUIRE(recording.put(open_frame()).ok());
  Status status;
  CHECK(wait_for(
      recording, [&] { return recording.waiting() == 0; }, status));
  CHECK(recording.counts().frames_written == 1);
  CHECK(recording.written() == 0);
  CHECK(recording.finish().ok());
  CHECK(recording.written() == open_frame().size());
}

TEST_CASE("a disk that fails ends the recording, once for all, and nothing is called written") {
  const testing::Scratch scratch;
  RecordBehind recording(into(scratch.path("raw"), SyncWhen::always), 1 << 20, [](const std::string&) {});
  REQUIRE(recording.start().ok());
  std::filesystem::remove_all(scratch.path("raw"));
  const std::string frame = open_frame();
  REQUIRE(recording.put(frame).ok());
  Status status;
  CHECK(wait_for(
      recording, [&] { return !status.ok(); }, status));
  CHECK(status.message.find("0 of 0 frames of this input are safe on disk") != std::string::npos);
  CHECK(recording.put(frame).message == status.message);
  CHECK(recording.waiting() == frame.size());
  CHECK(recording.written() == 0);
  CHECK(!recording.finish().ok());
}

TEST_CASE("a second recording into the same buffer is refused, and notices reach the owner") {
  const testing::Scratch scratch;
  std::vector<std::string> heard;
  {
    RecordBehind recording(into(scratch.path("raw"), SyncWhen::always), 1, [](const std::string&) {});
    REQUIRE(recording.start().ok());
    CHECK(RecordBehind(into(scratch.path("raw"), SyncWhen::always), 1, {}).start().code == Code::temporary);
    REQUIRE(recording.put(open_frame()).ok());
  }
  for (const auto& entry : std::filesystem::directory_iterator(scratch.path("raw")))
    if (entry.path().filename() == "catalog") std::filesystem::resize_file(entry.path(), 3);
  RecordBehind again(into(scratch.path("raw"), SyncWhen::always), 1,
                     [&heard](const std::string& notice) { heard.push_back(notice); });
  REQUIRE(again.start().ok());
  REQUIRE(heard.size() == 1);
  CHECK(heard[0].find("catalog: 1 damaged entries") != std::string::npos);
}
