// SPDX-License-Identifier: Apache-2.0
// The outbox: what is put stays until it is taken, once each, in order, across restarts; and the courier's schedule.
#include "io/outbox.hpp"

#include <catch2/catch.hpp>
#include <filesystem>
#include <set>

#include "client/http_client.hpp"
#include "io/command.hpp"
#include "io/courier.hpp"
#include "io/signals.hpp"
#include "io/waiter.hpp"
#include "scratch.hpp"

using namespace twinpipe;

namespace {

bool any(std::uint64_t) { return true; }

std::vector<std::string> waiting_ids(Outbox& outbox) {
  std::vector<std::string> ids;
  std::set<std::uint64_t> seen;
  for (;;) {
    const auto message = outbox.first(any);
    REQUIRE(message.ok());
    if (!*message) return ids;
    ids.push_back((*message)->id);
    REQUIRE(outbox.sent(**message).ok());
  }
}

/// Waits until `done`, at most ten seconds.
template <class Done>
bool until(Done done) {
  for (const Nanos end = monotonic_now() + 10 * kSecond; monotonic_now() < end; std::this_thread::yield())
    if (done()) return true;
  return done();
}

}  // namespace

TEST_CASE("outbox: messages survive a restart, in order, and none is put twice") {
  const testing::Scratch scratch;
  {
    Outbox outbox(scratch.path("out"), 10);
    REQUIRE(outbox.open().ok());
    for (const char* id : {"c", "a", "b", "a"}) REQUIRE(outbox.put("key", id, std::string("body of ") + id).ok());
    CHECK(outbox.repeated() == 1);
    const auto first = outbox.first(any);
    REQUIRE(first.ok());
    CHECK((*first)->id == "c");
    CHECK((*first)->body == "body of c");
    REQUIRE(outbox.sent(**first).ok());
    Outbox second(scratch.path("out"), 10);
    CHECK(second.open().code == Code::temporary);
  }
  REQUIRE(replace_file(scratch.path("out/waiting/00000000000000000009.0000000000000000.z.77.tmp"), "half").ok());
  Outbox outbox(scratch.path("out"), 10);
  REQUIRE(outbox.open().ok());
  CHECK(outbox.waiting() == 2);
  REQUIRE(outbox.put("key", "c", "again").ok());  // was sent
  REQUIRE(outbox.put("key", "d", "").ok());
  CHECK(waiting_ids(outbox) == std::vector<std::string>{"a", "b", "d"});
  CHECK_FALSE(std::filesystem::exists(scratch.path("out/waiting/00000000000000000009.0000000000000000.z.77.tmp")));
}

TEST_CASE("outbox: the limit bounds what waits, what was sent and what was refused") {
  const testing::Scratch scratch;
  Outbox outbox(scratch.path("out"), 2);
  REQUIRE(outbox.open().ok());
  REQUIRE(outbox.put("k", "1", "x").ok());
  REQUIRE(outbox.put("k", "2", "x").ok());
  CHECK(outbox.full());
  const Status full = outbox.put("k", "3", "x");
  CHECK(full.code == Code::temporary);
  CHECK(full.message.find("2 messages wait") != full.message.npos);
  CHECK(outbox.put("k", "2", "x").ok());  // it waits already
  for (int i = 3; i < 9; ++i) {
    const auto message = outbox.first(any);
    REQUIRE((*message).has_value());
    REQUIRE((i % 2 == 0 ? outbox.sent(**message) : outbox.refused(**message, "404")).ok());
    REQUIRE(outbox.put("k", std::to_string(i), "x").ok());
  }
  const auto files = [&](const char* part) {
    return std::distance(std::filesystem::directory_iterator(scratch.path(part)), std::filesystem::directory_iterator());
  };
  CHECK(files("out/waiting") == 2);
  CHECK(files("out/sent") == 2);
  CHECK(files("out/refused") == 4);  // with the answers
  CHECK(outbox.put("k", "../x", "x").code == Code::internal);
}

TEST_CASE("outbox: what cannot be stored is told, and a file that was taken away waits no longer") {
  CHECK(Outbox("/proc/none", 2).open().code == Code::cant_create);
  const testing::Scratch scratch;
  Outbox outbox(scratch.path("out"), 9);
  REQUIRE(outbox.open().ok());
  REQUIRE(outbox.put("k", "1", "x").ok());
  REQUIRE(outbox.put("k", "2", "x").ok());
  for (const auto& file : std::filesystem::directory_iterator(scratch.path("out/waiting")))
    if (file.path().extension() == ".1") std::filesystem::remove(file.path());
  CHECK((*outbox.first(any))->id == "2");
  CHECK(outbox.waiting() == 1);
}

TEST_CASE("courier: the schedule doubles up to its longest wait") {
  const RetryPlan plan{kSecond, 300 * kSecond};
  const std::vector<Nanos> wanted{1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300};
  for (std::size_t i = 0; i < wanted.size(); ++i) CHECK(plan.after(static_cast<std::uint32_t>(i + 1)) == wanted[i] * kSecond);
  CHECK(plan.after(4'000'000'000U) == 300 * kSecond);
  CHECK(RetryPlan{kForever / 2, kForever}.after(9) == kForever);
}

TEST_CASE("courier: in order within a key, others pass what fails by itself, nobody passes a service that is away") {
  const testing::Scratch scratch;
  Outbox outbox(scratch.path("out"), 99);
  REQUIRE(outbox.open().ok());
  for (const auto& [key, id] : {std::pair{"a", "a1"}, {"a", "a2"}, {"b", "b1"}, {"c", "c1"}, {"a", "a3"}, {"b", "b2"}})
    REQUIRE(outbox.put(key, id, id).ok());
  std::vector<std::string> attempts;
  int away = 2;
  Courier courier(outbox, {kMillisecond, 20 * kMillisecond}, [&](const OutboxMessage& message) -> Attempt {
    attempts.push_back(message.id);
    if (away-- > 0) return {Verdict::wait, "away", ""};
    if (message.id == "a1" && attempts.size() < 6) return {Verdict::again, "500", ""};
    if (message.id == "b1") return {Verdict::refused, "404", "no such thing"};
    return {};
  });
  courier.start();
  REQUIRE(until([&] { return outbox.waiting() == 0; }));
  courier.stop();
  CHECK(courier.delivered() == 5);
  CHECK(courier.refused() == 1);
  CHECK(std::vector(attempts.begin(), attempts.begin() + 4) == std::vector<std::string>{"a1", "a1", "a1", "b1"});
  const auto place = [&](const char* id) { return std::find(attempts.rbegin(), attempts.rend(), id) - attempts.rbegin(); };
  CHECK(place("a1") > place("a2"));
  CHECK(place("a2") > place("a3"));
  CHECK(place("b1") > place("b2"));
  std::vector<std::string> lines;
  REQUIRE(courier.look(lines).ok());
  CHECK(lines.size() == 4);  // away, back, a1 fails, b1 is refused
}

TEST_CASE("courier: waits as long as the service asks") {
  const testing::Scratch scratch;
  Outbox outbox(scratch.path("out"), 99);
  REQUIRE(outbox.open().ok());
  REQUIRE(outbox.put("a", "a", "x").ok());
  Nanos first = 0, second = 0;
  Courier courier(outbox, {kMillisecond, kMillisecond}, [&](const OutboxMessage&) -> Attempt {
    if (first == 0) {
      first = monotonic_now();
      return {Verdict::wait, "429", "", 50 * kMillisecond};
    }
    second = monotonic_now();
    return {};
  });
  courier.start();
  REQUIRE(until([&] { return outbox.waiting() == 0; }));
  courier.stop();
  CHECK(second - first >= 50 * kMillisecond);
}

TEST_CASE("command: input, exit code, signal, timeout") {
  const Signals ignores_sigpipe;
  const testing::Scratch scratch;
  const std::string file = scratch.path("got");
  const std::string large(1 << 20, 'x');
  CHECK(*run_command("cat >" + file, large, 10 * kSecond) == 0);
  CHECK(*read_file(file) == large);
  CHECK(*run_command("exit 3", "not read", 10 * kSecond) == 3);
  CHECK(*run_command("exit 0", large, 10 * kSecond) == 0);
  CHECK(*run_command("kill -TERM $$", "", 10 * kSecond) == 128 + 15);
  CHECK(*run_command("/no/such/program", "", 10 * kSecond) == 127);
  const auto late = run_command("cat >/dev/null; sleep 60", "x", 100 * kMillisecond);
  CHECK(late.status().code == Code::temporary);
}

TEST_CASE("http: what an answer means, and which URLs are taken") {
  for (const int status : {200, 201, 202, 204, 299}) CHECK(verdict_of(status) == Verdict::done);
  for (const int status : {408, 409, 425, 500, 501, 502, 504, 599}) CHECK(verdict_of(status) == Verdict::again);
  for (const int status : {401, 403, 407, 429, 503}) CHECK(verdict_of(status) == Verdict::wait);
  for (const int status : {100, 301, 302, 307, 400, 404, 405, 410, 413, 415, 422}) CHECK(verdict_of(status) == Verdict::refused);
  CHECK(check_url("https://host/path?x=a@b", true).ok());
  CHECK(check_url("http://host:80/path", false).ok());
  for (const char* url : {"http://localhost:1/", "http://127.0.0.1:1", "http://[::1]:1/x"}) CHECK(check_url(url, true).ok());
  for (const char* url : {"http://host/", "http://localhost.example/", "http://127.0.0.1.example"})
    CHECK(check_url(url, true).code == Code::usage);
  for (const char* url : {"", "host", "ftp://host", "https://", "https:///x", "https://user:secret@host/", "file:///etc/passwd"})
    CHECK(check_url(url, false).code == Code::usage);
}

TEST_CASE("http: a service that is not there, and a token that is not there") {
  HttpOptions options;
  HttpClient client(options);
  const auto answer = client.send({"POST", "http://127.0.0.1:1/", "{}", {}});
  CHECK(answer.status().code == Code::unavailable);
  options.token_file = "/no/such/token";
  CHECK(HttpClient(options).send({"POST", "http://127.0.0.1:1/", "{}", {}}).status().code == Code::no_input);
}
