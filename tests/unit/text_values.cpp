// SPDX-License-Identifier: Apache-2.0
// Single values as text and back, at their edges.
#include "kernel/text_values.hpp"

#include <catch2/catch.hpp>
#include <limits>

#include "kernel/form.hpp"
#include "wire/quantity.hpp"

using namespace twinpipe;

TEST_CASE("numbers have the shortest text that gives them back") {
  struct Case {
    double value;
    const char* text;
  };
  const double infinity = std::numeric_limits<double>::infinity();
  for (const Case& c : {Case{21.5, "21.5"},
                        {0.1, "0.1"},
                        {0, "0"},
                        {-0.0, "-0.0"},
                        {1e300, "1e+300"},
                        {5e-324, "5e-324"},
                        {std::numeric_limits<double>::quiet_NaN(), "NaN"},
                        {infinity, "Infinity"},
                        {-infinity, "-Infinity"}}) {
    std::string text;
    append_number(c.value, text);
    CHECK(text == c.text);
  }
  std::string text;
  append_number(0.1F, text);
  CHECK(text == "0.1");
}

TEST_CASE("times are those of format_time and parse_time, whatever came before") {
  using Limits = std::numeric_limits<Nanos>;
  TimeText writer;
  TimeParser parser;
  const Nanos now = 1'767'225'600 * kSecond;
  for (const Nanos time : {now, now + 1, now + 59 * kSecond, now + 60 * kSecond, now + 59 * kSecond, Nanos{0}, Nanos{-1},
                           -kSecond, -kSecond - 1, now + 123'456'000, now + 120 * kMillisecond, now + 3'599'999'999'999}) {
    std::string text;
    writer.append(time, text);
    CHECK(text == format_time(time));
    CHECK(*parser.parse(text) == time);
  }
  // Beyond what parse_time takes: as a plain number.
  for (const Nanos time : {Limits::min(), Limits::max()}) {
    std::string text;
    writer.append(time, text);
    CHECK(text == std::to_string(time));
    CHECK(*parser.parse(text) == time);
  }
}

TEST_CASE("a time that shares its minute with a good one is looked at all the same") {
  TimeParser parser;
  REQUIRE(parser.parse("2026-01-01T00:00:00Z").ok());
  for (const char* text : {"2026-01-01T00:00:60Z", "2026-01-01T00:00:5Z", "2026-01-01T00:00:05.Z", "2026-01-01T00:00:05x",
                           "2026-01-01T00:00:05.1234567891Z", "2026-01-01T00:00:"}) {
    INFO(text);
    CHECK_FALSE(parser.parse(text).ok());
  }
  CHECK(*parser.parse("2026-01-01T00:00:05.5") == *parse_time("2026-01-01T00:00:05.5Z"));
}

TEST_CASE("base64 is decoded only when it is base64") {
  for (const std::string& bytes :
       {std::string(), std::string("a"), std::string("ab"), std::string("abc"), std::string("\0\xff", 2)}) {
    std::string text, back;
    append_base64(bytes, text);
    CHECK(decode_base64(text, back));
    CHECK(back == bytes);
  }
  std::string bytes;
  for (const char* text : {"A", "AA", "AAA", "AA A", "A===", "AA=A", "AAAA\n",
                           "\xc3\xa4"
                           "AA"}) {
    INFO(text);
    CHECK_FALSE(decode_base64(text, bytes));
  }
}

TEST_CASE("CSV fields are quoted where they must be") {
  struct Case {
    const char *value, *field;
  };
  for (const Case& c :
       {Case{"a", "a"}, {"", "\"\""}, {"a,b", "\"a,b\""}, {"say \"x\"", "\"say \"\"x\"\"\""}, {"a\nb", "\"a\nb\""}}) {
    std::string field;
    append_csv_field(c.value, field);
    CHECK(field == c.field);
  }
}

TEST_CASE("names of enum values lose their prefix") {
  CHECK(enum_value_name(*v1::ValueType_descriptor()->FindValueByNumber(v1::VALUE_TYPE_DOUBLE)) == "double");
  CHECK(enum_value_name(*v1::Lifecycle_Reason_descriptor()->FindValueByNumber(v1::Lifecycle::REASON_HOST_LINK_LOST)) ==
        "host_link_lost");
  CHECK(frame_kind_name(FrameKind::work_order) == "work_order");
  CHECK(frame_kind_named("work_order") == FrameKind::work_order);
  CHECK(frame_kind_named("nonsense") == FrameKind::unknown);
}
