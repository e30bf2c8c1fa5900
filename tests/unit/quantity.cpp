// SPDX-License-Identifier: Apache-2.0
// Durations, sizes and times as people write them.
#include "wire/quantity.hpp"

#include <catch2/catch.hpp>
#include <limits>

using namespace twinpipe;

TEST_CASE("durations") {
  struct Row {
    const char* text;
    Nanos value;
  };
  for (const Row& row : {Row{"0", 0},
                         {"0s", 0},
                         {"250ms", 250 * kMillisecond},
                         {"1h30m", 5400 * kSecond},
                         {"30m1h", 5400 * kSecond},
                         {"2d", 172'800 * kSecond},
                         {"1us1ns", 1001},
                         {"9223372036854775807ns", std::numeric_limits<Nanos>::max()}}) {
    INFO(row.text);
    const Result<Nanos> parsed = parse_duration(row.text);
    REQUIRE(parsed.ok());
    CHECK(*parsed == row.value);
  }
  for (const char* text : {"", "5", "s", "1.5s", "-1s", "+1s", "1 s", "1s ", " 1s", "1h30", "1w", "1S", "00",
                           "9223372036854775808ns", "106752d", "106751d24h", "1hh", "1mm"}) {
    INFO(text);
    const Result<Nanos> parsed = parse_duration(text);
    REQUIRE_FALSE(parsed.ok());
    CHECK(parsed.status().code == Code::usage);
    CHECK(parsed.status().message.find(std::string("'") + text + "'") != std::string::npos);
  }
  CHECK(format_duration(0) == "0s");
  CHECK(format_duration(90 * kSecond) == "1m30s");
  CHECK(format_duration(86'400 * kSecond + 1) == "1d1ns");
  CHECK(format_duration(-kSecond) == "-1s");
  CHECK(format_duration(std::numeric_limits<Nanos>::min()) == "-106751d23h47m16s854ms775us808ns");
}

TEST_CASE("numbers of bytes") {
  struct Row {
    const char* text;
    std::uint64_t value;
  };
  for (const Row& row : {Row{"0", 0},
                         {"65536", 65536},
                         {"64k", 65536},
                         {"16M", 16U << 20},
                         {"1G", 1U << 30},
                         {"2T", 2ULL << 40},
                         {"18446744073709551615", std::numeric_limits<std::uint64_t>::max()}}) {
    INFO(row.text);
    const Result<std::uint64_t> parsed = parse_bytes(row.text);
    REQUIRE(parsed.ok());
    CHECK(*parsed == row.value);
  }
  for (const char* text : {"", "k", "-1", "1K", "1kB", "1.5M", "64 k", "1P", "18446744073709551616", "16777216T"}) {
    INFO(text);
    CHECK_FALSE(parse_bytes(text).ok());
  }
}

TEST_CASE("times") {
  struct Row {
    const char* text;
    Nanos value;
  };
  const Nanos day = 86'400 * kSecond;
  for (const Row& row : {Row{"1970-01-01T00:00:00Z", 0},
                         {"1970-01-02 00:00:00", day},
                         {"1969-12-31T23:59:59.5Z", -kSecond / 2},
                         {"2000-02-29T12:00:00Z", 11'016 * day + day / 2},
                         {"1970-01-01T00:00:00.000000001Z", 1},
                         {"-5", -5},
                         {"42", 42}}) {
    INFO(row.text);
    const Result<Nanos> parsed = parse_time(row.text);
    REQUIRE(parsed.ok());
    CHECK(*parsed == row.value);
  }
  for (const char* text :
       {"", "now", "2026-01-01", "2026-1-1T00:00:00Z", "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z",
        "2026-01-00T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T00:60:00Z", "2026-01-01T00:00:60Z", "2026-01-01T00:00:00.Z",
        "2026-01-01T00:00:00.1234567891Z", "2026-01-01T00:00:00+01:00", "2026-01-01T00:00:00ZZ", "1600-01-01T00:00:00Z",
        "2300-01-01T00:00:00Z", "9223372036854775808"}) {
    INFO(text);
    const Result<Nanos> parsed = parse_time(text);
    REQUIRE_FALSE(parsed.ok());
    CHECK(parsed.status().code == Code::usage);
  }
  CHECK(format_time(0) == "1970-01-01T00:00:00Z");
  CHECK(format_time(-1) == "1969-12-31T23:59:59.999999999Z");
  CHECK(format_time(1'500 * kMillisecond) == "1970-01-01T00:00:01.500Z");
  CHECK(format_time(kSecond + 1'000) == "1970-01-01T00:00:01.000001Z");
}
