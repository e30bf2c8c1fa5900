// SPDX-License-Identifier: Apache-2.0
// The command line: parsing opens nothing, every failure is one line and one exit code, the config file gives defaults.
#include "cli/tool.hpp"

#include <catch2/catch.hpp>
#include <fstream>
#include <optional>
#include <stdexcept>

#include "captured.hpp"
#include "cli/version.hpp"
#include "scratch.hpp"

using namespace twinpipe;
using testing::Captured;

namespace {

struct Options {
  std::uint32_t count = 3;
  Nanos wait = 5 * kSecond;
  std::size_t room = 1024;
  std::string file;
};

struct Outcome {
  int code = -1;
  bool called = false;
  Options options;
  cli::CommonOptions common;
  std::string out, err;
};

Outcome run(std::vector<std::string> words, Status returned = {}, cli::Role role = cli::Role::filter) {
  cli::Tool tool("probe", "Try the command line", role);
  Outcome outcome;
  tool.option("--count", outcome.options.count, "COUNT", "How many");
  cli::duration_option(tool, "--wait", outcome.options.wait, "How long");
  cli::bytes_option(tool, "--room", outcome.options.room, "How large");
  tool.option("FILE", outcome.options.file, "FILE", "What to read");
  words.insert(words.begin(), "probe");
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  Captured out(1), err(2);
  outcome.code = tool.run(static_cast<int>(arguments.size()), arguments.data(), [&] {
    outcome.called = true;
    return returned;
  });
  outcome.out = out.text();
  outcome.err = err.text();
  outcome.common = tool.common();
  return outcome;
}

}  // namespace

TEST_CASE("options arrive, and nothing is said") {
  const Outcome outcome = run({"--count", "7", "--wait", "250ms", "--room=64k", "--log", "json", "--skip-bad", "data.tp"});
  CHECK(outcome.code == 0);
  CHECK(outcome.called);
  CHECK(outcome.options.count == 7);
  CHECK(outcome.options.wait == 250 * kMillisecond);
  CHECK(outcome.options.room == 64U << 10);
  CHECK(outcome.options.file == "data.tp");
  CHECK(outcome.common.log == "json");
  CHECK(outcome.common.skip_bad);
  CHECK(outcome.out.empty());
  CHECK(outcome.err.empty());
}

TEST_CASE("parsing opens nothing: a file that does not exist is the body's business") {
  const Outcome outcome = run({"--metrics", "/nonexistent/m", "--state", "/nonexistent/s", "/nonexistent/data"});
  CHECK(outcome.code == 0);
  CHECK(outcome.called);
}

TEST_CASE("wrong usage is 64, one line, and the body does not run") {
  const std::vector<std::string> cases[] = {{"--no-such"},       {"--count", "many"}, {"--count"}, {"--wait", "soon"},
                                            {"--room", "large"}, {"--log", "xml"},    {"a", "b"},  {"--count", "-1"}};
  for (const auto& words : cases) {
    INFO(words.front() << " " << words.back());
    const Outcome outcome = run(words);
    CHECK(outcome.code == 64);
    CHECK_FALSE(outcome.called);
    CHECK(outcome.out.empty());
    CHECK(std::count(outcome.err.begin(), outcome.err.end(), '\n') == 1);
    CHECK(outcome.err.starts_with("probe: "));
    CHECK(outcome.err.ends_with("; see probe --help\n"));
  }
}

TEST_CASE("a status becomes a line and its code") {
  const Outcome text = run({}, Status{Code::bad_data, "columns of unequal length", 4, 132});
  CHECK(text.code == 65);
  CHECK(text.err == "probe: frame 4 at byte 132: columns of unequal length\n");
  const Outcome json = run({"--log", "json"}, Status{Code::io_error, "a \"quote\" and a\ttab", 4, 132});
  CHECK(json.code == 74);
  CHECK(json.err ==
        "{\"tool\":\"probe\",\"message\":\"a \\\"quote\\\" and a\\u0009tab\",\"code\":74,\"frame\":4,\"offset\":132}\n");
  for (const Code code : {Code::finding, Code::no_input, Code::unavailable, Code::temporary, Code::bad_config})
    CHECK(run({}, Status::error(code, "x")).code == static_cast<int>(code));
}

TEST_CASE("an exception is internal, said once") {
  cli::Tool tool("probe", "Throw", cli::Role::plain);
  char name[] = "probe";
  char* arguments[] = {name};
  Captured err(2);
  CHECK(tool.run(1, arguments, []() -> Status { throw std::logic_error("broken invariant"); }) == 70);
  CHECK(err.text() == "probe: internal error: broken invariant\n");
}

TEST_CASE("the config file gives defaults, and the command line wins") {
  const testing::Scratch scratch;
  std::ofstream(scratch.path("c.toml")) << "count = 9\nwait = \"2s\"\n";
  const Outcome both = run({"--config", scratch.path("c.toml"), "--count", "1"});
  CHECK(both.code == 0);
  CHECK(both.options.count == 1);
  CHECK(both.options.wait == 2 * kSecond);

  const Outcome missing = run({"--config", scratch.path("none.toml")});
  CHECK(missing.code == 66);
  CHECK_FALSE(missing.called);

  std::ofstream(scratch.path("typo.toml")) << "cuont = 9\n";
  const Outcome typo = run({"--config", scratch.path("typo.toml")});
  CHECK(typo.code == 78);
  CHECK(typo.err.find("cuont") != std::string::npos);
}

TEST_CASE("help, version and the man page's list come from one declaration") {
  const Outcome help = run({"--help"});
  CHECK(help.code == 0);
  CHECK_FALSE(help.called);
  CHECK(help.err.empty());
  const Outcome list = run({"--help-mdoc"});
  CHECK(list.code == 0);
  for (const std::string option :
       {"count", "wait", "room", "stats", "metrics", "state", "max-frame", "log", "config", "version"}) {
    INFO(option);
    CHECK(help.out.find("--" + option) != std::string::npos);
    std::string mdoc = option;
    for (std::size_t at = 0; (at = mdoc.find('-', at)) != std::string::npos; at += 2) mdoc.insert(at, "\\");
    CHECK(list.out.find("Fl \\-" + mdoc) != std::string::npos);
  }
  CHECK(list.out.find("The default is 5s.") != std::string::npos);
  CHECK(run({"--version"}).out == "probe " + std::string(cli::kVersion) + "\n");
}

TEST_CASE("a tool has the options of its role and no others") {
  CHECK(run({"--state", "d"}, {}, cli::Role::filter).code == 0);
  CHECK(run({"--state", "d"}, {}, cli::Role::source).code == 64);
  CHECK(run({"--metrics", "m"}, {}, cli::Role::source).code == 0);
  CHECK(run({"--metrics", "m"}, {}, cli::Role::plain).code == 64);
  CHECK(run({"--finish"}, {}, cli::Role::viewer).code == 0);
}
