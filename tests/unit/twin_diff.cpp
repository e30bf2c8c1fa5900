// SPDX-License-Identifier: Apache-2.0
// Two snapshots compared: every field that differs is told once, ages never.
#include "kernel/twin_diff.hpp"

#include <catch2/catch.hpp>

using namespace twinpipe;

namespace {

std::string snapshot(const std::string& twins) { return "{\"twins\":[\n" + twins + "\n]}\n"; }
std::string twin(const std::string& asset, const std::string& rest) {
  return R"({"site":"P","line":"L","asset":")" + asset + "\"" + rest + "}";
}
std::string difference(const std::string& a, const std::string& b) {
  const Result<Twins> left = read_twins(snapshot(a)), right = read_twins(snapshot(b));
  REQUIRE(left.ok());
  REQUIRE(right.ok());
  return differences_as_text(compare(*left, *right));
}

}  // namespace

TEST_CASE("snapshots: fields, sensors and assets that differ") {
  const std::string one = twin("a", R"(,"online":true,"as_of":"2026-01-01T00:00:00Z","facts":{"class":"pump","model":"x"},)"
                                    R"("metric":[{"sensor":"t","value":1.5,"age":5},{"sensor":"u","value":"RUN"}])");
  CHECK(difference(one, one).empty());
  // Another order of facts, another age: the same.
  CHECK(difference(one, twin("a", R"(,"online":true,"as_of":"2026-01-01T00:00:00Z","facts":{"model":"x","class":"pump"},)"
                                  R"("metric":[{"sensor":"u","value":"RUN"},{"sensor":"t","value":1.5,"age":7}])"))
            .empty());
  CHECK(difference(one + ",\n" + twin("c", ""),
                   twin("a", R"(,"as_of":"2026-01-01T00:00:00Z","facts":{"class":"pump"},"metric":[{"sensor":"t","value":2},)"
                             R"({"sensor":"v"}])") +
                       ",\n" + twin("b", "")) ==
        "P.L.a online: true -> false\n"
        "P.L.a facts: {\"class\":\"pump\",\"model\":\"x\"} -> {\"class\":\"pump\"}\n"
        "P.L.a t value: 1.5 -> 2\n"
        "P.L.a u: only in the first\n"
        "P.L.a v: only in the second\n"
        "P.L.b: only in the second\n"
        "P.L.c: only in the first\n");
}

TEST_CASE("snapshots: what is none is refused") {
  CHECK(read_twins("").status().code == Code::bad_data);
  CHECK(read_twins("[]").status().code == Code::bad_data);
  CHECK(read_twins("{\"twins\":[1]}").status().code == Code::bad_data);
  CHECK(read_twins(snapshot(twin("a", ",\"colour\":1"))).status().message == "unknown key 'colour'");
  CHECK(read_twins(snapshot(twin("a", "") + "," + twin("a", ""))).status().message == "two twins of P.L.a");
}
