// SPDX-License-Identifier: Apache-2.0
// Patterns against each other: what covers and what overlaps, against trying all short texts.
#include "policy/pattern_relations.hpp"

#include <rapidcheck.h>

#include <catch2/catch.hpp>

using namespace twinpipe;

namespace {

std::string some_glob() {
  return *rc::gen::container<std::string>(*rc::gen::inRange<std::size_t>(0, 6), rc::gen::elementOf(std::string("ab*?*?")));
}

/// All texts of up to six of the characters a, b and z, which no glob names.
const std::vector<std::string>& short_texts() {
  static const std::vector<std::string> texts = [] {
    std::vector<std::string> all{""};
    for (std::size_t i = 0; i < all.size() && all[i].size() < 6; ++i)
      for (const char c : {'a', 'b', 'z'}) all.push_back(all[i] + c);
    return all;
  }();
  return texts;
}

}  // namespace

TEST_CASE("a glob covers another exactly when it matches every text that the other does") {
  CHECK(rc::check([] {
    const std::string outer = some_glob(), inner = some_glob();
    const bool all = std::ranges::all_of(
        short_texts(), [&](const std::string& text) { return !glob_matches(inner, text) || glob_matches(outer, text); });
    RC_ASSERT(glob_covers(outer, inner) == all);
  }));
}

TEST_CASE("two globs have a text in common exactly when some text matches both, and the one given does") {
  CHECK(rc::check([] {
    const std::string one = some_glob(), other = some_glob();
    const bool some = std::ranges::any_of(
        short_texts(), [&](const std::string& text) { return glob_matches(one, text) && glob_matches(other, text); });
    for (const char fill : {'x', '7'}) {
      const std::optional<std::string> text = common_text(one, other, fill);
      RC_ASSERT(!some || text.has_value());
      if (text) RC_ASSERT(glob_matches(one, *text) && glob_matches(other, *text));
    }
  }));
}
