// SPDX-License-Identifier: Apache-2.0
// States under Positions: what was saved comes back, the last 16 are kept, and nothing wrong is loaded.
#include "cli/state_store.hpp"

#include <catch2/catch.hpp>
#include <fstream>

#include "scratch.hpp"

using namespace twinpipe;

namespace {

class Remembering final : public Stage {
 public:
  using Stage::Stage;
  bool reads(FrameKind) const override { return false; }
  bool stateful() const override { return true; }
  std::string save() const override { return word; }
  Status load(std::string_view state) override {
    if (state == "refused") return Status::error(Code::bad_config, "not mine");
    word = state;
    return {};
  }
  std::string word = "first";
};

v1::Position position(std::uint64_t number, std::int64_t next = 7) {
  v1::Position at;
  at.set_source("log");
  at.set_number(number);
  v1::Offset& offset = *at.add_offset();
  offset.set_name("topic");
  offset.set_next(next);
  return at;
}

}  // namespace

TEST_CASE("a state comes back under its Position alone") {
  const testing::Scratch scratch;
  cli::StateStore store(scratch.path("states/deep"));
  SeriesTable table;
  Remembering stage(table);
  REQUIRE(store.save(position(1), table, stage).ok());
  stage.word = "second";
  REQUIRE(store.save(position(2), table, stage).ok());

  REQUIRE(store.load(position(1), table, stage).ok());
  CHECK(stage.word == "first");
  const Status other = store.load(position(1, 8), table, stage);  // same number, another place in the log
  CHECK(other.code == Code::bad_config);
  CHECK(other.message.find("no state for Position 1 of log") != std::string::npos);
  CHECK(stage.word == "first");
}

TEST_CASE("the last sixteen are kept") {
  const testing::Scratch scratch;
  cli::StateStore store(scratch.path());
  SeriesTable table;
  Remembering stage(table);
  for (std::uint64_t number = 1; number <= 40; ++number) {
    REQUIRE(store.save(position(number), table, stage).ok());
    CHECK(scratch.files() == std::min<std::size_t>(number, 16));
  }
  CHECK(store.load(position(24), table, stage).code == Code::bad_config);
  for (std::uint64_t number = 25; number <= 40; ++number) CHECK(store.load(position(number), table, stage).ok());
}

TEST_CASE("what a run was loaded from outlives the states of runs that came to nothing, and a clock that was set back") {
  const testing::Scratch scratch;
  SeriesTable table;
  Remembering stage(table);
  REQUIRE(cli::StateStore(scratch.path()).save(position(1), table, stage).ok());
  // Started again and again from the same Position, each time a little further on, and never far enough for the cursor.
  std::int64_t offset = 100;
  for (int run = 0; run < 6; ++run) {
    cli::StateStore store(scratch.path());
    REQUIRE(store.load(position(1), table, stage).ok());
    for (std::uint64_t number = 2; number <= 16; ++number) REQUIRE(store.save(position(number, ++offset), table, stage).ok());
    CHECK(scratch.files() == 16);
  }
  // The clock goes back by years: what is old by its files' times is new.
  for (const auto& entry : std::filesystem::directory_iterator(scratch.path()))
    std::filesystem::last_write_time(entry.path(), std::filesystem::file_time_type::clock::now() + std::chrono::hours(50000));
  cli::StateStore store(scratch.path());
  REQUIRE(store.load(position(1), table, stage).ok());
  for (std::uint64_t number = 2; number <= 16; ++number) REQUIRE(store.save(position(number, 7), table, stage).ok());
  cli::StateStore last(scratch.path());
  for (std::uint64_t number = 1; number <= 16; ++number) CHECK(last.load(position(number, 7), table, stage).ok());
}

TEST_CASE("what was left half written by a kill is removed") {
  const testing::Scratch scratch;
  cli::StateStore store(scratch.path());
  SeriesTable table;
  Remembering stage(table);
  std::ofstream(scratch.path("7-0123456789abcdef.state.4711.tmp")) << "half";
  std::ofstream(scratch.path("of somebody else.tmp")) << "whole";
  REQUIRE(store.save(position(1), table, stage).ok());
  CHECK(scratch.files() == 2);
  CHECK(std::filesystem::exists(scratch.path("of somebody else.tmp")));
}

TEST_CASE("damaged states and those of another stage are refused") {
  const testing::Scratch scratch;
  cli::StateStore store(scratch.path());
  SeriesTable table;
  Remembering stage(table);
  stage.word = "refused";
  REQUIRE(store.save(position(1), table, stage).ok());
  CHECK(store.load(position(1), table, stage).message == "not mine");

  for (const auto& entry : std::filesystem::directory_iterator(scratch.path())) std::ofstream(entry.path()) << "\x0a\xff damaged";
  const Status damaged = store.load(position(1), table, stage);
  CHECK(damaged.code == Code::bad_config);
  CHECK(damaged.message.find("not a filter's state") != std::string::npos);
}

TEST_CASE("a directory that cannot be made") {
  cli::StateStore store("/proc/none/states");
  SeriesTable table;
  Remembering stage(table);
  CHECK(store.save(position(1), table, stage).code == Code::cant_create);
  CHECK_FALSE(cli::StateStore("").enabled());
}
