// SPDX-License-Identifier: Apache-2.0
// Names, durations and times: what is written is read back as it was.
#include "wire/names.hpp"

#include <rapidcheck.h>

#include <catch2/catch.hpp>

#include "policy/pattern.hpp"
#include "wire/quantity.hpp"

using namespace twinpipe;

namespace {

/// Bytes of all kinds, the reserved ones often.
rc::Gen<std::string> any_level() {
  return rc::gen::container<std::string>(
      rc::gen::oneOf(rc::gen::element('.', '/', '+', '#', '%', '4', 'F', '*', '?'), rc::gen::arbitrary<char>()));
}

/// The glob by its definition.
bool naive_glob(std::string_view glob, std::string_view text) {
  if (glob.empty()) return text.empty();
  if (glob[0] == '*') return naive_glob(glob.substr(1), text) || (!text.empty() && naive_glob(glob, text.substr(1)));
  return !text.empty() && (glob[0] == '?' || glob[0] == text[0]) && naive_glob(glob.substr(1), text.substr(1));
}

}  // namespace

TEST_CASE("encoded names decode to what they were, and have no reserved character") {
  CHECK(rc::check([] {
    const std::string a = *any_level(), b = *any_level(), c = *any_level(), d = *any_level();
    RC_ASSERT(decode_level(encode_level(a)) == a);
    RC_ASSERT(encode_level(a).find_first_of("./+#") == std::string::npos);
    RC_ASSERT(split_series_name(series_name(a, b, c, d)) == (std::array<std::string, 4>{a, b, c, d}));
    RC_ASSERT(split_asset_key(asset_key(a, b, c)) == (std::array<std::string, 3>{a, b, c}));
  }));
}

TEST_CASE("a series' own name is a pattern that matches it") {
  CHECK(rc::check([] {
    const auto level = rc::gen::nonEmpty(any_level());
    const std::string a = *level, b = *level, c = *level, d = *level;
    const Result<Pattern> pattern = Pattern::parse(series_name(a, b, c, d));
    RC_ASSERT(pattern.ok());
    RC_ASSERT(pattern->matches(a, b, c, d));
    if (d.find_first_of("*?") == std::string::npos) RC_ASSERT(!pattern->matches(a, b, c, d + "x"));
  }));
}

TEST_CASE("globs match as their definition says") {
  CHECK(rc::check([] {
    const auto letters = rc::gen::container<std::string>(rc::gen::element('a', 'b', '*', '?'));
    const std::string glob = (*letters).substr(0, 12),
                      text = (*rc::gen::container<std::string>(rc::gen::element('a', 'b'))).substr(0, 16);
    RC_ASSERT(glob_matches(glob, text) == naive_glob(glob, text));
  }));
}

TEST_CASE("durations and times are read as they were written") {
  CHECK(rc::check([] {
    const Nanos scale = *rc::gen::element<Nanos>(1, 1'000, kMillisecond, kSecond, 3'600 * kSecond, 86'400 * kSecond);
    const Nanos duration = *rc::gen::inRange<Nanos>(0, std::numeric_limits<Nanos>::max() / scale) * scale;
    RC_ASSERT(*parse_duration(format_duration(duration)) == duration);
    // Whole years that a 64-bit count of nanoseconds holds.
    const Nanos first = *parse_time("1678-01-01T00:00:00Z"), last = *parse_time("2261-12-31T23:59:59.999999999Z");
    const Nanos time = *rc::gen::inRange<Nanos>(first / scale, last / scale) * scale;
    RC_ASSERT(*parse_time(format_time(time)) == time);
    RC_ASSERT(*parse_time(std::to_string(time)) == time);
  }));
}
